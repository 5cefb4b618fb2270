"""Metric history: the table of metrics that earlier runs measured, with which later runs are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from longplay.delta import query_rows
from longplay.paths import SourcePaths
from longplay.status.row_accounting import has_table
from quality.monitoring.daily_volume import VOLUME_METRICS
from quality.monitoring.metric import Metric
from tables.arrow_store import RuleCountsGate, publish_rows, read_rows
from tables.catalog import QUALITY_METRICS
from tables.publish import Lineage, PublishedVersion


@dataclass(frozen=True)
class MetricRecorder:
    """Adds metrics to the table ``quality_metrics``, once per version of the measured table.

    Attributes:
        folder: the folder of the source's tables.
        run_id: the run that measures.
        measured_at: T, its logical date (UTC).
        gate: the gate of small tables.
    """

    folder: Path
    run_id: str
    measured_at: datetime
    gate: RuleCountsGate

    def record(self, versioned_metrics: Sequence[tuple[int, Metric]]) -> PublishedVersion:
        """Add metrics of table versions; existing rows stay unchanged.

        Args:
            versioned_metrics: measured version and metric. Grain: table, version, metric, subject, day.

        Raises:
            QualityError: when two metrics share a grain.
            StoreError: when another process holds the table for ten minutes.
        """
        rows = [
            {
                "table": metric.table,
                "version": version,
                "metric": metric.metric,
                "subject": metric.subject,
                "day": metric.day.isoformat() if metric.day is not None else "",
                "value": float(metric.value),
                "measured_at": self.measured_at,
                "run_id": self.run_id,
            }
            for version, metric in versioned_metrics
        ]
        return publish_rows(self.folder, QUALITY_METRICS, rows, Lineage(self.run_id, "", {}, {}), self.gate)


def read_measured_versions(folder: Path) -> dict[str, int]:
    """Read the newest measured version of each table."""
    if not has_table(folder, QUALITY_METRICS.name):
        return {}
    newest = """SELECT "table", max(version) AS version FROM rows WHERE metric = 'rows' GROUP BY "table\""""
    metrics = SourcePaths(folder).table(QUALITY_METRICS.name)
    return {row["table"]: int(row["version"]) for row in query_rows(metrics, newest)}


def read_metric_history(folder: Path, table: str | None = None) -> list[Metric]:
    """Read each metric once. Grain: table, metric, subject, day.

    Several versions of a table may bring rows of one day. The version with the most rows gives the day's value, so
    that a few late rows cannot stand for it. For metrics of a whole table, and for daily volumes, which always count
    all rows of a day, the newest version gives the value.

    Args:
        folder: the folder of the source's tables.
        table: only metrics of this table; None: of all tables.

    Returns:
        Metrics in order of table, metric, subject and day.
    """
    rows = [row for row in read_rows(folder, QUALITY_METRICS) if table in (None, row["table"])]
    sizes = {(row["table"], row["version"]): row["value"] for row in rows if row["metric"] == "rows"}
    best: dict[tuple[str, str, str, str], tuple[tuple[float, int], float]] = {}
    for row in rows:
        key = (row["table"], row["metric"], row["subject"], row["day"])
        counts_all_rows = not row["day"] or row["metric"] in VOLUME_METRICS
        size = 0.0 if counts_all_rows else sizes.get((row["table"], row["version"]), 0.0)
        rank = (size, row["version"])
        if key not in best or rank > best[key][0]:
            best[key] = (rank, row["value"])
    return [
        Metric(name, metric, value, subject, date.fromisoformat(day) if day else None)
        for (name, metric, subject, day), (_, value) in sorted(best.items())
    ]
