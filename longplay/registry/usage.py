"""Who uses which signal: recorded where a signal is read, so that a change or a deprecation knows whom it touches.

A read never fails for the record's sake. Nothing is recorded where there is no registry file, where the file or its
folder cannot be written, or where another process writes for longer than a short wait.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from longplay.errors import StoreError
from longplay.registry.database import Ledger, is_writable, now
from longplay.registry.statements import USE

if TYPE_CHECKING:
    from longplay.registry.registry import Registry

ConsumerKind = Literal["training_set", "experiment", "lookup", "deployment", "reward"]
CONSUMER_KINDS: tuple[ConsumerKind, ...] = ("training_set", "experiment", "lookup", "deployment", "reward")
WAIT_S = 2.0
"""Seconds that a record waits for a writer."""
_NOT_NOW = ("SQLITE_BUSY", "SQLITE_READONLY", "SQLITE_CANTOPEN")


@dataclass(frozen=True)
class SignalUser:
    """Who uses a signal, and as what: ``User("experiment", "world - 2026-01-01 to 2026-03-01")``."""

    kind: ConsumerKind
    name: str


def record_use(registry: "Registry", user: SignalUser, names: Iterable[str]) -> list[str]:
    """Record that ``user`` uses some signals, and give the warnings about them.

    When a use was last seen is kept to the hour, so that frequent readers do not write at every read.

    Args:
        registry: where the signals were looked up.
        user: who uses them.
        names: as the user gave them: ``name``, ``name@2`` or ``name@champion``.

    Returns:
        What the user should be told, such as a deprecation; one text a signal that has any.
    """
    definitions = {name: registry.find(name) for name in names}
    if registry.file is not None and is_writable(registry.file):
        at = now()
        uses: list[UseRow] = [(user.kind, user.name, name, d.name, d.version, at) for name, d in definitions.items()]
        if new := _unseen(registry.file, uses):
            _write(registry.file, new)
    return [warning for d in definitions.values() if (warning := registry.warning(d))]


def record_lookup(registry: "Registry", names: str, by: str) -> list[str]:
    """Record that somebody looked a signal up; gives the warnings about it."""
    return record_use(registry, SignalUser("lookup", by), [names])


UseRow = tuple[str, str, str, str, int, str]
"""kind, consumer, asked, name, version, when."""


def _unseen(file: Path, uses: list[UseRow]) -> list[UseRow]:
    """Uses that are not on record for this hour."""
    sql = """SELECT 1 FROM consumers WHERE kind = ? AND consumer = ? AND asked = ? AND name = ? AND version = ?
             AND substr(last_at, 1, 13) = ?"""
    ledger = Ledger.open(file)
    try:
        return [use for use in uses if not ledger.rows(sql, *use[:5], use[5][:13])]
    finally:
        ledger.connection.close()


def _write(file: Path, uses: list[UseRow]) -> bool:
    try:
        with Ledger.changing(file, WAIT_S) as ledger:
            for use in uses:
                ledger.rows(USE, *use)
    except StoreError as error:
        if getattr(error.__cause__, "sqlite_errorname", "").startswith(_NOT_NOW):
            return False
        raise
    return True
