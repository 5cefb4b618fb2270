"""Opens Delta tables without Spark, and says plainly what is wrong with one. Shared by the client and the store."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from longplay.errors import StoreError, first_line
from longplay.paths import data_file, delta_log

if TYPE_CHECKING:
    import pyarrow as pa


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
            fix="run the step that builds it first (longplay --help lists the steps in order)",
        ) from error
    except (DeltaError, OSError, ValueError) as error:
        raise StoreError(
            f"The table '{path.name}' is corrupted.",
            where=str(_faulty_commit(delta_log(path))),
            got=first_line(error),
            fix="restore it from a copy, or delete the folder and run the step that builds it",
        ) from error


def _check_commits(log_folder: Path) -> None:
    """See that no commit is gone or cut off to nothing: readers would take the rest for the whole table."""
    commits = {int(f.stem): f for f in log_folder.glob("*.json") if f.stem.isdigit()}
    first = min(commits, default=0) if any(log_folder.glob("*.checkpoint*")) else 0
    for version in range(first, max(commits, default=-1) + 1):
        if version not in commits or commits[version].stat().st_size == 0:
            raise ValueError(f"commit {version} is {'empty' if version in commits else 'missing'}")


def _faulty_commit(log_folder: Path) -> Path:
    """The first commit file that holds no JSON lines; the folder if it is none of them."""
    for file in sorted(log_folder.glob("*.json")):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
            if not all(isinstance(json.loads(line), dict) for line in lines) or not lines:
                return file
        except ValueError:
            return file
    return log_folder


def commits(table: DeltaTable, limit: int | None = None) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The newest entries of a table's history, newest first, each with what its commit says of itself.

    Commits that only rearrange files (compaction) say nothing: ``{}``.

    Args:
        table: an open table.
        limit: so many entries; None: all.
    """
    return [(entry, dict(json.loads(entry.get("userMetadata") or "{}"))) for entry in table.history(limit)]


def check_files(path: Path, version: int | None = None) -> None:
    """See that every data file of a version is there, whole.

    Raises:
        StoreError: naming the first file that is missing or has another size.
    """
    actions = open_table(path, version).get_add_actions(flatten=True)
    names, sizes = actions["path"].to_pylist(), actions["size_bytes"].to_pylist()
    for name, size in zip(names, sizes, strict=True):
        file = data_file(path, name)
        found = file.stat().st_size if file.exists() else None
        if found != size:
            raise StoreError(
                f"The table '{path.name}' is corrupted: a data file is {'missing' if found is None else 'damaged'}.",
                where=str(file),
                got="no such file" if found is None else f"{found} bytes, committed with {size}",
                fix="restore it from a copy, or delete the table's folder and run the step that builds it",
            )


def read_arrow(
    path: Path,
    columns: Sequence[str] | None = None,
    filters: Sequence[tuple[str, str, Any]] | None = None,
    version: int | None = None,
) -> "pa.Table":
    """Rows of a table through Arrow, without Spark, after checking that its files are all there.

    Args:
        path: the table's folder.
        columns: what to read (default: all).
        filters: ``(column, operator, value)`` each; all must hold.
        version: which version (default: newest).

    Raises:
        StoreError: when it is missing or corrupted.
    """
    from pyarrow import ArrowException  # only here: who counts by ``query`` starts without it

    check_files(path, version)
    table = open_table(path, version)
    try:
        return table.to_pyarrow_table(
            columns=list(columns) if columns else None, filters=list(filters) if filters else None
        )
    except (DeltaError, OSError, ArrowException) as error:
        raise _unreadable(path, error) from error


def query(path: Path, sql: str) -> list[dict[str, Any]]:
    """What a query of the newest version of a table gives, which it calls ``rows``; for a few small rows.

    Needs neither Spark nor pyarrow, and reads only what the query needs.

    Raises:
        StoreError: when it is missing or corrupted.
    """
    check_files(path)
    try:
        found = QueryBuilder().register("rows", open_table(path)).execute(sql).read_all()
    except (DeltaError, OSError) as error:
        raise _unreadable(path, error) from error
    columns = {name: [one.as_py() for one in found[name]] for name in found.column_names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"The table '{path.name}' is corrupted: its data cannot be read.",
        where=str(path),
        got=first_line(error),
        fix="restore it from a copy, or delete the table's folder and run the step that builds it",
    )


def has_deletion_vectors(path: Path) -> bool:
    """Whether rows of a table can be deleted and still stand in its files. Tables that Longplay makes are without."""
    return "deletionVectors" in (open_table(path).protocol().reader_features or ())


def forget_log(path: Path) -> None:
    """Leave nothing of a table's log but its newest version: a checkpoint of it, and its own commit.

    The oldest go first, so that cut off at any moment the log has no hole, and the same can be done again.
    """
    table = open_table(path)
    newest = int(table.version())
    table.create_checkpoint()
    older = [(_version(file), file) for file in delta_log(path).iterdir() if file.is_file()]
    for _, file in sorted((version, file) for version, file in older if version is not None and version < newest):
        file.unlink()


def _version(file: Path) -> int | None:
    """The version that a file of a log belongs to; None where it belongs to none."""
    digits = file.name.lstrip(".")[:20]
    return int(digits) if len(digits) == 20 and digits.isdigit() else None
