"""What one Delta table is: its columns with units, its grain, its rules. The map of the store is made of these."""

from dataclasses import dataclass
from typing import Literal

from tables.checks import Check
from tables.checks import Rule as Rule

Mode = Literal["append", "increment", "replace"]


@dataclass(frozen=True)
class Column:
    """One column: Spark SQL type, meaning with unit, and whether nulls are allowed."""

    name: str
    type: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class TableSpec:
    """One Delta table.

    Attributes:
        name: folder and table name.
        grain: columns that identify a row; the gate checks that they are unique.
        columns: the whole schema, in order (tables whose schema depends on settings end in a prefix family).
        rules: row-level checks of the gate.
        families: prefixes of further columns that builders may add (all double or string).
        allow_empty: whether a version without rows may be published.
        mode: ``append`` (facts: rows whose grain is new are added), ``increment`` (derived: the rows of what is new are
            added, or the whole is built anew) or ``replace`` (derived: rebuilt per logical date).
        time: column by which files are told apart: appends look for known rows only where it has the same values, so
            a day's delivery never reads years of history.
        partition_by: columns whose values have folders of their own, so that one value's rows are replaced as files.
        known: SQL for the moment from which a row was known (UTC); None: it is no fact, or says nothing of that.
        audit: columns that say how a row came here and not what it says; content is compared without them.
        checks: what the gate checks beyond single rows.
        version: of its contract: a breaking change raises the first number, another the second, a text the third.
    """

    name: str
    about: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    families: tuple[str, ...] = ()
    allow_empty: bool = False
    mode: Mode = "replace"
    time: str | None = None
    known: str | None = None
    audit: tuple[str, ...] = ()
    partition_by: tuple[str, ...] = ()
    owner: str = "longplay"
    retention: str = "10 years"
    checks: tuple[Check, ...] = ()
    version: str = "1.0.0"

    def column_names(self) -> list[str]:
        """Names of the fixed columns, in order."""
        return [column.name for column in self.columns]

    def all_rules(self) -> tuple[Rule, ...]:
        """The declared rules and one not-null rule for every column that may not be null."""
        nulls = tuple(
            Rule(f"{c.name}_not_null", f"`{c.name}` IS NULL", f"{c.name} must not be null")
            for c in self.columns
            if not c.nullable
        )
        return nulls + self.rules


def columns(text: str) -> tuple[Column, ...]:
    """Read a text table: ``name | type | meaning`` a line, ``?`` after the type where nulls are allowed."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return tuple(Column(name, kind.rstrip("?"), meaning, kind.endswith("?")) for name, kind, meaning in rows)
