"""What the gate said of a table, run by run: read from its files, and from what commits say of their audit."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from longplay.delta import commits, open_table
from longplay.errors import StoreError, first_line
from longplay.paths import SourcePaths, record_files
from longplay.status.row_accounting import has

_RUN = re.compile(r"^(?P<table>\w+)-(?P<run>(?P<at>\d{8}T\d{6})-[0-9a-f]+)(?:-\d+)?$")
_COMMITS = 50
"""So many commits back a publication is looked for."""


@dataclass(frozen=True)
class Verdict:
    """One verdict of the gate.

    Attributes:
        run_id: the run; its file's name where that does not say.
        at: when (UTC).
        rows: rows that were judged: all of a table that is made anew, else what is new.
        checks: names of the checks.
        failed: violations by check that blocked the table.
        warned: violations by check that blocked nothing.
        file: the file that holds it.
    """

    run_id: str
    at: datetime
    rows: int | None
    checks: Sequence[str]
    failed: Mapping[str, int | None]
    warned: Mapping[str, int | None]
    file: str

    @property
    def held(self) -> list[str]:
        """The checks that passed."""
        return [name for name in self.checks if name not in self.failed and name not in self.warned]

    @property
    def passed(self) -> bool:
        """Whether the table could be published."""
        return not self.failed


@dataclass(frozen=True)
class Publication:
    """A version that was published: what its commit says.

    Attributes:
        version: its number.
        at: when it was committed (UTC).
        run_id: the run that published it.
        inputs: the versions that it was made from.
        audit: what the gate said of it.
        facts: what else its step says.
    """

    version: int
    at: datetime
    run_id: str
    inputs: Mapping[str, int]
    audit: Mapping[str, Any]
    facts: Mapping[str, Any]


def publications(folder: Path, table: str) -> list[Publication]:
    """The newest publications of a table, newest first; commits that only rearrange files are none.

    Raises:
        StoreError: when its log is corrupted.
    """
    if not has(folder, table):
        return []
    found = []
    for entry, told in commits(open_table(SourcePaths(folder).table(table)), _COMMITS):
        if told:
            at = datetime.fromtimestamp(int(entry["timestamp"]) / 1000, UTC)
            inputs, audit, facts = (told.get(name, {}) for name in ("inputs", "audit", "facts"))
            found.append(Publication(int(entry["version"]), at, told.get("run_id", ""), inputs, audit, facts))
    return found


def verdict_files(folder: Path) -> dict[str, list[Path]]:
    """Files of verdicts by table, oldest first."""
    found: dict[str, list[tuple[str, int, Path]]] = {}
    for file in record_files(SourcePaths(folder).verdicts):
        named = _RUN.match(file.stem)
        table = named["table"] if named else file.stem.partition("-")[0]
        found.setdefault(table, []).append((named["at"] if named else "", file.stat().st_mtime_ns, file))
    return {table: [file for *_, file in sorted(files)] for table, files in found.items()}


def verdicts(files: list[Path], published: list[Publication]) -> Iterator[Verdict]:
    """The verdicts of some files, in their order; a file that holds none is passed over.

    Args:
        files: of one table.
        published: its publications: a check that failed and was published all the same only warned.

    Raises:
        StoreError: when a file is no JSON.
    """
    kept = {str(one.audit.get("verdict", "")) for one in published}
    for file in files:
        told = read_verdict(file)
        if isinstance(told, dict) and "table" in told and "checks" in told:
            yield _verdict(told, file, file.name in kept)


def read_verdict(file: Path) -> object:
    """What a file of the gate says.

    Raises:
        StoreError: when it is no JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StoreError(
            "A verdict cannot be read: it was cut off, or is none.",
            where=str(file),
            got=first_line(error),
            fix="remove the file, and run its step again",
        ) from error


def _verdict(told: Mapping[str, Any], file: Path, is_published: bool) -> Verdict:
    profile = told.get("profile") or {}
    checks = dict(_checks(told["checks"]))
    warns = {name for name, (_, severity) in checks.items() if severity.startswith("warn")}
    warns |= {str(name) for name in told.get("warnings", ())}
    broken = [name for name, (passed, _) in checks.items() if not passed]
    lenient = set(broken) if is_published else warns
    named = _RUN.match(file.stem)
    at = datetime.strptime(named["at"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if named else None
    return Verdict(
        run_id=named["run"] if named else file.stem,
        at=at or datetime.fromtimestamp(file.stat().st_mtime, UTC),
        rows=_number(profile.get("rows")),
        checks=tuple(checks),
        failed={name: _number(profile.get(name)) for name in broken if name not in lenient},
        warned={name: _number(profile.get(name)) for name in broken if name in lenient},
        file=file.name,
    )


def _checks(told: object) -> Iterator[tuple[str, tuple[bool, str]]]:
    """Name, whether it passed, and severity of every check."""
    listed = [(one.get("name", one.get("rule")), one) for one in told] if isinstance(told, list) else []
    for name, value in told.items() if isinstance(told, Mapping) else listed:
        if isinstance(value, Mapping):
            passed = bool(value.get("passed", value.get("success", False)))
            yield str(name), (passed, str(value.get("severity", "error")))
        else:
            yield str(name), (bool(value), "error")


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
