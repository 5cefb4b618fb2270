"""Metric history: what runs measured of tables, kept so that later runs can be held against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from quality.metric import Metric
from tables.quality import QUALITY_METRICS
from tables.small import publish_rows, read_rows
from tables.store import Lineage, Published


@dataclass(frozen=True)
class Recorder:
    """Adds metrics to the table ``quality_metrics``, each once for a version of its table.

    Attributes:
        folder: the folder of the source's tables.
        run_id: the run that measures.
        measured_at: T, its logical date (UTC).
    """

    folder: Path
    run_id: str
    measured_at: datetime

    def record(self, version: int, metrics: Sequence[Metric]) -> Published:
        """Keep what was measured of one version of some tables; what is there already stays as it is.

        Args:
            version: the version that was measured.
            metrics: grain: table, metric, subject, day.

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
            for one in metrics
        ]
        return publish_rows(self.folder, QUALITY_METRICS, rows, Lineage(self.run_id, "", {}, {}))


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
