"""``longplay signals values``: values of a signal, as known at a moment. Starts no Spark and no Java."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from longplay.commands.options import registry_option
from longplay.errors import ConfigError, first_line
from longplay.lookup.query import ValuesOptions
from longplay.registry.location import current_user

if TYPE_CHECKING:
    from longplay.lookup.values import Values

_FILE = click.Path(path_type=Path, dir_okay=False, writable=True)
_SHOWN = ("anchor_id", "user_id", "item_id", "t0", "state", "value", "prefix", "known_ts", "revision")


@click.command("values", short_help="Values of one signal, as known at a moment.")
@click.argument("name")
@click.option(
    "--store", type=click.Path(path_type=Path), default=Path("warehouse"), show_default=True, help="Root of all tables."
)
@click.option("--source", required=True, help="Name of the source.")
@click.option("--release", help="The release to read. [the newest]")
@click.option("--known-at", help="What was known at this moment (UTC, ISO 8601). [the release's known_at]")
@click.option("--user", "users", multiple=True, help="Only this user; may be repeated.")
@click.option("--item", "items", multiple=True, help="Only this item; may be repeated.")
@click.option("--anchor", "anchors", multiple=True, help="Only this anchor_id; may be repeated.")
@click.option("--from", "first", metavar="DAY", help="Only t0 of this UTC day and later.")
@click.option("--to", "last", metavar="DAY", help="Only t0 of this UTC day and earlier.")
@click.option("--state", "states", multiple=True, help="Only open, mature or void; may be repeated.")
@click.option("--limit", type=int, default=20, show_default=True, help="How many rows, at most 1,000,000.")
@click.option("--after", help="Go on where the page before ended: the word that it named.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--csv", type=_FILE, help="Write the page to this CSV file.")
@click.option("--arrow", type=_FILE, help="Write the page to this Arrow IPC file.")
@click.option("--definitions", multiple=True, type=click.Path(path_type=Path), help="A further folder of definitions.")
@registry_option
def values(
    name: str,
    store: Path,
    source: str,
    as_json: bool,
    definitions: tuple[Path, ...],
    registry: Path | None,
    **options: Any,  # noqa: ANN401 - as click gives them
) -> None:
    """Print values of signal NAME (or NAME@VERSION), one row an anchor, ordered by t0.

    All rows come from one release, and say so. A value is there if the state is mature; an open one is not 0: its
    prefix is what was seen so far.

    Example: longplay signals values return_to_item_14d --source world --user u000017 --known-at 2024-06-15
    """
    from longplay.client import Client  # only here, so that the command line starts at once
    from longplay.commands.output import print_warnings
    from longplay.registry.usage import record_lookup

    files = {kind: options.pop(kind) for kind in ("csv", "arrow") if options[kind] is not None}
    given = {
        key: value for key, value in options.items() if key in ValuesOptions.__annotations__ and value not in (None, ())
    }
    which = cast("ValuesOptions", given | {"days": (options["first"], options["last"])})
    client = Client(store, source, definitions, registry)
    page = client.values(name, **which)
    print_warnings(record_lookup(client.registry, name, current_user()))
    for kind, path in files.items():
        _write(page, kind, path)
    if as_json:
        click.echo(json.dumps(_told(page), indent=2, default=datetime.isoformat))
        return
    if not files:
        _print(page)
    click.echo(
        f"{len(page):,} rows of {page.signal}, release {page.release_id}, known at {page.known_at:%Y-%m-%d %H:%M}"
    )
    click.echo(f"more follow: --after {page.next}" if page.more else "no more follow")


def _told(page: "Values") -> dict[str, Any]:
    about = {"signal": page.signal, "release_id": page.release_id, "known_at": page.known_at}
    return about | {"rows": page.table.drop_columns(["signal", "release_id"]).to_pylist(), "next": page.next}


def _write(page: "Values", kind: str, path: Path) -> None:
    import pyarrow.csv as csv
    import pyarrow.feather as feather

    try:
        if kind == "csv":
            csv.write_csv(page.table, path)
        else:
            feather.write_feather(page.table, str(path), compression="uncompressed")
    except OSError as error:
        raise ConfigError("This file cannot be written.", where=str(path), got=first_line(error)) from error


def _print(page: "Values") -> None:
    from rich.table import Table

    from longplay.commands.full_width import print_full_width

    table = Table(*_SHOWN, box=None, header_style="bold", pad_edge=False)
    for row in page.table.select(_SHOWN).to_pylist():
        table.add_row(*(_text(row[name]) for name in _SHOWN))
    print_full_width(table, in_terminal=True)  # ids are never cut


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "-" if value is None else str(value)
