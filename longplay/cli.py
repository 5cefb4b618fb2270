"""The command line. Look-ups are built in and start no Spark; the steps of the pipeline come with the platform.

Steps are entry points of the group ``longplay.commands``. They are imported only when they are called, so this package
needs nothing of the platform, and ``longplay signals show`` answers at once.
"""

import sys
from importlib.metadata import EntryPoint, entry_points

import click

from longplay import pipeline
from longplay.commands.catalogue import catalogue
from longplay.commands.serve import serve
from longplay.commands.signals import signals
from longplay.commands.values import values
from longplay.crash_report import install_crash_report
from longplay.errors import EnvironmentProblem, LongplayError, nearest

PLATFORM_INSTALL = "install the longplay-platform wheel (make wheel)"
STEPS = {step.name: step for step in pipeline.STEPS if " " not in step.name}
"""The steps that are commands of ``longplay`` itself, in the order of the pipeline."""


class PipelineGroup(click.Group):
    """A group of look-ups and of pipeline steps. It imports a step only when the step is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Installed steps in the order of the pipeline, then the look-ups."""
        installed = _load_entry_points()
        return [*(name for name in STEPS if name in installed), *sorted(self.commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; a step is imported here."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        point = _load_entry_points().get(cmd_name)
        return point.load() if point else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the arguments.

        Raises:
            EnvironmentProblem: for a step that is not installed.
            click.UsageError: for an unknown name, with the nearest one.
        """
        name, installed = args[0], _load_entry_points()
        if name in STEPS and name not in installed:
            raise EnvironmentProblem(f"'longplay {name}' needs the platform.", fix=PLATFORM_INSTALL)
        names = {*self.commands, *STEPS, *installed}
        if not name.startswith("-") and name not in names:
            raise click.UsageError(f"No such command '{name}': {nearest(name, names)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any step."""
        installed = _load_entry_points()
        with formatter.section("Steps (longplay-platform wheel; 'run' does the numbered ones)"):
            formatter.write_dl([(name, _describe(step, name in installed)) for name, step in STEPS.items()])
        with formatter.section("Look-ups (longplay wheel; no Spark, no Java)"):
            formatter.write_dl([(name, c.get_short_help_str(80)) for name, c in sorted(self.commands.items())])


def _describe(step: pipeline.PipelineStep, is_installed: bool) -> str:
    number = f"{step.number}. " if step.number else ""
    return f"{number}{step.help}" + ("" if is_installed else " (needs the platform)")


def _load_entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="longplay.commands")}


@click.group(cls=PipelineGroup)
@click.version_option(package_name="longplay")
def cli() -> None:
    """Longplay: rewards that outlast the click.

    Raw events become point-in-time features and mid-term reward signals. Rankers learn from both, and a verdict says
    whether the reward kept listeners. 'longplay run' runs the pipeline end to end; each step is also a command.

    Example: longplay run --source online_retail --data online_retail.parquet
    """


cli.add_command(signals)
cli.add_command(catalogue)
cli.add_command(serve)
signals.add_command(values)


def main() -> None:
    """Entry point of the ``longplay`` command."""
    install_crash_report()
    try:
        cli.main(standalone_mode=True)
    except LongplayError as error:
        click.echo(f"error: {error.render()}", err=True)
        sys.exit(error.exit_code)
