"""The last value as of a moment on hard cases: each row's answer, by the number of the fact that it must come from."""

from collections import Counter

import pytest
from pyspark.sql import SparkSession

from features.last_value import join_last_values
from tests.reference import last_cases
from tests.reference.last_by_hand import Case, SpineRow, Values, answers
from tests.reference.last_tables import facts_table, rows_of, spine_table

# By case, the number of the fact that each row of its spine gets, in the order of the spine; None for none.
NUMBERS: list[tuple[Case, list[int | None]]] = [
    (last_cases.ties(), [2, 5, 8, 7, None]),
    (last_cases.glued_keys(), [1, 2, 3, None, 4]),
    (last_cases.late(), [1, 2, None, 3, 5]),
    (last_cases.restated(), [1, 2, 3, 4, 5, 5]),
    (last_cases.boundary(), [5, 2, 3, 4]),
    (last_cases.repeated_rows(), [2, 2, 2, None, None, None, None, 1, None]),
    (last_cases.null_keys(), [1, None, None, None, None]),
]
LARGER = [last_cases.hot_key(), last_cases.wide(), *(last_cases.randomly(seed) for seed in (1, 2, 3))]


def joined(spark: SparkSession, case: Case, buckets: int = 4) -> list[tuple[SpineRow, Values]]:
    """Longplay's answer to a case; ``x0`` decides between facts with equal times."""
    facts, spine = (spark.createDataFrame(table) for table in (facts_table(case), spine_table(case)))
    return rows_of(case, join_last_values(facts, spine, case.keys, tie="x0", buckets=buckets).toArrow())


@pytest.mark.parametrize(("case", "numbers"), [pytest.param(*both, id=both[0].name) for both in NUMBERS])
def test_plain_search_finds_the_facts_that_were_worked_out(case: Case, numbers: list[int | None]) -> None:
    assert [None if row[0] is None else row[0] / 1000 for row in answers(case)] == numbers


@pytest.mark.spark
@pytest.mark.parametrize(("case", "numbers"), [pytest.param(*both, id=both[0].name) for both in NUMBERS])
def test_each_row_gets_one_whole_fact(spark: SparkSession, case: Case, numbers: list[int | None]) -> None:
    payload = [(None,) * 3 if n is None else (n * 1000.0, n * 1000.0 + 1, n * 1000.0 + 2) for n in numbers]
    assert Counter(joined(spark, case)) == Counter(zip(case.spine, payload, strict=True))


@pytest.mark.spark
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in LARGER])
def test_larger_cases_equal_the_plain_search(spark: SparkSession, case: Case) -> None:
    assert Counter(joined(spark, case)) == Counter(zip(case.spine, answers(case), strict=True))


@pytest.mark.spark
def test_150_columns_come_from_one_fact_with_its_nulls(spark: SparkSession) -> None:
    rows = [values for _, values in joined(spark, last_cases.wide())]
    assert len(rows) == 24
    assert [values.count(None) for values in rows] == [75] * 24
    assert [len({value // 1000 for value in values if value is not None}) for values in rows] == [1] * 24


@pytest.mark.spark
def test_answer_does_not_depend_on_the_number_of_buckets(spark: SparkSession) -> None:
    case = last_cases.randomly(4)
    assert Counter(joined(spark, case, buckets=1)) == Counter(joined(spark, case, buckets=7))
