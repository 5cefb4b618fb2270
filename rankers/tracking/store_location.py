"""Where MLflow's store is: its address, and artefacts that follow a store which was moved or copied."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from longplay.errors import StoreError, first_line

_LOCATIONS = {"experiments": "artifact_location", "runs": "artifact_uri", "logged_models": "artifact_location"}
"""Columns of MLflow's database that hold addresses of artefacts, by table."""
_REMEDY = "restore it from a copy; or delete it and the folder of artefacts, and run 'longplay train' again"


def database_address(database: Path) -> str:
    """The address of a database for MLflow, whatever characters its path has."""
    return f"sqlite:///{quote(str(database))}"


def remove_stray_folder(database: Path) -> None:
    """Remove the empty folder that MLflow makes beside the store where the path has characters that are quoted."""
    quoted = Path(quote(str(database))).parent
    if quoted != database.parent:
        with suppress(OSError):  # none was made, or something is in it
            quoted.rmdir()


def check_database(database: Path) -> None:
    """Check that a database, if there is one, is one of SQLite.

    Raises:
        StoreError: when it is damaged, locked, or cannot be read.
    """
    if not database.exists() or not database.stat().st_size:
        return
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("SELECT name FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        raise _unusable(database, error) from error
    except sqlite3.Error as error:
        raise StoreError(
            "The database of MLflow's runs is damaged.", where=str(database), got=first_line(error), fix=_REMEDY
        ) from error


def relocate_artifacts(database: Path, artifacts: Path) -> None:
    """Let the records of a store that was moved or copied point to its own folder of artefacts.

    MLflow records absolute addresses, so a copy would read and write the artefacts of the original.

    Args:
        database: MLflow's database, which exists.
        artifacts: the folder of artefacts beside it.

    Raises:
        StoreError: when the records must change and cannot.
    """
    try:
        with closing(sqlite3.connect(database)) as connection, connection:
            for table, column in _LOCATIONS.items():
                for old, new in _moved_addresses(connection, table, column, artifacts):
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, old))
    except sqlite3.OperationalError as error:
        raise _unusable(database, error) from error


def _unusable(database: Path, error: sqlite3.OperationalError) -> StoreError:
    return StoreError(
        "The database of MLflow's runs cannot be used.",
        where=str(database),
        got=first_line(error),
        fix="wait until no other program holds it, and check that it is writable",
    )


def _moved_addresses(
    connection: sqlite3.Connection, table: str, column: str, artifacts: Path
) -> Iterator[tuple[str, str]]:
    """Addresses below a folder of the same name elsewhere, each with the address that it has here."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchall():
        return
    for (old,) in connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
        _, folder, rest = (old or "").rpartition(f"/{artifacts.name}/")
        new = f"{artifacts.as_uri()}/{rest}"
        if folder and new != old and old.startswith(("file:", "/")):
            yield old, new
