"""Manifests: everything needed to rebuild a training set from facts alone.

Versions of Delta tables expire. A manifest therefore pins facts logically: the newest delivery, the known-time cut-off
and the definitions in full. Facts are only ever added, so the same pin always selects the same facts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from features.shipped_views import hash_features
from longplay.config.atomic_files import write_atomically
from longplay.definitions.reward import Composite, Label, Reward
from longplay.definitions.signal import Definition
from longplay.errors import NotFoundError, nearest
from longplay.paths import SourcePaths, record_file, record_files
from rankers.dataset.training_set import SplitPlan
from signals.maturity import Knowledge, OutageFlag
from signals.value_states import CENSORING


@dataclass(frozen=True)
class Manifest:
    """The logical pin of a training set: of its features and of its labels.

    Attributes:
        release_id: release that it was built from.
        batch: number of the newest delivery whose facts it contains.
        known_at: its cut-off (UTC); facts known later are ignored.
        definitions: the labels in full; rewards with their signals.
        split: borders of its parts (UTC).
        code: hash of the code that built it.
        features: a hash of each feature's meaning, by name.
        outages: outages that the source file lists, ``[start, end)`` UTC.
        flags: outages detected or declared later, up to the set's deliveries.

    The last three are None in manifests of earlier versions.
    """

    release_id: str
    batch: int
    known_at: datetime
    definitions: tuple[Label, ...]
    split: Mapping[str, datetime]
    code: str
    features: Mapping[str, str] | None = None
    outages: tuple[tuple[datetime, datetime], ...] | None = None
    flags: tuple[OutageFlag, ...] | None = None

    @classmethod
    def from_release(cls, release: Mapping[str, Any], labels: Sequence[Label], plan: SplitPlan, code: str) -> Self:
        """The manifest of a training set that is about to be built from a release."""
        return cls(release["release_id"], int(release["batch"]), release["known_at"], tuple(labels), vars(plan), code)

    def with_knowledge(self, knowledge: Knowledge) -> Self:
        """The same manifest with the outages of ``knowledge`` and today's hash_features of the features."""
        return replace(self, features=hash_features(), outages=tuple(knowledge.outages), flags=tuple(knowledge.flags))

    def restore_knowledge(self, current: Knowledge) -> Knowledge:
        """The current knowledge with the outages that the set was built with, where the manifest has them."""
        if self.outages is None or self.flags is None:
            return current
        return replace(current, outages=self.outages, flags=self.flags)

    @property
    def plan(self) -> SplitPlan:
        """The global time split."""
        return SplitPlan(**self.split)

    def commit_metadata(self) -> dict[str, Any]:
        """The part of the manifest that the commit of the set carries."""
        return {
            "release_id": self.release_id,
            "batch": self.batch,
            "known_at": self.known_at.isoformat(),
            "labels": {d.ref: d.hash for d in self.definitions},
            "censoring": CENSORING,
            "split": {name: f"{border:%Y-%m-%d}" for name, border in self.split.items()},
        }

    def to_json(self, digest: str, statistics: Mapping[str, Any]) -> str:
        """The text of the manifest's file, with the checksum and the statistics of the set that was built."""
        content = {
            **statistics,
            **self.commit_metadata(),
            "definitions": [_label_to_json(label) for label in self.definitions],
            "split": {name: border.isoformat() for name, border in self.split.items()},
            "code": self.code,
            "checksum": digest,
            "features": self.features,
            "outages": _intervals_to_json(self.outages),
            "flags": _intervals_to_json(None if self.flags is None else [astuple(flag) for flag in self.flags]),
        }
        return json.dumps(content, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> tuple[Self, str]:
        """A manifest and the checksum of its set."""
        content = json.loads(text)
        manifest = cls(
            content["release_id"],
            int(content["batch"]),
            datetime.fromisoformat(content["known_at"]),
            tuple(_label_from_json(label) for label in content["definitions"]),
            {name: datetime.fromisoformat(border) for name, border in content["split"].items()},
            content["code"],
            content.get("features"),
            _intervals_from_json(content.get("outages"), tuple),
            _intervals_from_json(content.get("flags"), lambda times: OutageFlag(*times)),
        )
        return manifest, str(content["checksum"])


def _intervals_to_json(intervals: Sequence[Sequence[datetime | None]] | None) -> list[list[str | None]] | None:
    if intervals is None:
        return None
    return [[time.isoformat() if time else None for time in interval] for interval in intervals]


def _intervals_from_json(
    intervals: Sequence[Sequence[str | None]] | None, construct: Callable[[list[Any]], Any]
) -> tuple[Any, ...] | None:
    if intervals is None:
        return None
    times = [[datetime.fromisoformat(text) if text else None for text in interval] for interval in intervals]
    return tuple(construct(interval) for interval in times)


def _label_to_json(label: Label) -> dict[str, Any]:
    if isinstance(label, Definition):
        return label.model_dump(mode="json", by_alias=True)
    signals = [_label_to_json(signal) for signal in label.signals]
    return {"reward": label.reward.model_dump(mode="json"), "signals": signals}


def _label_from_json(label: Mapping[str, Any]) -> Label:
    if "reward" not in label:
        return Definition.model_validate(label)
    signals = tuple(Definition.model_validate(signal) for signal in label["signals"])
    return Composite(Reward.model_validate(label["reward"]), signals)


def manifest_name(digest: str) -> str:
    """Name of the manifest of the training set with a checksum."""
    return digest.replace(":", "-")


def write_manifest(folder: Path, manifest: Manifest, digest: str, statistics: Mapping[str, Any]) -> Path:
    """Write a manifest, outside of the tables, with the checksum and statistics of its set; returns its file."""
    file = record_file(SourcePaths(folder).manifests, manifest_name(digest))
    write_atomically(file, manifest.to_json(digest, statistics))
    return file


def read_manifest(folder: Path, digest: str) -> tuple[Manifest, str]:
    """The manifest of the training set with a checksum, and the checksum.

    Raises:
        NotFoundError: there is no such training set.
    """
    manifests = SourcePaths(folder).manifests
    files = {file.stem: file for file in record_files(manifests)}
    file = files.get(manifest_name(digest))
    if file is None:
        raise NotFoundError(
            f"There is no training set '{digest}'.",
            where=str(manifests),
            fix=f"name an MLflow run or a set's checksum; {nearest(manifest_name(digest), files)}",
        )
    return Manifest.from_json(file.read_text(encoding="utf-8"))
