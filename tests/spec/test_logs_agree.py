"""Events and exposures of a delivery, held against each other and against what was shown before."""

from datetime import datetime

import pytest
from pyspark.sql import SparkSession

from quality.delivery_consistency import Agreement, agreement

pytestmark = pytest.mark.spark

NOON = datetime(2026, 5, 4, 12)


def test_hand_worked_agreement(spark: SparkSession) -> None:
    """Two slates today and one of yesterday; r2 was shown yesterday too, r1 ten minutes before."""
    exposures = spark.createDataFrame(
        [("r1", "ann", NOON), ("r1", "ann", NOON), ("r2", "bob", NOON)],
        "request_id string, user_id string, event_ts timestamp",
    )
    known = spark.createDataFrame(
        [
            ("r0", "cat", datetime(2026, 5, 3)),
            ("r2", "bob", datetime(2026, 5, 3, 12)),
            ("r1", "ann", datetime(2026, 5, 4, 11, 50)),
        ],
        "request_id string, user_id string, as_of timestamp",
    )
    events = spark.createDataFrame(
        [("r1", "ann"), ("r1", "ann"), ("r2", "ann"), ("r0", "cat"), ("r9", "dan"), (None, "eve")],
        "request_id string, user_id string",
    )
    assert agreement(events, exposures, known, rows=6) == Agreement(
        answers=5, answered=4, same_user=3, shown=3, reused=1
    )
    assert agreement(events, exposures, None, rows=6) == Agreement(
        answers=5, answered=3, same_user=2, shown=0, reused=0
    )
