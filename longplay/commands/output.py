"""How commands on signals print: tables, plans, differences, one JSON document."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from longplay.commands.full_width import print_full_width
from longplay.definitions.diff import Difference
from longplay.registry.plan import Step
from longplay.registry.records import Consumer


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table. In a terminal the first column is never cut: it holds what one would type."""
    from rich.table import Table

    found = list(rows)
    made = Table(*header, box=None, header_style="bold", pad_edge=False)
    made.columns[0].min_width = max((len(row[0]) for row in found), default=0)
    for row in found:
        made.add_row(*row)
    print_full_width(made)


def as_json(data: object) -> None:
    """Print one JSON document; of a list one line an element, which is also the quickest to write."""
    if isinstance(data, list | tuple):
        click.echo("[" + ",\n".join(json.dumps(one) for one in data) + "]")
    else:
        click.echo(json.dumps(data, indent=2))


def page(found: Sequence[Any], limit: int | None, offset: int) -> Sequence[Any]:
    """A part of what was found; what is left out is said on the error stream."""
    shown = found[offset : None if limit is None else offset + limit]
    if len(shown) < len(found):
        next_one = f"; --offset {offset + len(shown)} shows what follows" if offset + len(shown) < len(found) else ""
        click.echo(f"{len(shown):,} of {len(found):,}{next_one}", err=True)
    return shown


def warn(texts: Iterable[str]) -> None:
    """Print warnings on the error stream, so that JSON stays JSON."""
    for text in texts:
        click.secho("warning: ", fg="yellow", bold=True, nl=False, err=True)
        click.echo(text, err=True)


def steps_as_text(steps: Sequence[Step]) -> str:
    """A plan: one block a definition, and a last line that counts."""
    counts = Counter(step.kind for step in steps)
    told = ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "no definitions"
    return "\n".join([*(line for step in steps for line in _step(step)), f"plan: {told}"])


def _step(step: Step) -> list[str]:
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
        lines += [f"  {_fate(one, d.ref, step.kind)}" for one in step.consumers]
    if step.refusal:
        lines += [f"  refused: {step.refusal.what}", *([f"  fix: {step.refusal.fix}"] if step.refusal.fix else [])]
    return lines


def _fate(consumer: Consumer, ref: str, kind: str) -> str:
    """What a change does to a consumer."""
    what = f"{consumer.kind} '{consumer.consumer}'"
    if kind in ("new version", "publish") and consumer.asked == consumer.name:
        return f"{what} asks for the newest version and moves to {ref}"
    return f"{what} asked for {consumer.asked} and stays with {consumer.ref}"


def differences_as_text(found: Iterable[Difference]) -> list[str]:
    """One line a key."""
    return [f"  {one.effect + ':':<10}{one}" for one in found]


def consumer_rows(found: Iterable[Consumer]) -> list[tuple[str, ...]]:
    """Consumers as the rows of a table."""
    return [(c.kind, c.consumer, c.asked, c.ref, c.first_at[:16], c.last_at[:16]) for c in found]


def journal_as_text(line: Mapping[str, Any]) -> list[str]:
    """One line of the journal, and below it what it says further."""
    detail, ref = line["detail"], f"{line['name']}@{line['version']}"
    head = f"{line['at'][:16].replace('T', ' ') or '-':<16}  {line['action']:<12}  {ref}  by {line['by']}"
    changed = [Difference(*one) for one in detail.get("differences", ())]
    said = {key: value for key, value in detail.items() if key not in ("differences", "text_hash") and value}
    told = ["  " + ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in said.items())] if said else []
    return [head, *told, *differences_as_text(changed)]
