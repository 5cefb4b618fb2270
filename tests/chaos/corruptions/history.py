"""A warehouse that grows day by day, and copies of it into which something else is delivered."""

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
from tests.chaos.corruptions.signs import Signs, watched

SETTINGS = (
    "signals.shipped=[click, return_to_item_14d, regret]",
    "training.train_days=7",
    "training.valid_days=3",
    "training.test_days=3",
)
CODEGEN = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
TRAINABLE = 61
"""From this day on the log is long enough for a training set: its three splits lie a label's horizon apart."""


@dataclass
class History:
    """The warehouse of good days.

    Attributes:
        spark: the one session of all runs.
        days: what is delivered.
        out: the folder of everything that is made.
        first: the first day that is delivered by itself; all before it come as one delivery.
        clean: how many days follow each other without a fault.
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
        """The day after the clean ones: the one that comes good or corrupted."""
        return self.first + self.clean

    def job(self, root: Path, text: bool = False) -> RunContext:
        """A run of its own in some warehouse."""
        progress = Progress(console=Console(file=StringIO()))
        settings = load_settings(overrides=SETTINGS)
        one = RunContext(settings, source(text), default_registry(), root, False, progress)
        one.session = self.spark
        return one

    def grow(self, build_every: int, until: float) -> list[Signs]:
        """Deliver the clean days that are not there yet; what was seen on each is kept in ``clean.json``.

        Args:
            build_every: all that is derived is built every so many days, and after the last; 0: never.
            until: begin none after this moment of the monotonic clock.
        """
        file = self.out / "clean.json"
        done = [Signs(**one) for one in json.loads(file.read_text("utf-8"))] if file.exists() else []
        for number in range(self.first - 1 + len(done), self.target):
            if time.monotonic() > until:
                break
            turn = bool(build_every) and number >= self.first and (self.target - 1 - number) % build_every == 0
            done.append(self._deliver(number, turn))
            print(done[-1].line(), flush=True)
            file.write_text(json.dumps([vars(one) for one in done], indent=1), encoding="utf-8")
        return done

    def _deliver(self, number: int, build: bool) -> Signs:
        """One day, or all before the first; then the derived tables, where it is their turn."""
        shutil.rmtree(self.out / "today", ignore_errors=True)
        if number < self.first:
            rows = self.days.between(0, self.first)
            data, name = self.days.write(self.out / "today", rows, 0, self.first), f"days 0 to {number}"
        else:
            data, name = self.days.deliver(self.out / "today", number), f"day {number}"

        def work(one: RunContext) -> None:
            ingest(one, data)
            if build:
                with compiled(self.spark):
                    for step in LINE if number >= TRAINABLE else LINE[:-1]:
                        step(one)

        return watched(self.job(self.root), f"{name}{' and all that is derived' if build else ''}", work)

    def copy(self, name: str, of: Path | None = None) -> Path:
        """A copy of a warehouse (default: that of the clean days); rows are shared, for nobody changes a data file."""
        root = self.out / "work" / name
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(of or self.root, root, copy_function=_share)
        return root


@contextmanager
def compiled(spark: SparkSession) -> Iterator[None]:
    """Queries are compiled within: that pays where a whole history is read, and not for a day's delivery."""
    usual = {key: spark.conf.get(key) for key in CODEGEN}
    for key, value in CODEGEN.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, value in usual.items():
            spark.conf.set(key, value)


def _features(one: RunContext) -> None:
    build_histories(one)
    build_features(one)


def _training_set(one: RunContext) -> None:
    release(one)
    build_training_set(one)


LINE: tuple[Callable[[RunContext], None], ...] = (_features, build_signals, _training_set)
STEP_OF = {
    "exposure_features": _features,
    "item_features": _features,
    "signal_values": build_signals,
    "training_set": _training_set,
}


def _share(source: str, target: str) -> None:
    """Data files are shared; what may be written again in place is copied."""
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)
