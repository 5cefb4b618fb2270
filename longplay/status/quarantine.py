"""The quarantine as people look at it: rows by log and reason, with examples, and as a file to be repaired."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longplay.delta import open_table, read_arrow
from longplay.errors import NotFoundError, nearest
from longplay.paths import SourcePaths
from longplay.status.row_accounting import has

_COLUMNS = ("row_id", "log", "reason", "message", "file", "event_day", "run_id", "batch")
_MOST = 200


@dataclass(frozen=True)
class Asked:
    """Which rows to look at.

    Attributes:
        reason: only rows set aside for this.
        log: only rows of this raw log.
        released: rows that were released, too.
        examples: so many rows of each group are shown.
    """

    reason: str | None = None
    log: str | None = None
    released: bool = False
    examples: int = 3


@dataclass
class Group:
    """Quarantined rows of one log and reason.

    Attributes:
        log: events, exposures or episodes.
        reason: the rule that they fail.
        message: what it says of the newest of them.
        rows: how many are open.
        released: how many were released.
        batches: the deliveries that they came with.
        examples: some of the newest that are shown.
    """

    log: str
    reason: str
    message: str = ""
    rows: int = 0
    released: int = 0
    batches: set[int] = field(default_factory=set)
    examples: list[Mapping[str, Any]] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "log": self.log,
            "reason": self.reason,
            "message": self.message,
            "open": self.rows,
            "released": self.released,
            "deliveries": sorted(self.batches),
            "examples": list(self.examples),
        }


def groups(folder: Path, asked: Asked) -> list[Group]:
    """Quarantined rows by log and reason, the most first.

    Args:
        folder: the folder of a source's tables.
        asked: which rows.

    Raises:
        NotFoundError: when nothing was ingested, or no row was ever set aside for that reason.
        StoreError: when the table is corrupted.
    """
    rows, done = _rows(folder, asked), _outcomes(folder)
    found: dict[tuple[str, str], Group] = {}
    for row in sorted(rows, key=lambda row: (-row["batch"], row["row_id"])):
        group = found.setdefault((row["log"], row["reason"]), Group(row["log"], row["reason"], row["message"] or ""))
        group.batches.add(row["batch"])
        if row["row_id"] in done:
            group.released += 1
        else:
            group.rows += 1
        if len(group.examples) < asked.examples and (asked.released or row["row_id"] not in done):
            group.examples.append(row)
    raw = _raw(folder, [row["row_id"] for group in found.values() for row in group.examples])
    for group in found.values():
        group.examples = [_example(row, raw[row["row_id"]], done) for row in group.examples]
    shown = [group for group in found.values() if group.rows or asked.released]
    return sorted(shown, key=lambda group: (-group.rows, -group.released, group.log, group.reason))


def to_repair(folder: Path, asked: Asked) -> Iterator[str]:
    """Open rows as lines of JSON, ``row_id`` and the raw row, as a release takes them when they are repaired."""
    done = _outcomes(folder)
    rows = [row for row in _rows(folder, asked) if row["row_id"] not in done]
    raw = _raw(folder, [row["row_id"] for row in rows])
    for row in sorted(rows, key=lambda row: (row["batch"], row["row_id"])):
        told = {"row_id": row["row_id"], "reason": row["reason"], "message": row["message"]}
        yield json.dumps({**told, "raw": raw[row["row_id"]]}, ensure_ascii=False)


def releases(folder: Path) -> list[dict[str, Any]]:
    """Releases, newest first: who, when, and the rows by outcome."""
    if not has(folder, "quarantine_releases"):
        return []
    columns = ("release_id", "released_at", "released_by", "run_id", "batch", "outcome")
    found: dict[str, dict[str, Any]] = {}
    for row in read_arrow(SourcePaths(folder).table("quarantine_releases"), columns).to_pylist():
        told = {**{name: row[name] for name in columns[:5]}, "outcomes": defaultdict(int)}
        found.setdefault(row["release_id"], told)["outcomes"][row["outcome"]] += 1
    ordered = sorted(found.values(), key=lambda one: -one["batch"])
    return [{**one, "outcomes": dict(sorted(one["outcomes"].items()))} for one in ordered]


def _rows(folder: Path, asked: Asked) -> Sequence[Mapping[str, Any]]:
    path = SourcePaths(folder).table("quarantine")
    if not has(folder, "quarantine"):
        raise NotFoundError("Nothing was ingested yet.", where=str(folder), fix="run 'longplay ingest' first")
    # A table of before some columns were kept lacks them until the next delivery.
    there = {field.name for field in open_table(path).schema().fields}
    rows = read_arrow(path, [name for name in _COLUMNS if name in there]).to_pylist()
    whole = [{**dict.fromkeys(_COLUMNS), **row} for row in rows]
    if asked.reason is not None and asked.reason not in (known := {row["reason"] for row in whole}):
        raise NotFoundError(f"No row was set aside for '{asked.reason}'.", fix=nearest(asked.reason, known))
    return [
        row
        for row in whole
        if (asked.reason is None or row["reason"] == asked.reason) and (asked.log is None or row["log"] == asked.log)
    ]


def _outcomes(folder: Path) -> dict[str, str]:
    """What became of the rows that were released."""
    if not has(folder, "quarantine_releases"):
        return {}
    rows = read_arrow(SourcePaths(folder).table("quarantine_releases"), ["row_id", "outcome"]).to_pylist()
    return {row["row_id"]: row["outcome"] for row in rows}


def _raw(folder: Path, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The raw rows of some rows: they are long, so only those that are shown are read."""
    if not ids:
        return {}
    path = SourcePaths(folder).table("quarantine")
    rows = read_arrow(path, ["row_id", "raw"], [("row_id", "in", list(ids))]).to_pylist()
    return {row["row_id"]: json.loads(row["raw"]) for row in rows}


def _example(row: Mapping[str, Any], raw: Mapping[str, Any], done: Mapping[str, str]) -> dict[str, Any]:
    told = {name: row[name] for name in ("row_id", "file", "run_id", "batch")}
    day = row["event_day"].isoformat() if row["event_day"] else None
    return {**told, "event_day": day, "outcome": done.get(row["row_id"], "open"), "raw": raw}


def raw_text(raw: Mapping[str, Any]) -> str:
    """A raw row on one line of a table."""
    text = ", ".join(f"{name}={value}" for name, value in raw.items())
    return text if len(text) <= _MOST else text[:_MOST] + "..."
