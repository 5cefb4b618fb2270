"""Manifests: what a training set is made from, so that it can be made again from facts alone.

Versions of Delta tables expire; a manifest pins facts by what they are: deliveries up to a number, known at a moment,
with the definitions spelled out. Facts are only ever added, so the same pin gives the same facts.
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
from signals.compute import CENSORING
from signals.maturity import Knowledge, OutageFlag


@dataclass(frozen=True)
class Manifest:
    """The logical pin of a training set, on both its sides.

    Attributes:
        release_id: release that it was built from.
        batch: number of the newest delivery whose facts are in it.
        known_at: its cut-off: what a trainer could have seen then (UTC).
        definitions: the labels, whole; rewards with their signals.
        split: borders of its parts (UTC).
        code: hash of the code that built it.
        features: a hash of what each feature meant, by name.
        outages: outages that the source file named, ``[start, end)`` UTC.
        flags: outages that were found or told later, as far as the set's deliveries go.

    Manifests of earlier versions say nothing of the last three: None.
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
    def of(cls, release: Mapping[str, Any], labels: Sequence[Label], plan: SplitPlan, code: str) -> Self:
        """The manifest of a training set that is about to be built from a release."""
        return cls(release["release_id"], int(release["batch"]), release["known_at"], tuple(labels), vars(plan), code)

    def beside(self, knowledge: Knowledge) -> Self:
        """The same, with what beside facts and definitions the set rests on."""
        return replace(self, features=hash_features(), outages=tuple(knowledge.outages), flags=tuple(knowledge.flags))

    def knowledge(self, now: Knowledge) -> Knowledge:
        """What is known now, with the outages that the set was made with."""
        if self.outages is None or self.flags is None:
            return now
        return replace(now, outages=self.outages, flags=self.flags)

    @property
    def plan(self) -> SplitPlan:
        """The global time split."""
        return SplitPlan(**self.split)

    def facts(self) -> dict[str, Any]:
        """What the set's commit says of it."""
        return {
            "release_id": self.release_id,
            "batch": self.batch,
            "known_at": self.known_at.isoformat(),
            "labels": {d.ref: d.hash for d in self.definitions},
            "censoring": CENSORING,
            "split": {name: f"{border:%Y-%m-%d}" for name, border in self.split.items()},
        }

    def to_json(self, digest: str, more: Mapping[str, Any]) -> str:
        """The manifest as a file holds it, with the content that came of it and ``more`` that was found of it."""
        whole = {
            **more,
            **self.facts(),
            "definitions": [_plain(label) for label in self.definitions],
            "split": {name: border.isoformat() for name, border in self.split.items()},
            "code": self.code,
            "checksum": digest,
            "features": self.features,
            "outages": _spans(self.outages),
            "flags": _spans(None if self.flags is None else [astuple(flag) for flag in self.flags]),
        }
        return json.dumps(whole, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> tuple[Self, str]:
        """A manifest and the checksum of its set."""
        told = json.loads(text)
        made = cls(
            told["release_id"],
            int(told["batch"]),
            datetime.fromisoformat(told["known_at"]),
            tuple(_label(one) for one in told["definitions"]),
            {name: datetime.fromisoformat(border) for name, border in told["split"].items()},
            told["code"],
            told.get("features"),
            _moments(told.get("outages"), tuple),
            _moments(told.get("flags"), lambda moments: OutageFlag(*moments)),
        )
        return made, str(told["checksum"])


def _spans(spans: Sequence[Sequence[datetime | None]] | None) -> list[list[str | None]] | None:
    return None if spans is None else [[moment.isoformat() if moment else None for moment in one] for one in spans]


def _moments(told: Sequence[Sequence[str | None]] | None, make: Callable[[list[Any]], Any]) -> tuple[Any, ...] | None:
    if told is None:
        return None
    return tuple(make([datetime.fromisoformat(text) if text else None for text in one]) for one in told)


def _plain(label: Label) -> dict[str, Any]:
    """A label as plain data."""
    if isinstance(label, Definition):
        return label.model_dump(mode="json", by_alias=True)
    return {"reward": label.reward.model_dump(mode="json"), "signals": [_plain(signal) for signal in label.signals]}


def _label(told: Mapping[str, Any]) -> Label:
    if "reward" not in told:
        return Definition.model_validate(told)
    signals = tuple(Definition.model_validate(signal) for signal in told["signals"])
    return Composite(Reward.model_validate(told["reward"]), signals)


def name_of(digest: str) -> str:
    """Name of the manifest of a set with some checksum."""
    return digest.replace(":", "-")


def keep(folder: Path, manifest: Manifest, digest: str, more: Mapping[str, Any]) -> Path:
    """Write a manifest, beside the tables and outside of them, with what was found of its set; gives its file."""
    file = record_file(SourcePaths(folder).manifests, name_of(digest))
    write_atomically(file, manifest.to_json(digest, more))
    return file


def find(folder: Path, name: str) -> tuple[Manifest, str]:
    """A manifest by name (its set's checksum) and the checksum.

    Raises:
        NotFoundError: when there is none of that name.
    """
    manifests = SourcePaths(folder).manifests
    known = {file.stem: file for file in record_files(manifests)}
    file = known.get(name_of(name))
    if file is None:
        raise NotFoundError(
            f"There is no training set '{name}'.",
            where=str(manifests),
            fix=f"name an MLflow run or a set's checksum; {nearest(name_of(name), known)}",
        )
    return Manifest.from_json(file.read_text(encoding="utf-8"))
