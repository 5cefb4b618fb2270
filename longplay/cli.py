"""The command line. Looking signals up is built in and starts no Spark; the steps come from the application.

Steps are entry points of the group ``longplay.commands``: they are imported only when called, so this package needs
nothing of the application and ``longplay signals show`` answers at once.
"""

import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

import click

from longplay.commands.catalogue import catalogue
from longplay.commands.serve import serve
from longplay.commands.signals import signals
from longplay.commands.values import values
from longplay.errors import LongplayError, nearest

STEPS: Mapping[str, str] = {
    "setup": "Check Java and resolve Delta's jars once.",
    "simulate": "Write the raw log of a simulated streaming service.",
    "run": "The whole line: raw log in, compared rankers out.",
    "ingest": "1. Raw log to events, exposures and quarantine.",
    "build-histories": "2. Events to daily tiles and sequences.",
    "build-features": "3. Histories to point-in-time features.",
    "outages": "Days of which the log holds far too little.",
    "build-signals": "4. What followed each anchor: open, mature or void.",
    "build-delays": "How much of a signal is seen by age, and its alarm.",
    "build-progressive": "Estimates of items from traces that are still open.",
    "release": "5. Tie the audited versions of all tables together.",
    "build-training-set": "6. Exposures x features as of x mature signals.",
    "train": "7. Train the rankers on every label, tracked in MLflow.",
    "read": "Rows of a table, as it is, was, or was known at some moment.",
    "quality": "What passed, what is blocked, what was set aside; put repaired rows back.",
    "verify": "Build a training set again from facts alone, and compare.",
    "deploy": "8. Put the rankers before simulated listeners for 90 days.",
    "verdict": "9. Did the mid-term reward keep listeners? Table and report.",
    "erase": "Remove a person from every table, old versions included.",
    "maintain": "Compact the tables' files, and remove old versions.",
    "evidence": "The verdict over several worlds, and over true nulls.",
    "ui": "Open MLflow on the tracked runs.",
}
"""What each step does, in the order of the line. A test holds it against the entry points."""


class Line(click.Group):
    """A group that imports a step only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Steps in the order of the line, then what is built in."""
        return [*(name for name in STEPS if name in _steps()), *sorted(self.commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; a step is imported here."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        point = _steps().get(cmd_name)
        return point.load() if point else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is none of that name."""
        if args and not args[0].startswith("-") and args[0] not in {*self.commands, *_steps()}:
            raise click.UsageError(f"No such command '{args[0]}': {nearest(args[0], {*self.commands, *_steps()})}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any step."""
        with formatter.section("Steps"):
            formatter.write_dl([(name, text) for name, text in STEPS.items() if name in _steps()])
        with formatter.section("Look-ups (no Spark, no Java)"):
            formatter.write_dl([(name, c.get_short_help_str(80)) for name, c in sorted(self.commands.items())])


def _steps() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="longplay.commands")}


@click.group(cls=Line)
@click.version_option(package_name="longplay")
def cli() -> None:
    """Longplay: rewards that outlast the click.

    Raw events become point-in-time features and mid-term reward signals; rankers learn from them, and a verdict says
    whether the reward kept listeners. 'longplay run' does the whole line; every step is also a command of its own.

    Example: longplay run --source online_retail --data online_retail.parquet
    """


cli.add_command(signals)
cli.add_command(catalogue)
cli.add_command(serve)
signals.add_command(values)


def main() -> None:
    """Entry point of the ``longplay`` command."""
    try:
        cli.main(standalone_mode=True)
    except LongplayError as error:
        click.echo(f"error: {error.render()}", err=True)
        sys.exit(error.exit_code)
