"""The identity of a tracked model: the training study it belongs to (data, split, labels) and its own settings."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rankers.config import config_hash
from rankers.models.base import RankerConfig


@dataclass(frozen=True)
class TrainingSetRef:
    """Location and identity of a training set.

    Attributes:
        name: name shown in MLflow.
        path: folder of its Delta table.
        version: version of that table.
        digest: checksum of its contents, any length (MLflow shows the first 36 characters).
    """

    name: str
    path: Path
    version: int
    digest: str


@dataclass(frozen=True)
class TrainingStudy:
    """Everything that a set of comparable models has in common.

    Attributes:
        source: name of the source of the log; with ``split`` it names the experiment.
        split: how train, valid and test were divided.
        release_id: release of the tables the training set was built from.
        training_set: the training set.
        table_versions: version of each table of the release.
        signal_hashes: definition hash of each label.
        stage: candidate, demo or test: how seriously to take the models.
    """

    source: str
    split: str
    release_id: str
    training_set: TrainingSetRef
    table_versions: Mapping[str, int] = field(default_factory=dict)
    signal_hashes: Mapping[str, str] = field(default_factory=dict)
    stage: str = "candidate"

    @property
    def experiment(self) -> str:
        """Name of the MLflow experiment; its models may be compared."""
        return f"{self.source} - {self.split}"

    def tags(self) -> dict[str, str]:
        """Tags that pin the data of every run of the study."""
        pins = {f"table_version.{name}": str(number) for name, number in self.table_versions.items()}
        signals = {f"signal_hash.{name}": value for name, value in self.signal_hashes.items()}
        own = {
            "release_id": self.release_id,
            "training_set_digest": self.training_set.digest,
            "training_set_version": str(self.training_set.version),
            "stage": self.stage,
        }
        return {**own, **pins, **signals}


@dataclass(frozen=True)
class ModelSpec:
    """One model of a study: family, label, settings and seed."""

    family: str
    label: str
    config: RankerConfig
    seed: int

    @property
    def name(self) -> str:
        """Name of the run."""
        return f"{self.family} - {self.label}"

    def fingerprint(self, study: TrainingStudy) -> str:
        """32 hexadecimal digits that change with anything that could change the model."""
        parts = [
            study.release_id,
            study.training_set.digest,
            self.family,
            self.label,
            self.seed,
            config_hash(self.config),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
