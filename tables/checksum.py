"""The checksum of a table's content, independent of the order of rows and files."""

from collections.abc import Sequence

from pyspark.sql import DataFrame

_HALF = 1 << 32


def row_hash(frame: DataFrame, without: Sequence[str] = ()) -> str:
    """SQL for a 64-bit hash of a row over all columns but ``without``."""
    # As one text: Spark parses it at once, where each function of Python would be several calls into the JVM.
    kinds = dict(frame.dtypes)
    columns = [_hashable(name, kinds[name]) for name in sorted(set(kinds) - set(without))]
    # A null leaves Spark's hash unchanged, so (null, a) would equal (a, null): hash also whether each column is null.
    return f"xxhash64({', '.join(f'{column}, isnull({column})' for column in columns)})"


def _hashable(name: str, kind: str) -> str:
    """Spark cannot hash maps, so they are hashed as JSON of their sorted entries."""
    column = f"`{name}`"
    return f"to_json(array_sort(map_entries({column})))" if kind.startswith("map") else column


def half_sums(hashed: str) -> tuple[str, str]:
    """SQL for two aggregates that sum a column of 64-bit hashes, its upper and its lower halves; see ``join_halves``.

    Sums of longs cost less than sums of decimals, and neither half can overflow below two billion rows.
    """
    return f"sum(shiftright({hashed}, 32))", f"sum({hashed} & {_HALF - 1})"


def join_halves(upper: int, lower: int) -> int:
    """The sum of hashes from the sums of their halves."""
    return upper * _HALF + lower


def render(rows: int, total: int) -> str:
    """Rows and hash sum as text."""
    return f"{rows}:{total % (1 << 64):016x}"


def checksum(frame: DataFrame, without: Sequence[str] = ()) -> str:
    """Rows and hash sum of a frame, without the columns named in ``without``."""
    upper, lower = half_sums("hash")
    hashed = frame.selectExpr(f"{row_hash(frame, without)} AS hash")
    row = hashed.selectExpr("count(*) AS rows", f"{upper} AS upper", f"{lower} AS lower").first()
    assert row is not None
    return render(int(row["rows"]), join_halves(int(row["upper"] or 0), int(row["lower"] or 0)))
