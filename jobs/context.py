"""What every job shares: settings, source, store, gate, the run's name, and how it reports."""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from ingest.source import Source
from jobs import session
from jobs.progress import Progress
from jobs.settings import Settings
from longplay.delta import read_arrow
from longplay.errors import NotFoundError
from longplay.registry import Registry
from quality.gate import Gate
from tables import catalog
from tables.store import Lineage, Published, Store

TABLE_CODE = ("tables", "ingest", "features", "signals", "quality", "rankers", "longplay")


@dataclass
class Job:
    """One run of one or more steps over one source."""

    settings: Settings
    source: Source
    registry: Registry
    root: Path
    force: bool = False
    progress: Progress = field(default_factory=Progress)
    run_id: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}")

    @cached_property
    def spark(self) -> SparkSession:
        """The Spark session, started when first needed."""
        with self.progress.step("start Spark"):
            return session.start(self.settings.spark, f"longplay {self.source.name}")

    @cached_property
    def store(self) -> Store:
        """The store of the source."""
        return Store(self.root, self.source.name, self.spark)

    @property
    def folder(self) -> Path:
        """The folder of the source's tables, verdicts and reports."""
        return self.root.absolute() / self.source.name

    @cached_property
    def gate(self) -> Gate:
        """The gate that every table passes."""
        return Gate(self.folder / "_quality", self.run_id)

    def fingerprint(self, inputs: Mapping[str, int], facts: Mapping[str, Any]) -> str:
        """A hash over input versions, settings of the step, the source file and the code."""
        whole = [dict(inputs), dict(facts), self.source.model_dump(mode="json"), code_hash()]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def publish(
        self,
        table: str,
        inputs: Mapping[str, int],
        facts: Mapping[str, Any],
        build: Callable[[], DataFrame],
    ) -> Published:
        """Publish a derived table unless it was already made from the same inputs, settings and code."""
        fingerprint = self.fingerprint(inputs, facts)
        if not self.force and self.store.up_to_date(table, fingerprint):
            done = Published(table, self.store.version(table), 0, False, "same inputs, settings and code")
        else:
            lineage = Lineage(self.run_id, fingerprint, dict(inputs), dict(facts))
            done = self.store.publish(build(), catalog.get(table), lineage, self.gate)
        self.progress.table(done)
        return done

    def versions(self, *tables: str) -> dict[str, int]:
        """The newest version of each table."""
        return {table: self.store.version(table) for table in tables}

    def read(self, versions: Mapping[str, int], table: str) -> DataFrame:
        """A table at its pinned version."""
        return self.store.read(table, versions[table])

    def delivery(self) -> dict[str, Any]:
        """The newest delivery's row: watermark, log start, counts (times are UTC)."""
        rows = self.deliveries()
        if not rows:
            raise NotFoundError("Nothing was ingested yet.", fix="run 'longplay ingest' first")
        return max(rows, key=lambda row: (row["watermark"], row["observed_at"], row["batch_id"]))

    def deliveries(self) -> list[dict[str, Any]]:
        """Every delivery's row, read without Spark: a log has few."""
        rows = read_arrow(self.folder / "deliveries").to_pylist()
        return [{**row, "counts": dict(row["counts"])} for row in rows]

    def known_at(self, date: datetime | None) -> datetime:
        """The logical date of a step: as given, else the newest watermark."""
        return date or self.delivery()["watermark"]


def code_hash(packages: Sequence[str] = TABLE_CODE) -> str:
    """A hash over the source code of some packages: by default those that decide the content of tables."""
    digest = hashlib.sha256()
    for package in packages:
        spec = find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            for path in sorted(Path(place).rglob("*.py")):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
