"""How every table stands: what passed, what failed, the last good version, and what blocks whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from longplay import pipeline
from longplay.errors import NotFoundError
from longplay.paths import SourcePaths
from longplay.status import verdicts
from longplay.status.row_accounting import Entry, has, ledger, rows_of
from longplay.status.verdicts import Publication, Verdict

RUNS = 20
"""So many runs a trend shows unless more are asked for."""


@dataclass(frozen=True)
class Standing:
    """One table.

    Attributes:
        table: its name.
        step: the command that publishes it.
        state: ``passed``; ``warned`` (published, some check failed that blocks nothing); ``failed`` (refused, the last
            good version stands); ``behind`` (made from older versions of its inputs than are there); ``not built``.
        rows: rows of the newest version.
        good: the newest publication.
        trend: verdicts of the last runs, oldest first.
        behind: inputs of which newer versions are there: the one it was made from, the newest.
        blocked_by: tables that failed and that it waits for.
        blocks: tables that wait for it while it is failed or behind.
        steps: steps that do.
    """

    table: str
    step: str
    state: str
    rows: int
    good: Publication | None
    trend: Sequence[Verdict]
    behind: Mapping[str, tuple[int, int]]
    blocked_by: Sequence[str]
    blocks: Sequence[str]
    steps: Sequence[str]

    @property
    def last(self) -> Verdict | None:
        """The newest verdict."""
        return self.trend[-1] if self.trend else None

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        last, good = self.last, self.good
        return {
            "table": self.table,
            "step": self.step,
            "state": self.state,
            "rows": self.rows,
            "checks": len(last.checks) if last else None,
            "failed": dict(last.failed) if last else {},
            "warned": dict(last.warned) if last else {},
            "last_run": _run(last) if last else None,
            "last_good": {"version": good.version, "at": good.at.isoformat(), "run_id": good.run_id} if good else None,
            "behind": {name: {"made_from": old, "newest": new} for name, (old, new) in self.behind.items()},
            "blocked_by": list(self.blocked_by),
            "blocks": {"tables": list(self.blocks), "steps": list(self.steps)},
            "trend": [_run(one) for one in self.trend],
        }


@dataclass(frozen=True)
class Status:
    """A source: its tables in the order of the line, and its ledger."""

    source: str
    tables: Sequence[Standing]
    ledger: Sequence[Entry]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        rows = [{**vars(entry), "adds_up": entry.adds_up} for entry in self.ledger]
        for row in rows:
            del row["is_counted"]
        return {"source": self.source, "tables": [one.plain() for one in self.tables], "rows": rows}


def status(folder: Path, runs: int = RUNS) -> Status:
    """How the tables of a source stand.

    Args:
        folder: the folder of its tables.
        runs: how many runs a trend shows.

    Raises:
        NotFoundError: when there is no such source.
        StoreError: when a table is corrupted.
    """
    files = verdicts.verdict_files(folder)
    names = _names(folder, files)
    if not names:
        raise NotFoundError("Nothing was ingested yet.", where=str(folder), fix="check --store and --source")
    good = {name: verdicts.publications(folder, name) for name in names}
    trends = {name: list(verdicts.verdicts(files.get(name, [])[-runs:], good[name])) for name in names}
    names = [name for name in names if trends[name] or good[name]]  # the rules of signals keep files of their own
    behind = {name: _behind(good[name], good) for name in names}
    failed = [name for name in names if trends[name] and not trends[name][-1].passed]
    blocked = pipeline.find_blockers(failed)
    found = []
    for name in names:
        state = _state(name in failed, bool(behind[name]), trends[name], good[name])
        blocks, steps = pipeline.find_downstream(name, state == "failed") if state in ("failed", "behind") else ([], [])
        found.append(
            Standing(
                table=name,
                step=pipeline.find_publishing_step(name),
                state=state,
                rows=rows_of(folder, name),
                good=good[name][0] if good[name] else None,
                trend=trends[name],
                behind=behind[name],
                blocked_by=blocked.get(name, ()),
                blocks=[table for table in blocks if table in names],
                steps=steps,
            )
        )
    return Status(folder.name, found, ledger(folder))


def _names(folder: Path, files: Mapping[str, Sequence[Path]]) -> list[str]:
    """Tables that were ever built or judged, in the order of the line, then those that it does not know."""
    there = {name for name in SourcePaths(folder).table_names() if has(folder, name)} | set(files)
    return [name for name in pipeline.TABLES if name in there] + sorted(there - set(pipeline.TABLES))


def _behind(own: Sequence[Publication], good: Mapping[str, Sequence[Publication]]) -> dict[str, tuple[int, int]]:
    if not own:
        return {}
    newest = {name: good[name][0].version for name in own[0].inputs if good.get(name)}
    return {name: (old, newest[name]) for name, old in own[0].inputs.items() if newest.get(name, old) > old}


def _state(is_failed: bool, is_behind: bool, trend: Sequence[Verdict], good: Sequence[Publication]) -> str:
    if is_failed:
        return "failed"
    if not good:
        return "not built"
    if is_behind:
        return "behind"
    return "warned" if trend and trend[-1].warned else "passed"


def _run(one: Verdict) -> dict[str, Any]:
    return {"run_id": one.run_id, "at": one.at.isoformat(), "rows": one.rows, "passed": one.passed}


def newest_moment(found: Status) -> datetime | None:
    """When the newest publication or verdict was made."""
    moments = [one.good.at for one in found.tables if one.good] + [one.last.at for one in found.tables if one.last]
    return max(moments, default=None)
