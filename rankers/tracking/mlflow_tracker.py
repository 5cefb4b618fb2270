"""Runs in MLflow that compare: one experiment for one data set and split, equal metric keys on every model.

Runs lie side by side, one a model, tagged with their release: MLflow folds the children of a parent run away. A model
that was already logged for the same release, training set, family, label, seed and settings is found by its
fingerprint and reused.
Nothing phones home, and MLflow (seconds to import) is imported only when a tracker is opened.
"""

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from longplay.errors import NotFoundError
from rankers.dataset.ranking_data import RankingData
from rankers.evaluation.evaluate import evaluate
from rankers.models.base import Report, TrainedRanker, silent
from rankers.tracking.artifacts import load_saved_ranker, save_ranker
from rankers.tracking.scoring_frame import score_frame, scoring_frame
from rankers.tracking.study import ModelSpec, Study
from rankers.train import train

__all__ = ["LoggedRanker", "ModelSpec", "Study", "Tracker"]

FINGERPRINT = "fingerprint"
KIND, NOTE = "mlflow.experimentKind", "mlflow.note.content"
HOW_TO_READ = (
    "One experiment is one data set, one time split: its runs may be compared. Every run has the same metrics on the "
    "same test exposures: ndcg_at_10_click says how well it orders what is clicked now, "
    "ndcg_at_10_return_to_item_14d what is come back to; _lo and _hi are 95% intervals. Tags pin the release."
)
DIGEST_LENGTH = 36
EXAMPLE_ROWS = 5
SAVED = "ranker"
METRICS_AT_ONCE = 500
# Given, because inferring them starts a process and imports everything again.
REQUIREMENTS = ("mlflow==3.17.2", "numpy>=2.2", "pandas>=2.3,<3", "pydantic>=2.10")
FAMILY_REQUIREMENTS = {"xgboost": ("xgboost==3.2.0",), "transformer": ("torch==2.13.0",)}
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class LoggedRanker:
    """A ranker with its run.

    Attributes:
        ranker: ready to score.
        run_id: its MLflow run.
        metrics: test metrics, see `rankers.evaluation.evaluate.evaluate`.
        reused: the run existed already; nothing was trained.
    """

    ranker: TrainedRanker
    run_id: str
    metrics: Mapping[str, float]
    reused: bool


