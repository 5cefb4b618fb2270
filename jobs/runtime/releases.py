"""Releases, as steps open them."""

from typing import Any

import click

from jobs.runtime.run_context import RunContext
from longplay.lookup.releases import read_releases, select_release

release_option = click.option("--release", "release_id", help="The release to open. [the newest]")


def open_release(context: RunContext, release_id: str | None = None) -> dict[str, Any]:
    """A release by id (default: the newest).

    Raises:
        NotFoundError: when there is none, or none of that id.
    """
    return dict(vars(select_release(read_releases(context.folder), release_id)))
