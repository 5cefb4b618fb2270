"""Reads Delta tables without Spark, reports what is wrong with them, and truncates their logs.

Shared by the client and the store.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from longplay.errors import StoreError, first_line
from longplay.paths import data_file, delta_log
from longplay.pipeline import find_publishing_step

MAX_TEXT_SHOWN = 80
"""Characters of a damaged text that an error shows."""

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.dataset import Dataset


def open_table(path: Path, version: int | None = None) -> DeltaTable:
    """Open a Delta table's log without Spark.

    Raises:
        StoreError: when there is no table, no such version, or the log is corrupted.
    """
    newest = _open(path, None)
    if version is None or version == newest.version():
        return newest
    if version > newest.version():
        raise StoreError(
            f"The table '{path.name}' has no version {version}.",
            where=str(path),
            got=f"versions up to {newest.version()}",
            fix="name an earlier version, or run the step that builds it",
        )
    return _open(path, version)


def _open(path: Path, version: int | None) -> DeltaTable:
    try:
        _check_commits(delta_log(path))
        return DeltaTable(str(path), version=version)
    except TableNotFoundError as error:
        raise StoreError(
            f"There is no table '{path.name}'.",
            where=str(path),
            got="no Delta log",
            fix=_explain_missing_table(path.name),
        ) from error
    except (DeltaError, OSError, ValueError) as error:
        raise StoreError(
            f"The table '{path.name}' is corrupted.",
            where=str(_faulty_commit(delta_log(path))),
            got=first_line(error),
            fix="restore it from a copy, or delete the folder and run the step that builds it",
        ) from error


def _explain_missing_table(table: str) -> str:
    step = find_publishing_step(table)
    return f"run 'longplay {step}' first" if step else "longplay --help lists the steps, which build the tables"


def _check_commits(log_folder: Path) -> None:
    """Check that no commit is missing or empty: readers would take the rest for the full table."""
    files_by_version = {int(f.stem): f for f in log_folder.glob("*.json") if f.stem.isdigit()}
    first = min(files_by_version, default=0) if any(log_folder.glob("*.checkpoint*")) else 0
    for version in range(first, max(files_by_version, default=-1) + 1):
        if version not in files_by_version or files_by_version[version].stat().st_size == 0:
            raise ValueError(f"commit {version} is {'empty' if version in files_by_version else 'missing'}")


def _faulty_commit(log_folder: Path) -> Path:
    """The first commit file that is not JSON Lines; if all of them are, the log folder."""
    for file in sorted(log_folder.glob("*.json")):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
            if not all(isinstance(json.loads(line), dict) for line in lines) or not lines:
                return file
        except ValueError:
            return file
    return log_folder


def read_commits(table: DeltaTable, limit: int | None = None) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The newest entries of a table's history, newest first, each with its commit metadata.

    Commits that only rearrange files (compaction) have no metadata: ``{}``.

    Args:
        table: an open table.
        limit: maximum number of entries; None: all.

    Raises:
        StoreError: when metadata are no JSON object.
    """
    return [(entry, _parse_metadata(entry)) for entry in table.history(limit)]


def _parse_metadata(entry: Mapping[str, Any]) -> dict[str, Any]:
    text = entry.get("userMetadata") or "{}"
    try:
        metadata = json.loads(text)
    except ValueError:
        metadata = None
    if isinstance(metadata, dict):
        return metadata
    raise StoreError(
        "A commit of a table was not written by Longplay, or is damaged: its metadata are no JSON object.",
        where=f"version {entry.get('version')}",
        got=repr(text[:MAX_TEXT_SHOWN]),
        fix="restore the table from a copy, or delete its folder and run the step that builds it",
    )


