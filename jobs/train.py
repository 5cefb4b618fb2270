"""Train: every ranker family on every label, tracked in MLflow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deltalake import DeltaTable

from jobs.runtime.command_options import job_command
from jobs.runtime.labels import label_names, record_label_use
from jobs.runtime.run_context import RunContext
from longplay.delta import open_table
from longplay.paths import StorePaths
from rankers.dataset.ranking_data import RankingData
from rankers.models.families import get_family
from rankers.tracking.mlflow_tracker import Tracker
from rankers.tracking.training_study import ModelSpec, TrainingSetRef, TrainingStudy


@dataclass(frozen=True)
class Arm:
    """One ranker of the training study: ``xgboost-return`` is XGBoost trained on the mid-term label."""

    name: str
    spec: ModelSpec


def train(context: RunContext) -> None:
    """Train each ranker of the settings on the newest training set, unless its finished run exists."""
    tracker, study = open_tracker(context), read_study(context)
    record_label_use(context, "experiment", study.experiment)
    data: RankingData | None = None
    for arm in list_arms(context):
        if tracker.find_run(study, arm.spec) is not None:
            context.progress.say(f"{arm.name}: already trained with this training set, settings and seed")
            continue
        data = data or load_ranking_data(context)
        logged = tracker.train(study, arm.spec, data)
        labels = label_names(context)
        scores = ", ".join(f"NDCG@10 {label} {logged.metrics[f'ndcg_at_10_{label}']:.4f}" for label in labels)
        context.progress.say(f"{arm.name}: {scores}; run {logged.run_id[:8]}")


def list_arms(context: RunContext) -> list[Arm]:
    """The rankers of the training study: each learned family on each label, each baseline once.

    Raises:
        ConfigError: the settings name an unknown family.
    """
    labels, settings = label_names(context), context.settings.rankers
    arms = []
    for family in map(get_family, settings.families):
        config = settings.get_config(family.name)
        for label in labels if family.is_learned else labels[:1]:
            name = f"{family.name}-{short_label(label, labels)}" if family.is_learned else family.name
            arms.append(Arm(name, ModelSpec(family.name, label, config, settings.seed)))
    return arms


def short_label(label: str, labels: Sequence[str]) -> str:
    """The label's part of an arm's name: ``return`` for the only return_to_item label, else the label."""
    returns = [name for name in labels if name.startswith("return_to_item")]
    return "return" if [label] == returns else label


def open_tracker(context: RunContext) -> Tracker:
    """The MLflow store of the warehouse, which all sources share."""
    paths = StorePaths.from_address(context.root)
    return Tracker(paths.tracking_database, paths.tracking_artifacts)


def read_study(context: RunContext) -> TrainingStudy:
    """The training study that the newest training set defines.

    Raises:
        StoreError: when there is no training set.
    """
    version = context.store.version("training_set")
    commit = context.store.commit_metadata("training_set")
    manifest: dict[str, Any] = commit["facts"]
    path, digest = context.store.path("training_set"), commit["audit"]["checksum"]
    split = f"{manifest['split']['train_start']} to {manifest['split']['test_end']}"
    return TrainingStudy(
        source=context.source.name,
        split=split,
        release_id=manifest["release_id"],
        training_set=TrainingSetRef(f"{context.source.name} training set", path, version, digest),
        table_versions=commit["inputs"],
        signal_hashes=manifest["labels"],
    )


def load_ranking_data(context: RunContext) -> RankingData:
    """The training set and its sequences at their pinned versions, read without Spark."""
    commit = context.store.commit_metadata("training_set")
    table = open_table(context.store.path("training_set"), context.store.version("training_set"))
    # Sorted, so that the order of rows in files does not affect the rankers.
    frame = table.to_pandas(filters=[("split", "!=", "purged")]).sort_values("exposure_id", ignore_index=True)
    history: DeltaTable = open_table(context.store.path("sequences"), commit["inputs"]["sequences"])
    columns = ["user_id", "item_id", "event_ts", "visible_ts", "event_id"]
    sequences = history.to_pandas(columns=columns).sort_values(["user_id", "event_ts", "event_id"], ignore_index=True)
    return RankingData.from_frames(frame, sequences.drop(columns="event_id"))


@job_command("train")
def command(context: RunContext) -> None:
    """Train the ranker families of the settings on the newest training set, each learned one on every label.

    Runs go to MLflow (a SQLite file in the warehouse): 'longplay ui' opens it. A finished run is not repeated.

    Example: longplay train --source world --set rankers.xgboost.max_depth=4
    """
    with context.progress.step("train"):
        train(context)


if __name__ == "__main__":
    command()
