"""The registry file: opening it, one writer at a time, and rows in and out. SQLite from the standard library.

Readers open it read-only. A writer holds ``BEGIN IMMEDIATE`` from before it looks until it has written, so what it
decides on cannot change under it.
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
from longplay.registry.database_schema import APPLICATION_ID, SCHEMA_VERSION, statements

WAIT_S = 30.0
"""Seconds that a writer waits for another one, and a reader for a commit."""

_FIXES = {
    "SQLITE_BUSY": "another process is writing: try again",
    "SQLITE_READONLY": "the file and its folder must be writable to you",
    "SQLITE_CANTOPEN": "the file and its folder must be there, and writable to you where you write",
    "SQLITE_CORRUPT": "restore the file from a copy",
    "SQLITE_NOTADB": "name a registry file (--registry), or restore it from a copy",
    "SQLITE_CONSTRAINT": "what is published is never changed; apply a new version",
}


@dataclass(frozen=True)
class Ledger:
    """One registry file, or one in memory, open.

    Attributes:
        connection: SQLite's connection, in autocommit outside of :meth:`writing`.
        place: what errors name: the file.
        in_memory: whether it ends with the process.
    """

    connection: sqlite3.Connection
    place: str
    in_memory: bool = False

    @classmethod
    def memory(cls, place: str) -> Self:
        """An empty ledger in memory."""
        ledger = cls(_connected(":memory:", WAIT_S), place, in_memory=True)
        with ledger.writing():
            _make(ledger)
        return ledger

    @classmethod
    def open(cls, file: Path) -> Self:
        """Open a registry file for reading.

        Where the file is writable, SQLite may undo what a killed writer left half done; nothing else is ever written.

        Raises:
            StoreError: when it is no registry, or one of a newer Longplay.
        """
        mode = "rw" if is_writable(file) else "ro"
        with explain_sqlite_errors(str(file)):
            ledger = cls(_connected(f"file:{quote(str(file.absolute()))}?mode={mode}", WAIT_S), str(file))
        ledger.rows("PRAGMA query_only = ON")
        _check(ledger)
        return ledger

    @classmethod
    @contextmanager
    def changing(cls, file: Path, wait_s: float = WAIT_S) -> Iterator[Self]:
        """Open a registry file as its only writer, and commit at the end; an error undoes everything.

        The file is made where there is none.

        Raises:
            StoreError: when it cannot be written, is no registry, or another writer was at it for ``wait_s``.
        """
        with explain_sqlite_errors(str(file)):
            file.parent.mkdir(parents=True, exist_ok=True)
            connection = _connected(f"file:{quote(str(file.absolute()))}?mode=rwc", wait_s)
        with closing(connection):
            ledger = cls(connection, str(file))
            with ledger.writing():
                if not ledger.rows("SELECT 1 FROM sqlite_master LIMIT 1"):
                    _make(ledger)
                _check(ledger)
                yield ledger

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, locked from its beginning."""
        with explain_sqlite_errors(self.place):
            self.connection.execute("BEGIN IMMEDIATE")
            with self.connection:  # commits, or undoes everything where an error leaves it
                yield

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows of a query.

        Raises:
            StoreError: when SQLite refuses.
        """
        with explain_sqlite_errors(self.place):
            return self.connection.execute(sql, values).fetchall()

    def add(self, table: str, **values: object) -> int:
        """Add one row; gives its row id."""
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"
        with explain_sqlite_errors(self.place):
            return int(self.connection.execute(sql, tuple(values.values())).lastrowid or 0)


def now() -> str:
    """The moment, in UTC, as the ledger writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def explain_sqlite_errors(place: str) -> Iterator[None]:
    """Say in our words what SQLite refused."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        name = getattr(error, "sqlite_errorname", "SQLITE_CANTOPEN" if isinstance(error, OSError) else "")
        fix = next((fix for start, fix in _FIXES.items() if name.startswith(start)), "")
        raise StoreError("The registry refused.", where=place, got=first_line(error), fix=fix) from error


def is_writable(file: Path) -> bool:
    """Whether a registry file is there and can be changed: SQLite also writes beside it."""
    return file.is_file() and os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _connected(target: str, wait_s: float) -> sqlite3.Connection:
    uri = target.startswith("file:")
    connection = sqlite3.connect(target, timeout=wait_s, isolation_level=None, uri=uri, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def _make(ledger: Ledger) -> None:
    for statement in statements():
        ledger.rows(statement)


def _check(ledger: Ledger) -> None:
    """See that a file is a registry that this Longplay reads."""
    mark, schema = ledger.rows("PRAGMA application_id")[0][0], ledger.rows("PRAGMA user_version")[0][0]
    if mark != APPLICATION_ID:
        raise StoreError("This file is no registry.", where=ledger.place, fix="name another with --registry")
    if schema > SCHEMA_VERSION:
        raise StoreError(
            "This registry was written by a newer Longplay.",
            where=ledger.place,
            got=f"schema {schema}, this one reads up to {SCHEMA_VERSION}",
            fix="install the newer Longplay",
        )
