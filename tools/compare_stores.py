"""Compare two stores of one source, table by table: equal content, whatever the order of rows, files or versions."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd
import pyarrow as pa

from longplay.delta import read_arrow
from tables import catalog

UNSIGNED_64_BIT = 1 << 64


@dataclass(frozen=True)
class TableContent:
    """Rows of a table and an order-free hash of each column; columns that only audit a run are left out."""

    rows: int
    column_hashes: dict[str, int]


def content_of(folder: Path, table: str) -> TableContent:
    """The content of the newest version. Reads the table into memory.

    Args:
        folder: the folder of the source's tables.
        table: name of a table.
    """
    audit = catalog.get(table).audit
    rows = read_arrow(folder / table)
    nested = [field.name for field in rows.schema if pa.types.is_nested(field.type)]
    frame = rows.drop_columns([name for name in audit if name in rows.column_names]).to_pandas()
    for name in nested:
        frame[name] = frame[name].map(repr)  # lists and maps cannot be hashed
    row_hashes = pd.util.hash_pandas_object(frame[sorted(frame)], index=False)
    hashes = {name: pd.util.hash_pandas_object(frame[name], index=False).sum() for name in frame}
    hashes["(all columns)"] = row_hashes.sum()
    return TableContent(len(frame), {name: int(total) % UNSIGNED_64_BIT for name, total in hashes.items()})


def differences(first: Path, second: Path) -> dict[str, str]:
    """What differs, by table; an empty text for a table of equal content."""
    tables = sorted({path.parent.name for folder in (first, second) for path in folder.glob("*/_delta_log")})
    return {table: _difference(first, second, table) for table in tables}


def _difference(first: Path, second: Path, table: str) -> str:
    missing = [folder for folder in (first, second) if not (folder / table).is_dir()]
    if missing:
        return f"missing in {missing[0]}"
    before, after = content_of(first, table), content_of(second, table)
    if before.rows != after.rows:
        return f"{before.rows:,} and {after.rows:,} rows"
    names = sorted({*before.column_hashes, *after.column_hashes})
    return ", ".join(name for name in names if before.column_hashes.get(name) != after.column_hashes.get(name))


@click.command("compare-stores")
@click.argument("first", type=click.Path(path_type=Path, exists=True))
@click.argument("second", type=click.Path(path_type=Path, exists=True))
def command(first: Path, second: Path) -> None:
    """Compare the tables under FIRST with those under SECOND; the exit code is 1 where any differs.

    Example: python -m tools.compare_stores before/warehouse/world after/warehouse/world
    """
    differing = differences(first, second)
    for table, difference in differing.items():
        click.echo(f"{table:24} {'differs: ' + difference if difference else 'equal'}")
    sys.exit(any(differing.values()))


if __name__ == "__main__":
    command()