def check_files(path: Path, version: int | None = None) -> None:
    """Check that every data file of a version is there with its full size.

    Raises:
        StoreError: naming the first file that is missing or has another size.
    """
    actions = open_table(path, version).get_add_actions(flatten=True)
    names, sizes = actions["path"].to_pylist(), actions["size_bytes"].to_pylist()
    for name, size in zip(names, sizes, strict=True):
        file = data_file(path, name)
        actual_size = file.stat().st_size if file.exists() else None
        if actual_size != size:
            fault = "missing" if actual_size is None else "damaged"
            raise StoreError(
                f"The table '{path.name}' is corrupted: a data file is {fault}.",
                where=str(file),
                got="no such file" if actual_size is None else f"{actual_size} bytes, committed with {size}",
                fix="restore it from a copy, or delete the table's folder and run the step that builds it",
            )


def open_dataset(path: Path, version: int | None = None) -> "Dataset":
    """Open a table for reading through Arrow's own file system.

    By default deltalake passes a file system written in Python, whose threads may still be running when the interpreter
    exits; the process then aborts (exit code 134) although all work is done.

    Raises:
        StoreError: when there is no table, no such version, or the log is corrupted.
    """
    from pyarrow import fs

    files = fs.SubTreeFileSystem(str(path.absolute()), fs.LocalFileSystem())
    return open_table(path, version).to_pyarrow_dataset(filesystem=files)


def read_arrow(
    path: Path,
    columns: Sequence[str] | None = None,
    filters: Sequence[tuple[str, str, Any]] | None = None,
    version: int | None = None,
) -> "pa.Table":
    """Read rows of a table through Arrow, without Spark, after checking that its files are complete.

    Args:
        path: the table's folder.
        columns: columns to read (default: all).
        filters: ``(column, operator, value)`` each; all must hold.
        version: which version (default: newest).

    Raises:
        StoreError: when it is missing or corrupted.
    """
    from pyarrow import ArrowException  # imported here because ``query_rows`` must work without pyarrow
    from pyarrow.parquet import filters_to_expression

    check_files(path, version)
    condition = filters_to_expression(list(filters)) if filters else None
    try:
        return open_dataset(path, version).to_table(columns=list(columns) if columns else None, filter=condition)
    except (DeltaError, OSError, ArrowException) as error:
        raise _unreadable(path, error) from error


def query_rows(path: Path, sql: str) -> list[dict[str, Any]]:
    """Query the newest version of a table, named ``rows`` in the SQL. Meant for results of a few small rows.

    Needs neither Spark nor pyarrow, and reads only the columns that the query needs.

    Raises:
        StoreError: when it is missing or corrupted.
    """
    check_files(path)
    try:
        batch = QueryBuilder().register("rows", open_table(path)).execute(sql).read_all()
    except (DeltaError, OSError) as error:
        raise _unreadable(path, error) from error
    columns = {name: [value.as_py() for value in batch[name]] for name in batch.column_names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"The table '{path.name}' is corrupted: its data cannot be read.",
        where=str(path),
        got=first_line(error),
        fix="restore it from a copy, or delete the table's folder and run the step that builds it",
    )


def has_deletion_vectors(path: Path) -> bool:
    """Whether deleted rows may remain in a table's files. Longplay's own tables have no deletion vectors."""
    return "deletionVectors" in (open_table(path).protocol().reader_features or ())


def truncate_log(path: Path) -> None:
    """Truncate a table's log to its newest version: a checkpoint, and that version's commit.

    The oldest files go first, so an interruption leaves no hole in the log, and the call can be repeated.
    """
    table = open_table(path)
    newest = int(table.version())
    table.create_checkpoint()
    versioned_files = [(_parse_version(file), file) for file in delta_log(path).iterdir() if file.is_file()]
    for _, file in sorted(
        (version, file) for version, file in versioned_files if version is not None and version < newest
    ):
        file.unlink()


def _parse_version(file: Path) -> int | None:
    """The version of a log file; None for other files."""
    digits = file.name.lstrip(".")[:20]
    return int(digits) if len(digits) == 20 and digits.isdigit() else None
