"""Compare two stores of one source, table by table: equal content, whatever the order of rows, files or versions."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd
import pyarrow as pa

from longplay.delta import check_files, open_dataset
from tables import catalog

UNSIGNED_64_BIT = 1 << 64
ROW = "(all columns)"


@dataclass(frozen=True)
class TableContent:
    """Rows of a table and an order-free hash of them, or of each column; columns that only audit a run are left out."""

    rows: int
    hashes: dict[str, int]


def content_of(folder: Path, table: str, by_column: bool = False) -> TableContent:
    """The content of the newest version, read in batches.

    Args:
        folder: the folder of the source's tables.
        table: name of a table.
        by_column: hash each column by itself.
    """
    check_files(folder / table)
    dataset = open_dataset(folder / table)
    columns = sorted(set(dataset.schema.names) - set(catalog.get(table).audit))
    rows, hashes = 0, dict.fromkeys(columns if by_column else [ROW], 0)
    for batch in dataset.to_batches(columns=columns):
        frame = batch.to_pandas()
        for field in batch.schema:
            if pa.types.is_nested(field.type):
                frame[field.name] = frame[field.name].map(repr)  # lists and maps cannot be hashed
        rows += len(frame)
        for name in hashes:
            hashed = pd.util.hash_pandas_object(frame if name == ROW else frame[name], index=False)
            hashes[name] = (hashes[name] + int(hashed.sum())) % UNSIGNED_64_BIT
    return TableContent(rows, hashes)


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
    if before == after:
        return ""
    before, after = content_of(first, table, by_column=True), content_of(second, table, by_column=True)
    names = sorted({*before.hashes, *after.hashes})
    return ", ".join(name for name in names if before.hashes.get(name) != after.hashes.get(name)) or "rows differ"


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
