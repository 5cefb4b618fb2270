"""Maintain: compact files, and remove old versions."""

import click

from jobs.runtime.command_options import job_command
from jobs.runtime.run_context import RunContext
from tables import catalog
from tables.maintenance import compact, remove_versions


def maintain(context: RunContext, keep_days: int | None) -> None:
    """Compact every table, and remove versions that were replaced more than ``keep_days`` days ago."""
    for table in catalog.ALL:
        if not context.store.exists(table):
            continue
        before, after = compact(context.store, table)
        report = f"{table}: {before:,} files, now {after:,}"
        if keep_days is not None:
            remove_versions(context.store, table, 24 * keep_days)
            report += f"; versions replaced more than {keep_days} days ago are gone"
        context.progress.say(report)


@job_command("maintain")
@click.option(
    "--keep-days",
    type=click.IntRange(0),
    help="Remove the files of versions that were replaced more than this many days ago. [none are removed]",
)
def command(context: RunContext, keep_days: int | None) -> None:
    """Merge the many small files that daily deliveries leave into few large ones, table by table, ordered by time.

    Content stays the same. A table is rewritten once a tenth of its bytes lies in small files. --keep-days also removes
    old versions: releases that name them can no longer be opened. Training sets do not need them: 'longplay verify'
    rebuilds them from facts.

    Example: longplay maintain --source world --keep-days 30
    """
    with context.progress.step("maintain"):
        maintain(context, keep_days)


if __name__ == "__main__":
    command()
