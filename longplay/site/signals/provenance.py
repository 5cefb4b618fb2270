"""What else the store knows of a signal: training sets that learned from it, and deployments of rankers that did.

Both are read from the JSON files that the steps leave (``_manifests`` and ``_deployments`` of a source).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from longplay.errors import StoreError
from longplay.paths import StorePaths
from longplay.site import formatting
from longplay.site.charts.chart import Grid

Found = TypeVar("Found")


@dataclass(frozen=True)
class TrainingSet:
    """A training set that was made: its source, release, rows, cut-off, and the hash of each label by pinned name."""

    source: str
    release: str
    rows: int
    known_at: datetime
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Deployment:
    """Rankers that served users for some days, and what became of them.

    Attributes:
        source: where it was.
        name: name of its file.
        days: horizon in days.
        findings: one sentence a family of rankers.
        arms: name of each arm, and its figures.
    """

    source: str
    name: str
    days: int
    findings: Sequence[str]
    arms: Sequence[Mapping[str, Any]]


def training_sets(store: Path) -> list[TrainingSet]:
    """Every training set that has a manifest, by source and time.

    Raises:
        StoreError: when a manifest cannot be read.
    """
    found = _read(StorePaths(store).manifests(), _training_set)
    return sorted(found, key=lambda one: (one.source, one.known_at, one.release, one.rows))


def deployments(store: Path) -> list[Deployment]:
    """Every deployment that has a verdict, by source and file.

    Raises:
        StoreError: when a verdict cannot be read.
    """
    return _read(StorePaths(store).deployments(), _deployment)


def learned_from(ref: str, definition_hash: str, sets: Sequence[TrainingSet]) -> list[TrainingSet]:
    """The training sets with this version among their labels."""
    return [one for one in sets if one.labels.get(ref) == definition_hash]


def evidence(ref: str, sets: Sequence[TrainingSet], made: Sequence[Deployment]) -> Iterator[Deployment]:
    """The deployments of rankers that were trained on this version.

    A verdict names arms by the target of their label. So a deployment counts only where the training sets of its source
    leave no doubt which version that target was.
    """
    for one in made:
        targets: dict[str, set[str]] = {}
        for labels in (held.labels for held in sets if held.source == one.source):
            for label in labels:
                targets.setdefault(_target(label, list(labels)), set()).add(label)
        arms = {arm["arm"].partition("-")[2] for arm in one.arms}
        if any(held == {ref} and target in arms for target, held in targets.items()):
            yield one


def arms_grid(deployment: Deployment) -> Grid:
    """The arms of a deployment as a table; an interval holds in 95 of 100 cases."""
    columns = {
        "survival": "still there",
        "active_days": "active days",
        "ctr": "clicks per exposure",
        "regret": "regret",
    }
    rows = [[arm["arm"], *(_estimate(name, arm[name]) for name in columns)] for arm in deployment.arms]
    return Grid(["arm", *columns.values()], rows)


def _estimate(name: str, told: Mapping[str, float] | None) -> str:
    if told is None:
        return "none"
    write = formatting.number if name == "active_days" else formatting.share
    return f"{write(told['value'])}\n{write(told['low'])} to {write(told['high'])}"


def _target(label: str, labels: Sequence[str]) -> str:
    """What arms call the rankers of a label: ``return`` for the only return among the labels, else its name."""
    names = [one.partition("@")[0] for one in labels]
    name = label.partition("@")[0]
    return "return" if [one for one in names if one.startswith("return_to_item")] == [name] else name


def _training_set(path: Path, told: Mapping[str, Any]) -> TrainingSet:
    rows, at = int(told["checksum"].partition(":")[0]), datetime.fromisoformat(told["known_at"])
    return TrainingSet(path.parent.parent.name, told["release_id"], rows, at, dict(told["labels"]))


def _deployment(path: Path, told: Mapping[str, Any]) -> Deployment:
    words = tuple(family["words"] for family in told["families"])
    return Deployment(path.parent.parent.name, path.stem, told["days"], words, tuple(told["arms"]))


def _read(files: Sequence[Path], make: Callable[[Path, Mapping[str, Any]], Found]) -> list[Found]:
    """What some JSON files say, in their order."""
    found = []
    for path in files:
        try:
            found.append(make(path, json.loads(path.read_text(encoding="utf-8"))))
        except (KeyError, TypeError, ValueError) as error:
            what, fix = "This file is not what a step writes.", "run the step that writes it again, or move it away"
            raise StoreError(what, where=str(path), got=repr(error), fix=fix) from error
    return found