class Tracker:
    """One MLflow store: a SQLite database and a folder of artefacts (SQLite takes one writer at a time)."""

    def __init__(self, database: Path, artifacts: Path) -> None:
        self.uri = f"sqlite:///{database.resolve()}"
        self.artifacts = artifacts.resolve()
        database.resolve().parent.mkdir(parents=True, exist_ok=True)
        self.artifacts.mkdir(parents=True, exist_ok=True)
        self._mlflow = quiet_mlflow()
        self._client = self._mlflow.MlflowClient(tracking_uri=self.uri)

    def train(self, study: Study, spec: ModelSpec, data: RankingData, report: Report = silent) -> LoggedRanker:
        """Train, evaluate on the test split and log; or give back the finished run of the same fingerprint.

        Raises:
            InputError: the data cannot train such a model (see `rankers.train.train`).
        """
        found = self.find(study, spec)
        if found is not None:
            return LoggedRanker(self.load_ranker(found), found, self.test_metrics(found), reused=True)
        steps: list[tuple[int, dict[str, float]]] = []

        def keep(step: int, values: Mapping[str, float]) -> None:
            steps.append((step, dict(values)))
            report(step, values)

        ranker = train(spec.family, spec.label, data, spec.config, spec.seed, keep)
        metrics = evaluate(ranker, data)
        example = scoring_frame(ranker, data.subset(np.arange(len(data.frame)) < EXAMPLE_ROWS))
        with self._run(study, spec) as run_id:
            # The curves come last: MLflow copies metrics a run already has onto its model, without a data set.
            self._log_model(study, ranker, metrics, example)
            self._log_steps(run_id, [*steps, (0, training_notes(ranker))])
        return LoggedRanker(ranker, run_id, metrics, reused=False)

    def digest_of(self, run_id: str) -> str | None:
        """Checksum of the training set of a run, by its id or how that begins; None where there is no such run."""
        experiments = [one.experiment_id for one in self._client.search_experiments()]
        runs = self._client.search_runs(experiments, filter_string=f"attributes.run_id LIKE '{run_id}%'", max_results=2)
        return runs[0].data.tags.get("training_set_digest") if len(runs) == 1 else None

    def find(self, study: Study, spec: ModelSpec) -> str | None:
        """Run id of the finished run with the same fingerprint, if there is one."""
        experiment = self._client.get_experiment_by_name(study.experiment)
        if experiment is None:
            return None
        query = f"tags.{FINGERPRINT} = '{spec.fingerprint(study)}' and attributes.status = 'FINISHED'"
        runs = self._client.search_runs([experiment.experiment_id], query, max_results=1)
        return str(runs[0].info.run_id) if runs else None

    def test_metrics(self, run_id: str) -> dict[str, float]:
        """The test metrics that a run logged on its model.

        Raises:
            NotFoundError: the store has no such run, or the run logged no ranker.
        """
        return {metric.key: metric.value for metric in self._model(run_id).metrics}

    def load_ranker(self, run_id: str) -> TrainedRanker:
        """The ranker that a run logged, ready for deployment.

        Raises:
            NotFoundError: the store has no such run, or the run logged no ranker.
        """
        model = self._model(run_id)
        with self._active_store():
            folder = self._mlflow.artifacts.download_artifacts(model.artifact_location)
        return load_saved_ranker(Path(folder) / "artifacts" / SAVED)

    def _model(self, run_id: str) -> Any:  # noqa: ANN401  # mlflow's types are not followed
        """The logged model of a run."""
        try:
            run = self._client.get_run(run_id)
        except self._mlflow.exceptions.MlflowException as error:
            raise NotFoundError("no such run", where=self.uri, got=run_id) from error
        query = f"source_run_id = '{run_id}'"
        models = self._client.search_logged_models([run.info.experiment_id], filter_string=query)
        if not models:
            raise NotFoundError("the run logged no ranker", where=self.uri, got=run_id)
        return models[0]

    @contextmanager
    def _active_store(self) -> Iterator[None]:
        """MLflow's process-wide store is this one inside the block."""
        before = self._mlflow.get_tracking_uri(), self._mlflow.get_registry_uri()
        self._mlflow.set_tracking_uri(self.uri)
        self._mlflow.set_registry_uri(self.uri)
        try:
            yield
        finally:
            self._mlflow.set_tracking_uri(before[0])
            self._mlflow.set_registry_uri(before[1])

    @contextmanager
    def _run(self, study: Study, spec: ModelSpec) -> Iterator[str]:
        """A new child run, finished when the block ends and failed when it raises."""
        experiment = self._experiment(study)
        own = {"family": spec.family, "label": spec.label, FINGERPRINT: spec.fingerprint(study)}
        tags = {**study.tags(), **own}
        run_id = self._client.create_run(experiment, tags=tags, run_name=spec.name).info.run_id
        with self._active_store(), self._mlflow.start_run(run_id=run_id):
            self._mlflow.log_params(parameters(spec))
            self._mlflow.log_input(_dataset(study), context="training")
            yield str(run_id)

    def _experiment(self, study: Study) -> str:
        """Experiment id of a study; made once, with a note that says how to read it."""
        experiment = self._client.get_experiment_by_name(study.experiment)
        if experiment is not None:
            return str(experiment.experiment_id)
        place = self.artifacts / hashlib.sha256(study.experiment.encode()).hexdigest()[:12]
        tags = {KIND: "custom_model_development", NOTE: HOW_TO_READ}
        return str(self._client.create_experiment(study.experiment, place.as_uri(), tags=tags))

    def finished(self) -> list[tuple[str, list[str]]]:
        """Every experiment with the finished runs of its newest release, oldest run first."""
        found = []
        for experiment in self._client.search_experiments():
            query, order = "attributes.status = 'FINISHED'", ["attributes.start_time ASC"]
            runs = self._client.search_runs([experiment.experiment_id], query, order_by=order)
            newest = runs[-1].data.tags.get("release_id") if runs else None
            same = [run.info.run_id for run in runs if run.data.tags.get("release_id") == newest]
            if same:
                found.append((str(experiment.name), same))
        return found

    def comparison(self, run_ids: Sequence[str]) -> str:
        """The fragment of MLflow's address that compares some runs of one experiment."""
        experiment = self._client.get_run(run_ids[0]).info.experiment_id
        runs = ",".join(f"%22{run_id}%22" for run_id in run_ids)
        return f"#/compare-runs?runs=[{runs}]&experiments=[%22{experiment}%22]"

    def _log_steps(self, run_id: str, steps: list[tuple[int, dict[str, float]]]) -> None:
        """All steps in few calls: one call a step costs milliseconds each."""
        now = int(time.time() * 1000)
        metric = self._mlflow.entities.Metric
        rows = [metric(name, value, now, step) for step, values in steps for name, value in values.items()]
        for start in range(0, len(rows), METRICS_AT_ONCE):
            self._client.log_batch(run_id, metrics=rows[start : start + METRICS_AT_ONCE])

    def _log_model(
        self, study: Study, ranker: TrainedRanker, metrics: Mapping[str, float], example: pd.DataFrame
    ) -> None:
        """The ranker as a logged model that loads and scores, with the test metrics on it and on the run."""
        signature = self._mlflow.models.infer_signature(example, score_frame(ranker, example))
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder) / SAVED
            save_ranker(ranker, saved)
            info = self._mlflow.pyfunc.log_model(
                name=f"{ranker.family}-{ranker.label}",
                python_model=str(Path(__file__).with_name("pyfunc_model.py")),
                artifacts={"ranker": str(saved)},
                signature=signature,
                input_example=example,
                pip_requirements=[*REQUIREMENTS, *FAMILY_REQUIREMENTS.get(ranker.family, ())],
                params={"seed": ranker.seed, **ranker.config.model_dump()},
                tags={"family": ranker.family, "label": ranker.label, "stage": study.stage},
                model_type="ranker",
            )
        self._mlflow.log_metrics(dict(metrics), model_id=info.model_id, dataset=_dataset(study))


