"""The pipeline: every step with its command, the tables that it reads and the tables that it publishes.

This is the only list of steps. Help texts, the order of ``longplay run``, the status of tables and the tables of steps
in the documentation are made from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PipelineStep:
    """One command of the platform.

    Attributes:
        name: the command without ``longplay``; a two-word name is a subcommand, such as ``quality release``.
        help: what it does, in one sentence.
        number: its place in ``longplay run``; None: not one of the steps of ``longplay run``.
        reads: tables that it reads.
        publishes: tables that it owns, in order. Other steps may refresh ``day_counts``, ``outages`` and
            ``quality_metrics`` too.
        other_input: what it reads besides tables.
        other_output: what it writes besides tables.
    """

    name: str
    help: str
    number: int | None = None
    reads: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    other_input: str = ""
    other_output: str = ""


_FACTS = ("events", "exposures")
_TILES = ("user_days", "item_days", "user_item_days", "item_exposure_days")
_FEATURES = ("exposure_features", "item_features")
_PROGRESSIVE = ("progressive_priors", "progressive_sums", "progressive_estimates")
STEPS: tuple[PipelineStep, ...] = (
    PipelineStep("setup", "Check Java, download Delta's jars and archive Spark's classes, once."),
    PipelineStep("new", "Write files to start from, such as a source file made from a look at a raw log."),
    PipelineStep("simulate", "Simulate a streaming service and write its raw log."),
    PipelineStep("run", "Run the pipeline end to end: raw log in, compared rankers out."),
    PipelineStep(
        "ingest",
        "Validate the raw log and publish events, exposures and quarantine.",
        number=1,
        publishes=("events", "quarantine", "episodes", "first_seen", "exposures", "deliveries"),
        other_input="the raw log, one source file",
    ),
    PipelineStep(
        "quality release",
        "Send repaired rows from quarantine through ingest again.",
        reads=("quarantine",),
        publishes=("quarantine_releases",),
        other_input="repaired rows",
        other_output="through ingest again: facts",
    ),
    PipelineStep(
        "build-histories",
        "Aggregate events into daily tiles and sequences.",
        number=2,
        reads=(*_FACTS, "deliveries"),
        publishes=(*_TILES, "sequences"),
    ),
    PipelineStep(
        "build-features",
        "Compute point-in-time features of exposures and items.",
        number=3,
        reads=(*_FACTS, "first_seen", "deliveries", *_TILES[1:]),
        publishes=_FEATURES,
    ),
    PipelineStep(
        "outages",
        "Detect days for which the log has far too little data.",
        reads=("events", "first_seen", "deliveries"),
        publishes=("day_counts", "outages", "quality_metrics"),
    ),
    PipelineStep(
        "build-signals",
        "Compute the value of each signal for every anchor: open, mature or void.",
        number=4,
        reads=(*_FACTS, "episodes", "deliveries", "outages"),
        publishes=("signal_values", "signal_failures"),
    ),
    PipelineStep(
        "build-delays",
        "Measure how soon signals reach their final values, and warn of shifts.",
        number=5,
        reads=(*_FACTS, "episodes", "deliveries", "outages", "signal_values", "signal_failures"),
        publishes=("signal_delays",),
    ),
    PipelineStep(
        "build-progressive",
        "Estimate each item's mean signal value from all its traces, open ones included.",
        reads=(*_FACTS, "deliveries", "outages"),
        publishes=_PROGRESSIVE,
    ),
    PipelineStep(
        "release",
        "Record one validated version of each table that readers use.",
        number=6,
        reads=(
            *("events", "quarantine", "episodes", "first_seen", "exposures", "deliveries", *_TILES, "sequences"),
            *(*_FEATURES, "day_counts", "outages", "signal_values", "signal_failures", "signal_delays"),
        ),
        publishes=("releases",),
    ),
    PipelineStep(
        "build-training-set",
        "Join exposures, point-in-time features and mature signals.",
        number=7,
        reads=(
            *("releases", "exposures", "deliveries", "outages", "sequences"),
            *(*_FEATURES, "signal_values", "signal_failures"),
        ),
        publishes=("training_set",),
    ),
    PipelineStep(
        "train",
        "Train the rankers on every label and track them in MLflow.",
        number=8,
        reads=("training_set", "sequences"),
        other_output="runs in MLflow",
    ),
    PipelineStep(
        "deploy",
        "Deploy the rankers to simulated listeners for `deploy.days` days (default 90).",
        reads=("training_set", "releases", "deliveries", "first_seen", *_TILES[1:]),
        other_input="rankers in MLflow, the simulated world",
        other_output="a deployment verdict as JSON",
    ),
    PipelineStep(
        "verdict",
        "Report whether rankers trained on the mid-term reward kept more listeners.",
        number=9,
        reads=("training_set", "releases", "deliveries", "signal_values"),
        other_input="runs in MLflow, the simulated world if there is one",
        other_output="`report.html`, a deployment verdict as JSON",
    ),
    PipelineStep("read", "Print rows of a table: now, in an earlier version, or as known at a moment."),
    PipelineStep("quality", "Show what passed, what is blocked and what is quarantined; release repaired rows."),
    PipelineStep("verify", "Rebuild a training set from facts alone and compare checksums."),
    PipelineStep("erase", "Remove a person from every table, old versions included."),
    PipelineStep("maintain", "Compact the files of the tables and remove old versions."),
    PipelineStep("evidence", "Pool the verdict over several worlds and over true nulls."),
    PipelineStep("ui", "Open MLflow on the tracked runs."),
)
"""Preparation, every step in the order of the pipeline, then commands that inspect or maintain tables and runs."""

RUN_STEPS = tuple(step.name for step in STEPS if step.number is not None)
"""What ``longplay run`` does, in order."""
RANKING_STEPS = ("build-training-set", "train", "verdict")
"""Those that a source without exposures has no use for."""
TABLES = tuple(table for step in STEPS for table in step.publishes)
"""Every published table, in the order of the pipeline."""


def find_publishing_step(table: str) -> str:
    """The step that publishes a table; empty where no step does."""
    return next((step.name for step in STEPS if table in step.publishes), "")


def find_downstream(table: str, is_stopped: bool = True) -> tuple[list[str], list[str]]:
    """Tables and steps that wait for a table, directly or through others, in the order of the pipeline.

    Args:
        table: the table.
        is_stopped: whether the step that publishes the table failed at it; if so, the tables which that step publishes
            later wait too.
    """
    waiting_tables, waiting_steps = {table}, []
    for step in STEPS:
        if table in step.publishes:
            waiting_tables |= set(step.publishes[step.publishes.index(table) + 1 :]) if is_stopped else set()
        elif waiting_tables & set(step.reads):
            waiting_tables |= set(step.publishes)
            waiting_steps.append(step.name)
    return [name for name in TABLES if name in waiting_tables - {table}], waiting_steps


def find_blockers(failed_tables: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """For each waiting table, the failed tables that it waits for."""
    blockers: dict[str, list[str]] = {}
    for failed in failed_tables:
        for table in find_downstream(failed)[0]:
            blockers.setdefault(table, []).append(failed)
    return blockers
