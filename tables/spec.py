"""The spec of a Delta table: its columns with units, its grain and its rules."""

from dataclasses import dataclass
from typing import Literal

from tables.checks import Check
from tables.checks import RowRule as RowRule

Mode = Literal["append", "increment", "replace"]


@dataclass(frozen=True)
class Column:
    """One column: Spark SQL type, meaning with unit, and whether it may be null."""

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
        rules: checks of single rows.
        families: prefixes of further columns that builders may add (all double or string).
        allow_empty: whether a version without rows may be published.
        mode: ``append`` (facts: rows whose grain is new are added), ``increment`` (derived: rows of new facts are
            added, or the table is rebuilt) or ``replace`` (derived: rebuilt per logical date).
        time: column that files are sorted by. Appends look for duplicates only among its same values, so a day's
            delivery never reads years of history.
        partition_by: columns whose values have folders of their own, so that the rows of one value are replaced as
            files.
        known: SQL for the moment from which a row was known (UTC); None: the table is not of facts, or does not say.
        audit: columns that say how a row came here, not what it says; content is compared without them.
        checks: checks beyond single rows.
        version: of its contract. A breaking change raises the first number, other changes the second, prose the third.
    """

    name: str
    about: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: tuple[RowRule, ...] = ()
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

    def ddl(self) -> str:
        """The fixed columns with their types, in order, as ``createDataFrame`` takes them."""
        return ", ".join(f"{column.name} {column.type}" for column in self.columns)

    def column_names(self) -> list[str]:
        """Names of the fixed columns, in order."""
        return [column.name for column in self.columns]

    def all_rules(self) -> tuple[RowRule, ...]:
        """The declared rules, and a rule for every column that may not be null."""
        nulls = tuple(
            RowRule(f"{c.name}_not_null", f"`{c.name}` IS NULL", f"{c.name} must not be null")
            for c in self.columns
            if not c.nullable
        )
        return nulls + self.rules


def columns(text: str) -> tuple[Column, ...]:
    """Columns from a text table: one ``name | type | meaning`` a line, ``?`` after the type if nulls are allowed."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return tuple(Column(name, kind.rstrip("?"), meaning, kind.endswith("?")) for name, kind, meaning in rows)
