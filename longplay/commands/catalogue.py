"""``longplay catalogue``: the catalogue of signals as a static site. Starts no Spark and no Java."""

import time
from pathlib import Path

import click

from longplay.commands.options import registry_option
from longplay.registry.location import find_registry_file

QUIET_S = 2.0
"""Seconds that may pass before a line of progress is said."""


@click.command(short_help="Every signal as a static site: meaning, values, versions.")
@click.option(
    "--store", type=click.Path(path_type=Path), default=Path("warehouse"), show_default=True, help="Root of all tables."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder that the pages are written to.")
@click.option("--definitions", multiple=True, type=click.Path(path_type=Path), help="A further folder of definitions.")
@registry_option
def catalogue(store: Path, out: Path, definitions: tuple[Path, ...], registry: Path | None) -> None:
    """Write a page for every signal and an index with search, from definitions and tables.

    The pages need no server and load nothing from anywhere: open index.html.

    Example: longplay catalogue --store warehouse --out catalogue
    """
    from longplay.site.signals.site import (  # loads Arrow and templates, which other look-ups do without
        Asked,
        write_site,
    )

    last = time.monotonic()

    def say(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= QUIET_S:
            click.echo(line, err=True)
            last = time.monotonic()

    pages = write_site(Asked(store, definitions, find_registry_file(store, registry)), out, say)
    click.echo(f"{pages} pages: open {out / 'index.html'}")
