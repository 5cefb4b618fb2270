"""What a reader of the MLflow store finds: pinned data, equal metric keys, models that load and score."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from longplay.errors import NotFoundError, StoreError
from rankers.config import parse_config
from rankers.dataset.ranking_data import RankingData
from rankers.models.families import FAMILIES
from rankers.tracking.mlflow_tracker import LoggedRanker, Tracker, quiet_mlflow
from rankers.tracking.scoring_frame import example_frame, scoring_frame
from rankers.tracking.training_study import ModelSpec, TrainingSetRef, TrainingStudy
from tests.unit.rankers.ranking_world import WorldSize, ranking_frames

ROOT = Path(__file__).parents[2]

mlflow = quiet_mlflow()

TINY: dict[str, dict[str, int]] = {
    "xgboost": {"rounds": 5},
    "transformer": {"length": 5, "width": 8, "tower_width": 4, "epochs": 1},
}
DIGEST = "a" * 64


def study(folder: Path, digest: str = DIGEST) -> TrainingStudy:
    return TrainingStudy(
        source="world",
        split="global time",
        release_id="release-7",
        training_set=TrainingSetRef("training_set", folder / "training_set", 3, digest),
        table_versions={"exposures": 4, "histories": 2},
        signal_hashes={"return_to_item_14d": "beef"},
        stage="test",
    )


def spec(family: str) -> ModelSpec:
    return ModelSpec(family, "click", parse_config(family, TINY.get(family)), seed=5)


@pytest.fixture(scope="module")
def data() -> RankingData:
    return RankingData.from_frames(*ranking_frames(WorldSize(users=20, requests=12), seed=3))


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    folder = tmp_path_factory.mktemp("mlflow")
    return Tracker(folder / "mlflow.db", folder / "artifacts")


@pytest.fixture(scope="module")
def logged(tracker: Tracker, data: RankingData) -> dict[str, LoggedRanker]:
    return {family: tracker.train(study(tracker.artifacts), spec(family), data) for family in FAMILIES}


@pytest.fixture
def client(tracker: Tracker) -> Any:
    return mlflow.MlflowClient(tracking_uri=tracker.uri)


def test_runs_lie_side_by_side_and_carry_the_pins(client: Any, logged: dict[str, LoggedRanker]) -> None:
    runs = {family: client.get_run(entry.run_id) for family, entry in logged.items()}
    (experiment,) = {run.info.experiment_id for run in runs.values()}
    assert {r.info.run_id for r in client.search_runs([experiment])} >= {r.info.run_id for r in runs.values()}
    assert not any("mlflow.parentRunId" in run.data.tags for run in runs.values())
    assert client.get_experiment(experiment).tags["mlflow.experimentKind"] == "custom_model_development"
    trees = runs["xgboost"]
    assert trees.info.run_name == "xgboost - click"
    assert trees.info.status == "FINISHED"
    expected = {
        "family": "xgboost",
        "label": "click",
        "stage": "test",
        "release_id": "release-7",
        "training_set_digest": DIGEST,
        "training_set_version": "3",
        "table_version.exposures": "4",
        "signal_hash.return_to_item_14d": "beef",
    }
    assert expected.items() <= trees.data.tags.items()
    assert (trees.data.params["xgboost.rounds"], trees.data.params["seed"]) == ("5", "5")


def test_the_training_set_is_the_input(tracker: Tracker, client: Any, logged: dict[str, LoggedRanker]) -> None:
    (used,) = client.get_run(logged["xgboost"].run_id).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("training_set", DIGEST[:36])
    source = json.loads(used.dataset.source)
    assert source["path"] == str(tracker.artifacts / "training_set")
    assert source["delta_table_version"] == 3


def test_every_model_has_the_same_test_metrics_on_run_and_model(client: Any, logged: dict[str, LoggedRanker]) -> None:
    keys = {"ndcg_at_10_click", "ndcg_at_10_click_lo", "ndcg_at_10_return_to_item_14d_hi", "top_coverage_at_10"}
    for entry in logged.values():
        run = client.get_run(entry.run_id)
        assert keys <= entry.metrics.keys() <= run.data.metrics.keys()
        (model,) = client.search_logged_models(
            [run.info.experiment_id], filter_string=f"source_run_id = '{entry.run_id}'"
        )
        values = {metric.key: metric.value for metric in model.metrics}
        assert values["ndcg_at_10_click"] == entry.metrics["ndcg_at_10_click"]
        assert {metric.dataset_name for metric in model.metrics} == {"training_set"}


def test_training_curves_are_kept_by_step(client: Any, logged: dict[str, LoggedRanker]) -> None:
    curve = client.get_metric_history(logged["xgboost"].run_id, "valid_ndcg_at_10")
    assert [point.step for point in curve] == [1, 2, 3, 4, 5]


def test_a_model_that_was_logged_is_reused(
    tracker: Tracker, data: RankingData, logged: dict[str, LoggedRanker]
) -> None:
    again = tracker.train(study(tracker.artifacts), spec("xgboost"), data)
    assert again.reused
    assert again.run_id == logged["xgboost"].run_id
    assert again.metrics == logged["xgboost"].metrics
    assert again.ranker.score(data).tolist() == logged["xgboost"].ranker.score(data).tolist()
    assert tracker.find_run(study(tracker.artifacts, digest="other"), spec("xgboost")) is None


def test_a_ranker_comes_back_for_deployment(
    tracker: Tracker, data: RankingData, logged: dict[str, LoggedRanker]
) -> None:
    for entry in logged.values():
        assert tracker.load_ranker(entry.run_id).score(data).tolist() == entry.ranker.score(data).tolist()
    with pytest.raises(NotFoundError, match="no such run"):
        tracker.load_ranker("0" * 32)


RELOAD = """
import sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
scores = mlflow.pyfunc.load_model(sys.argv[2]).predict(pd.read_parquet(sys.argv[3]))
pd.DataFrame({"score": scores}).to_parquet(sys.argv[4])
"""


def model_uri(client: Any, run_id: str) -> str:
    experiment = client.get_run(run_id).info.experiment_id
    (model,) = client.search_logged_models([experiment], filter_string=f"source_run_id = '{run_id}'")
    return f"models:/{model.model_id}"


@pytest.fixture
def first_rows(data: RankingData) -> RankingData:
    return data.subset(np.arange(len(data.frame)) < 12)


def test_no_artefact_holds_a_row_of_the_data(
    tracker: Tracker, client: Any, data: RankingData, logged: dict[str, LoggedRanker]
) -> None:
    people, requests = set(data.frame["user_id"]), set(data.frame["request_id"])
    ids, items = people | requests | set(data.frame["exposure_id"]), set(data.frame["item_id"])
    values = {repr(float(value)) for value in data.frame["f_appeal"].dropna()}
    mlflow.set_tracking_uri(tracker.uri)
    for entry in logged.values():
        folder = Path(mlflow.artifacts.download_artifacts(model_uri(client, entry.run_id)))
        files = {
            file.relative_to(folder).as_posix(): file.read_bytes().decode("latin-1") for file in folder.rglob("*.*")
        }
        example = mlflow.pyfunc.load_model(str(folder)).input_example
        assert example.equals(example_frame(entry.ranker.feature_names, has_history=entry.ranker.history_length > 0))
        # Which items a ranker knows is a part of it; who had to do with them, and when, is not.
        named = {name for name, text in files.items() if any(item in text for item in items)}
        assert named <= {"artifacts/ranker/ranker.json"}
        assert not [name for name, text in files.items() if any(word in text for word in ids | values)]


def test_a_logged_model_loads_and_scores(
    tracker: Tracker, client: Any, first_rows: RankingData, logged: dict[str, LoggedRanker]
) -> None:
    entry = logged["xgboost"]
    mlflow.set_tracking_uri(tracker.uri)
    model = mlflow.pyfunc.load_model(model_uri(client, entry.run_id))
    assert model.predict(scoring_frame(entry.ranker, first_rows)).tolist() == entry.ranker.score(first_rows).tolist()


def test_a_logged_model_loads_and_scores_in_a_fresh_process(
    tracker: Tracker, client: Any, first_rows: RankingData, logged: dict[str, LoggedRanker], tmp_path: Path
) -> None:
    entry = logged["transformer"]
    frame_file, scores_file = tmp_path / "frame.parquet", tmp_path / "scores.parquet"
    scoring_frame(entry.ranker, first_rows).to_parquet(frame_file)
    arguments = [tracker.uri, model_uri(client, entry.run_id), str(frame_file), str(scores_file)]
    subprocess.run([sys.executable, "-c", RELOAD, *arguments], cwd=ROOT, check=True)
    assert pd.read_parquet(scores_file)["score"].to_numpy() == pytest.approx(entry.ranker.score(first_rows), abs=1e-5)


def test_a_copied_store_works_where_it_is(
    tracker: Tracker, logged: dict[str, LoggedRanker], data: RankingData, tmp_path: Path
) -> None:
    copy = tmp_path / "a%20b c?d"
    shutil.copytree(tracker.artifacts.parent, copy)
    moved = Tracker(copy / "mlflow.db", copy / "artifacts")
    assert [path.name for path in tmp_path.iterdir()] == [copy.name]
    run_id = logged["xgboost"].run_id
    assert moved.find_run(study(tracker.artifacts), spec("xgboost")) == run_id
    shutil.rmtree(next(copy.glob("artifacts/*/models")))  # those of the original are still there
    with pytest.raises(StoreError, match="The files of a logged ranker are gone"):
        moved.load_ranker(run_id)
    trained = moved.train(study(tracker.artifacts), spec("xgboost"), data)
    assert (trained.reused, trained.metrics) == (False, logged["xgboost"].metrics)
    assert moved.load_ranker(trained.run_id).feature_names == trained.ranker.feature_names
    assert len(list(copy.glob("artifacts/*/models/*"))) == 1
    assert tracker.find_run(study(tracker.artifacts), spec("xgboost")) == run_id
    tracker.load_ranker(run_id)


def test_a_changed_store_is_explained(tracker: Tracker, logged: dict[str, LoggedRanker], tmp_path: Path) -> None:
    shutil.copytree(tracker.artifacts.parent, tmp_path / "copy")
    copy = Tracker(tmp_path / "copy" / "mlflow.db", tmp_path / "copy" / "artifacts")
    client = mlflow.MlflowClient(tracking_uri=copy.uri)
    run = client.get_run(logged["xgboost"].run_id)
    (model,) = client.search_logged_models(
        [run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
    )
    client.delete_logged_model(model.model_id)
    assert copy.find_run(study(tracker.artifacts), spec("xgboost")) is None
    with pytest.raises(NotFoundError, match="it was deleted") as caught:
        copy.load_ranker(run.info.run_id)
    assert "longplay train" in caught.value.fix
    client.delete_experiment(run.info.experiment_id)
    with (
        pytest.raises(StoreError, match="was deleted in MLflow") as refused,
        copy._run(study(tracker.artifacts), spec("xgboost")),
    ):
        pass
    assert f"--experiment-id {run.info.experiment_id}" in refused.value.fix
    for unknown in ("a'b", "nowhere", "%"):
        assert copy.training_set_digest(unknown) is None


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="The database of MLflow's runs is damaged") as caught:
        Tracker(tmp_path / "mlflow.db", tmp_path / "artifacts")
    assert caught.value.where == str(tmp_path / "mlflow.db")
    (tmp_path / "mlflow.db").write_bytes(b"")
    assert Tracker(tmp_path / "mlflow.db", tmp_path / "artifacts").finished_runs() == []
