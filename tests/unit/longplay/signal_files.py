"""Definitions for tests of the registry, as files and as proposals."""

from pathlib import Path
from typing import Any

import yaml

from longplay.registry.plan import ChangeTerms
from longplay.registry.records import Proposal

RETURN: dict[str, Any] = {
    "name": "came_back",
    "version": 1,
    "title": "Came back",
    "description": "1 if they came back.",
    "owner": "podcasts",
    "status": "published",
    "direction": "higher_is_better",
    "unit": "0 or 1",
    "anchor": "exposure",
    "keys": "user_item",
    "window": {"kind": "calendar", "from": 1, "to": 7},
    "lateness": "1 d",
    "measure": {"kind": "any", "of": "consumption"},
}
ANA = ChangeTerms("ana", owner="podcasts")


def write(folder: Path, **changes: Any) -> Path:
    """One definition file; a change to None leaves the key out."""
    data = {**RETURN, **changes}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{data['name']}.v{data['version']}.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}), encoding="utf-8")
    return path


def proposal(folder: Path, **changes: Any) -> Proposal:
    """One definition as proposed."""
    return Proposal.from_file(write(folder, **changes))
