"""Maintains published tables: compacts small files, removes old versions, erases people."""

import json
import time
from collections.abc import Mapping
from typing import Any

from longplay.delta import has_deletion_vectors, open_table, truncate_log
from tables import catalog
from tables.compaction import is_scattered
from tables.spark import spark_setting
from tables.store import EARLIER_VERDICTS, Store


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
        # Sorted within files, so that readers of a few days read few row groups of a large file.
        sorting = spark_setting(store.spark, "spark.databricks.io.skipping.mdc.sortWithinFiles", "true")
        with store.lock(table), sorting:
            store.spark.sql(f"OPTIMIZE delta.`{path}` {order}")
    return files_before, len(open_table(path).file_uris())


def remove_versions(store: Store, table: str, keep_hours: int) -> None:
    """Delete the files of versions replaced more than ``keep_hours`` ago. Those can no longer be read."""
    without_age_check = spark_setting(store.spark, "spark.databricks.delta.retentionDurationCheck.enabled", "false")
    with store.lock(table), without_age_check:
        store.spark.sql(f"VACUUM delta.`{store.path(table)}` RETAIN {keep_hours} HOURS")


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
            store.spark.sql(f"REORG TABLE delta.`{path}` APPLY (PURGE)")  # otherwise the rows stay in the data files
    remove_versions(store, table, 0)
    with store.lock(table):
        # This comes last, because removing files adds commits.
        _commit_metadata(store, table, {**metadata, EARLIER_VERDICTS: verdicts})
        truncate_log(path)


def _commit_metadata(store: Store, table: str, metadata: Mapping[str, Any]) -> None:
    """Make a commit that changes only the table's metadata."""
    text = json.dumps(metadata, sort_keys=True, default=str)
    with spark_setting(store.spark, "spark.databricks.delta.commitInfo.userMetadata", text):
        stamp = f"'longplay.rewritten' = '{time.time_ns()}'"
        store.spark.sql(f"ALTER TABLE delta.`{store.path(table)}` SET TBLPROPERTIES ({stamp})")
