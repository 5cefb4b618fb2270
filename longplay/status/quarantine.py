"""The quarantine for people: rows by log and reason, with examples, and as a file that one can repair."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longplay.delta import open_table, read_arrow
from longplay.errors import NotFoundError, nearest
from longplay.paths import SourcePaths
from longplay.status.row_accounting import has_table

_COLUMNS = ("row_id", "log", "reason", "message", "file", "event_day", "run_id", "batch")
_RELEASE_COLUMNS = ("release_id", "released_at", "released_by", "run_id", "batch")
_MAX_ROW_CHARACTERS = 200


@dataclass(frozen=True)
class QuarantineQuery:
    """Which quarantined rows to list.

    Attributes:
        reason: only rows that were quarantined for this reason.
        log: only rows of this raw log.
        released: include rows that were released.
        examples: how many rows of each group to show.
    """

    reason: str | None = None
    log: str | None = None
    released: bool = False
    examples: int = 3


@dataclass
class QuarantineGroup:
    """Quarantined rows of one log and reason.

    Attributes:
        log: events, exposures or episodes.
        reason: the rule that the rows break.
        message: the message of the newest row.
        rows: number of open rows.
        released: number of released rows.
        batches: deliveries that the rows came with.
        examples: some of the newest rows.
    """

    log: str
    reason: str
    message: str = ""
    rows: int = 0
    released: int = 0
    batches: set[int] = field(default_factory=set)
    examples: list[Mapping[str, Any]] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """The group as JSON data."""
        return {
            "log": self.log,
            "reason": self.reason,
            "message": self.message,
            "open": self.rows,
            "released": self.released,
            "deliveries": sorted(self.batches),
            "examples": list(self.examples),
        }


def group_quarantined_rows(folder: Path, query: QuarantineQuery) -> list[QuarantineGroup]:
    """Group quarantined rows by log and reason, largest group first.

    Args:
        folder: the folder of a source's tables.
        query: which rows.

    Raises:
        NotFoundError: when nothing was ingested, or no row was ever quarantined for that reason.
        StoreError: when the table is corrupted.
    """
    rows, outcomes = _read_rows(folder, query), _read_outcomes(folder)
    groups: dict[tuple[str, str], QuarantineGroup] = {}
    for row in sorted(rows, key=lambda row: (-row["batch"], row["row_id"])):
        key = row["log"], row["reason"]
        group = groups.setdefault(key, QuarantineGroup(*key, message=row["message"] or ""))
        _add_row(group, row, row["row_id"] in outcomes, query)
    raw_rows = _read_raw_rows(folder, [row["row_id"] for group in groups.values() for row in group.examples])
    for group in groups.values():
        group.examples = [_describe_example(row, raw_rows[row["row_id"]], outcomes) for row in group.examples]
    shown = [group for group in groups.values() if group.rows or query.released]
    return sorted(shown, key=lambda group: (-group.rows, -group.released, group.log, group.reason))


def _add_row(group: QuarantineGroup, row: Mapping[str, Any], is_released: bool, query: QuarantineQuery) -> None:
    group.batches.add(row["batch"])
    group.released += is_released
    group.rows += not is_released
    if len(group.examples) < query.examples and (query.released or not is_released):
        group.examples.append(row)


def format_rows_to_repair(folder: Path, query: QuarantineQuery) -> Iterator[str]:
    """Open rows as JSON lines with ``row_id`` and the raw row; a release takes the same lines, repaired."""
    outcomes = _read_outcomes(folder)
    rows = [row for row in _read_rows(folder, query) if row["row_id"] not in outcomes]
    raw_rows = _read_raw_rows(folder, [row["row_id"] for row in rows])
    for row in sorted(rows, key=lambda row: (row["batch"], row["row_id"])):
        fields = {name: row[name] for name in ("row_id", "reason", "message")}
        yield json.dumps({**fields, "raw": raw_rows[row["row_id"]]}, ensure_ascii=False)


def list_quarantine_releases(folder: Path) -> list[dict[str, Any]]:
    """Releases from quarantine, newest first: who released, when, and row counts by outcome."""
    if not has_table(folder, "quarantine_releases"):
        return []
    releases: dict[str, dict[str, Any]] = {}
    outcomes: dict[str, Counter[str]] = {}
    for row in read_arrow(SourcePaths(folder).table("quarantine_releases"), [*_RELEASE_COLUMNS, "outcome"]).to_pylist():
        release_id, outcome = row["release_id"], row.pop("outcome")
        releases.setdefault(release_id, row)
        outcomes.setdefault(release_id, Counter())[outcome] += 1
    newest_first = sorted(releases.values(), key=lambda release: -release["batch"])
    return [{**release, "outcomes": dict(sorted(outcomes[release["release_id"]].items()))} for release in newest_first]


def _read_rows(folder: Path, query: QuarantineQuery) -> Sequence[Mapping[str, Any]]:
    path = SourcePaths(folder).table("quarantine")
    if not has_table(folder, "quarantine"):
        raise NotFoundError("Nothing was ingested yet.", where=str(folder), fix="run 'longplay ingest' first")
    # A table from before a column existed lacks it until the next delivery.
    present = {field.name for field in open_table(path).schema().fields}
    stored = read_arrow(path, [name for name in _COLUMNS if name in present]).to_pylist()
    rows = [{**dict.fromkeys(_COLUMNS), **row} for row in stored]
    if query.reason is not None and query.reason not in (reasons := {row["reason"] for row in rows}):
        raise NotFoundError(f"No row was quarantined for '{query.reason}'.", fix=nearest(query.reason, reasons))
    return [row for row in rows if query.reason in (None, row["reason"]) and query.log in (None, row["log"])]


def _read_outcomes(folder: Path) -> dict[str, str]:
    """What became of each released row, by row id."""
    if not has_table(folder, "quarantine_releases"):
        return {}
    rows = read_arrow(SourcePaths(folder).table("quarantine_releases"), ["row_id", "outcome"]).to_pylist()
    return {row["row_id"]: row["outcome"] for row in rows}


def _read_raw_rows(folder: Path, row_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Raw rows by row id. Raw rows are long, so only those that are shown are read."""
    if not row_ids:
        return {}
    path = SourcePaths(folder).table("quarantine")
    rows = read_arrow(path, ["row_id", "raw"], [("row_id", "in", list(row_ids))]).to_pylist()
    return {row["row_id"]: json.loads(row["raw"]) for row in rows}


def _describe_example(row: Mapping[str, Any], raw: Mapping[str, Any], outcomes: Mapping[str, str]) -> dict[str, Any]:
    fields = {name: row[name] for name in ("row_id", "file", "run_id", "batch")}
    day = row["event_day"].isoformat() if row["event_day"] else None
    return {**fields, "event_day": day, "outcome": outcomes.get(row["row_id"], "open"), "raw": raw}


def format_raw_row(raw: Mapping[str, Any]) -> str:
    """A raw row on one line, shortened where it is long."""
    text = ", ".join(f"{name}={value}" for name, value in raw.items())
    return text if len(text) <= _MAX_ROW_CHARACTERS else text[:_MAX_ROW_CHARACTERS] + "..."
