"""Counts of days: users, returning users and events, by when they were known; recounted as if counted at once."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ingest.fact_tables import build_first_seen
from jobs.ingest_log import ingest
from jobs.runtime.outages import update_day_counts
from quality.monitoring.daily_volume import compute_day_counts
from tests.unit.ingest.small_logs import build_source, open_run, write_csv

pytestmark = pytest.mark.spark

START = datetime(2026, 5, 1)
Event = tuple[str, datetime, datetime]
Counts = dict[tuple[date, date], tuple[int, int, int]]


def random_events(seed: int, number: int = 120) -> list[Event]:
    """User, time and known time: most are known within a day, some up to nine days later."""
    rng = np.random.default_rng(seed)
    events = []
    for user, hour, delay in zip(
        rng.integers(0, 12, number), rng.integers(0, 480, number), rng.exponential(30, number), strict=True
    ):
        time = START + timedelta(hours=int(hour))
        events.append((f"u{user}", time, time + timedelta(hours=int(min(delay, 220)))))
    return events


def counts_by_hand(events: list[Event]) -> Counts:
    """Users, returning users and events by event day and known day, by the words of the contract."""
    users, returning, total = Counter(), Counter(), Counter()
    for _, time, known in events:
        total[time.date(), known.date()] += 1
    for user, day in {(user, time.date()) for user, time, _ in events}:
        known = min(known.date() for name, time, known in events if (name, time.date()) == (user, day))
        users[day, known] += 1
        before = [k.date() for name, time, k in events if name == user and time.date() < day]
        if before:
            returning[day, max(known, min(before))] += 1
    return {cell: (users[cell], returning[cell], total[cell]) for cell in users | returning | total}


def rows_of(rows: list[dict]) -> Counts:
    return {(row["event_day"], row["known_day"]): (row["users"], row["returning_users"], row["events"]) for row in rows}


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_plain_python(spark: SparkSession, seed: int) -> None:
    facts = random_events(seed)
    rows = [(*event, event[1].date(), event[2].date(), "i", None, False, 1) for event in facts]
    columns = "user_id string, event_ts timestamp, known_ts timestamp, event_day date, known_day date, "
    events = spark.createDataFrame(rows, columns + "item_id string, topic string, is_click boolean, batch bigint")
    computed = compute_day_counts(events, build_first_seen(events)).collect()
    assert rows_of([row.asDict() for row in computed]) == counts_by_hand(facts)


def test_delivery_by_delivery_gives_the_counts_of_all_at_once(spark: SparkSession, tmp_path: Path) -> None:
    """Also where a late delivery shows that a user's first day was none."""
    source = build_source(events__known={"column": "seen"}, candidates=None, completeness={"min_users": 1})
    facts = random_events(7)
    parts = [facts[:60], facts[60:100], facts[100:]]
    context = open_run(spark, tmp_path / "warehouse", source)
    for number, part in enumerate(parts):
        lines = [f"{user},i,{time.isoformat()},tap,,{known.isoformat()}" for user, time, known in part]
        log = write_csv(tmp_path / f"{number}.csv", lines, ("who", "what", "when", "how", "much", "seen"))
        ingest(context, log, datetime(2026, 6, 20, tzinfo=UTC))
        counts = update_day_counts(context)
    distinct = sorted(set(facts))
    assert rows_of(counts) == counts_by_hand(distinct)
