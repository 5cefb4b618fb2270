"""The tables of the registry file, and the triggers that make published versions immutable.

Published versions, texts, aliases, deprecations, owners and the journal are append-only. ``heads`` and ``search`` are
derived from them for look-ups; ``consumers`` records when each use was first and last seen.
"""

APPLICATION_ID = 0x4C504C59
"""Marks the file as a registry (``LPLY``), in SQLite's own header."""
SCHEMA_VERSION = 1

_TABLES = (
    # One row per version. A draft may change until it is published. Deprecated versions have status 'published', too.
    """CREATE TABLE versions (
         name TEXT NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL CHECK (status IN ('draft', 'published')),
         hash TEXT NOT NULL, text_hash TEXT NOT NULL, owner TEXT NOT NULL, body TEXT NOT NULL, text TEXT NOT NULL,
         applied_by TEXT NOT NULL, applied_at TEXT NOT NULL, PRIMARY KEY (name, version))""",
    # Later texts of a published version: other wording, same meaning.
    """CREATE TABLE texts (
         id INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, text_hash TEXT NOT NULL,
         owner TEXT NOT NULL, body TEXT NOT NULL, text TEXT NOT NULL, applied_by TEXT NOT NULL,
         applied_at TEXT NOT NULL)""",
    "CREATE INDEX texts_of ON texts (name, version)",
    """CREATE TABLE owners (
         id INTEGER PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, reason TEXT NOT NULL, by TEXT NOT NULL,
         at TEXT NOT NULL)""",
    "CREATE INDEX owners_of ON owners (name)",
    """CREATE TABLE aliases (
         id INTEGER PRIMARY KEY, name TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL,
         reason TEXT NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL)""",
    "CREATE INDEX aliases_of ON aliases (name, alias)",
    # on_date is null if the deprecation was withdrawn.
    """CREATE TABLE deprecations (
         id INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, on_date TEXT, replaced_by TEXT NOT NULL,
         reason TEXT NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL)""",
    "CREATE INDEX deprecations_of ON deprecations (name, version)",
    """CREATE TABLE journal (
         id INTEGER PRIMARY KEY, at TEXT NOT NULL, by TEXT NOT NULL, action TEXT NOT NULL, name TEXT NOT NULL,
         version INTEGER, detail TEXT NOT NULL)""",
    "CREATE INDEX journal_of ON journal (name)",
    """CREATE TABLE consumers (
         kind TEXT NOT NULL, consumer TEXT NOT NULL, asked TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
         first_at TEXT NOT NULL, last_at TEXT NOT NULL, PRIMARY KEY (name, version, kind, consumer, asked))""",
    """CREATE TABLE heads (
         id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, owner TEXT NOT NULL,
         status TEXT NOT NULL, anchor TEXT NOT NULL, title TEXT NOT NULL, window TEXT NOT NULL, lateness TEXT NOT NULL,
         tags TEXT NOT NULL)""",
    "CREATE VIRTUAL TABLE search USING fts5 (name, title, description, tags, owner, tokenize = 'porter unicode61')",
    # Every version with its newest text.
    """CREATE VIEW current_versions AS
       SELECT v.name, v.version, v.status, v.hash, coalesce(t.text_hash, v.text_hash) AS text_hash,
              coalesce(t.owner, v.owner) AS owner, coalesce(t.body, v.body) AS body, coalesce(t.text, v.text) AS text,
              v.applied_by, v.applied_at
       FROM versions v LEFT JOIN texts t
         ON t.id = (SELECT max(id) FROM texts WHERE name = v.name AND version = v.version)""",
    """CREATE VIEW current_aliases AS
       SELECT * FROM aliases WHERE id IN (SELECT max(id) FROM aliases GROUP BY name, alias)""",
    """CREATE VIEW current_deprecations AS
       SELECT * FROM deprecations WHERE id IN (SELECT max(id) FROM deprecations GROUP BY name, version)""",
)
_APPEND_ONLY_TABLES = ("texts", "owners", "aliases", "deprecations", "journal")


def list_schema_statements() -> list[str]:
    """The SQL statements that turn an empty database into a registry."""
    sealed = "SELECT RAISE(ABORT, 'a published version never changes')"
    triggers = [
        f"CREATE TRIGGER versions_{verb.lower()} BEFORE {verb} ON versions WHEN OLD.status = 'published' "
        f"BEGIN {sealed}; END"
        for verb in ("UPDATE", "DELETE")
    ]
    # INSERT OR REPLACE deletes without a DELETE trigger, so a trigger on INSERT refuses it.
    triggers.append(
        "CREATE TRIGGER versions_replace BEFORE INSERT ON versions WHEN EXISTS (SELECT 1 FROM versions "
        "WHERE name = NEW.name AND version = NEW.version AND status = 'published') "
        f"BEGIN {sealed}; END"
    )
    for table in _APPEND_ONLY_TABLES:
        refusal = f"SELECT RAISE(ABORT, 'table {table} is append-only')"
        triggers += [
            f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table} BEGIN {refusal}; END"
            for verb in ("UPDATE", "DELETE")
        ]
        triggers.append(
            f"CREATE TRIGGER {table}_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) BEGIN {refusal}; END"
        )
    pragmas = [f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {SCHEMA_VERSION}"]
    return [*_TABLES, *triggers, *pragmas]
