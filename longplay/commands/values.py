"""``longplay signals values``: values of a signal, as known at a moment. Needs no Spark or Java."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from longplay.commands.options import registry_option, source_option, store_option
from longplay.errors import ConfigError, first_line
from longplay.lookup.query import ValuesOptions
from longplay.registry.location import current_user

if TYPE_CHECKING:
    from longplay.lookup.values import Values

_FILE = click.Path(path_type=Path, dir_okay=False, writable=True)
_PRINTED_COLUMNS = ("anchor_id", "user_id", "item_id", "t0", "state", "value", "prefix", "known_ts", "revision")


@click.command("values", short_help="Print the values of a signal as known at a moment.")
@click.argument("name")
@store_option
@source_option
@click.option("--release", help="The release to read. [the newest]")
@click.option("--known-at", help="Show values as known at this moment (UTC, ISO 8601). [the release's known_at]")
@click.option("--user", "users", multiple=True, help="Only this user; repeatable.")
@click.option("--item", "items", multiple=True, help="Only this item; repeatable.")
@click.option("--anchor", "anchors", multiple=True, help="Only this anchor_id; repeatable.")
@click.option("--from", "first", metavar="DAY", help="Only t0 on or after this UTC day.")
@click.option("--to", "last", metavar="DAY", help="Only t0 on or before this UTC day.")
@click.option("--state", "states", multiple=True, help="Only open, mature or void; repeatable.")
@click.option("--limit", type=int, default=20, show_default=True, help="Maximum number of rows, up to 1,000,000.")
@click.option("--after", help="Continue after the previous page: the cursor that it printed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--csv", type=_FILE, help="Write the page to this CSV file.")
@click.option("--arrow", type=_FILE, help="Write the page to this Arrow IPC file.")
@click.option(
    "--definitions",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Additional folder of definitions. Repeatable.",
)
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
    """Print values of signal NAME (or NAME@VERSION), one row per anchor, ordered by t0.

    All rows come from one release, which is printed. Only mature rows have a value. An open value is unknown, not 0;
    its prefix is what has been observed so far.

    Example: longplay signals values return_to_item_14d --source world --user u000017 --known-at 2024-06-15
    """
    from longplay.client import Client  # imported here to keep the command line fast
    from longplay.commands.output import print_warnings
    from longplay.registry.usage import record_lookup

    files = {kind: options.pop(kind) for kind in ("csv", "arrow") if options[kind] is not None}
    client = Client(store, source, definitions, registry)
    page = client.values(name, **_select_options(options))
    print_warnings(record_lookup(client.registry, name, current_user()))
    for kind, path in files.items():
        _write(page, kind, path)
    if page.failure:
        click.echo(f"warning: these values are stale: {page.failure.text()}", err=True)
    if as_json:
        click.echo(json.dumps(_page_as_json(page), indent=2, default=datetime.isoformat))
        return
    if not files:
        _print_rows(page)
    _print_summary(page)


def _select_options(options: Mapping[str, Any]) -> ValuesOptions:
    """The options that the user gave, as keywords of ``Client.values``."""
    given = {
        key: value for key, value in options.items() if key in ValuesOptions.__annotations__ and value not in (None, ())
    }
    return cast("ValuesOptions", given | {"days": (options["first"], options["last"])})


def _page_as_json(page: "Values") -> dict[str, Any]:
    failure = page.failure.plain() if page.failure else None
    about = {"signal": page.signal, "release_id": page.release_id, "known_at": page.known_at, "failure": failure}
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


def _print_summary(page: "Values") -> None:
    click.echo(
        f"{len(page):,} rows of {page.signal}, release {page.release_id}, known at {page.known_at:%Y-%m-%d %H:%M}"
    )
    click.echo(f"next page: --after {page.next}" if page.more else "last page")


def _print_rows(page: "Values") -> None:
    from rich.table import Table

    from longplay.commands.full_width import print_full_width

    table = Table(*_PRINTED_COLUMNS, box=None, header_style="bold", pad_edge=False)
    for row in page.table.select(_PRINTED_COLUMNS).to_pylist():
        table.add_row(*(_text(row[name]) for name in _PRINTED_COLUMNS))
    print_full_width(table, in_terminal=True)  # ids are never cut


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "-" if value is None else str(value)
