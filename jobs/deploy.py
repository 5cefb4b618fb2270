"""Deploy: every ranker serves the same new listeners of the simulated world, for `deploy.days` days (default 90)."""

import hashlib
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

import click
import pandas as pd
from pyspark.sql import functions as F

from experiments.analysis.verdict import Verdict, reach_verdict
from experiments.simulation.arms import BASELINE_ARMS, deploy_arm
from experiments.simulation.policies import frozen_item_view
from features import feature_facts, shipped_views
from features.online import ItemView
from features.point_in_time_join import as_of_join
from jobs.runtime.command_options import job_command
from jobs.runtime.fingerprint import hash_code
from jobs.runtime.labels import label_definitions, record_label_use
from jobs.runtime.releases import open_release
from jobs.runtime.run_context import RunContext
from jobs.train import list_arms, open_tracker, read_study
from longplay.definitions.reward import list_label_signals
from longplay.errors import InputError
from longplay.lookup.signal_failures import check_not_failed, read_signal_failures
from longplay.paths import SourcePaths, record_file
from rankers.models.base import TrainedRanker
from rankers.models.families import get_family
from worlds.deploy import DeploymentPlan, Outcomes
from worlds.spec import WorldSpec
from worlds.truth_tables import read_spec
from worlds.world import World, build_world

DEPLOYMENT_CODE = (
    "features",
    "rankers",
    "rankers.dataset",
    "rankers.models",
    "rankers.tracking",
    "worlds",
    "experiments.simulation",
    "experiments.analysis",
)
"""Modules that decide the outcome of a deployment."""


def deploy(context: RunContext, data: Path) -> Verdict:
    """Deploy every arm and store the verdict, unless the same deployment was done before.

    Raises:
        StoreError: when the signal of a label failed: its values are stale.
    """
    signals = [signal.ref for signal in list_label_signals(label_definitions(context))]
    check_not_failed(read_signal_failures(context.folder), signals, "A deployment")
    world = build_world(_read_world_spec(data))
    known_at = context.log.known_at()
    _check_world(world, data, known_at)
    file = record_file(SourcePaths(context.folder).deployments, hash_deployment(context, world))
    record_label_use(context, "deployment", f"{context.source.name} {file.stem}")
    if file.exists() and not context.force:
        context.progress.say(f"already deployed ({file.name}; --force repeats it)")
        return Verdict.from_json(file.read_text(encoding="utf-8"))
    outcomes = _deploy_all(context, world, load_item_view(context, world, known_at))
    verdict = reach_verdict(outcomes, context.settings.deploy.days)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(verdict.to_json(), encoding="utf-8")
    return verdict


def _read_world_spec(data: Path) -> WorldSpec:
    truth = truth_file(data)
    if not truth.exists():
        raise InputError(
            "Rankers can only be deployed to listeners of a simulated world, and this log is not of one.",
            where=str(data),
            got=f"no {truth}",
            fix="compare rankers on a real log with 'longplay verdict'; 'longplay simulate' makes a world",
        )
    return read_spec(truth)


def _check_world(world: World, data: Path, known_at: datetime) -> None:
    if world.spec.end != known_at:
        raise InputError(
            "This world is not the one that was ingested.",
            where=str(data),
            got=f"its log ends {world.spec.end:%Y-%m-%d}, the watermark is {known_at:%Y-%m-%d}",
            fix="pass the --data that was ingested, or another --store",
        )


def truth_file(data: Path) -> Path:
    """The truth of a simulated log, which lies next to the log and never in it."""
    return data.absolute().parent / "truth" / "world.json"


def load_item_view(context: RunContext, world: World, known_at: datetime) -> ItemView:
    """The item features that rankers are served with: those at the start of the deployment, from the release."""
    versions = open_release(context, read_study(context).release_id)["versions"]
    tables = ("item_days", "user_item_days", "item_exposure_days", "first_seen")
    tiles = feature_facts.build_item_day_facts(*[context.tables.read(versions, name) for name in tables])
    ids = pd.DataFrame({"item_id": list(world.item_ids)})
    spine = context.spark.createDataFrame(ids).withColumn("as_of", F.lit(known_at))
    features = as_of_join([shipped_views.ITEM], tiles, spine).drop("as_of").toPandas()
    return frozen_item_view(world.item_ids, world.topics, features)


def load_rankers(context: RunContext) -> dict[str, TrainedRanker | None]:
    """The learned rankers by arm, from MLflow, after the baseline arms, which have none."""
    tracker, study = open_tracker(context), read_study(context)
    learned = {}
    for arm in list_arms(context):
        run_id = tracker.find_run(study, arm.spec)
        if run_id is not None and get_family(arm.spec.family).is_learned:
            learned[arm.name] = tracker.load_ranker(run_id)
    if not learned:
        raise InputError("No ranker was trained for this training set.", fix="run 'longplay train' first")
    return {**dict.fromkeys(BASELINE_ARMS), **learned}


def hash_deployment(context: RunContext, world: World) -> str:
    """A hash over everything that decides the outcome."""
    study, settings = read_study(context), context.settings.deploy.model_dump(exclude={"processes"})
    inputs = [str(world.spec), settings, hash_code(DEPLOYMENT_CODE)]
    inputs += [arm.spec.fingerprint(study) for arm in list_arms(context)]
    return hashlib.sha256(json.dumps(inputs, default=str).encode()).hexdigest()[:16]


def _deploy_all(context: RunContext, world: World, items: ItemView) -> dict[str, Outcomes]:
    settings, rankers = context.settings.deploy, load_rankers(context)
    plan = DeploymentPlan(settings.users, settings.days, settings.seed, settings.entropy_share, settings.exploration)
    outcomes = {}
    # Spawned processes, not forks: this process holds a JVM connection and threads that do not survive a fork.
    with ProcessPoolExecutor(settings.processes, mp_context=get_context("spawn")) as pool:
        arms = {pool.submit(deploy_arm, world, arm, ranker, items, plan): arm for arm, ranker in rankers.items()}
        for future in as_completed(arms):
            arm = arms[future]
            outcomes[arm] = future.result()
            share = outcomes[arm].survived.mean()
            context.progress.say(f"{arm}: {share:.1%} of {settings.users:,} still listening")
    return {arm: outcomes[arm] for arm in rankers}


@job_command("deploy")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="The world's log folder, as ingested.")
def command(context: RunContext, data: Path) -> None:
    """Deploy every ranker to new listeners of the simulated world at matched entropy, next to random and popularity.

    Example: longplay deploy --source world --data world/log --set deploy.users=5000
    """
    with context.progress.step("deploy"):
        deploy(context, data)


if __name__ == "__main__":
    command()
