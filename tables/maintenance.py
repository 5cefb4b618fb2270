"""Maintains published tables: compacts small files, removes old versions, erases people.

What the session's engine cannot do, delta-rs does, or it is refused: ``engine_limits.py``.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from deltalake import DeltaTable

from longplay.delta import has_deletion_vectors, open_table, truncate_log
from tables import catalog
from tables.arrow_commit import commit_properties
from tables.compaction import is_scattered
from tables.engine_limits import find_limit
from tables.spark import spark_setting
from tables.store import EARLIER_VERDICTS, Store

_LOG = logging.getLogger(__name__)


def compact(store: Store, table: str) -> tuple[int, int]:
    """Join small files, in order of time. Rows and commit metadata stay the same.

    Returns:
        The number of files before and after. A table with few small files is left alone.
    """
    path, time_column = store.path(table), catalog.get(table).time
    opened = open_table(path)
    files_before = len(opened.file_uris())
    if is_scattered(opened):
        order = f"ZORDER BY ({time_column})" if time_column else ""

        def join_files(table: DeltaTable) -> None:
            if time_column:
                table.optimize.z_order([time_column])
            else:
                table.optimize.compact()

        # Sorted within files, so that readers of a few days read few row groups of a large file.
        sorting = spark_setting(store.spark, "spark.databricks.io.skipping.mdc.sortWithinFiles", "true")
        with store.lock(table), sorting:
            _run(store, table, f"OPTIMIZE delta.`{path}` {order}", join_files)
    return files_before, len(open_table(path).file_uris())


def remove_versions(store: Store, table: str, keep_hours: int) -> None:
    """Delete the files of versions replaced more than ``keep_hours`` ago. Those can no longer be read."""
    without_age_check = spark_setting(store.spark, "spark.databricks.delta.retentionDurationCheck.enabled", "false")
    statement = f"VACUUM delta.`{store.path(table)}` RETAIN {keep_hours} HOURS"

    def remove_files(table: DeltaTable) -> None:
        table.vacuum(keep_hours, dry_run=False, enforce_retention_duration=False, full=True)

    with store.lock(table), without_age_check:
        _run(store, table, statement, remove_files)


def erase_rows(store: Store, table: str, condition: str, metadata: Mapping[str, Any]) -> None:
    """Remove rows from a table and from its history: old versions, their files and the commit log.

    Afterwards the table has one version, and its log does not show what was removed. If interrupted, run it again.

    Args:
        store: holds the table.
        table: which table.
        condition: SQL; rows for which it is true are removed.
        metadata: of the one commit that stays.
    """
    path, verdicts = store.path(table), store.verdict_names(table)
    with store.lock(table):
        if not store.read(table).where(condition).isEmpty():
            store.spark.sql(f"DELETE FROM delta.`{path}` WHERE {condition}")
        if has_deletion_vectors(path):
            # Otherwise the rows stay in the data files.
            _run(store, table, f"REORG TABLE delta.`{path}` APPLY (PURGE)")
    remove_versions(store, table, 0)
    with store.lock(table):
        # This comes last, because removing files adds commits.
        _commit_metadata(store, table, {**metadata, EARLIER_VERDICTS: verdicts})
        truncate_log(path)


def _commit_metadata(store: Store, table: str, metadata: Mapping[str, Any]) -> None:
    """Make a commit that changes only the table's metadata."""
    text = json.dumps(metadata, sort_keys=True, default=str)
    name, stamp = "longplay.rewritten", str(time.time_ns())

    def set_property(table: DeltaTable) -> None:
        table.alter.set_table_properties(
            {name: stamp}, raise_if_not_exists=False, commit_properties=commit_properties(metadata)
        )

    with spark_setting(store.spark, "spark.databricks.delta.commitInfo.userMetadata", text):
        statement = f"ALTER TABLE delta.`{store.path(table)}` SET TBLPROPERTIES ('{name}' = '{stamp}')"
        _run(store, table, statement, set_property)


def _run(store: Store, table: str, statement: str, instead: Callable[[DeltaTable], None] | None = None) -> None:
    """Run a statement of Delta, or what delta-rs does instead where the engine cannot."""
    limit = find_limit(store.spark, statement)
    if limit is None:
        store.spark.sql(statement)
    elif instead is not None:
        _LOG.warning("%s: %s", table, limit.describe())
        instead(open_table(store.path(table)))
