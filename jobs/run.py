"""Run: the pipeline end to end for one log, in one Spark session."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from jobs.build_delays import build_delays
from jobs.build_features import build_features
from jobs.build_histories import build_histories
from jobs.build_signals import build_signals
from jobs.build_training_set import build_training_set
from jobs.ingest_log import ingest
from jobs.release import release
from jobs.runtime.command_options import DATE, date_option, job_command, utc
from jobs.runtime.run_context import RunContext
from longplay.errors import SignalError
from longplay.pipeline import RANKING_STEPS, RUN_STEPS

if TYPE_CHECKING:
    from experiments.analysis.verdict import Verdict


def run(
    context: RunContext,
    data: Path,
    date: datetime | None = None,
    observed_at: datetime | None = None,
    until: str = RUN_STEPS[-1],
) -> "Verdict | None":
    """Run the pipeline: raw log in, compared rankers out.

    Some signals may fail: then the later steps run with the others, and the error comes at the end.

    Returns:
        What the deployment showed; None where the log is not a simulated world's, or shows nothing to rank, or the
        pipeline ends earlier.

    Raises:
        SignalError: when some signals failed.
    """
    actions: dict[str, Callable[[], object]] = {
        "ingest": lambda: ingest(context, data, observed_at),
        "build-histories": lambda: build_histories(context),
        "build-features": lambda: build_features(context),
        "build-signals": lambda: build_signals(context),
        "build-delays": lambda: build_delays(context),
        "release": lambda: release(context, date),
        "build-training-set": lambda: build_training_set(context),
        "train": lambda: _train(context),
        "verdict": lambda: _verdict(context, data),
    }
    _ = context.spark
    outcomes: dict[str, object] = {}
    failure: SignalError | None = None
    for name in RUN_STEPS[: RUN_STEPS.index(until) + 1]:
        if name in RANKING_STEPS and not context.source.has_exposures:
            context.progress.say("no exposures and no candidates in this source: there is nothing to rank")
            break
        try:
            with context.progress.step(name):
                outcomes[name] = actions[name]()
        except SignalError as error:  # the other signals were published, and the later steps can use them
            failure = error
    hint = f"; 'longplay ui --store {context.root}' opens MLflow" if "train" in outcomes else ""
    context.progress.say(f"the pipeline took {sum(context.progress.seconds.values()):.0f} s{hint}")
    if failure is not None:
        raise failure
    return cast("Verdict | None", outcomes.get("verdict"))


def _train(context: RunContext) -> None:
    from jobs.train import train  # here, because a day that ends with its release needs no PyTorch

    train(context)


def _verdict(context: RunContext, data: Path) -> "Verdict | None":
    from jobs.verdict import verdict  # here, because it imports what draws figures

    return verdict(context, data)


@job_command("run")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="File or folder of the raw log.")
@date_option
@click.option("--observed-at", type=DATE, help="When the log was observed (UTC date). Later events are rejected. [now]")
@click.option(
    "--until",
    type=click.Choice(RUN_STEPS),
    default=RUN_STEPS[-1],
    show_default=True,
    help="The last step; 'release' is enough for each day's delivery.",
)
def command(context: RunContext, data: Path, date: datetime | None, observed_at: datetime | None, until: str) -> None:
    """Run the numbered steps of 'longplay --help' for one log, from ingest to verdict.

    A step whose inputs, settings and code have not changed is skipped and says so.

    Example: longplay run --source online_retail --data online_retail.parquet --until release
    """
    run(context, data, date, utc(observed_at), until)


if __name__ == "__main__":
    command()
