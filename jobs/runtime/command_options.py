"""The options that all steps share, and how an error ends a command."""

import functools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from deltalake.exceptions import DeltaError

from ingest.source_config import load_source
from jobs.runtime.metric_history import keep_metrics
from jobs.runtime.openlineage import emit_lineage
from jobs.runtime.run_context import RunContext
from jobs.runtime.sail import exit_process
from jobs.runtime.settings import load_settings
from jobs.runtime.termination import Termination, raise_on_signals
from longplay.commands.options import registry_option, store_option
from longplay.config.redaction import redact
from longplay.errors import LongplayError, SignalError, StoreError, file_system_problem, first_line
from longplay.registry.location import find_registry_file
from longplay.registry.registry import default_registry
from tables.spark import SPARK_ERRORS, explain_spark_error

DATE = click.DateTime(formats=["%Y-%m-%d"])

_OPTIONS: list[Callable[[click.Command], click.Command]] = [
    click.option(
        "--source", required=True, help="A shipped source (world, online_retail, ...) or a source file (.yaml)."
    ),
    store_option,
    click.option(
        "--conf", multiple=True, help="Settings over conf/base.yaml: a shipped name or a YAML file. Repeatable."
    ),
    click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting, such as deploy.users=500."
    ),
    click.option(
        "--definitions",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A further folder of signal definitions. Repeatable.",
    ),
    registry_option,
]
_FORCE: Callable[[click.Command], click.Command] = click.option(
    "--force", is_flag=True, help="Run the step again even if nothing that it depends on has changed."
)


@dataclass(frozen=True)
class RunOptions:
    """The shared options of one command, as given."""

    source: str
    store: Path
    conf: tuple[str, ...]
    overrides: tuple[str, ...]
    definitions: tuple[Path, ...]
    registry: Path | None
    force: bool

    def open_context(self, *, defers_spark: bool) -> RunContext:
        """The context of the run that they describe. ``defers_spark``: see :class:`RunContext`."""
        definition_registry = default_registry(self.definitions, find_registry_file(self.store, self.registry))
        settings = load_settings(self.conf, self.overrides)
        context = RunContext(settings, load_source(self.source), definition_registry, self.store, self.force)
        context.defers_spark = defers_spark
        emit_lineage(context)
        return context


def job_command(
    name: str, *, writes_tables: bool = True, defers_spark: bool = False, **attributes: Any
) -> Callable[[Callable[..., None]], click.Command]:
    """A click command with the shared options, whose function takes a :class:`RunContext` first.

    ``writes_tables``: only one such command of a source runs at a time. ``defers_spark``: see :class:`RunContext`.
    """

    def wrap(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def body(
            source: str,
            store: Path,
            conf: tuple[str, ...],
            overrides: tuple[str, ...],
            definitions: tuple[Path, ...],
            registry: Path | None,
            force: bool = False,
            **step_options: Any,
        ) -> None:
            options = RunOptions(source, store, conf, overrides, definitions, registry, force)
            step = functools.partial(function, **step_options)
            guarded(lambda: _run_step(options, step, writes_tables=writes_tables, defers_spark=defers_spark))

        make: Callable[[Callable[..., None]], click.Command] = click.command(name, **attributes)
        command = make(body)
        for option in reversed([*_OPTIONS, _FORCE] if writes_tables else _OPTIONS):
            command = option(command)
        return command

    return wrap


def _run_step(
    options: RunOptions, step: Callable[[RunContext], None], *, writes_tables: bool, defers_spark: bool
) -> None:
    context = options.open_context(defers_spark=defers_spark)
    with context.exclusive() if writes_tables else nullcontext():
        try:
            step(context)
        except SignalError:  # everything else was published
            keep_metrics(context)
            raise
        if writes_tables:
            keep_metrics(context)


def guarded(call: Callable[[], None]) -> None:
    """Run ``call``; an expected error is printed and ends the process with its exit code, as does a signal."""
    try:
        with raise_on_signals():
            call()
    except LongplayError as error:
        fail(error)
    except Termination as ended:
        _report_termination(ended)
    except (*SPARK_ERRORS, ConnectionRefusedError, ConnectionResetError) as error:
        fail(explain_spark_error(error, "the last step printed above"))
    except DeltaError as error:
        fail(
            StoreError("A table cannot be read or written.", where="the last step printed above", got=first_line(error))
        )
    except BrokenPipeError:
        raise  # the reader of the output has seen enough; click ends quietly
    except OSError as error:
        fail(file_system_problem(error, "the last step printed above"))


def _report_termination(termination: Termination) -> None:
    click.echo(f"Ended by {termination.name}. Published tables are kept; run the command again to continue.", err=True)
    exit_process(termination.exit_code)


def fail(error: LongplayError) -> None:
    """Print an error and end the process."""
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(redact(error.render()), err=True)
    exit_process(error.exit_code)


def utc(moment: datetime | None) -> datetime | None:
    """A date from the command line as UTC midnight."""
    return moment.replace(tzinfo=UTC) if moment else None


date_option = click.option(
    "--date",
    type=DATE,
    callback=lambda _ctx, _param, value: utc(value),
    help="As-of date (UTC): build what was known at its midnight. Default: the newest watermark.",
)
