"""Maintain: fewer and larger files, and no more old versions than are wanted."""

import click

from jobs.runtime.command_options import job_command
from jobs.runtime.run_context import RunContext
from tables import catalog
from tables.maintenance import compact, remove_versions


def maintain(context: RunContext, keep_days: int | None) -> None:
    """Compact every table that is there, and remove versions that are older than ``keep_days``."""
    for table in catalog.ALL:
        if not context.store.exists(table):
            continue
        before, after = compact(context.store, table)
        said = f"{table}: {before:,} files, now {after:,}"
        if keep_days is not None:
            remove_versions(context.store, table, 24 * keep_days)
            said += f"; versions replaced more than {keep_days} days ago are gone"
        context.progress.say(said)


@job_command("maintain", short_help="Compact the tables' files, and remove old versions.")
@click.option(
    "--keep-days",
    type=click.IntRange(0),
    help="Remove the files of versions that were replaced more than so many days ago. [none is removed]",
)
def command(context: RunContext, keep_days: int | None) -> None:
    """Write the many small files that daily deliveries leave together into few, table by table, in order of time.

    Content stays the same. A table is written anew when one in ten of its bytes lies in small files. With --keep-days
    old versions are removed: releases that name them cannot be opened any more. Training sets do not need them:
    'longplay verify' builds them from facts.

    Example: longplay maintain --source world --keep-days 30
    """
    with context.progress.step("maintain"):
        maintain(context, keep_days)


if __name__ == "__main__":
    command()
