"""Deliveries in a folder, taken one after the other through Longplay's daily pipeline."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from bench.read import read_by
from ingest.source_config import load_source
from jobs.build_features import build_features
from jobs.build_histories import build_histories
from jobs.build_signals import build_signals
from jobs.ingest_log import ingest
from jobs.runtime.run_context import RunContext
from jobs.runtime.settings import load_settings
from longplay.registry.registry import default_registry


class Deliveries:
    """The deliveries that a warehouse has not taken yet, in order of their names.

    Args:
        spark: the session of all runs.
        source: a source file of the bench.
        data: folder of the deliveries.
        root: folder of the warehouse.
        overrides: settings, ``key.path=value`` each.
    """

    def __init__(self, spark: SparkSession, source: str, data: Path, root: Path, overrides: Sequence[str] = ()) -> None:
        self._spark, self._root = spark, root
        self._source = load_source(str(Path(__file__).parent / source))
        self._settings = load_settings(overrides=overrides)
        log = self.job().log
        self._waiting = sorted(data.iterdir())[len(log.deliveries()) if log.has_deliveries else 0 :]

    def job(self) -> RunContext:
        """Open a run context for the warehouse."""
        context = RunContext(self._settings, self._source, default_registry(), self._root)
        context.session = self._spark
        return context

    def next(self) -> Path:
        """The next delivery, which counts as taken from then on."""
        return self._waiting.pop(0)

    def take(self) -> dict[str, Any]:
        """Take the next delivery through every table; return bytes and seconds by step."""
        context, delivery = self.job(), self.next()
        steps = {"ingest": lambda: ingest(context, delivery)}
        steps |= {step.__name__: partial(step, context) for step in (build_histories, build_features, build_signals)}
        bytes_of: dict[str, int] = {}
        with read_by(self._spark) as read:
            for name, step in steps.items():
                with context.progress.step(name), read_by(self._spark) as own:
                    step()
                bytes_of[name] = own["bytes_read"]
        seconds = {name: round(s, 1) for name, s in context.progress.seconds.items()}
        return {**read, "steps": seconds, "bytes_of_steps": bytes_of}
