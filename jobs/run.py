"""Run: the whole line for one log, in one Spark session."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from experiments.report.verdict import Verdict
from jobs.build_delays import build_delays
from jobs.build_features import build_features
from jobs.build_histories import build_histories
from jobs.build_signals import build_signals
from jobs.build_training_set import build_training_set
from jobs.ingest_log import ingest
from jobs.release import release
from jobs.runtime.command_options import DATE, date_option, job_command, utc
from jobs.runtime.run_context import RunContext
from jobs.train import train
from jobs.verdict import verdict


def run(
    context: RunContext, data: Path, date: datetime | None = None, observed_at: datetime | None = None
) -> Verdict | None:
    """Raw log in, compared rankers out; gives what the deployment found, where the log is a simulated world's."""
    steps: dict[str, Callable[[], object]] = {
        "ingest": lambda: ingest(context, data, observed_at),
        "build-histories": lambda: build_histories(context),
        "build-features": lambda: build_features(context),
        "build-signals": lambda: build_signals(context),
        "build-delays": lambda: build_delays(context),
        "release": lambda: release(context, date),
        "build-training-set": lambda: build_training_set(context),
        "train": lambda: train(context),
    }
    _ = context.spark
    for name, step in steps.items():
        with context.progress.step(name):
            step()
    with context.progress.step("verdict"):
        outcome = verdict(context, data)
    total = sum(context.progress.seconds.values())
    context.progress.say(f"the whole line took {total:.0f} s; 'longplay ui --store {context.root}' opens MLflow")
    return outcome


@job_command("run", short_help="The whole line: raw log in, compared rankers out.")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="File or folder of the raw log.")
@date_option
@click.option("--observed-at", type=DATE, help="When the log was observed (UTC date); later events are future. [now]")
def command(context: RunContext, data: Path, date: datetime | None, observed_at: datetime | None) -> None:
    """Do every step for one log: ingest, histories, features, signals, release, training set, rankers, verdict.

    A step whose inputs, settings and code have not changed is left as it is and says so.

    Example: longplay run --source online_retail --data online_retail.parquet
    """
    run(context, data, date, utc(observed_at))


if __name__ == "__main__":
    command()
