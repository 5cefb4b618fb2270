"""Verdicts of the gate on a table, run by run, and its publications, read from files and commit metadata."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from longplay.delta import open_table, read_commits
from longplay.errors import StoreError, first_line
from longplay.paths import SourcePaths, record_files
from longplay.status.row_accounting import has_table

_FILE_NAME = re.compile(r"^(?P<table>\w+)-(?P<run>(?P<at>\d{8}T\d{6})-[0-9a-f]+)(?:-\d+)?$")
_MAX_COMMITS = 50
"""How many commits back to look for publications."""


@dataclass(frozen=True)
class GateVerdict:
    """One verdict of the gate.

    Attributes:
        run_id: the run, or the file's name where it does not contain the run.
        at: when (UTC).
        rows: validated rows: the whole of a rebuilt table, else the new rows.
        checks: names of the checks.
        failed: violations by check that blocked the table.
        warned: violations by check that blocked nothing.
        file: name of the verdict's file.
    """

    run_id: str
    at: datetime
    rows: int | None
    checks: Sequence[str]
    failed: Mapping[str, int | None]
    warned: Mapping[str, int | None]
    file: str

    @property
    def passed_checks(self) -> list[str]:
        """Names of the checks that passed."""
        return [name for name in self.checks if name not in self.failed and name not in self.warned]

    @property
    def passed(self) -> bool:
        """Whether no check blocked the table."""
        return not self.failed


@dataclass(frozen=True)
class Publication:
    """A published version, from its commit metadata.

    Attributes:
        version: its number.
        at: when it was committed (UTC).
        run_id: the run that published it.
        inputs: versions of the tables that it was built from.
        audit: the outcome of the gate.
        facts: further metadata of its step.
    """

    version: int
    at: datetime
    run_id: str
    inputs: Mapping[str, int]
    audit: Mapping[str, Any]
    facts: Mapping[str, Any]


def read_publications(folder: Path, table: str) -> list[Publication]:
    """The newest publications of a table, newest first. Commits that only rearrange files do not count.

    Raises:
        StoreError: when the table's log is corrupted.
    """
    if not has_table(folder, table):
        return []
    publications = []
    for entry, metadata in read_commits(open_table(SourcePaths(folder).table(table)), _MAX_COMMITS):
        if metadata:
            at = datetime.fromtimestamp(int(entry["timestamp"]) / 1000, UTC)
            inputs, audit, facts = (metadata.get(name, {}) for name in ("inputs", "audit", "facts"))
            run_id = metadata.get("run_id", "")
            publications.append(Publication(int(entry["version"]), at, run_id, inputs, audit, facts))
    return publications


def list_verdict_files(folder: Path) -> dict[str, list[Path]]:
    """Files of verdicts by table, oldest first."""
    dated_files: dict[str, list[tuple[str, int, Path]]] = {}
    for file in record_files(SourcePaths(folder).verdicts):
        match = _FILE_NAME.match(file.stem)
        table = match["table"] if match else file.stem.partition("-")[0]
        dated_files.setdefault(table, []).append((match["at"] if match else "", file.stat().st_mtime_ns, file))
    return {table: [file for *_, file in sorted(files)] for table, files in dated_files.items()}


def read_verdicts(files: list[Path], publications: list[Publication]) -> Iterator[GateVerdict]:
    """The verdicts of some files of one table, in the order of the files. Files without a verdict are skipped.

    Args:
        files: the files.
        publications: publications of the table. A check that failed in a published version was only a warning.

    Raises:
        StoreError: when a file is not JSON.
    """
    published_files = {str(publication.audit.get("verdict", "")) for publication in publications}
    for file in files:
        document = read_verdict(file)
        if isinstance(document, dict) and "table" in document and "checks" in document:
            yield _parse_verdict(document, file, file.name in published_files)


def read_verdict(file: Path) -> object:
    """The JSON document in a file of the gate.

    Raises:
        StoreError: when it is not JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StoreError(
            "A verdict cannot be read: the file is cut off or is not JSON.",
            where=str(file),
            got=first_line(error),
            fix="remove the file and run its step again",
        ) from error


def _parse_verdict(document: Mapping[str, Any], file: Path, is_published: bool) -> GateVerdict:
    profile = document.get("profile") or {}
    checks = dict(_parse_checks(document["checks"]))
    warnings = {name for name, (_, severity) in checks.items() if severity.startswith("warn")}
    warnings |= {str(name) for name in document.get("warnings", ())}
    broken = [name for name, (passed, _) in checks.items() if not passed]
    lenient = set(broken) if is_published else warnings
    match = _FILE_NAME.match(file.stem)
    at = datetime.strptime(match["at"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if match else None
    return GateVerdict(
        run_id=match["run"] if match else file.stem,
        at=at or datetime.fromtimestamp(file.stat().st_mtime, UTC),
        rows=_parse_count(profile.get("rows")),
        checks=tuple(checks),
        failed={name: _parse_count(profile.get(name)) for name in broken if name not in lenient},
        warned={name: _parse_count(profile.get(name)) for name in broken if name in lenient},
        file=file.name,
    )


def _parse_checks(checks: object) -> Iterator[tuple[str, tuple[bool, str]]]:
    """Name, outcome and severity of every check; older files list checks, newer ones map them by name."""
    listed = [(check.get("name", check.get("rule")), check) for check in checks] if isinstance(checks, list) else []
    for name, value in checks.items() if isinstance(checks, Mapping) else listed:
        if isinstance(value, Mapping):
            passed = bool(value.get("passed", value.get("success", False)))
            yield str(name), (passed, str(value.get("severity", "error")))
        else:
            yield str(name), (bool(value), "error")


def _parse_count(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
