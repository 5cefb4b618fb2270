"""Metric history: what runs measured of tables, kept so that later runs can be held against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from longplay.delta import query
from longplay.paths import SourcePaths
from longplay.status.row_accounting import has
from quality.monitoring.metric import Metric
from tables.arrow_store import RuleCountsGate, publish_rows, read_rows
from tables.catalog import QUALITY_METRICS
from tables.publish import Lineage, PublishedVersion

RECOUNTED = ("users", "events")
"""Metrics of a day that are counted over all of its rows, whichever version brought them."""


@dataclass(frozen=True)
class Recorder:
    """Adds metrics to the table ``quality_metrics``, each once for a version of its table.

    Attributes:
        folder: the folder of the source's tables.
        run_id: the run that measures.
        measured_at: T, its logical date (UTC).
        judge: the gate of small tables.
    """

    folder: Path
    run_id: str
    measured_at: datetime
    judge: RuleCountsGate

    def record(self, measured: Sequence[tuple[int, Metric]]) -> PublishedVersion:
        """Keep what was measured of versions of tables; what is there already stays as it is.

        Args:
            measured: the version that was measured, and a metric of it. Grain: table, version, metric, subject, day.

        Raises:
            QualityError: when two have one grain.
            StoreError: when another process holds the table for ten minutes.
        """
        rows = [
            {
                "table": one.table,
                "version": version,
                "metric": one.metric,
                "subject": one.subject,
                "day": one.day.isoformat() if one.day is not None else "",
                "value": float(one.value),
                "measured_at": self.measured_at,
                "run_id": self.run_id,
            }
            for version, one in measured
        ]
        return publish_rows(self.folder, QUALITY_METRICS, rows, Lineage(self.run_id, "", {}, {}), self.judge)


def measured_versions(folder: Path) -> dict[str, int]:
    """The newest version of each table whose rows were counted for the history."""
    if not has(folder, QUALITY_METRICS.name):
        return {}
    newest = """SELECT "table", max(version) AS version FROM rows WHERE metric = 'rows' GROUP BY "table\""""
    metrics = SourcePaths(folder).table(QUALITY_METRICS.name)
    return {row["table"]: int(row["version"]) for row in query(metrics, newest)}


def history(folder: Path, table: str | None = None) -> list[Metric]:
    """Every metric once. Grain: table, metric, subject, day.

    Of a day it is what the version with most rows has, so that a few late rows do not stand for the day; of the whole
    table, and of what is counted anew over all of a day, what the newest version has.

    Args:
        folder: the folder of the source's tables.
        table: of this table alone; None: of all.

    Returns:
        In order of table, metric, subject and day.
    """
    found = [row for row in read_rows(folder, QUALITY_METRICS) if table in (None, row["table"])]
    rows = {(row["table"], row["version"]): row["value"] for row in found if row["metric"] == "rows"}
    newest: dict[tuple[str, str, str, str], tuple[tuple[float, int], float]] = {}
    for row in found:
        key = (row["table"], row["metric"], row["subject"], row["day"])
        whole = 0.0 if not row["day"] or row["metric"] in RECOUNTED else rows.get((row["table"], row["version"]), 0.0)
        rank = (whole, row["version"])
        if key not in newest or rank > newest[key][0]:
            newest[key] = (rank, row["value"])
    return [
        Metric(of, metric, value, subject, date.fromisoformat(day) if day else None)
        for (of, metric, subject, day), (_, value) in sorted(newest.items())
    ]
