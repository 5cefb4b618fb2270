"""Each version's metrics are recorded once; reading prefers the newest version."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from longplay.errors import QualityError
from quality.gate import Gate
from quality.monitoring.metric import Metric
from quality.monitoring.metric_history import MetricRecorder, read_measured_versions, read_metric_history
from tables.arrow_store import RuleCountsGate, read_rows
from tables.catalog import QUALITY_METRICS

AT = datetime(2026, 5, 12, tzinfo=UTC)
MONDAY = date(2026, 5, 11)


def gate_of(folder: Path) -> RuleCountsGate:
    return Gate(folder / "_quality", "run").validate_counts


def test_metrics_are_kept_once_and_the_newest_version_is_told(tmp_path: Path) -> None:
    assert read_metric_history(tmp_path) == []
    assert read_measured_versions(tmp_path) == {}
    recorder = MetricRecorder(tmp_path, "run-1", AT, gate_of(tmp_path))
    row_count, day = Metric("events", "rows", 90), Metric("events", "users", 7, day=MONDAY)
    share = Metric("events", "null_share", 0.1, "topic")
    recorder.record([(3, row_count), (3, day), (3, share)])
    # A run that was started twice measures the same version again: nothing is added.
    assert recorder.record([(3, Metric("events", "rows", 91))]).written is False
    assert read_metric_history(tmp_path) == [share, row_count, day]
    later = [
        (4, Metric("events", "rows", 95)),
        (6, Metric("exposures", "rows", 5)),
        (9, Metric("exposures", "users", 5)),
    ]
    MetricRecorder(tmp_path, "run-2", AT, gate_of(tmp_path)).record(later)
    assert read_measured_versions(tmp_path) == {"events": 4, "exposures": 6}
    assert read_metric_history(tmp_path, "events") == [share, Metric("events", "rows", 95), day]
    assert read_metric_history(tmp_path, "exposures") == [
        Metric("exposures", "rows", 5),
        Metric("exposures", "users", 5),
    ]
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
        MetricRecorder(tmp_path, "run-1", AT, gate_of(tmp_path)).record(
            [(1, Metric("events", "rows", 1)), (1, Metric("events", "rows", 2))]
        )
    assert read_metric_history(tmp_path) == []


def test_of_a_day_the_version_with_most_rows_is_told_and_of_recounts_the_newest(tmp_path: Path) -> None:
    """A few late or repaired rows do not stand for their day."""
    versions = [(1, 50_000, 0.01, 300), (2, 150, 0.9, 301)]
    for version, rows, nulls, users in versions:
        MetricRecorder(tmp_path, f"run-{version}", AT, gate_of(tmp_path)).record(
            [
                (version, Metric("events", "rows", rows)),
                (version, Metric("events", "null_share", nulls, "topic", MONDAY)),
                (version, Metric("events", "users", users, day=MONDAY)),
            ]
        )
    assert read_metric_history(tmp_path) == [
        Metric("events", "null_share", 0.01, "topic", MONDAY),
        Metric("events", "rows", 150),
        Metric("events", "users", 301, day=MONDAY),
    ]
