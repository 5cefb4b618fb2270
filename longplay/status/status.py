"""Status of every table: what passed, what failed, the last good version, and what waits for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from longplay import pipeline
from longplay.errors import NotFoundError
from longplay.lookup.signal_failures import SignalFailure, read_signal_failures
from longplay.paths import SourcePaths
from longplay.status.outage_voids import OutageVoidCount, count_outage_voids
from longplay.status.row_accounting import RowAccount, account_for_rows, count_rows, has_table
from longplay.status.verdicts import GateVerdict, Publication, list_verdict_files, read_publications, read_verdicts

RUNS_IN_TREND = 20
"""Runs that a trend shows by default."""


@dataclass(frozen=True)
class TableStatus:
    """The status of one table.

    Attributes:
        table: its name.
        step: the command that publishes it.
        state: ``passed``; ``warned`` (published, although a check failed that blocks nothing); ``failed`` (refused,
            readers keep the last good version); ``behind`` (built from outdated inputs); ``not built``.
        rows: rows of the newest version.
        last_good: the newest publication.
        trend: verdicts of the last runs, oldest first.
        outdated_inputs: inputs with newer versions, each with the version that was read and the newest version.
        blocked_by: failed tables that it waits for.
        waiting_tables: tables that wait for it while it is failed or behind.
        waiting_steps: steps that wait for it.
    """

    table: str
    step: str
    state: str
    rows: int
    last_good: Publication | None
    trend: Sequence[GateVerdict]
    outdated_inputs: Mapping[str, tuple[int, int]]
    blocked_by: Sequence[str]
    waiting_tables: Sequence[str]
    waiting_steps: Sequence[str]

    @property
    def last_verdict(self) -> GateVerdict | None:
        """The newest verdict."""
        return self.trend[-1] if self.trend else None

    def plain(self) -> dict[str, Any]:
        """The status as JSON data."""
        last, good = self.last_verdict, self.last_good
        return {
            "table": self.table,
            "step": self.step,
            "state": self.state,
            "rows": self.rows,
            "checks": len(last.checks) if last else None,
            "failed": dict(last.failed) if last else {},
            "warned": dict(last.warned) if last else {},
            "last_run": _describe_run(last) if last else None,
            "last_good": {"version": good.version, "at": good.at.isoformat(), "run_id": good.run_id} if good else None,
            "behind": {name: {"made_from": old, "newest": new} for name, (old, new) in self.outdated_inputs.items()},
            "blocked_by": list(self.blocked_by),
            "blocks": {"tables": list(self.waiting_tables), "steps": list(self.waiting_steps)},
            "trend": [_describe_run(verdict) for verdict in self.trend],
        }


@dataclass(frozen=True)
class SourceStatus:
    """The tables of a source in the order of the pipeline, accounts of its raw logs, outages, and failed signals."""

    source: str
    tables: Sequence[TableStatus]
    accounts: Sequence[RowAccount]
    outage_voids: Sequence[OutageVoidCount]
    signal_failures: Sequence[SignalFailure]

    def plain(self) -> dict[str, Any]:
        """The status as JSON data."""
        rows = [{**vars(account), "adds_up": account.adds_up} for account in self.accounts]
        for row in rows:
            del row["counts_repeats"]
        voids = [{**vars(voids), "share": voids.share} for voids in self.outage_voids]
        tables = [table.plain() for table in self.tables]
        failures = [failure.plain() for failure in self.signal_failures]
        return {
            "source": self.source,
            "tables": tables,
            "rows": rows,
            "outage_voids": voids,
            "signal_failures": failures,
        }


@dataclass(frozen=True)
class _TableHistory:
    """Verdicts (oldest first) and publications (newest first) of a table."""

    verdicts: Sequence[GateVerdict]
    publications: Sequence[Publication]

    @property
    def is_failed(self) -> bool:
        return bool(self.verdicts) and not self.verdicts[-1].passed


def load_status(folder: Path, runs: int = RUNS_IN_TREND) -> SourceStatus:
    """Load the status of a source's tables.

    Args:
        folder: the folder of the tables.
        runs: how many runs a trend shows.

    Raises:
        NotFoundError: when there is no such source.
        StoreError: when a table is corrupted.
    """
    histories = _load_histories(folder, runs)
    blockers = pipeline.find_blockers(name for name, history in histories.items() if history.is_failed)
    tables = [_describe_table(folder, name, histories, blockers.get(name, ())) for name in histories]
    failures = list(read_signal_failures(folder).values())
    return SourceStatus(folder.name, tables, account_for_rows(folder), count_outage_voids(folder), failures)


def _load_histories(folder: Path, runs: int) -> dict[str, _TableHistory]:
    """Histories of tables that were ever published or validated: in the order of the pipeline, then others by name."""
    files = list_verdict_files(folder)
    names = {name for name in SourcePaths(folder).table_names() if has_table(folder, name)} | set(files)
    if not names:
        raise NotFoundError("Nothing was ingested yet.", where=str(folder), fix="check --store and --source")
    histories = {}
    for name in [*(name for name in pipeline.TABLES if name in names), *sorted(names - set(pipeline.TABLES))]:
        publications = read_publications(folder, name)
        verdicts = list(read_verdicts(files.get(name, [])[-runs:], publications))
        if verdicts or publications:  # files of the rules of signals hold neither
            histories[name] = _TableHistory(verdicts, publications)
    return histories


def _describe_table(
    folder: Path, name: str, histories: Mapping[str, _TableHistory], blocked_by: Sequence[str]
) -> TableStatus:
    history = histories[name]
    outdated = _find_outdated_inputs(history, histories)
    state = _derive_state(history, bool(outdated))
    is_blocking = state in ("failed", "behind")
    waiting_tables, waiting_steps = pipeline.find_downstream(name, state == "failed") if is_blocking else ([], [])
    return TableStatus(
        table=name,
        step=pipeline.find_publishing_step(name),
        state=state,
        rows=count_rows(folder, name),
        last_good=history.publications[0] if history.publications else None,
        trend=history.verdicts,
        outdated_inputs=outdated,
        blocked_by=blocked_by,
        waiting_tables=[table for table in waiting_tables if table in histories],
        waiting_steps=waiting_steps,
    )


def _find_outdated_inputs(history: _TableHistory, histories: Mapping[str, _TableHistory]) -> dict[str, tuple[int, int]]:
    if not history.publications:
        return {}
    outdated = {}
    for name, version in history.publications[0].inputs.items():
        if name in histories and histories[name].publications:
            newest = histories[name].publications[0].version
            if newest > version:
                outdated[name] = (version, newest)
    return outdated


def _derive_state(history: _TableHistory, is_behind: bool) -> str:
    if history.is_failed:
        return "failed"
    if not history.publications:
        return "not built"
    if is_behind:
        return "behind"
    return "warned" if history.verdicts and history.verdicts[-1].warned else "passed"


def _describe_run(verdict: GateVerdict) -> dict[str, Any]:
    return {"run_id": verdict.run_id, "at": verdict.at.isoformat(), "rows": verdict.rows, "passed": verdict.passed}


def find_newest_moment(status: SourceStatus) -> datetime | None:
    """When the newest publication or verdict of a source was made."""
    published_at = [table.last_good.at for table in status.tables if table.last_good]
    validated_at = [table.last_verdict.at for table in status.tables if table.last_verdict]
    return max([*published_at, *validated_at], default=None)
