"""The registry file, an SQLite database: opens it for many readers or one writer, and reads and inserts rows.

Readers open it read-only. A writer starts with ``BEGIN IMMEDIATE``, so nothing that it reads can change before it
commits.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from urllib.parse import quote

from longplay.errors import StoreError, first_line
from longplay.registry.database_schema import APPLICATION_ID, SCHEMA_VERSION, list_schema_statements

LOCK_TIMEOUT_S = 30.0
"""How long a writer waits for another writer, and a reader for a commit."""

_FIXES = {
    "SQLITE_BUSY": "another process is writing to it: try again",
    "SQLITE_READONLY": "make the file and its folder writable",
    "SQLITE_CANTOPEN": "check that the file and its folder exist and, for changes, are writable",
    "SQLITE_CORRUPT": "restore the file from a backup",
    "SQLITE_NOTADB": "pass a registry file with --registry, or restore this one from a backup",
    "SQLITE_CONSTRAINT": "published versions never change: apply a new version",
}


@dataclass(frozen=True)
class Ledger:
    """An open registry database: a registry file, or one in memory.

    Attributes:
        connection: SQLite's connection, in autocommit mode outside of :meth:`transaction`.
        place: the file, or a description, to name in errors.
        in_memory: whether it exists only in this process.
    """

    connection: sqlite3.Connection
    place: str
    in_memory: bool = False

    @classmethod
    def create_in_memory(cls, place: str) -> Self:
        """Create an empty in-memory ledger."""
        ledger = cls(_connect(":memory:", LOCK_TIMEOUT_S), place, in_memory=True)
        with ledger.transaction():
            _create_schema(ledger)
        return ledger

    @classmethod
    def open(cls, file: Path) -> Self:
        """Open a registry file for reading.

        If the file is writable, SQLite may roll back a transaction that a killed writer left unfinished. Nothing else
        is written.

        Raises:
            StoreError: when the file is not a registry, or was written by a newer Longplay.
        """
        mode = "rw" if is_writable(file) else "ro"
        with explain_sqlite_errors(str(file)):
            ledger = cls(_connect(f"file:{quote(str(file.absolute()))}?mode={mode}", LOCK_TIMEOUT_S), str(file))
        ledger.rows("PRAGMA query_only = ON")
        _check_schema(ledger)
        return ledger

    @classmethod
    @contextmanager
    def open_for_writing(cls, file: Path, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[Self]:
        """Open a registry file as its only writer, and commit at the end; an error rolls everything back.

        A missing file is created.

        Raises:
            StoreError: when the file cannot be written or is not a registry, or another writer still holds the lock
                after ``lock_timeout_s``.
        """
        with explain_sqlite_errors(str(file)):
            file.parent.mkdir(parents=True, exist_ok=True)
            connection = _connect(f"file:{quote(str(file.absolute()))}?mode=rwc", lock_timeout_s)
        with closing(connection):
            ledger = cls(connection, str(file))
            with ledger.transaction():
                if not ledger.rows("SELECT 1 FROM sqlite_master LIMIT 1"):
                    _create_schema(ledger)
                _check_schema(ledger)
                yield ledger

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run one transaction that holds the write lock from its start; an error rolls it back."""
        with explain_sqlite_errors(self.place):
            self.connection.execute("BEGIN IMMEDIATE")
            with self.connection:  # commits, or rolls back on an error
                yield

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Run a statement and return all of its rows.

        Raises:
            StoreError: when SQLite reports an error.
        """
        with explain_sqlite_errors(self.place):
            return self.connection.execute(sql, values).fetchall()

    def insert(self, table: str, **values: object) -> int:
        """Insert one row and return its row id."""
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"
        with explain_sqlite_errors(self.place):
            return int(self.connection.execute(sql, tuple(values.values())).lastrowid or 0)


def now() -> str:
    """The current time (UTC) in the format of the ledger: ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def explain_sqlite_errors(place: str) -> Iterator[None]:
    """Turn errors of SQLite and the file system into a ``StoreError`` that says how to fix them."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        name = getattr(error, "sqlite_errorname", "SQLITE_CANTOPEN" if isinstance(error, OSError) else "")
        fix = next((fix for start, fix in _FIXES.items() if name.startswith(start)), "")
        raise StoreError(
            "The registry cannot be read or written.", where=place, got=first_line(error), fix=fix
        ) from error


def is_writable(file: Path) -> bool:
    """Whether a registry file exists and can be changed. SQLite needs a writable folder, too."""
    return file.is_file() and os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _connect(target: str, lock_timeout_s: float) -> sqlite3.Connection:
    uri = target.startswith("file:")
    connection = sqlite3.connect(target, timeout=lock_timeout_s, isolation_level=None, uri=uri, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def _create_schema(ledger: Ledger) -> None:
    for statement in list_schema_statements():
        ledger.rows(statement)


def _check_schema(ledger: Ledger) -> None:
    """Check that a file is a registry, in a schema that this Longplay can read."""
    mark, schema = ledger.rows("PRAGMA application_id")[0][0], ledger.rows("PRAGMA user_version")[0][0]
    if mark != APPLICATION_ID:
        raise StoreError("This file is not a registry.", where=ledger.place, fix="pass another file with --registry")
    if schema > SCHEMA_VERSION:
        raise StoreError(
            "This registry was written by a newer Longplay.",
            where=ledger.place,
            got=f"schema {schema}; this version reads up to schema {SCHEMA_VERSION}",
            fix="upgrade Longplay",
        )
