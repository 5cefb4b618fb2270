"""What earlier publications of a table looked like: their profiles, kept with the verdicts of the gate."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from longplay.paths import record_files

NEWEST = 40
"""So many earlier publications are looked at."""

Verdicts = Callable[[str], Iterable[str]]


@dataclass(frozen=True)
class Earlier:
    """The profiles of earlier publications of a table, oldest first.

    Attributes:
        days: measures by day, of each publication.
        numbers: of the sampled checks, of each publication.
        memories: of the sampled checks, of each publication.
    """

    days: tuple[Mapping[str, Mapping[str, float | None]], ...] = ()
    numbers: tuple[Mapping[str, float], ...] = ()
    memories: tuple[Mapping[str, Any], ...] = ()

    def rows_of(self, day: str) -> float:
        """Rows of a day that were published before."""
        return sum(float(told[day]["rows"] or 0) for told in self.days if day in told)

    def by_day(self, name: str, least_rows: float) -> dict[date, float]:
        """A measure of each day, of the publication that brought most of its rows."""
        best: dict[date, tuple[float, float | None]] = {}
        for told in self.days:
            for day, measures in told.items():
                rows = float(measures["rows"] or 0)
                if day != "all" and rows >= max(least_rows, best.get(date.fromisoformat(day), (0.0, None))[0]):
                    best[date.fromisoformat(day)] = (rows, measures.get(name))
        return {day: value for day, (_, value) in best.items() if value is not None}

    def whole(self, name: str, least_rows: float) -> list[float]:
        """A measure of each publication as a whole."""
        found = [mean_of(told, name) for told in self.days if sum(m["rows"] or 0 for m in told.values()) >= least_rows]
        return [value for value in found if value is not None]


def mean_of(days: Mapping[str, Mapping[str, float | None]], name: str) -> float | None:
    """The mean of a measure over the rows of all days."""
    told = [(float(m["rows"] or 0), m.get(name)) for m in days.values()]
    weight = sum(rows for rows, value in told if value is not None)
    return sum(rows * value for rows, value in told if value is not None) / weight if weight else None


def earlier(results: Path, table: str, published: Verdicts | None) -> Earlier:
    """The profiles of the newest publications.

    Args:
        results: where verdicts are kept.
        table: whose.
        published: names of the verdicts of published versions, oldest first. None: of all verdicts without an error,
            for who has no store.
    """
    files_by_name = {file.name: file for file in record_files(results)}
    names = published(table) if published else [name for name in files_by_name if name.startswith(f"{table}-")]
    files = [files_by_name[name] for name in list(dict.fromkeys(names))[-NEWEST:] if name in files_by_name]
    told = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    kept = [one for one in told if one["table"] == table and (published or not one.get("errors"))]
    return Earlier(
        tuple(one["days"] for one in kept if "days" in one),
        tuple(one["shapes"]["numbers"] for one in kept if "shapes" in one),
        tuple(one["shapes"]["memory"] for one in kept if "shapes" in one),
    )


def forget_ids(results: Path) -> None:
    """Take the fingerprints of ids out of every verdict: they say of an id that is asked for whether it was there."""
    for file in record_files(results):
        told = json.loads(file.read_text(encoding="utf-8"))
        memory = told.get("shapes", {}).get("memory", {})
        kept = {name: one for name, one in memory.items() if "ids" not in one}
        if kept != memory:
            told["shapes"]["memory"] = kept
            file.write_text(json.dumps(told, indent=1, default=str), encoding="utf-8")
