"""Metrics are kept once a version, and read as the newest version has them."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from longplay.errors import QualityError
from quality.gate import Gate
from quality.monitoring.metric import Metric
from quality.monitoring.metric_history import Recorder, history, measured_versions
from tables.arrow_store import RuleCountsGate, read_rows
from tables.catalog import QUALITY_METRICS

AT = datetime(2026, 5, 12, tzinfo=UTC)
MONDAY = date(2026, 5, 11)


def judge(folder: Path) -> RuleCountsGate:
    return Gate(folder / "_quality", "run").counts


def test_metrics_are_kept_once_and_the_newest_version_is_told(tmp_path: Path) -> None:
    assert history(tmp_path) == []
    assert measured_versions(tmp_path) == {}
    recorder = Recorder(tmp_path, "run-1", AT, judge(tmp_path))
    whole, day = Metric("events", "rows", 90), Metric("events", "users", 7, day=MONDAY)
    share = Metric("events", "null_share", 0.1, "topic")
    recorder.record([(3, whole), (3, day), (3, share)])
    # The same version, measured again by a run that was started twice: nothing is added.
    assert recorder.record([(3, Metric("events", "rows", 91))]).written is False
    assert history(tmp_path) == [share, whole, day]
    later = [
        (4, Metric("events", "rows", 95)),
        (6, Metric("exposures", "rows", 5)),
        (9, Metric("exposures", "users", 5)),
    ]
    Recorder(tmp_path, "run-2", AT, judge(tmp_path)).record(later)
    assert measured_versions(tmp_path) == {"events": 4, "exposures": 6}
    assert history(tmp_path, "events") == [share, Metric("events", "rows", 95), day]
    assert history(tmp_path, "exposures") == [Metric("exposures", "rows", 5), Metric("exposures", "users", 5)]
    rows = read_rows(tmp_path, QUALITY_METRICS)
    assert sorted((r["version"], r["metric"], r["day"], r["run_id"]) for r in rows) == [
        (3, "null_share", "", "run-1"),
        (3, "rows", "", "run-1"),
        (3, "users", "2026-05-11", "run-1"),
        (4, "rows", "", "run-2"),
        (6, "rows", "", "run-2"),
        (9, "users", "", "run-2"),
    ]
    assert {r["measured_at"] for r in rows} == {AT}


def test_two_values_of_one_metric_are_refused(tmp_path: Path) -> None:
    with pytest.raises(QualityError, match="quality_metrics"):
        Recorder(tmp_path, "run-1", AT, judge(tmp_path)).record(
            [(1, Metric("events", "rows", 1)), (1, Metric("events", "rows", 2))]
        )
    assert history(tmp_path) == []


def test_of_a_day_the_version_with_most_rows_is_told_and_of_recounts_the_newest(tmp_path: Path) -> None:
    """A few late rows of a day, or repaired ones, do not stand for the day."""
    told = [(1, 50_000, 0.01, 300), (2, 150, 0.9, 301)]
    for version, rows, nulls, users in told:
        Recorder(tmp_path, f"run-{version}", AT, judge(tmp_path)).record(
            [
                (version, Metric("events", "rows", rows)),
                (version, Metric("events", "null_share", nulls, "topic", MONDAY)),
                (version, Metric("events", "users", users, day=MONDAY)),
            ]
        )
    assert history(tmp_path) == [
        Metric("events", "null_share", 0.01, "topic", MONDAY),
        Metric("events", "rows", 150),
        Metric("events", "users", 301, day=MONDAY),
    ]
