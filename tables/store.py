"""The store: the only place, beside jobs, that touches storage. Stage, audit, then one atomic commit."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from filelock import FileLock, Timeout
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from longplay.delta import check_files, open_table
from longplay.errors import StoreError, first_line
from tables.spec import TableSpec

log = logging.getLogger("longplay.store")
LOCK_SECONDS = 600
SPARK_ERRORS = (PySparkException, Py4JError)
"""What a failing Spark job raises: PySpark leaves many of the JVM's errors as they are."""


@dataclass(frozen=True)
class Lineage:
    """What a version was made from; kept in its commit. ``fingerprint`` is a hash over all of it."""

    run_id: str
    fingerprint: str
    inputs: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """What a publish step did: the version that now holds the content, and whether it was written anew."""

    table: str
    version: int
    rows: int
    written: bool
    why: str
    checksum: str = ""


Gate = Callable[[DataFrame, TableSpec], Mapping[str, Any]]


class Store:
    """The Delta tables of one source under one root folder.

    Args:
        root: the warehouse.
        source: name of the source; its tables live in ``root/source``.
        spark: session used to read and write data (metadata are read without it).
    """

    def __init__(self, root: Path, source: str, spark: SparkSession) -> None:
        self.folder = Path(root).absolute() / source
        self.spark = spark

    def path(self, table: str) -> Path:
        """The folder of a table."""
        return self.folder / table

    def exists(self, table: str) -> bool:
        """Whether a version of the table was ever published."""
        return bool(DeltaTable.is_deltatable(str(self.path(table))))

    def version(self, table: str) -> int:
        """The newest version.

        Raises:
            StoreError: when the table is missing or its log cannot be read.
        """
        return int(open_table(self.path(table)).version())

    def commit(self, table: str) -> dict[str, Any]:
        """What the newest commit of a table says of itself: run id, fingerprint, inputs, audit."""
        if not self.exists(table):
            return {}
        newest: dict[str, Any] = next(iter(open_table(self.path(table)).history(1)), {})
        return dict(json.loads(newest.get("userMetadata") or "{}"))

    def read(self, table: str, version: int | None = None) -> DataFrame:
        """A table at a version (default: newest), after checking that its files are all there.

        Raises:
            StoreError: when it is missing or corrupted.
        """
        path = self.path(table)
        check_files(path, version)
        reader = self.spark.read.format("delta")
        return (reader if version is None else reader.option("versionAsOf", version)).load(str(path))

    def up_to_date(self, table: str, fingerprint: str) -> bool:
        """Whether the newest version was made from just these inputs, settings and code."""
        return self.commit(table).get("fingerprint") == fingerprint

    def publish(self, frame: DataFrame, spec: TableSpec, lineage: Lineage, gate: Gate) -> Published:
        """Stage ``frame``, let ``gate`` audit it, and commit it as one version.

        ``replace`` tables are overwritten; to ``append`` tables only rows whose grain is not there yet are
        added, so that a delivery that is read twice, or again after a crash, changes nothing.

        Raises:
            QualityError: from the gate; nothing is published and the rows stay under ``rejected/``.
            StoreError: when another process holds the table for ten minutes.
        """
        with self._lock(spec.name), self._staging(spec, lineage) as staging:
            self._new_rows(frame, spec).write.mode("overwrite").parquet(str(staging))
            staged = self.spark.read.parquet(str(staging))
            with self._rejecting(staging, spec, lineage):
                audit = gate(staged, spec)
            return self._commit(staged, spec, lineage, dict(audit))

    def _new_rows(self, frame: DataFrame, spec: TableSpec) -> DataFrame:
        if spec.mode == "append" and self.exists(spec.name):
            known = self.read(spec.name).select(*spec.grain)
            return frame.join(known, list(spec.grain), "left_anti")
        return frame

    def _commit(self, staged: DataFrame, spec: TableSpec, lineage: Lineage, audit: dict[str, Any]) -> Published:
        rows = int(audit.get("rows", 0))
        if spec.mode == "append" and rows == 0 and self.exists(spec.name):
            return Published(spec.name, self.version(spec.name), 0, False, "no new rows")
        note = json.dumps({**asdict(lineage), "audit": audit}, sort_keys=True, default=str)
        writer = staged.write.format("delta").option("userMetadata", note)
        if spec.mode == "append":
            writer.mode("append").save(str(self.path(spec.name)))
        else:
            writer.mode("overwrite").option("overwriteSchema", True).save(str(self.path(spec.name)))
        return Published(spec.name, self.version(spec.name), rows, True, "published", str(audit.get("checksum", "")))

    @contextmanager
    def _lock(self, table: str) -> Iterator[None]:
        """One writer at a time: Delta's own commit is not safe between processes on a local file system."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / f".{table}.lock")
        try:
            with lock.acquire(timeout=LOCK_SECONDS, poll_interval=0.2):
                yield
        except Timeout as error:
            raise StoreError(
                f"Another process has been writing '{table}' for {LOCK_SECONDS} s.",
                where=str(self.path(table)),
                fix="wait for it, or stop it; the lock ends with its process",
            ) from error

    @contextmanager
    def _staging(self, spec: TableSpec, lineage: Lineage) -> Iterator[Path]:
        for left in (self.folder / "_staging").glob(f"{spec.name}-*"):
            shutil.rmtree(left, ignore_errors=True)  # of a run that was killed: this one holds the table's lock
        staging = self.folder / "_staging" / f"{spec.name}-{lineage.run_id}"
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    @contextmanager
    def _rejecting(self, staging: Path, spec: TableSpec, lineage: Lineage) -> Iterator[None]:
        """Keep the staged rows under ``rejected/`` unless the audit inside comes to its end."""
        passed = False
        try:
            yield
            passed = True
        finally:
            if not passed and staging.exists():
                target = self.folder / "rejected" / f"{spec.name}-{lineage.run_id}"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(target, ignore_errors=True)
                shutil.move(staging, target)


def explain_spark(error: Exception, where: str) -> StoreError:
    """A Spark failure as an error of ours, its cause kept."""
    return StoreError("Spark could not do this step.", where=where, got=spark_says(error))


def spark_says(error: Exception) -> str:
    """One line of what Spark says went wrong: the innermost cause where it names one."""
    lines = str(error).splitlines()
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    thrown = [line.removeprefix(": ") for line in lines if line.startswith(": ")]
    if not isinstance(error, Py4JError) or not causes + thrown:
        return first_line(error)
    return (causes or thrown)[-1].split("Exception: ", 1)[-1]
