"""``longplay signals``: look definitions up, and how their values stand. Starts no Spark and no Java."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from longplay.definition import Definition
from longplay.duration import format_duration
from longplay.registry import Registry, default_registry


def _options(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
        click.option(
            "--definitions", multiple=True, type=click.Path(path_type=Path), help="A further folder of definitions."
        ),
    ):
        function = option(function)
    return function


@click.group()
def signals() -> None:
    """Look signals up: what they mean, when they mature, how their values stand."""


@signals.command("list", short_help="Every signal, newest version.")
@_options
def list_signals(as_json: bool, definitions: tuple[Path, ...]) -> None:
    """List every signal by name: its window, when it matures, its direction and status.

    Example: longplay signals list
    """
    found = default_registry(definitions).newest()
    if as_json:
        click.echo(json.dumps([describe(d) for d in found], indent=2))
        return
    rows = [(d.ref, d.title, d.anchor, d.window.text(), format_duration(d.lateness), d.status) for d in found]
    _table(("signal", "title", "anchor", "window", "lateness", "status"), rows)


@signals.command(short_help="One signal: meaning, window, maturity, values.")
@click.argument("name")
@click.option(
    "--store", type=click.Path(path_type=Path), default=Path("warehouse"), show_default=True, help="Root of all tables."
)
@_options
def show(name: str, store: Path, as_json: bool, definitions: tuple[Path, ...]) -> None:
    """Show one signal, by NAME or NAME@VERSION, and how many of its values are open, mature and void.

    Example: longplay signals show return_to_item_14d
    """
    registry: Registry = default_registry(definitions)
    definition = registry.get(name)
    about = describe(definition) | {"values": _states(store, definition)}
    if as_json:
        click.echo(json.dumps(about, indent=2))
        return
    click.secho(f"{definition.ref}  {definition.title}", bold=True)
    click.echo(definition.description.strip() + "\n")
    for key, value in about.items():
        if key not in ("signal", "title", "description", "values"):
            click.echo(f"  {key + ':':<13}{value}")
    click.echo("")
    if not about["values"]:
        click.echo(f"  No values under {store}/ yet: 'longplay build-signals' makes them.")
    for source, states in about["values"].items():
        counts = ", ".join(f"{states[s]:,} {s}" for s in ("mature", "open", "void") if s in states)
        mean = f"; mean of the mature {states['mean']:.4f}" if states.get("mean") is not None else ""
        click.echo(f"  {source}: {counts}{mean}")


def describe(definition: Definition) -> dict[str, Any]:
    """A definition as plain data, its window and maturity in words."""
    return {
        "signal": definition.ref,
        "title": definition.title,
        "description": definition.description.strip(),
        "hash": definition.hash,
        "anchor": definition.anchor,
        "keys": definition.keys,
        "window": definition.window.text(),
        "matures": f"when the watermark reaches the window's end + {format_duration(definition.lateness)}",
        "measure": json.dumps(definition.measure.model_dump(mode="json")),
        "credit": json.dumps(definition.credit.model_dump(mode="json")) if definition.credit else "every anchor",
        "direction": definition.direction,
        "unit": definition.unit,
        "void": json.dumps(definition.void.model_dump(mode="json", exclude_none=True)),
        "guardrails": ", ".join(definition.guardrails) or "none",
        "owner": definition.owner,
        "status": definition.status,
        "source": definition.source or "none",
    }


def _states(store: Path, definition: Definition) -> dict[str, dict[str, Any]]:
    """Newest values by state, per source that has any. Reads two columns through Arrow."""
    tables = sorted(store.glob("*/signal_values/_delta_log"))
    return {log.parent.parent.name: _count(log.parent, definition) for log in tables}


def _count(table: Path, definition: Definition) -> dict[str, Any]:
    from longplay.delta import read_arrow  # only when there are values to count

    own = [("signal", "=", definition.ref), ("definition_hash", "=", definition.hash), ("revision", "=", 0)]
    frame = read_arrow(table, ["state", "value", "anchor_id", "revision"], own)
    counted = frame.group_by("state").aggregate([("anchor_id", "count"), ("value", "mean")]).to_pylist()
    states: dict[str, Any] = {row["state"]: row["anchor_id_count"] for row in counted}
    means = [row["value_mean"] for row in counted if row["state"] == "mature"]
    return states | {"mean": means[0] if means else None}


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*header, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
