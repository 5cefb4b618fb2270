"""Where a signal was used: training sets with it as a label, and deployments of rankers trained on them.

Both are read from the JSON files of the pipeline (``_manifests`` and ``_deployments`` of a source).
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

Record = TypeVar("Record")
ARM_COLUMNS = {
    "survival": "still active",
    "active_days": "active days",
    "ctr": "clicks per exposure",
    "regret": "regret",
}
"""Columns of the table of arms, by key of a verdict."""


@dataclass(frozen=True)
class TrainingSet:
    """A training set: its source, release, rows and cut-off, and the hash of each label by pinned name."""

    source: str
    release: str
    rows: int
    known_at: datetime
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Deployment:
    """Rankers that served users for some days, and the outcome.

    Attributes:
        source: name of the source.
        name: name of the verdict's file.
        days: horizon in days.
        findings: a sentence on each family of rankers.
        arms: name and metrics of each arm.
    """

    source: str
    name: str
    days: int
    findings: Sequence[str]
    arms: Sequence[Mapping[str, Any]]


def load_training_sets(store: Path) -> list[TrainingSet]:
    """Load every training set that has a manifest, by source and time.

    Raises:
        StoreError: when a manifest cannot be read.
    """
    training_sets = _load_files(StorePaths(store).manifests(), _parse_manifest)
    return sorted(training_sets, key=lambda built: (built.source, built.known_at, built.release, built.rows))


def load_deployments(store: Path) -> list[Deployment]:
    """Load every deployment that has a verdict, by source and file.

    Raises:
        StoreError: when a verdict cannot be read.
    """
    return _load_files(StorePaths(store).deployments(), _parse_verdict)


def select_training_sets(ref: str, definition_hash: str, training_sets: Sequence[TrainingSet]) -> list[TrainingSet]:
    """Select the training sets that have this version among their labels."""
    return [training_set for training_set in training_sets if training_set.labels.get(ref) == definition_hash]


def select_deployments(
    ref: str, training_sets: Sequence[TrainingSet], deployments: Sequence[Deployment]
) -> Iterator[Deployment]:
    """Select the deployments of rankers that were trained on this version.

    A verdict names each arm after the target of its label. A deployment therefore counts only if the training sets of
    its source identify the version behind that target.
    """
    for deployment in deployments:
        refs_by_target: dict[str, set[str]] = {}
        for labels in (list(built.labels) for built in training_sets if built.source == deployment.source):
            for label in labels:
                refs_by_target.setdefault(_target(label, labels), set()).add(label)
        targets = {arm["arm"].partition("-")[2] for arm in deployment.arms}
        if any(refs == {ref} and target in targets for target, refs in refs_by_target.items()):
            yield deployment


def tabulate_arms(deployment: Deployment) -> Grid:
    """Tabulate the arms of a deployment with 95% intervals."""
    rows = [[arm["arm"], *(_format_estimate(name, arm[name]) for name in ARM_COLUMNS)] for arm in deployment.arms]
    return Grid(["arm", *ARM_COLUMNS.values()], rows)


def _format_estimate(name: str, estimate: Mapping[str, float] | None) -> str:
    if estimate is None:
        return "none"
    write = formatting.number if name == "active_days" else formatting.share
    return f"{write(estimate['value'])}\n{write(estimate['low'])} to {write(estimate['high'])}"


def _target(label: str, labels: Sequence[str]) -> str:
    """The target that arms are named after: ``return`` for the only return among the labels, else the label's name."""
    names = [ref.partition("@")[0] for ref in labels]
    name = label.partition("@")[0]
    return "return" if [other for other in names if other.startswith("return_to_item")] == [name] else name


def _parse_manifest(path: Path, manifest: Mapping[str, Any]) -> TrainingSet:
    rows, known_at = int(manifest["checksum"].partition(":")[0]), datetime.fromisoformat(manifest["known_at"])
    return TrainingSet(path.parent.parent.name, manifest["release_id"], rows, known_at, dict(manifest["labels"]))


def _parse_verdict(path: Path, verdict: Mapping[str, Any]) -> Deployment:
    findings = tuple(family["words"] for family in verdict["families"])
    return Deployment(path.parent.parent.name, path.stem, verdict["days"], findings, tuple(verdict["arms"]))


def _load_files(files: Sequence[Path], parse: Callable[[Path, Mapping[str, Any]], Record]) -> list[Record]:
    """Parse JSON files, in their order."""
    records = []
    for path in files:
        try:
            records.append(parse(path, json.loads(path.read_text(encoding="utf-8"))))
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(
                "This file lacks the content that the pipeline writes.",
                where=str(path),
                got=repr(error),
                fix="rerun the step that writes it, or move the file away",
            ) from error
    return records
