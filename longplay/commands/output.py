"""Output of the commands on signals: tables, plans, differences, JSON."""

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
    """Print a table. The first column is never cut, because users copy names from it."""
    from rich.table import Table

    rows = list(rows)
    table = Table(*header, box=None, header_style="bold", pad_edge=False)
    table.columns[0].min_width = max((len(row[0]) for row in rows), default=0)
    for row in rows:
        table.add_row(*row)
    print_full_width(table)


def print_json(data: object) -> None:
    """Print a JSON document: a list with one element per line, anything else indented."""
    if isinstance(data, list | tuple):
        click.echo("[" + ",\n".join(json.dumps(element) for element in data) + "]")
    else:
        click.echo(json.dumps(data, indent=2))


def slice_page(rows: Sequence[Any], limit: int | None, offset: int) -> Sequence[Any]:
    """Select a page of rows. If it omits any, say so on standard error."""
    shown = rows[offset : None if limit is None else offset + limit]
    if len(shown) < len(rows):
        next_page = f"; --offset {offset + len(shown)} shows the next page" if offset + len(shown) < len(rows) else ""
        click.echo(f"{len(shown):,} of {len(rows):,}{next_page}", err=True)
    return shown


def print_warnings(texts: Iterable[str]) -> None:
    """Print warnings to standard error, so that standard output stays valid JSON."""
    for text in texts:
        click.secho("warning: ", fg="yellow", bold=True, nl=False, err=True)
        click.echo(text, err=True)


def steps_as_text(steps: Sequence[PlanStep]) -> str:
    """Format a plan: one block per definition, then a line with counts by kind."""
    counts = Counter(step.kind for step in steps)
    counted = ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "no definitions"
    return "\n".join([*(line for step in steps for line in _step_lines(step)), f"plan: {counted}"])


def _step_lines(step: PlanStep) -> list[str]:
    d = step.proposal.definition
    effect = f", {step.effect}" if step.differences else ""
    compared_with = f" (compared with {step.base.ref})" if step.base and step.base.ref != d.ref else ""
    lines = [f"{d.ref}: {step.kind}{effect}{compared_with}"]
    if step.kind == "text change" and not step.differences:
        lines.append("  comments or layout only")
    lines += differences_as_text(step.differences)
    if step.taken_from:
        lines.append(f"  owner: {step.taken_from} -> {d.owner}")
    if step.kind != "unchanged":
        lines += [f"  {_describe_effect(consumer, d.ref, step.kind)}" for consumer in step.consumers]
    if step.refusal:
        lines += [f"  refused: {step.refusal.what}", *([f"  fix: {step.refusal.fix}"] if step.refusal.fix else [])]
    return lines


def _describe_effect(consumer: Consumer, ref: str, kind: str) -> str:
    """How a change affects a consumer."""
    what = f"{consumer.kind} '{consumer.consumer}'"
    if kind in ("new version", "publish") and consumer.asked == consumer.name:
        return f"{what} uses the newest version and will move to {ref}"
    return f"{what} asked for {consumer.asked} and stays on {consumer.ref}"


def differences_as_text(differences: Iterable[Difference]) -> list[str]:
    """Format differences, one line per key."""
    return [f"  {difference.effect + ':':<10}{difference}" for difference in differences]


def consumer_rows(consumers: Iterable[Consumer]) -> list[tuple[str, ...]]:
    """Consumers as the rows of a table."""
    return [(c.kind, c.consumer, c.asked, c.ref, c.first_at[:16], c.last_at[:16]) for c in consumers]


def journal_as_text(line: Mapping[str, Any]) -> list[str]:
    """Format a journal entry: a line, then remarks and differences below it."""
    detail, ref = line["detail"], f"{line['name']}@{line['version']}"
    head = f"{line['at'][:16].replace('T', ' ') or '-':<16}  {line['action']:<12}  {ref}  by {line['by']}"
    changed = [Difference(*entry) for entry in detail.get("differences", ())]
    remarks = {key: value for key, value in detail.items() if key not in ("differences", "text_hash") and value}
    remark = ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in remarks.items())
    return [head, *([f"  {remark}"] if remark else []), *differences_as_text(changed)]
