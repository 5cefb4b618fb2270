"""``longplay signals``: look up definitions and the state of their values. Needs no Spark or Java."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longplay.commands import lifecycle, new, search
from longplay.commands.options import with_definitions, with_page
from longplay.lookup import revision_bands
from longplay.lookup.delay_curves import DELAYS_TABLE, DelayCurve, format_delay_curve, load_delay_curve
from longplay.paths import StorePaths
from longplay.registry.location import CommandTarget, ListPage, current_user

if TYPE_CHECKING:
    from longplay.definitions.reward import Reward
    from longplay.definitions.signal import Definition
    from longplay.registry.records import RegistryVersion
    from longplay.registry.registry import Registry


@click.group()
def signals() -> None:
    """Look up signals and the state of their values; plan, apply and deprecate definitions."""


@signals.command("list", short_help="List every signal with its newest version.")
@click.option("--owner", help="Only signals of this owner.")
@click.option("--tag", help="Only signals with this tag.")
@click.option("--status", type=click.Choice(["draft", "published", "deprecated"]), help="Only signals of this status.")
@click.option("--anchor", help="Only signals with this anchor: exposure, discovery, active_day or session.")
@with_page
@with_definitions
def list_signals(target: CommandTarget, page: ListPage, **filters: str | None) -> None:
    """List every signal by name: its anchor, window, owner and status.

    Tables show 50 rows unless --limit is given; --json shows all.

    Example: longplay signals list --owner longplay --anchor exposure
    """
    from longplay.commands import output
    from longplay.definitions.describe import describe_definition
    from longplay.registry.list_filters import matches_filters, suggest_values
    from longplay.registry.registry import build_registry, open_layers

    with closing(open_layers(target.existing, target.definitions)) as layers:
        registry = build_registry(layers, target.existing)
        heads = [head for head in layers.heads() if matches_filters(head, filters)]
        shown = output.slice_page(heads, page.limit_of(target), page.offset)
        if target.as_json:
            output.print_json([describe_definition(registry.find(head.ref)) for head in shown])
            return
        if not heads:
            click.echo(f"No signal matches{suggest_values(layers.heads(), filters)}.")
            return
    rows = [(h.ref, h.title, h.anchor, h.window, h.owner, h.status) for h in shown]
    output.print_table(("signal", "title", "anchor", "window", "owner", "status"), rows)


@signals.command(short_help="Show one signal: meaning, window, maturity, values.")
@click.argument("name")
@with_definitions
def show(target: CommandTarget, name: str) -> None:
    """Show a signal (NAME, NAME@VERSION or NAME@ALIAS) and how many of its values are open, mature and void.

    Example: longplay signals show return_to_item_14d
    """
    from longplay.commands import output
    from longplay.definitions.describe import describe_definition
    from longplay.registry.registry import build_registry, open_layers
    from longplay.registry.usage import record_lookup

    with closing(open_layers(target.existing, target.definitions)) as layers:
        registry = build_registry(layers, target.existing)
        definition = registry.find(name)
        applied_version = layers.version(definition.name, definition.version)
        output.print_warnings(record_lookup(registry, name, current_user()))
    status = _describe_status(registry, definition, applied_version)
    delays = _load_delay_curves(target.store, definition)
    about = describe_definition(definition) | status | {"values": _count_values(target.store, definition)}
    if target.as_json:
        output.print_json(about | {"delays": {source: curve.plain() for source, curve in delays.items()}})
        return
    _print_definition(definition, about, target.store)
    for source, curve in delays.items():
        click.echo(f"  {source}: " + "\n  ".join(format_delay_curve(curve)))


def _describe_status(
    registry: "Registry", definition: "Definition | Reward", version: "RegistryVersion | None"
) -> dict[str, Any]:
    """A version's status, who applied it, its aliases and any deprecation warning."""
    deprecation = registry.deprecations.get(definition.ref)
    return {
        "status": "deprecated" if deprecation and deprecation.is_in_force() else definition.status,
        "applied": version.applied if version else "",
        "aliases": [alias for alias, ref in registry.aliases.items() if ref == definition.ref],
        "warning": deprecation.warning if deprecation else None,
    }


def _print_definition(definition: "Definition | Reward", about: dict[str, Any], store: Path) -> None:
    click.secho(f"{definition.ref}  {definition.title}", bold=True)
    click.echo(definition.description.strip() + "\n")
    for key, value in about.items():
        if key not in ("signal", "title", "description", "values", "warning", "aliases"):
            click.echo(f"  {key + ':':<13}{value}")
    if about["aliases"]:
        click.echo(f"  {'aliases:':<13}{', '.join(about['aliases'])}")
    click.echo("")
    if "parts" in about:
        click.echo("  Its values are computed from its signals on read, for example in a training set:")
        click.echo(f"  --set 'training.labels=[click, {definition.name}]'")
    elif not about["values"]:
        click.echo(f"  No values under {store}/ yet: 'longplay build-signals' computes them.")
    for source, states in about["values"].items():
        counts = ", ".join(f"{states[s]:,} {s}" for s in ("mature", "open", "void") if s in states)
        mean = f"; mean of the mature {states['mean']:.4f}" if states.get("mean") is not None else ""
        click.echo(f"  {source}: {counts}{mean}")
        if states["revisions"]:
            click.echo(f"  {source}: revised after maturity: {revision_bands.format_revisions(states['revisions'])}")


def _count_values(store: Path, definition: "Definition | Reward") -> dict[str, dict[str, Any]]:
    """Count values by state, for each source that has values."""
    if hasattr(definition, "parts"):
        return {}
    values = "signal_values"
    sources = StorePaths(store).sources(values)
    return {paths.source: _count_states(paths.table(values), definition) for paths in sources}


def _load_delay_curves(store: Path, definition: "Definition | Reward") -> dict[str, DelayCurve]:
    """Load the delay curve of each source that has one."""
    if hasattr(definition, "parts"):
        return {}
    curves = {
        paths.source: load_delay_curve(paths.folder, definition) for paths in StorePaths(store).sources(DELAYS_TABLE)
    }
    return {source: curve for source, curve in curves.items() if curve is not None}


def _count_states(table: Path, definition: "Definition | Reward") -> dict[str, Any]:
    """Count first values by state and revisions by age, and average the mature first values."""
    from longplay.delta import query_rows  # only when there are values to count

    counted = query_rows(
        table,
        f"""SELECT CASE WHEN revision = 0 THEN state ELSE {revision_bands.BAND_SQL} END AS what,
                   revision = 0 AS is_first, COUNT(*) AS n, AVG(value) AS mean
            FROM rows WHERE signal = '{definition.ref}' AND definition_hash = '{definition.hash}' GROUP BY 1, 2""",
    )
    first = {row["what"]: row for row in counted if row["is_first"]}
    late = {row["what"]: row["n"] for row in counted if not row["is_first"]}
    states: dict[str, Any] = {state: row["n"] for state, row in first.items()}
    return states | {"mean": first.get("mature", {}).get("mean"), "revisions": late}


for command in (
    search.search,
    search.diff,
    search.history,
    search.consumers,
    new.new,
    lifecycle.plan,
    lifecycle.apply,
    lifecycle.alias,
    lifecycle.deprecate,
):
    signals.add_command(command)
