"""Reads the Delta tables of one source. ``tables.publish`` writes them, ``tables.maintenance`` compacts and erases."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from longplay.delta import check_files, open_table, read_commits
from longplay.errors import NotFoundError
from longplay.paths import StorePaths, data_file
from tables import catalog
from tables.lock import process_lock
from tables.small_data import DEFAULT_SMALL_DATA, SmallData
from tables.spark import escape_glob, is_spark, spark_schema

PUBLICATION_LOOKBACK_COMMITS = 50
"""Commits searched for a table's newest publication; only a few commits of maintenance lie between two."""
VERDICT_LOOKBACK_COMMITS = 90
"""Commits searched for verdicts."""
EARLIER_VERDICTS = "verdicts"
"""Key under which the one commit that an erasure leaves lists the verdicts of the commits it removed."""
ROWS_PER_BUCKET, MIN_BUCKETS = 250_000, 8


class Store:
    """The Delta tables of one source under one root folder.

    Args:
        root: the warehouse.
        source: name of the source; its tables are in ``root/source``.
        open_session: gives the session that reads and writes data; called when it is first needed, for metadata and
            small tables are read without it.
        small: what is handled without Spark's Delta library.
    """

    def __init__(
        self, root: Path, source: str, open_session: Callable[[], SparkSession], small: SmallData = DEFAULT_SMALL_DATA
    ) -> None:
        self.paths = StorePaths.from_address(root).source(source)
        self._open_session = open_session
        self.small = small

    @cached_property
    def spark(self) -> SparkSession:
        """The session that reads and writes data."""
        return self._open_session()

    @property
    def folder(self) -> Path:
        """The folder of the source's tables."""
        return self.paths.folder

    def path(self, table: str) -> Path:
        """The folder of a table."""
        return self.paths.table(table)

    def exists(self, table: str) -> bool:
        """Whether a version of the table was ever published."""
        return bool(DeltaTable.is_deltatable(str(self.path(table))))

    def version(self, table: str) -> int:
        """The newest version.

        Raises:
            StoreError: when the table is missing or its log cannot be read.
        """
        return int(open_table(self.path(table)).version())

    def latest(self, table: str) -> int:
        """The newest version, or -1 if there is no table."""
        return self.version(table) if self.exists(table) else -1

    def version_on(self, table: str, moment: datetime) -> int:
        """The version that was the newest at a moment (UTC), by commit time.

        Raises:
            NotFoundError: when the oldest version left is newer.
        """
        history = open_table(self.path(table)).history()
        commit_ms = {int(entry["version"]): int(entry["timestamp"]) for entry in history}
        versions = [version for version, ms in commit_ms.items() if ms <= moment.timestamp() * 1000]
        if not versions:
            oldest = datetime.fromtimestamp(min(commit_ms.values()) / 1000, UTC)
            raise NotFoundError(
                f"'{table}' had no version yet.",
                where=str(self.path(table)),
                got=f"{moment:%Y-%m-%d %H:%M}; the oldest version left is from {oldest:%Y-%m-%d %H:%M} UTC",
                fix="name a later date, or ask for what was known then with --known-at",
            )
        return max(versions)

    def commit_metadata(self, table: str, version: int | None = None) -> dict[str, Any]:
        """What a publication recorded in its commit: run id, fingerprint, inputs, facts, audit.

        Args:
            table: which table.
            version: the version to look at; default: the newest one with metadata. Commits that only rearrange files
                (compaction) have none.

        Returns:
            The metadata; empty where there are none.
        """
        if not self.exists(table):
            return {}
        limit = PUBLICATION_LOOKBACK_COMMITS if version is None else None
        for entry, metadata in read_commits(open_table(self.path(table)), limit):
            if metadata if version is None else entry.get("version") == version:
                return metadata
        return {}

    def is_up_to_date(self, table: str, fingerprint: str) -> bool:
        """Whether the newest version was made from exactly these inputs, settings and code."""
        return self.commit_metadata(table).get("fingerprint") == fingerprint

    def verdict_names(self, table: str) -> list[str]:
        """File names of the gate's verdicts on the newest published versions, oldest first."""
        if not self.exists(table):
            return []
        names: list[str] = []
        for _, metadata in read_commits(open_table(self.path(table)), VERDICT_LOOKBACK_COMMITS):
            if EARLIER_VERDICTS in metadata:
                return [*metadata[EARLIER_VERDICTS], *reversed(names)][-VERDICT_LOOKBACK_COMMITS:]
            names += [metadata["audit"]["verdict"]] if "verdict" in metadata.get("audit", {}) else []
        return names[::-1]

    def files(self, table: str, version: int) -> list[Path]:
        """The data files of a version."""
        return _list_files(self.path(table), open_table(self.path(table), version))

    def read(self, table: str, version: int | None = None) -> DataFrame:
        """A table at a version (default: newest), after checking that none of its files is missing.

        Raises:
            StoreError: when it is missing or corrupted.
        """
        path = self.path(table)
        check_files(path, version)
        opened = open_table(path, version)
        if self._reads_plain_files and self._is_small(opened):
            return self._read_files(path, opened)
        reader = self.spark.read.format("delta")
        return (reader if version is None else reader.option("versionAsOf", version)).load(str(path))

    @cached_property
    def _reads_plain_files(self) -> bool:
        """Whether partition values of plain Parquet can be trusted: Sail reads those that are booleans as null."""
        return is_spark(self.spark)

    def _is_small(self, table: DeltaTable) -> bool:
        """Whether Spark should read the table's files as plain Parquet.

        Not if rows may be deleted inside files, or columns have other names there: later protocols allow that.
        """
        sizes = table.get_add_actions(flatten=True)["size_bytes"].to_pylist()
        is_plain = table.protocol().min_reader_version == 1
        return is_plain and self.small.include_table(len(sizes), sum(sizes))

    def _read_files(self, path: Path, table: DeltaTable) -> DataFrame:
        """The files of a version, read without a look into the log by Spark."""
        schema, files = spark_schema(table), [escape_glob(str(file)) for file in _list_files(path, table)]
        if not files:
            return self.spark.createDataFrame([], schema)
        reader = self.spark.read.schema(schema).option("basePath", str(path))
        return reader.parquet(*files).select(*schema.names)

    def count_rows(self, table: str, since: date | None = None) -> int:
        """Rows of the files that hold days from ``since`` on, by the table's time column. Reads only the log."""
        time = catalog.get(table).time
        files = open_table(self.path(table)).get_add_actions(flatten=True)
        rows = files["num_records"].to_pylist()
        if since is None or time is None or f"max.{time}" not in files.schema.names:
            return sum(rows)
        newest_days = files[f"max.{time}"].to_pylist()
        return sum(n for n, day in zip(rows, newest_days, strict=True) if day is None or day >= since)

    def bucket_count(self, since: Mapping[str, date | None]) -> int:
        """Buckets to split the rows of some tables into, each from its day on, so that one bucket stays small."""
        rows = sum(self.count_rows(table, day) for table, day in since.items())
        return max(MIN_BUCKETS, -(-rows // ROWS_PER_BUCKET))

    @contextmanager
    def lock(self, table: str) -> Iterator[None]:
        """One writer at a time: Delta's own commit is not safe between processes on a local file system.

        Raises:
            StoreError: when another process has held it for ten minutes.
        """
        busy = f"Another process has been writing '{table}'"
        with process_lock(self.paths.lock(table), busy, self.path(table)):
            yield


def _list_files(path: Path, table: DeltaTable) -> list[Path]:
    return [data_file(path, name) for name in table.get_add_actions(flatten=True)["path"].to_pylist()]
