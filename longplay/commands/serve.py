"""``longplay serve``: the HTTP API over one source. Needs no Spark or Java."""

import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from longplay.commands.options import registry_option, source_option, store_option
from longplay.registry.location import find_registry_file
from longplay.server.ports import check_port

if TYPE_CHECKING:
    from longplay.registry.registry import Registry

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("serve", short_help="Serve definitions and values over HTTP, read-only.")
@store_option
@source_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8400, show_default=True, help="Port to listen on.")
@click.option(
    "--poll",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between checks for a new release.",
)
@click.option("--cache", type=_FOLDER, help="Folder for indexes. [longplay/ in the user's cache folder]")
@click.option("--definitions", multiple=True, type=_FOLDER, help="Additional folder of definitions. Repeatable.")
@registry_option
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the token that requests must carry. [LONGPLAY_API_TOKEN]",
)
@click.option(
    "--max-connections",
    type=click.IntRange(10, 100_000),
    default=500,
    show_default=True,
    help="Connections open at once. Above that, half-open ones are closed, oldest first.",
)
@click.option("--access-log/--no-access-log", default=True, show_default=True, help="Log every request.")
def serve(
    store: Path,
    source: str,
    host: str,
    port: int,
    poll: float,
    cache: Path | None,
    definitions: tuple[Path, ...],
    registry: Path | None,
    token_file: Path | None,
    max_connections: int,
    access_log: bool,
) -> None:
    """Serve one source under http://HOST:PORT/v1 until Ctrl-C; /v1/openapi.json describes the API.

    The newest release is served from memory-mapped index files, built once per release. The server switches to a new
    release as soon as its index is ready; requests already in progress finish on the previous one.

    An address other than 127.0.0.1 needs a token, which requests carry as 'Authorization: Bearer TOKEN'. It comes from
    LONGPLAY_API_TOKEN or --token-file. There is no encryption.

    Example: longplay serve --source world --port 8400
    """
    import uvicorn  # imported here to keep the command line fast

    from longplay.server.api_token import read_token
    from longplay.server.app import create_app
    from longplay.server.connections import SERVER_OPTIONS, ConnectionLimits, limit_connections
    from longplay.server.index.paths import IndexLocation
    from longplay.server.open_releases import OpenReleases
    from longplay.server.watcher import ReleaseWatcher

    token, limits = read_token(token_file, host), ConnectionLimits(max_connections)
    location, open_releases = IndexLocation.from_store(store, source, cache), OpenReleases()
    read_registry = partial(load_current_registry, definitions, store, registry)
    read_registry()  # reports malformed definitions now, not with the first release
    check_port(host, port)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    click.echo(f"Look-ups of '{source}' on http://{host}:{port}/v1 - stop with Ctrl-C. Indexes: {location.cache}")
    watcher = ReleaseWatcher(location, open_releases, poll, read_registry)
    app = create_app(open_releases, watcher, token, limits, access_log)
    uvicorn.run(app, host=host, port=port, http=limit_connections(limits), **SERVER_OPTIONS)


def load_current_registry(definitions: Iterable[Path], store: Path, registry: Path | None) -> "Registry":
    """Load the definitions as they are now, including a registry file that was created after the start."""
    from longplay.registry.registry import default_registry

    return default_registry(definitions, find_registry_file(store, registry))
