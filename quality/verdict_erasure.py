"""Erases a person from the gate's verdicts and from great-expectations' pages on them."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from longplay.config.atomic_files import write_atomically
from longplay.paths import record_files

NamesPerson = Callable[[str], bool]
ValuesByCheck = Mapping[str, Iterable[str]]
"""Values that a table still holds, by the check that remembers their shares."""


def erase_from_verdicts(results: Path, names_person: NamesPerson, values: Mapping[str, ValuesByCheck]) -> int:
    """Erase a person from every verdict. Afterwards publications are compared with less.

    Removed are: values that name the person, with the row that they are in; fingerprints of ids, which could reveal
    whether an erased id was in the data; and shares of values that no row has any more.

    Args:
        results: the folder of verdicts.
        names_person: whether a text names the person.
        values: by table.

    Returns:
        The number of files that were changed.
    """
    return sum(_erase_from_verdict(file, names_person, values) for file in record_files(results))


def erase_from_pages(pages: Path, names_person: NamesPerson) -> tuple[int, int]:
    """Remove great-expectations' files and pages that name a person; returns how many were searched and removed."""
    files = [file for file in pages.rglob("*") if file.is_file()]
    removed = [file for file in files if names_person(file.read_text(encoding="utf-8", errors="replace"))]
    for file in removed:
        file.unlink()
    return len(files), len(removed)


def _erase_from_verdict(file: Path, names_person: NamesPerson, values: Mapping[str, ValuesByCheck]) -> bool:
    verdict = json.loads(file.read_text(encoding="utf-8"))
    changed = without_person(verdict, names_person)
    if changed is None:
        file.unlink()
        return True
    if "memory" in changed.get("shapes", {}):
        memory = changed["shapes"]["memory"]
        changed["shapes"]["memory"] = _forget_values(memory, values.get(changed.get("table", ""), {}))
    if changed == verdict:
        return False
    write_atomically(file, json.dumps(changed, indent=1, default=str))
    return True


def _forget_values(memory: Mapping[str, Any], values: ValuesByCheck) -> dict[str, Any]:
    shares = {check: entry for check, entry in memory.items() if "ids" not in entry}
    return {
        check: {name: share for name, share in entry.items() if name in set(values.get(check, entry))}
        for check, entry in shares.items()
    }


def without_person(value: Any, names_person: NamesPerson) -> Any:  # noqa: ANN401  # JSON
    """JSON data without the values that name a person; an object with such a value goes as a whole (None).

    Entries whose key names the person are left out.
    """
    if isinstance(value, str):
        return None if names_person(value) else value
    if isinstance(value, list):
        cleaned_items = [(item, without_person(item, names_person)) for item in value]
        return [cleaned for item, cleaned in cleaned_items if item is None or cleaned is not None]
    if not isinstance(value, dict):
        return value
    if any(isinstance(item, str) and names_person(item) for item in value.values()):
        return None
    entries = {key: (item, without_person(item, names_person)) for key, item in value.items() if not names_person(key)}
    return {key: cleaned for key, (item, cleaned) in entries.items() if item is None or cleaned is not None}
