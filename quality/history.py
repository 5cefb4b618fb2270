"""Metric history: what runs measured of tables, kept so that later runs can be held against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from longplay.delta import query
from quality.metric import Metric
from tables.quality import QUALITY_METRICS
from tables.small import Judge, publish_rows, read_rows
from tables.store import Lineage, Published


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
    judge: Judge

    def record(self, measured: Sequence[tuple[int, Metric]]) -> Published:
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
    path = folder / QUALITY_METRICS.name
    if not (path / "_delta_log").is_dir():
        return {}
    newest = """SELECT "table", max(version) AS version FROM rows WHERE metric = 'rows' GROUP BY "table\""""
    return {row["table"]: int(row["version"]) for row in query(path, newest)}


def history(folder: Path, table: str | None = None) -> list[Metric]:
    """Every metric as the newest version that was measured has it. Grain: table, metric, subject, day.

    Args:
        folder: the folder of the source's tables.
        table: of this table alone; None: of all.

    Returns:
        In order of table, metric, subject and day; metrics without a day are those of the newest version.
    """
    newest: dict[tuple[str, str, str, str], tuple[int, float]] = {}
    for row in read_rows(folder, QUALITY_METRICS):
        key = (row["table"], row["metric"], row["subject"], row["day"])
        if (table is None or row["table"] == table) and (key not in newest or row["version"] > newest[key][0]):
            newest[key] = (row["version"], row["value"])
    return [
        Metric(of, metric, value, subject, date.fromisoformat(day) if day else None)
        for (of, metric, subject, day), (_, value) in sorted(newest.items())
    ]
