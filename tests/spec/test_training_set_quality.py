"""Rules of a training set's own columns and plan, and its columns compared with their sources."""

from datetime import datetime

import pytest
from pyspark.sql import SparkSession

from quality.measure.column_families import with_families
from quality.measure.profile import profile_publication
from quality.training_sets import (
    compute_label_statistics,
    compute_statistics,
    select_span,
    training_set_rules,
    with_training_set_rules,
)
from tables.spec import TableSpec, columns

pytestmark = pytest.mark.spark

NAN, INFINITE = float("nan"), float("inf")
SPLITS = {
    "train": (datetime(2026, 1, 1), datetime(2026, 1, 3)),
    "test": (datetime(2026, 1, 5), datetime(2026, 1, 6)),
}
SPEC = TableSpec(
    "training_set",
    "A set.",
    ("exposure_id",),
    columns("""
        exposure_id | string    | the exposure
        as_of       | timestamp | when
        split       | string    | which part
    """),
    families=("f_", "label_", "state_"),
)
SCHEMA = "exposure_id string, as_of timestamp, split string, f_n double, f_one double, label_r double, state_r string"
GOOD = [
    ("a", datetime(2026, 1, 1), "train", 1.0, 1.0, 0.0, "mature"),
    ("b", datetime(2026, 1, 2, 23), "train", 4.0, 1.0, 1.0, "mature"),
    ("c", datetime(2026, 1, 3), "purged", 2.0, 1.0, 1.0, "mature"),
    ("d", datetime(2026, 1, 5), "test", 3.0, 1.0, None, "open"),
    ("e", datetime(2026, 1, 5, 9), "test", 9.0, 1.0, 0.0, "mature"),
]
BAD = [
    ("f", datetime(2026, 1, 3), "train", 1.0, 1.0, 0.0, "mature"),  # the part has ended
    ("g", datetime(2026, 1, 5), "train", 1.0, 1.0, 0.0, "mature"),  # this is the test's span
    ("h", datetime(2026, 1, 1), "purged", NAN, 1.0, 0.0, "mature"),  # this is the training's span; and no number
    ("i", datetime(2026, 1, 5), "test", INFINITE, 1.0, 0.0, "open"),  # infinite, and an open label with value 0
    ("j", datetime(2026, 1, 5), "test", 1.0, 1.0, None, "mature"),  # a mature label without a value
    ("k", datetime(2026, 1, 5), "test", 1.0, 1.0, 1.0, None),  # a label without a state
]


def test_each_rule_counts_the_rows_that_break_it(spark: SparkSession) -> None:
    frame = spark.createDataFrame([*GOOD, *BAD], SCHEMA)
    rules = training_set_rules(frame.dtypes, SPLITS)
    spec = with_training_set_rules(SPEC, frame.dtypes, SPLITS)
    spec = with_families(spec, frame.dtypes)
    violations = profile_publication(frame, spec).violations
    counts = {name: n for name, n in violations.items() if not name.endswith("_not_null")}
    assert counts == {"label_r_if_mature": 3, "numbers_are_finite": 2, "splits_follow_time": 3}
    good = profile_publication(spark.createDataFrame(GOOD, SCHEMA), spec).violations
    assert set(good.values()) == {0}
    assert {rule.name for rule in rules} < set(good)


def test_labels_are_told_beside_the_signals_of_the_set_s_span(spark: SparkSession) -> None:
    """Of r@1, 1.0 and 0.0 count. A revision, an open value, one outside the span and one known late do not."""
    early, late = datetime(2026, 1, 2), datetime(2026, 2, 1)
    values = spark.createDataFrame(
        [
            ("r@1", "mature", 0, early, early, 1.0),
            ("r@1", "mature", 0, early, early, 0.0),
            ("r@1", "mature", 1, early, early, 0.5),
            ("r@1", "open", 0, early, early, None),
            ("r@1", "mature", 0, datetime(2026, 1, 6), early, 1.0),
            ("r@1", "mature", 0, early, late, 1.0),
            ("q@1", "mature", 0, early, early, 1.0),
        ],
        "signal string, state string, revision int, t0 timestamp, known_ts timestamp, value double",
    )
    span = (SPLITS["train"][0], SPLITS["test"][1])
    statistics = compute_label_statistics(values, {"r": "r@1", "s": "s@2"}, span, datetime(2026, 1, 9))
    assert statistics == {"label_r": (2, 0.5), "label_s": (0, 0.0)}
    assert compute_statistics(spark.createDataFrame(GOOD, SCHEMA), ["label_r", "f_n"]) == {
        "label_r": (4, 0.5),
        "f_n": (5, 3.8),
    }


def test_a_table_by_exposure_counts_in_the_set_s_span_as_known_at_its_cut_off(spark: SparkSession) -> None:
    rows = [
        ("before", datetime(2025, 12, 31), datetime(2025, 12, 31)),
        ("first", datetime(2026, 1, 1), datetime(2026, 1, 1)),
        ("known late", datetime(2026, 1, 2), datetime(2026, 2, 1)),
        ("after", datetime(2026, 1, 6), datetime(2026, 1, 6)),
    ]
    source = spark.createDataFrame(rows, "exposure_id string, as_of timestamp, known_ts timestamp")
    selected = select_span(source, (SPLITS["train"][0], SPLITS["test"][1]), datetime(2026, 1, 9))
    assert [row["exposure_id"] for row in selected.collect()] == ["first"]
