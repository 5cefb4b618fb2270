"""Metrics of versions are kept once, also of those that a killed run left behind, and what is unusual is said."""

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import cast

from rich.console import Console

from jobs.runtime.metric_history import REWRITTEN, keep_metrics
from jobs.runtime.progress import Progress
from jobs.runtime.run_context import RunContext
from longplay.status.row_accounting import has_table
from quality.gate import Gate
from quality.monitoring.metric import Metric
from quality.monitoring.metric_history import read_metric_history
from tables.arrow_store import publish_rows, read_rows
from tables.catalog import DAY_COUNTS, QUALITY_METRICS
from tables.publish import Lineage
from tests.unit.longplay import quality_tables

START, DAY = date(2026, 3, 2), timedelta(days=1)
RETURN = "return_to_item_14d@1"


class FixedLog:
    """A log that is complete until 4 March, as was known on 1 April."""

    frontier = datetime(2026, 3, 4, tzinfo=UTC)

    def known_at(self) -> datetime:
        return datetime(2026, 4, 1, tzinfo=UTC)


@dataclass
class Run:
    """The part of a run's context that keeping metrics needs."""

    folder: Path
    log: FixedLog = field(default_factory=FixedLog)
    run_id: str = "run-1"
    progress: Progress = field(default_factory=lambda: Progress(console=Console(file=StringIO())))

    @property
    def gate(self) -> Gate:
        return Gate(self.folder / "_quality", self.run_id)

    @property
    def lines(self) -> list[str]:
        return [line for lines in self.progress.notes.values() for line in lines]


def publish(folder: Path, table: str, number: int, topics: float, **audit: object) -> None:
    """A version of a table whose gate saw 500 rows of one day, a share of them without a topic."""
    days = {str(START + number * DAY): {"rows": 500, "topic_null_share": topics}}
    (folder / "_quality").mkdir(exist_ok=True)
    if not has_table(folder, "deliveries"):
        quality_tables.publish(folder, "deliveries", [])
    (folder / "_quality" / f"{table}-{number}.json").write_text(json.dumps({"table": table, "days": days}))
    quality_tables.publish(folder, table, [], audit={"verdict": f"{table}-{number}.json", **audit})


def keep(folder: Path) -> list[str]:
    run = Run(folder)
    records = keep_metrics(cast("RunContext", run))
    assert run.lines == [f"warning: {record.text()}" for record in records]
    return [record.text() for record in records]


def test_an_unusual_share_of_nulls_is_said_once(tmp_path: Path) -> None:
    for number in range(9):
        publish(tmp_path, "events", number, 0.01)
        assert keep(tmp_path) == []
    publish(tmp_path, "events", 9, 0.08)
    # The median is 0.01, nothing deviates, so 0.02 to either side is usual.
    expected = "events: null_share of topic on 2026-03-11 is 0.08, expected -0.01 to 0.03 (change)"
    assert keep(tmp_path) == [expected]
    assert keep(tmp_path) == []
    shares = [record.value for record in read_metric_history(tmp_path, "events") if record.metric == "null_share"]
    assert shares == [0.01] * 9 + [0.08]


def test_versions_of_a_run_that_was_killed_are_kept_by_the_next(tmp_path: Path) -> None:
    for number in range(3):
        publish(tmp_path, "events", number, 0.01)
    publish(tmp_path, "exposures", 0, 0.5)
    assert keep(tmp_path) == []
    recorded = {(record.table, record.metric, record.day): record.value for record in read_metric_history(tmp_path)}
    assert recorded[("events", "null_share", START + 2 * DAY)] == 0.01
    assert recorded[("exposures", "null_share", START)] == 0.5
    assert recorded[("events", "rows", None)] == 500
    assert len(recorded) == 6


def test_what_the_gate_of_signals_says_is_kept_and_its_coverage_is_watched(tmp_path: Path) -> None:
    for number, coverage in enumerate([0.9] * 8 + [0.7]):
        coverage_metric = {"table": "signal_values", "metric": "coverage", "subject": RETURN, "value": coverage}
        publish(tmp_path, "signal_values", number, 0.0, metrics=[{**coverage_metric, "day": f"{START + number * DAY}"}])
    (warning,) = keep(tmp_path)
    assert warning == f"signal_values: coverage of {RETURN} on 2026-03-10 is 0.7, expected 0.81 to 0.99 (change)"
    assert Metric("signal_values", "coverage", 0.7, RETURN, START + 8 * DAY) in read_metric_history(tmp_path)


def test_the_version_that_an_erasure_leaves_is_not_measured_again(tmp_path: Path) -> None:
    for number in range(8):
        publish(tmp_path, "events", number, 0.01)
    publish(tmp_path, "events", 8, 0.5)
    assert len(keep(tmp_path)) == 1
    publish(tmp_path, "events", 8, 0.5, **{REWRITTEN: True})
    assert keep(tmp_path) == []
    assert max(row["version"] for row in read_rows(tmp_path, QUALITY_METRICS)) == 8


def test_users_and_events_of_complete_days_are_kept_and_kept_anew_when_more_of_them_came(tmp_path: Path) -> None:
    publish(tmp_path, "events", 0, 0.01)
    for version, users in ((0, 5), (1, 5), (2, 6)):
        rows = [
            {
                "event_day": START + n * DAY,
                "known_day": START + 5 * DAY,
                "users": users,
                "returning_users": 0,
                "events": 9,
            }
            for n in range(3)
        ]
        lineage = Lineage("run-1", "", {"events": version}, {})
        publish_rows(tmp_path, DAY_COUNTS, rows, lineage, Run(tmp_path).gate.validate_counts)
        assert keep(tmp_path) == []
    recorded_rows = [r for r in read_rows(tmp_path, QUALITY_METRICS) if r["metric"] == "users"]
    days = [str(START), str(START + DAY)]  # the third day lies beyond the watermark
    recorded = [(0, days[0], 5.0), (0, days[1], 5.0), (2, days[0], 6.0), (2, days[1], 6.0)]
    assert sorted((r["version"], r["day"], r["value"]) for r in recorded_rows) == recorded
    assert [record.value for record in read_metric_history(tmp_path, "events") if record.metric == "users"] == [
        6.0,
        6.0,
    ]


def test_a_step_does_not_fail_because_of_its_metrics(tmp_path: Path) -> None:
    publish(tmp_path, "events", 0, 0.01)
    (tmp_path / "_quality" / "events-0.json").write_text("{")  # cut off
    run = Run(tmp_path)
    assert keep_metrics(cast("RunContext", run)) == []
    assert "the metric history was not updated" in run.lines[0]
    publish(tmp_path, "events", 0, 0.01)
    assert keep(tmp_path) == []
    assert len(read_metric_history(tmp_path)) == 2


def test_before_anything_is_delivered_there_is_nothing_to_keep(tmp_path: Path) -> None:
    publish(tmp_path, "events", 0, 0.01)
    shutil.rmtree(tmp_path / "deliveries")
    assert keep(tmp_path) == []
    assert not (tmp_path / "quality_metrics").exists()


def test_a_table_that_is_judged_without_a_file_has_no_metrics(tmp_path: Path) -> None:
    quality_tables.publish(tmp_path, "deliveries", [])
    assert keep(tmp_path) == []
    assert not (tmp_path / "quality_metrics").exists()
