"""``longplay serve``: the HTTP API over one source. Starts no Spark and no Java."""

import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from longplay.commands.options import registry_option
from longplay.registry.location import find_registry_file
from longplay.server.ports import check_port

if TYPE_CHECKING:
    from longplay.registry.registry import Registry

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("serve", short_help="Serve definitions and values over HTTP, read only.")
@click.option("--store", type=_FOLDER, default=Path("warehouse"), show_default=True, help="Root of all tables.")
@click.option("--source", required=True, help="Name of the source.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8400, show_default=True, help="Port to listen on.")
@click.option(
    "--poll",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks for a new release.",
)
@click.option("--cache", type=_FOLDER, help="Where indexes are kept. [longplay/ in the user's cache folder]")
@click.option("--definitions", multiple=True, type=_FOLDER, help="A further folder of definitions.")
@registry_option
def serve(
    store: Path,
    source: str,
    host: str,
    port: int,
    poll: float,
    cache: Path | None,
    definitions: tuple[Path, ...],
    registry: Path | None,
) -> None:
    """Serve one source under http://HOST:PORT/v1 until Ctrl-C; /v1/openapi.json describes it.

    The newest release is served from an index in memory-mapped files, which is built once a release. A new release is
    switched to when its index is there; requests under way end on the one before. There is no authentication: whoever
    can reach the port can read the values.

    Example: longplay serve --source world --port 8400
    """
    import uvicorn  # only here, so that the command line starts at once

    from longplay.server.app import create_app
    from longplay.server.index.paths import IndexLocation
    from longplay.server.open_releases import OpenReleases
    from longplay.server.watcher import ReleaseWatcher

    location, open_releases = IndexLocation.from_store(store, source, cache), OpenReleases()
    read = partial(current, definitions, store, registry)
    read()  # a malformed definition is said now, not with the first release
    check_port(host, port)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    click.echo(f"Look-ups of '{source}' on http://{host}:{port}/v1 - Ctrl-C ends it. Indexes: {location.cache}")
    app = create_app(open_releases, ReleaseWatcher(location, open_releases, poll, read))
    uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning")


def current(definitions: Iterable[Path], store: Path, registry: Path | None) -> "Registry":
    """The definitions as they stand now; a registry file that was made since is found, too."""
    from longplay.registry.registry import default_registry

    return default_registry(definitions, find_registry_file(store, registry))
