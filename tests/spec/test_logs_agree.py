"""Events and exposures of a delivery, compared with each other and with earlier exposures."""

from datetime import datetime

import pytest
from pyspark.sql import SparkSession

from quality.delivery_consistency import LogAgreement, compare_logs

pytestmark = pytest.mark.spark

NOON = datetime(2026, 5, 4, 12)


def test_hand_worked_agreement(spark: SparkSession) -> None:
    """Two slates today; r2 was also shown yesterday, r1 ten minutes before. r0 was shown yesterday only."""
    exposures = spark.createDataFrame(
        [("r1", "ann", NOON), ("r1", "ann", NOON), ("r2", "bob", NOON)],
        "request_id string, user_id string, event_ts timestamp",
    )
    earlier_exposures = spark.createDataFrame(
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
    assert compare_logs(events, exposures, earlier_exposures, rows=6) == LogAgreement(
        answers=5, answered=4, same_user=3, shown=3, reused=1
    )
    assert compare_logs(events, exposures, None, rows=6) == LogAgreement(
        answers=5, answered=3, same_user=2, shown=0, reused=0
    )
