"""A warehouse that grows day by day, and copies of it that receive corrupted deliveries."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from pyspark.sql import SparkSession
from rich.console import Console

from jobs.build_features import build_features
from jobs.build_histories import build_histories
from jobs.build_signals import build_signals
from jobs.build_training_set import build_training_set
from jobs.ingest_log import ingest
from jobs.release import release
from jobs.runtime.progress import Progress
from jobs.runtime.run_context import RunContext
from jobs.runtime.settings import load_settings
from longplay.registry.registry import default_registry
from tests.chaos.corruptions.deliveries import Deliveries, source
from tests.chaos.corruptions.signs import Signs, watch_run

SETTINGS = (
    "signals.shipped=[click, return_to_item_14d, regret]",
    "training.train_days=7",
    "training.valid_days=3",
    "training.test_days=3",
)
CODEGEN = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
FIRST_TRAINABLE_DAY = 61
"""From this day on the log is long enough for a training set with three splits a label's horizon apart."""


@dataclass
class History:
    """The warehouse of good days.

    Attributes:
        spark: the one session of all runs.
        days: the world's deliveries.
        out: the folder of warehouses and results.
        first: the first day with a delivery of its own; all earlier days come as one delivery.
        clean: number of days without a fault.
    """

    spark: SparkSession
    days: Deliveries
    out: Path
    first: int
    clean: int

    @property
    def root(self) -> Path:
        """The warehouse."""
        return self.out / "history"

    @property
    def target(self) -> int:
        """The day after the clean ones, which comes with or without a corruption."""
        return self.first + self.clean

    def open_run(self, root: Path, text: bool = False) -> RunContext:
        """A run context for a warehouse."""
        progress = Progress(console=Console(file=StringIO()))
        settings = load_settings(overrides=SETTINGS)
        context = RunContext(settings, source(text), default_registry(), root, False, progress)
        context.session = self.spark
        return context

    def grow(self, build_every: int, until: float) -> list[Signs]:
        """Deliver the remaining clean days; the signs of each are stored in ``clean.json``.

        Args:
            build_every: days between builds of the derived tables, which also follow the last day; 0: no builds.
            until: start nothing after this time of the monotonic clock.
        """
        file = self.out / "clean.json"
        signs = [Signs(**entry) for entry in json.loads(file.read_text("utf-8"))] if file.exists() else []
        for number in range(self.first - 1 + len(signs), self.target):
            if time.monotonic() > until:
                break
            is_build_day = bool(build_every) and number >= self.first and (self.target - 1 - number) % build_every == 0
            signs.append(self._deliver(number, is_build_day))
            print(signs[-1].line(), flush=True)
            file.write_text(json.dumps([vars(entry) for entry in signs], indent=1), encoding="utf-8")
        return signs

    def _deliver(self, number: int, build: bool) -> Signs:
        """Deliver one day, or all days before the first; then build the derived tables if wanted."""
        shutil.rmtree(self.out / "today", ignore_errors=True)
        if number < self.first:
            rows = self.days.between(0, self.first)
            data, name = self.days.write(self.out / "today", rows, 0, self.first), f"days 0 to {number}"
        else:
            data, name = self.days.deliver(self.out / "today", number), f"day {number}"

        def work(context: RunContext) -> None:
            ingest(context, data)
            if build:
                with code_generation(self.spark):
                    for step in STEPS if number >= FIRST_TRAINABLE_DAY else STEPS[:-1]:
                        step(context)

        return watch_run(self.open_run(self.root), f"{name}{' with derived tables' if build else ''}", work)

    def copy(self, name: str, original: Path | None = None) -> Path:
        """Copy a warehouse (default: that of the clean days); data files are shared, because nothing changes them."""
        root = self.out / "work" / name
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(original or self.root, root, copy_function=_share)
        return root


@contextmanager
def code_generation(spark: SparkSession) -> Iterator[None]:
    """Compile queries inside the block: worthwhile for a whole history, not for a day's delivery."""
    previous = {key: spark.conf.get(key) for key in CODEGEN}
    for key, value in CODEGEN.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, value in previous.items():
            spark.conf.set(key, value)


def _features(context: RunContext) -> None:
    build_histories(context)
    build_features(context)


def _training_set(context: RunContext) -> None:
    release(context)
    build_training_set(context)


STEPS: tuple[Callable[[RunContext], None], ...] = (_features, build_signals, _training_set)
STEP_BY_TABLE = {
    "exposure_features": _features,
    "item_features": _features,
    "signal_values": build_signals,
    "training_set": _training_set,
}


def _share(source: str, target: str) -> None:
    """Share data files; copy files that may be rewritten in place."""
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)
