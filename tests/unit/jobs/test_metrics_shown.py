"""What pages and status show of the metric history."""

from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner

from jobs.table_quality import MAX_DAYS_SHOWN, collect_series, command
from longplay.config.duration import DAY
from longplay.status.metric_series import MetricSeries
from quality.gate import Gate
from quality.monitoring.metric import Metric
from quality.monitoring.metric_history import MetricRecorder
from tests.unit.jobs.test_keep_metrics import START, publish

ODD = START + 9 * DAY


def nulls(days: int) -> list[Metric]:
    values = [0.2 if START + n * DAY == ODD else 0.01 for n in range(days)]
    return [Metric("events", "null_share", value, "topic", START + n * DAY) for n, value in enumerate(values)]


def test_a_series_a_metric_and_what_was_unusual() -> None:
    metrics, reach = Metric("events", "rows", 5.0), Metric("events", "freshness_hours", 2.0, day=START)
    assert collect_series([metrics, *nulls(12), reach]) == {
        "events": [
            MetricSeries("freshness_hours", [(START, 2.0)]),
            MetricSeries(
                "null_share of topic",
                [(START + n * DAY, 0.2 if n == 9 else 0.01) for n in range(12)],
                {ODD: "2026-03-11: 0.2, expected -0.01 to 0.03"},
            ),
        ]
    }


def test_days_long_past_are_not_shown() -> None:
    (series,) = collect_series(nulls(MAX_DAYS_SHOWN + 12))["events"]
    assert (len(series.days), series.days[0][0], series.unusual) == (MAX_DAYS_SHOWN, START + 12 * DAY, {})


def test_status_says_what_was_unusual_of_late(tmp_path: Path) -> None:
    folder = tmp_path / "world"
    folder.mkdir()
    publish(folder, "events", 0, 0.01)
    MetricRecorder(
        folder, "run-1", datetime(2026, 4, 1, tzinfo=UTC), Gate(folder / "_quality", "run-1").validate_counts
    ).record([(0, entry) for entry in nulls(12)])
    printed = CliRunner().invoke(command, ["status", "--source", "world", "--store", str(tmp_path)])
    assert printed.exit_code == 0, printed.output
    assert (
        "unexpected: events: null_share of topic on 2026-03-11 is 0.2, expected -0.01 to 0.03 (change)"
        in printed.output
    )
