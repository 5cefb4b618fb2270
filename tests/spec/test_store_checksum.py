"""The content of a table as one number."""

import pytest
from pyspark.sql import SparkSession

from tables.checksum import checksum

pytestmark = pytest.mark.spark

ROWS = [("a", 1, 0.5, {"x": 1, "y": 2}), ("b", 2, None, {"x": 3}), ("c", None, 1.5, {}), ("a", 1, 0.5, {"x": 1})]
SCHEMA = "k string, n int, v double, m map<string,int>"


def test_order_of_rows_files_and_columns_does_not_matter(spark: SparkSession) -> None:
    frame = spark.createDataFrame(ROWS, SCHEMA)
    expected = checksum(frame)
    assert expected.startswith("4:")
    assert checksum(spark.createDataFrame(ROWS[::-1], SCHEMA).repartition(3)) == expected
    assert checksum(frame.select("v", "m", "k", "n")) == expected
    turned = [(k, n, v, dict(reversed(m.items()))) for k, n, v, m in ROWS]
    assert checksum(spark.createDataFrame(turned, SCHEMA)) == expected


@pytest.mark.parametrize(
    "changed",
    [
        ("b", 2, 0.0, {"x": 3}),  # null became 0
        ("b", 2, None, {"x": 4}),
        ("b", 3, None, {"x": 3}),
        ("B", 2, None, {"x": 3}),
    ],
)
def test_one_changed_cell_matters(spark: SparkSession, changed: tuple) -> None:
    rows = [ROWS[0], changed, *ROWS[2:]]
    assert checksum(spark.createDataFrame(rows, SCHEMA)) != checksum(spark.createDataFrame(ROWS, SCHEMA))


def test_swapped_cells_and_repeated_rows_matter(spark: SparkSession) -> None:
    pair = [("a", "b"), ("c", "d")]
    swapped = [("b", "a"), ("c", "d")]
    sums = {checksum(spark.createDataFrame(rows, "x string, y string")) for rows in (pair, swapped, [*pair, pair[0]])}
    assert len(sums) == 3


def test_a_null_and_a_value_that_change_places_matter(spark: SparkSession) -> None:
    first, second = (spark.createDataFrame([row], "x string, y string") for row in ((None, "a"), ("a", None)))
    assert checksum(first) != checksum(second)


def test_columns_left_out_do_not_count(spark: SparkSession) -> None:
    first, second = (spark.createDataFrame([("a", batch)], "k string, batch string") for batch in ("x", "y"))
    assert checksum(first) != checksum(second)
    assert checksum(first, ["batch"]) == checksum(second, ["batch"]) == checksum(first.select("k"))


def test_no_rows(spark: SparkSession) -> None:
    assert checksum(spark.createDataFrame([], SCHEMA)) == "0:0000000000000000"
