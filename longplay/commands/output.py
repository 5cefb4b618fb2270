"""How commands on signals print: tables, plans, differences, one JSON document."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from longplay.commands.full_width import print_full_width
from longplay.definitions.diff import Difference
from longplay.registry.plan import PlanStep
from longplay.registry.records import Consumer


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table. In a terminal the first column is never cut: it holds what one would type."""
    from rich.table import Table

    rows = list(rows)
    made = Table(*header, box=None, header_style="bold", pad_edge=False)
    made.columns[0].min_width = max((len(row[0]) for row in rows), default=0)
    for row in rows:
        made.add_row(*row)
    print_full_width(made)


def print_json(data: object) -> None:
    """Print one JSON document; of a list one line an element, which is also the quickest to write."""
    if isinstance(data, list | tuple):
        click.echo("[" + ",\n".join(json.dumps(element) for element in data) + "]")
    else:
        click.echo(json.dumps(data, indent=2))


def slice_page(rows: Sequence[Any], limit: int | None, offset: int) -> Sequence[Any]:
    """A page of some rows. The error stream says how many were left out."""
    shown = rows[offset : None if limit is None else offset + limit]
    if len(shown) < len(rows):
        next_one = f"; --offset {offset + len(shown)} shows what follows" if offset + len(shown) < len(rows) else ""
        click.echo(f"{len(shown):,} of {len(rows):,}{next_one}", err=True)
    return shown


def print_warnings(texts: Iterable[str]) -> None:
    """Print warnings on the error stream, so that JSON stays JSON."""
    for text in texts:
        click.secho("warning: ", fg="yellow", bold=True, nl=False, err=True)
        click.echo(text, err=True)


def steps_as_text(steps: Sequence[PlanStep]) -> str:
    """A plan: one block a definition, and a last line that counts."""
    counts = Counter(step.kind for step in steps)
    counted = ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "no definitions"
    return "\n".join([*(line for step in steps for line in _step(step)), f"plan: {counted}"])


def _step(step: PlanStep) -> list[str]:
    d = step.proposal.definition
    effect = f", {step.effect}" if step.differences else ""
    since = f" (since {step.base.ref})" if step.base and step.base.ref != d.ref else ""
    lines = [f"{d.ref}: {step.kind}{effect}{since}"]
    if step.kind == "text change" and not step.differences:
        lines.append("  comments or layout only")
    lines += differences_as_text(step.differences)
    if step.taken_from:
        lines.append(f"  owner: {step.taken_from} -> {d.owner}")
    if step.kind != "unchanged":
        lines += [f"  {_fate(consumer, d.ref, step.kind)}" for consumer in step.consumers]
    if step.refusal:
        lines += [f"  refused: {step.refusal.what}", *([f"  fix: {step.refusal.fix}"] if step.refusal.fix else [])]
    return lines


def _fate(consumer: Consumer, ref: str, kind: str) -> str:
    """What a change does to a consumer."""
    what = f"{consumer.kind} '{consumer.consumer}'"
    if kind in ("new version", "publish") and consumer.asked == consumer.name:
        return f"{what} asks for the newest version and moves to {ref}"
    return f"{what} asked for {consumer.asked} and stays with {consumer.ref}"


def differences_as_text(differences: Iterable[Difference]) -> list[str]:
    """One line a key."""
    return [f"  {difference.effect + ':':<10}{difference}" for difference in differences]


def consumer_rows(consumers: Iterable[Consumer]) -> list[tuple[str, ...]]:
    """Consumers as the rows of a table."""
    return [(c.kind, c.consumer, c.asked, c.ref, c.first_at[:16], c.last_at[:16]) for c in consumers]


def journal_as_text(line: Mapping[str, Any]) -> list[str]:
    """One line of the journal, and below it what it says further."""
    detail, ref = line["detail"], f"{line['name']}@{line['version']}"
    head = f"{line['at'][:16].replace('T', ' ') or '-':<16}  {line['action']:<12}  {ref}  by {line['by']}"
    changed = [Difference(*entry) for entry in detail.get("differences", ())]
    remarks = {key: value for key, value in detail.items() if key not in ("differences", "text_hash") and value}
    remark = ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in remarks.items())
    return [head, *([f"  {remark}"] if remark else []), *differences_as_text(changed)]
