"""Single writes to one ledger. The caller holds the transaction."""

import json
from typing import TYPE_CHECKING

from longplay.registry.database import Ledger
from longplay.registry.records import Head, RegistryVersion

if TYPE_CHECKING:
    from longplay.definitions.reward import Reward
    from longplay.definitions.signal import Definition

_TEXT_COLUMNS = ("name", "version", "text_hash", "owner", "body", "text", "applied_by", "applied_at")


def put_version(ledger: Ledger, version: RegistryVersion) -> None:
    """Insert a version. A published version never changes afterwards."""
    ledger.insert("versions", **vars(version))


def put_draft(ledger: Ledger, version: RegistryVersion) -> None:
    """Overwrite a draft, or publish it."""
    assignments = ", ".join(f"{key} = ?" for key in vars(version))
    sql = f"UPDATE versions SET {assignments} WHERE name = ? AND version = ?"
    ledger.rows(sql, *vars(version).values(), version.name, version.version)


def put_text(ledger: Ledger, version: RegistryVersion) -> None:
    """Add a new text to a published version."""
    ledger.insert("texts", **{key: value for key, value in vars(version).items() if key in _TEXT_COLUMNS})


def put_owner(ledger: Ledger, name: str, owner: str, reason: str, by: tuple[str, str]) -> None:
    """Record a name's owner. ``by``: the user and the time."""
    ledger.insert("owners", name=name, owner=owner, reason=reason, by=by[0], at=by[1])


def put_deprecation(
    ledger: Ledger, ref: tuple[str, int], on: str | None, use: tuple[str, str], by: tuple[str, str]
) -> None:
    """Deprecate a version, or withdraw its deprecation (``on`` None). ``use``: the replacement and the reason."""
    details = {"on_date": on, "replaced_by": use[0], "reason": use[1]}
    ledger.insert("deprecations", name=ref[0], version=ref[1], **details, by=by[0], at=by[1])


def write_journal(
    ledger: Ledger, action: str, ref: tuple[str, int | None], by: tuple[str, str], **detail: object
) -> None:
    """Add an entry to the journal."""
    name, version = ref
    details = json.dumps(detail, sort_keys=True)
    ledger.insert("journal", at=by[1], by=by[0], action=action, name=name, version=version, detail=details)


def put_head(ledger: Ledger, definition: "Definition | Reward") -> None:
    """Update a signal's entry in listings and in the search index."""
    head = Head.from_definition(definition)
    columns = {**vars(head), "tags": json.dumps(head.tags)}
    old = ledger.rows("SELECT id FROM heads WHERE name = ?", head.name)
    if old:
        ledger.rows("DELETE FROM heads WHERE id = ?", old[0]["id"])
        ledger.rows("DELETE FROM search WHERE rowid = ?", old[0]["id"])
    number = ledger.insert("heads", **columns)
    details = {"title": head.title, "description": definition.description, "tags": " ".join(head.tags)}
    ledger.insert("search", rowid=number, name=head.name, owner=head.owner, **details)


USE = """INSERT INTO consumers (kind, consumer, asked, name, version, first_at, last_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT (name, version, kind, consumer, asked) DO UPDATE SET last_at = excluded.last_at"""
"""Records a use. Parameters: kind, consumer, the reference asked for, name, version, time."""


def put_use(ledger: Ledger, user: tuple[str, str], ref: str, at: str) -> None:
    """Record that a user (kind, name) uses a pinned version."""
    name, _, version = ref.partition("@")
    ledger.rows(USE, *user, ref, name, int(version), at)


def put_alias(ledger: Ledger, alias: tuple[str, str, int], reason: str, by: tuple[str, str]) -> None:
    """Point an alias to a version. ``alias``: name, alias, version."""
    name, short, version = alias
    ledger.insert("aliases", name=name, alias=short, version=version, reason=reason, by=by[0], at=by[1])
