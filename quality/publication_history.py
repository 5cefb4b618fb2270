"""Publication history: profiles of a table's earlier publications, read from the verdicts of the gate."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from longplay.paths import record_files

MAX_PUBLICATIONS = 40
"""At most this many of the newest publications are compared with."""

PublishedVerdicts = Callable[[str], Iterable[str]]
"""Gives the verdict files of a table's published versions, oldest first."""


@dataclass(frozen=True)
class PublicationHistory:
    """The profiles of a table's earlier publications, oldest first.

    Attributes:
        days: measures by day, of each publication.
        numbers: of the sampled checks, of each publication.
        memories: what sampled checks compare with, of each publication.
    """

    days: tuple[Mapping[str, Mapping[str, float | None]], ...] = ()
    numbers: tuple[Mapping[str, float], ...] = ()
    memories: tuple[Mapping[str, Any], ...] = ()

    def rows_of(self, day: str) -> float:
        """Rows of a day in all earlier publications."""
        return sum(float(days[day]["rows"] or 0) for days in self.days if day in days)

    def values_by_day(self, name: str, min_rows: float) -> dict[date, float]:
        """A measure by day, each taken from the publication with most rows of the day."""
        best: dict[date, tuple[float, float | None]] = {}
        for days in self.days:
            for day, measures in days.items():
                rows = float(measures["rows"] or 0)
                if day != "all" and rows >= max(min_rows, best.get(date.fromisoformat(day), (0.0, None))[0]):
                    best[date.fromisoformat(day)] = (rows, measures.get(name))
        return {day: value for day, (_, value) in best.items() if value is not None}

    def means(self, name: str, min_rows: float) -> list[float]:
        """The mean of a measure over all rows, of each publication with enough of them."""
        large = [days for days in self.days if sum(measures["rows"] or 0 for measures in days.values()) >= min_rows]
        return [mean for days in large if (mean := weighted_mean(days, name)) is not None]


def weighted_mean(days: Mapping[str, Mapping[str, float | None]], name: str) -> float | None:
    """Compute the mean of a measure over all days, weighted by their rows; None where no day has it."""
    weighted = [(float(m["rows"] or 0), value) for m in days.values() if (value := m.get(name)) is not None]
    total = sum(rows for rows, _ in weighted)
    return sum(rows * value for rows, value in weighted) / total if total else None


def load_publication_history(results: Path, table: str, published: PublishedVerdicts | None) -> PublicationHistory:
    """Load the profiles of the newest publications.

    Args:
        results: the folder of verdicts.
        table: name of the table.
        published: verdict files of published versions, oldest first. None, for callers without a store: use every
            verdict without an error.
    """
    files = {file.name: file for file in record_files(results)}
    names = published(table) if published else [name for name in files if name.startswith(f"{table}-")]
    newest_names = list(dict.fromkeys(names))[-MAX_PUBLICATIONS:]
    verdicts = [json.loads(files[name].read_text(encoding="utf-8")) for name in newest_names if name in files]
    verdicts = [v for v in verdicts if v["table"] == table and (published or not v.get("errors"))]
    return PublicationHistory(
        tuple(verdict["days"] for verdict in verdicts if "days" in verdict),
        tuple(verdict["shapes"]["numbers"] for verdict in verdicts if "shapes" in verdict),
        tuple(verdict["shapes"]["memory"] for verdict in verdicts if "shapes" in verdict),
    )
