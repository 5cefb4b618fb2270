"""Train: every family on every label, tracked in MLflow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deltalake import DeltaTable

from jobs.runtime.command_options import job_command
from jobs.runtime.labels import label_names, use_labels
from jobs.runtime.run_context import RunContext
from longplay.delta import open_table
from longplay.errors import ConfigError, nearest
from longplay.paths import StorePaths
from rankers.config import FAMILIES, Family, RankerConfig, parse_config
from rankers.dataset.ranking_data import RankingData
from rankers.tracking.mlflow_tracker import Tracker
from rankers.tracking.study import ModelSpec, Study, TrainingSetRef

BASELINES = ("popularity", "popularity_7d")


@dataclass(frozen=True)
class Arm:
    """One ranker of the study: ``xgboost-return`` is XGBoost trained on the mid-term label."""

    name: str
    spec: ModelSpec


def train(context: RunContext) -> None:
    """Train each ranker of the settings on the newest training set, unless its finished run is there."""
    tracker, found = tracker_of(context), study(context)
    use_labels(context, "experiment", found.experiment)
    data: RankingData | None = None
    for arm in arms(context):
        if tracker.find(found, arm.spec) is not None:
            context.progress.say(f"{arm.name}: its run is there already (same training set, settings and seed)")
            continue
        data = data or ranking_data(context)
        logged = tracker.train(found, arm.spec, data)
        labels = label_names(context)
        shown = ", ".join(f"NDCG@10 {n} {logged.metrics[f'ndcg_at_10_{n}']:.4f}" for n in labels)
        context.progress.say(f"{arm.name}: {shown}; run {logged.run_id[:8]}")


def arms(context: RunContext) -> list[Arm]:
    """The rankers of a study: each learned family on each label, each baseline once.

    Raises:
        ConfigError: for an unknown family.
    """
    labels, settings = label_names(context), context.settings.rankers
    listed = []
    for name in settings.families:
        if name not in FAMILIES:
            raise ConfigError(f"There is no family '{name}'.", where="rankers.families", fix=nearest(name, FAMILIES))
        for label in labels[:1] if name in BASELINES else labels:
            arm = name if name in BASELINES else f"{name}-{short(label, labels)}"
            listed.append(Arm(arm, ModelSpec(name, label, config_of(context, name), settings.seed)))
    return listed


def short(label: str, labels: Sequence[str]) -> str:
    """The label's part of an arm's name: ``return`` for the only return_to_item label, else the label."""
    returns = [one for one in labels if one.startswith("return_to_item")]
    return "return" if [label] == returns else label


def config_of(context: RunContext, family: Family) -> RankerConfig:
    """The settings of a family."""
    settings = context.settings.rankers
    given: dict[str, RankerConfig] = {"xgboost": settings.xgboost, "transformer": settings.transformer}
    return given.get(family) or parse_config(family)


def tracker_of(context: RunContext) -> Tracker:
    """MLflow's store beside the tables: one for all sources of a warehouse."""
    paths = StorePaths.from_address(context.root)
    return Tracker(paths.tracking_database, paths.tracking_artifacts)


def study(context: RunContext) -> Study:
    """The study that the newest training set defines."""
    commit = context.store.commit_metadata("training_set")
    manifest: dict[str, Any] = commit["facts"]
    version = context.store.version("training_set")
    path, digest = context.store.path("training_set"), commit["audit"]["checksum"]
    split = f"{manifest['split']['train_start']} to {manifest['split']['test_end']}"
    return Study(
        source=context.source.name,
        split=split,
        release_id=manifest["release_id"],
        training_set=TrainingSetRef(f"{context.source.name} training set", path, version, digest),
        table_versions=commit["inputs"],
        signal_hashes=manifest["labels"],
    )


def ranking_data(context: RunContext) -> RankingData:
    """The training set and its sequences at their pinned versions, read without Spark."""
    commit = context.store.commit_metadata("training_set")
    table = open_table(context.store.path("training_set"), context.store.version("training_set"))
    # In an order of its own: how rows lie in files must not reach the rankers.
    frame = table.to_pandas(filters=[("split", "!=", "purged")]).sort_values("exposure_id", ignore_index=True)
    history: DeltaTable = open_table(context.store.path("sequences"), commit["inputs"]["sequences"])
    columns = ["user_id", "item_id", "event_ts", "visible_ts", "event_id"]
    sequences = history.to_pandas(columns=columns).sort_values(["user_id", "event_ts", "event_id"], ignore_index=True)
    return RankingData.from_frames(frame, sequences.drop(columns="event_id"))


@job_command("train", short_help="Train the rankers on every label, tracked in MLflow.")
def command(context: RunContext) -> None:
    """Train popularity, XGBoost and the transformer on the newest training set, each learned one on every label.

    Runs go to MLflow (a SQLite file in the warehouse): 'longplay ui' opens it. A run that is there is not repeated.

    Example: longplay train --source world --set rankers.xgboost.max_depth=4
    """
    with context.progress.step("train"):
        train(context)


if __name__ == "__main__":
    command()
