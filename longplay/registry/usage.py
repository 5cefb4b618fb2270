"""Records who uses which signal, so that a plan or a deprecation can list the consumers it affects.

Recording never makes a read fail. A use is skipped if there is no registry file, if the file or its folder is not
writable, or if another process holds the lock for longer than a short wait.
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
LOCK_TIMEOUT_S = 2.0
"""How long recording a use waits for another writer before it is skipped."""
_TOLERATED_ERRORS = ("SQLITE_BUSY", "SQLITE_READONLY", "SQLITE_CANTOPEN")


@dataclass(frozen=True)
class SignalUser:
    """Who uses a signal, such as ``SignalUser("experiment", "world - 2026-01-01 to 2026-03-01")``."""

    kind: ConsumerKind
    name: str


def record_use(registry: "Registry", user: SignalUser, names: Iterable[str]) -> list[str]:
    """Record that ``user`` uses some signals, and return the warnings about them.

    A use is recorded at most once an hour, so that frequent readers do not write on every read.

    Args:
        registry: the registry that resolves the names.
        user: who uses them.
        names: names as the user gave them: ``name``, ``name@2`` or ``name@champion``.

    Returns:
        Warnings, such as deprecations: at most one per signal.
    """
    definitions = {name: registry.find(name) for name in names}
    if registry.file is not None and is_writable(registry.file):
        at = now()
        uses: list[UseRow] = [(user.kind, user.name, name, d.name, d.version, at) for name, d in definitions.items()]
        if unrecorded := _select_unrecorded(registry.file, uses):
            _write_uses(registry.file, unrecorded)
    return [warning for d in definitions.values() if (warning := registry.warning(d))]


def record_lookup(registry: "Registry", names: str, by: str) -> list[str]:
    """Record that ``by`` looked a signal up, and return the warnings about it."""
    return record_use(registry, SignalUser("lookup", by), [names])


UseRow = tuple[str, str, str, str, int, str]
"""Kind, consumer, reference asked for, name, version, time."""


def _select_unrecorded(file: Path, uses: list[UseRow]) -> list[UseRow]:
    """Uses not yet recorded in the current hour."""
    sql = """SELECT 1 FROM consumers WHERE kind = ? AND consumer = ? AND asked = ? AND name = ? AND version = ?
             AND substr(last_at, 1, 13) = ?"""
    ledger = Ledger.open(file)
    try:
        return [use for use in uses if not ledger.rows(sql, *use[:5], use[5][:13])]
    finally:
        ledger.connection.close()


def _write_uses(file: Path, uses: list[UseRow]) -> None:
    try:
        with Ledger.open_for_writing(file, LOCK_TIMEOUT_S) as ledger:
            for use in uses:
                ledger.rows(USE, *use)
    except StoreError as error:
        if not getattr(error.__cause__, "sqlite_errorname", "").startswith(_TOLERATED_ERRORS):
            raise
