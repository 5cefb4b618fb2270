"""The context of one run: settings, source, session, the state of the log, and the tables that it publishes."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pyspark.sql import SparkSession

from ingest.log_state import LogState
from ingest.source_config import Source
from jobs.runtime import spark_session
from jobs.runtime.progress import Progress
from jobs.runtime.publisher import Publisher
from jobs.runtime.settings import RunSettings, parse_size
from longplay.paths import SourcePaths, StorePaths
from longplay.registry.registry import Registry
from quality.gate import Gate
from tables.lock import process_lock
from tables.publish import WritableStore
from tables.small_data import SmallData


def _new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"


@dataclass
class RunContext:
    """What the steps of one run over one source share.

    Attributes:
        settings: everything that can be set.
        source: the source file.
        registry: signals and rewards by name.
        root: the root folder of all sources.
        force: rebuild tables even if nothing has changed.
        progress: reports to the terminal.
        run_id: names the run.
        session: a running Spark session; None: one is started when it is first needed.
        defers_spark: whether opening the store starts no Spark. Columns cannot be built before it runs, so this is for
            steps that read and publish without it.
    """

    settings: RunSettings
    source: Source
    registry: Registry
    root: Path
    force: bool = False
    progress: Progress = field(default_factory=Progress)
    run_id: str = field(default_factory=_new_run_id)
    session: SparkSession | None = None
    defers_spark: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the source's tables, verdicts and reports."""
        return StorePaths.from_address(self.root).source(self.source.name).folder

    @property
    def log(self) -> LogState:
        """The state of the source's log, all deliveries included."""
        return LogState(self.folder, self.source.completeness.begins)

    @cached_property
    def spark(self) -> SparkSession:
        """The Spark session."""
        if self.session is not None:
            return self.session
        with self.progress.step(f"start {self.settings.spark.engine.capitalize()}"):
            return spark_session.start(self.settings.spark, f"longplay {self.source.name}")

    @cached_property
    def store(self) -> WritableStore:
        """The store of the source."""
        if not self.defers_spark:
            _ = self.spark
        settings = self.settings.store
        small = SmallData(settings.small_rows, parse_size(settings.small_size))
        return WritableStore(self.root, self.source.name, lambda: self.spark, small)

    @cached_property
    def tables(self) -> Publisher:
        """Publishes the source's tables."""
        return Publisher(self.store, self.gate, self.source, self.run_id, self.force, self.progress)

    @cached_property
    def gate(self) -> Gate:
        """The gate that validates every publication."""
        paths, quality = SourcePaths(self.folder), self.settings.quality
        return Gate(
            paths.verdicts,
            self.run_id,
            self.store.verdict_names,
            lambda table: self.store.read(table) if self.store.exists(table) else None,
            lambda text: self.progress.say(f"warning: {text}"),
            quality.accept,
            quality.direct_below,
            paths.verdict_pages if quality.data_docs else None,
        )

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Make other runs that write tables of the source wait.

        Raises:
            StoreError: when another run has held the lock for ten minutes.
        """
        name = f"source '{self.source.name}'"

        def report_wait() -> None:
            self.progress.say(f"another run is working on {name}: waiting for it")

        lock = SourcePaths(self.folder).run_lock
        with process_lock(lock, f"Another run has been working on {name}", self.folder, report_wait):
            yield
