"""What every job shares: settings, source, store, gate, the run's name, and how it reports."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ingest.source_config import Source
from ingest.watermark import Delivered, midnight, steps, watermark_at
from jobs.runtime import spark_session
from jobs.runtime.progress import Progress
from jobs.runtime.settings import Settings
from longplay.delta import read_arrow
from longplay.errors import NotFoundError
from longplay.paths import SourcePaths, StorePaths
from longplay.registry.registry import Registry
from quality.gate import Gate
from tables import catalog
from tables.lock import process_lock
from tables.publish import Lineage, PublishedVersion, WritableStore
from tables.spec import TableSpec

TABLE_CODE = ("tables", "ingest", "features", "signals", "quality", "rankers", "longplay")


@dataclass
class RunContext:
    """One run of one or more steps over one source.

    ``last`` is the number of the last delivery that it sees; None: all.
    """

    settings: Settings
    source: Source
    registry: Registry
    root: Path
    force: bool = False
    progress: Progress = field(default_factory=Progress)
    run_id: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}")
    last: int | None = None

    @cached_property
    def spark(self) -> SparkSession:
        """The Spark session, started when first needed."""
        with self.progress.step("start Spark"):
            return spark_session.start(self.settings.spark, f"longplay {self.source.name}")

    @cached_property
    def store(self) -> WritableStore:
        """The store of the source."""
        return WritableStore(self.root, self.source.name, self.spark)

    @property
    def folder(self) -> Path:
        """The folder of the source's tables, verdicts and reports."""
        return StorePaths.from_address(self.root).source(self.source.name).folder

    @cached_property
    def gate(self) -> Gate:
        """The gate that every table passes."""
        paths, chosen = SourcePaths(self.folder), self.settings.quality
        return Gate(
            paths.verdicts,
            self.run_id,
            self.store.verdict_names,
            lambda table: self.store.read(table) if self.store.exists(table) else None,
            lambda text: self.progress.say(f"warning: {text}"),
            chosen.accept,
            chosen.direct_below,
            paths.verdict_pages if chosen.data_docs else None,
        )

    @cached_property
    def code(self) -> str:
        """A hash over the code that decides the content of tables."""
        return code_hash()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One run that writes a source's tables at a time; another waits for it.

        Raises:
            StoreError: when it has waited for ten minutes.
        """
        name = f"source '{self.source.name}'"

        def waits() -> None:
            self.progress.say(f"another run is at work on {name}: waiting for it")

        lock = SourcePaths(self.folder).run_lock
        with process_lock(lock, f"Another run has been at work on {name}", self.folder, waits):
            yield

    def upto(self, batch: int) -> "RunContext":
        """The same run, as if deliveries after ``batch`` had not come."""
        return self._sharing(replace(self, last=batch))

    def anew(self) -> "RunContext":
        """The same run, told to build everything anew."""
        return self._sharing(replace(self, force=True))

    def _sharing(self, other: "RunContext") -> "RunContext":
        for shared in ("spark", "store", "gate", "code"):
            other.__dict__[shared] = getattr(self, shared)
        return other

    def fingerprint(self, inputs: Mapping[str, int], facts: Mapping[str, Any]) -> str:
        """A hash over input versions, settings of the step, the source file and the code."""
        whole = [dict(inputs), dict(facts), self.source.model_dump(mode="json"), self.code]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def publish(
        self,
        table: str,
        inputs: Mapping[str, int],
        facts: Mapping[str, Any],
        build: Callable[[], DataFrame],
        gate: Callable[[DataFrame, TableSpec], Mapping[str, Any]] | None = None,
    ) -> PublishedVersion:
        """Publish a derived table unless it was already made from the same inputs, settings and code."""
        fingerprint = self.fingerprint(inputs, facts)
        if not self.force and self.store.is_up_to_date(table, fingerprint):
            done = PublishedVersion(table, self.store.version(table), 0, False, "same inputs, settings and code")
        else:
            lineage = Lineage(self.run_id, fingerprint, dict(inputs), dict(facts))
            done = self.store.publish(build(), catalog.get(table), lineage, gate or self.gate)
        self.progress.table(done)
        return done

    def versions(self, *tables: str) -> dict[str, int]:
        """The newest version of each table."""
        return {table: self.store.version(table) for table in tables}

    def read(self, versions: Mapping[str, int], table: str) -> DataFrame:
        """A table at its pinned version."""
        return self.store.read(table, versions[table])

    def delivered(self, versions: Mapping[str, int], table: str) -> DataFrame:
        """Facts of complete deliveries that were known before the frontier: what results may rest on."""
        facts = self.read(versions, table)
        return facts.where((F.col("batch") <= self.batch) & (F.col("known_ts") < F.lit(self.frontier)))

    def deliveries(self) -> list[dict[str, Any]]:
        """Every delivery's row, in order of arrival, read without Spark: a log has few.

        Raises:
            NotFoundError: when nothing was ingested.
        """
        if not self.store.exists("deliveries"):
            raise NotFoundError("Nothing was ingested yet.", where=str(self.folder), fix="run 'longplay ingest' first")
        rows = read_arrow(self.store.path("deliveries")).to_pylist()
        kept = [row for row in rows if self.last is None or row["batch"] <= self.last]
        return [{**row, "counts": dict(row["counts"])} for row in sorted(kept, key=lambda row: row["batch"])]

    @property
    def batch(self) -> int:
        """Number of the newest delivery."""
        return int(self.deliveries()[-1]["batch"])

    @property
    def log_start(self) -> datetime:
        """Since when the log is delivered (UTC)."""
        first: datetime = min(row["log_start"] for row in self.deliveries())
        return first

    def watermarks(self) -> list[tuple[datetime, datetime]]:
        """The watermark's history: from when on, how far. Before anything is complete: the beginning of the log."""
        begins = self.source.completeness.begins
        start = midnight(begins) if begins else None
        found = steps([Delivered.of(row) for row in self.deliveries()], start)
        return found or [(start, start)] if start else found

    @property
    def frontier(self) -> datetime:
        """The newest watermark: all that became known before it has been delivered."""
        return self.watermarks()[-1][1]

    def known_at(self, date: datetime | None) -> datetime:
        """The logical date of a step: as given, else the first moment at which the newest watermark was known."""
        if date is not None:
            return date
        history = self.watermarks()
        return history[-1][0] if len(history) > 1 else history[0][1]

    def watermark(self, known_at: datetime) -> datetime:
        """W(T): how far the log was known to be complete at a logical date."""
        return watermark_at(known_at, self.watermarks())


def code_hash(packages: Sequence[str] = TABLE_CODE) -> str:
    """A hash over code and contracts of some packages: by default those that decide the content of tables."""
    digest = hashlib.sha256()
    for package in packages:
        spec = find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            for path in sorted([*Path(place).rglob("*.py"), *Path(place).glob("contracts/*.yaml")]):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
