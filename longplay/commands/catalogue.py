"""``longplay catalogue``: the catalogue of signals as a static site. Needs no Spark or Java."""

import time
from pathlib import Path

import click

from longplay.commands.options import registry_option, store_option
from longplay.registry.location import find_registry_file

PROGRESS_INTERVAL_S = 2.0
"""Minimum time between two lines of progress."""


@click.command(short_help="Build a static site that documents every signal.")
@store_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder that the pages are written to.")
@click.option(
    "--definitions",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Additional folder of definitions. Repeatable.",
)
@registry_option
def catalogue(store: Path, out: Path, definitions: tuple[Path, ...], registry: Path | None) -> None:
    """Write a page for every signal and an index with search, from definitions and tables.

    The pages need no server and load nothing from the network: open index.html.

    Example: longplay catalogue --store warehouse --out catalogue
    """
    # Loads Arrow and templates, which other commands do not need.
    from longplay.site.signals.site import CatalogueInputs, write_site

    last_report = time.monotonic()

    def report_progress(line: str) -> None:
        nonlocal last_report
        if time.monotonic() - last_report >= PROGRESS_INTERVAL_S:
            click.echo(line, err=True)
            last_report = time.monotonic()

    inputs = CatalogueInputs(store, definitions, find_registry_file(store, registry))
    pages = write_site(inputs, out, report_progress)
    click.echo(f"{pages} pages: open {out / 'index.html'}")