def parameters(spec: ModelSpec) -> dict[str, Any]:
    """What MLflow shows as parameters: what was trained first, settings under their family's name.

    MLflow's comparison opens on the first parameters by name: family, label and seed say most.
    """
    own = {f"{spec.family}.{name}": value for name, value in spec.config.model_dump().items()}
    return {"family": spec.family, "label": spec.label, "seed": spec.seed, **own}


def training_notes(ranker: TrainedRanker) -> dict[str, float]:
    """Numbers about the training, as metrics of the run."""
    return {f"training_{name}": value for name, value in ranker.notes.items()}


def _dataset(study: Study) -> Any:  # noqa: ANN401  # mlflow's types are not followed
    """The training set as MLflow shows it: Delta path, version and digest, without reading a row."""
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    pinned = study.training_set
    source = DeltaDatasetSource(path=str(pinned.path), delta_table_version=pinned.version)
    return MetaDataset(source, name=pinned.name, digest=pinned.digest[:DIGEST_LENGTH])


def quiet_mlflow() -> Any:  # noqa: ANN401  # mlflow's types are not followed
    """MLflow with telemetry and chatter off; nobody should import it before this did."""
    os.environ.update(_QUIET)
    import mlflow

    # Warnings of these two are about pip not being installed and about database migrations.
    for name in ("mlflow.utils.environment", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return mlflow
