"""Comparable MLflow runs: one experiment for each data set and split, equal metric keys on every model.

Each model is a run of its own, tagged with its release; MLflow would hide the children of a parent run. A model that
was already logged for the same release, training set, family, label, seed and settings is reused: its fingerprint
identifies it. Telemetry is off, and MLflow (seconds to import) is imported only when a tracker is opened.
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
from urllib.parse import unquote, urlsplit

from longplay.errors import NotFoundError, StoreError, first_line
from rankers.dataset.ranking_data import RankingData
from rankers.evaluation.evaluate import evaluate
from rankers.models.base import Report, TrainedRanker, ignore_progress
from rankers.models.families import get_family
from rankers.tracking.artifacts import load_saved_ranker, save_ranker
from rankers.tracking.scoring_frame import example_frame, score_frame
from rankers.tracking.store_location import (
    check_database,
    database_address,
    relocate_artifacts,
    remove_stray_folder,
)
from rankers.tracking.training_study import ModelSpec, TrainingStudy
from rankers.train import train

__all__ = ["LoggedRanker", "ModelSpec", "Tracker", "TrainingStudy"]

FINGERPRINT_TAG = "fingerprint"
KIND_TAG, NOTE_TAG = "mlflow.experimentKind", "mlflow.note.content"
HOW_TO_READ = (
    "An experiment covers one data set and one time split, so its runs may be compared. Every run has the same metrics "
    "on the same test exposures: ndcg_at_10_click measures how well it ranks items that users click, "
    "ndcg_at_10_return_to_item_14d items that users return to; _lo and _hi are 95% intervals. Tags pin the release."
)
MAX_DIGEST_LENGTH = 36
RANKER_FOLDER = "ranker"
METRICS_PER_CALL = 500
# Listed here, because inferring them starts a process that imports everything again.
REQUIREMENTS = ("mlflow==3.17.2", "numpy>=2.2", "pandas>=2.3,<3", "pydantic>=2.10")
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
        reused: the run existed already, so nothing was trained.
    """

    ranker: TrainedRanker
    run_id: str
    metrics: Mapping[str, float]
    reused: bool


class Tracker:
    """One MLflow store: a SQLite database, which takes one writer at a time, and a folder of artefacts.

    Raises:
        StoreError: when the database is damaged, or of another version of MLflow.
    """

    def __init__(self, database: Path, artifacts: Path) -> None:
        self.database, self.artifacts = database.resolve(), artifacts.resolve()
        self.uri = database_address(self.database)
        self.database.parent.mkdir(parents=True, exist_ok=True)
        self.artifacts.mkdir(parents=True, exist_ok=True)
        check_database(self.database)
        self._mlflow = quiet_mlflow()
        self._client = self._open()
        relocate_artifacts(self.database, self.artifacts)

    def _open(self) -> Any:  # noqa: ANN401  # mlflow's types are not followed
        try:
            client = self._mlflow.MlflowClient(tracking_uri=self.uri)
            client.search_experiments(max_results=1)  # opens the database
        except self._mlflow.exceptions.MlflowException as error:
            raise StoreError(
                "The database of MLflow's runs cannot be opened.",
                where=str(self.database),
                got=first_line(error),
                fix="use the version of MLflow that wrote it, or restore it from a copy",
            ) from error
        finally:
            remove_stray_folder(self.database)
        return client

    def train(
        self, study: TrainingStudy, spec: ModelSpec, data: RankingData, report: Report = ignore_progress
    ) -> LoggedRanker:
        """Train, evaluate on the test split and log; or return the finished run with the same fingerprint.

        Raises:
            InputError: the data cannot train such a model (see `rankers.train.train`).
        """
        finished_id = self.find_run(study, spec)
        if finished_id is not None:
            return LoggedRanker(self.load_ranker(finished_id), finished_id, self.test_metrics(finished_id), reused=True)
        steps: list[tuple[int, dict[str, float]]] = []

        def record_step(step: int, values: Mapping[str, float]) -> None:
            steps.append((step, dict(values)))
            report(step, values)

        ranker = train(spec.family, spec.label, data, spec.config, spec.seed, record_step)
        metrics = evaluate(ranker, data)
        with self._run(study, spec) as run_id:
            # Curves are logged last: MLflow copies the metrics of a run onto its model, without their data set.
            self._log_model(study, ranker, metrics)
            self._log_steps(run_id, [*steps, (0, training_notes(ranker))])
        return LoggedRanker(ranker, run_id, metrics, reused=False)

    def training_set_digest(self, run_id: str) -> str | None:
        """Checksum of a run's training set, by the run's id or a unique prefix of it; None if there is no such run."""
        if not run_id.isalnum():
            return None
        experiments = [experiment.experiment_id for experiment in self._client.search_experiments()]
        runs = self._client.search_runs(experiments, filter_string=f"attributes.run_id LIKE '{run_id}%'", max_results=2)
        return runs[0].data.tags.get("training_set_digest") if len(runs) == 1 else None

    def find_run(self, study: TrainingStudy, spec: ModelSpec) -> str | None:
        """Id of a finished run with the same fingerprint whose ranker is still there, if there is one."""
        experiment = self._client.get_experiment_by_name(study.experiment)
        if experiment is None:
            return None
        query = f"tags.{FINGERPRINT_TAG} = '{spec.fingerprint(study)}' and attributes.status = 'FINISHED'"
        runs = self._client.search_runs([experiment.experiment_id], query)
        return next((str(run.info.run_id) for run in runs if self._has_ranker(run)), None)

    def _has_ranker(self, run: Any) -> bool:  # noqa: ANN401  # mlflow's types are not followed
        """Whether a run's model was neither deleted nor lost its files."""
        models = self._client.search_logged_models(
            [run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
        )
        return bool(models) and _ranker_folder(models[0]).is_dir()

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
            StoreError: the files of the ranker are gone.
        """
        folder = _ranker_folder(self._model(run_id))
        if not folder.is_dir():
            raise StoreError(
                "The files of a logged ranker are gone.",
                where=str(folder),
                got="no such folder",
                fix="run 'longplay train' again: it trains what is missing",
            )
        return load_saved_ranker(folder)

    def _model(self, run_id: str) -> Any:  # noqa: ANN401  # mlflow's types are not followed
        """The logged model of a run."""
        try:
            run = self._client.get_run(run_id)
        except self._mlflow.exceptions.MlflowException as error:
            raise NotFoundError("There is no such run.", where=self.uri, got=run_id) from error
        query = f"source_run_id = '{run_id}'"
        models = self._client.search_logged_models([run.info.experiment_id], filter_string=query)
        if not models:
            fix = "run 'longplay train' again: it trains what is missing"
            raise NotFoundError("The run logged no ranker, or it was deleted.", where=self.uri, got=run_id, fix=fix)
        return models[0]

    @contextmanager
    def _active_store(self) -> Iterator[None]:
        """Make this MLflow's process-wide store inside the block."""
        before = self._mlflow.get_tracking_uri(), self._mlflow.get_registry_uri()
        self._mlflow.set_tracking_uri(self.uri)
        self._mlflow.set_registry_uri(self.uri)
        try:
            yield
        finally:
            self._mlflow.set_tracking_uri(before[0])
            self._mlflow.set_registry_uri(before[1])

    @contextmanager
    def _run(self, study: TrainingStudy, spec: ModelSpec) -> Iterator[str]:
        """A new run, which is finished when the block ends and failed when it raises."""
        experiment = self._experiment(study)
        model_tags = {"family": spec.family, "label": spec.label, FINGERPRINT_TAG: spec.fingerprint(study)}
        tags = {**study.tags(), **model_tags}
        run_id = self._client.create_run(experiment, tags=tags, run_name=spec.name).info.run_id
        with self._active_store(), self._mlflow.start_run(run_id=run_id):
            self._mlflow.log_params(parameters(spec))
            self._mlflow.log_input(_dataset(study), context="training")
            yield str(run_id)

    def _experiment(self, study: TrainingStudy) -> str:
        """Experiment id of a study; created once, with a note on how to read it.

        Raises:
            StoreError: when it was deleted.
        """
        experiment = self._client.get_experiment_by_name(study.experiment)
        if experiment is not None and experiment.lifecycle_stage == "deleted":
            raise StoreError(
                "The experiment of these runs was deleted in MLflow.",
                where=self.uri,
                got=study.experiment,
                fix=f"restore it: mlflow experiments restore --experiment-id {experiment.experiment_id}, "
                f"with MLFLOW_TRACKING_URI={self.uri}",
            )
        if experiment is not None:
            return str(experiment.experiment_id)
        folder = self._artifact_folder(study.experiment).as_uri()
        tags = {KIND_TAG: "custom_model_development", NOTE_TAG: HOW_TO_READ}
        return str(self._client.create_experiment(study.experiment, folder, tags=tags))

    def artifact_folders(self, source: str) -> list[Path]:
        """Folders of the artefacts of a source's experiments in this store, deleted ones and models included."""
        experiments = self._client.search_experiments(view_type=self._mlflow.entities.ViewType.ALL)
        names = [str(experiment.name) for experiment in experiments]
        return [self._artifact_folder(name) for name in names if name.startswith(f"{source} - ")]

    def _artifact_folder(self, experiment: str) -> Path:
        return self.artifacts / hashlib.sha256(experiment.encode()).hexdigest()[:12]

    def finished_runs(self) -> list[tuple[str, list[str]]]:
        """Every experiment with the ids of the finished runs of its newest release, oldest run first."""
        run_ids_by_experiment = []
        for experiment in self._client.search_experiments():
            query, order = "attributes.status = 'FINISHED'", ["attributes.start_time ASC"]
            runs = self._client.search_runs([experiment.experiment_id], query, order_by=order)
            newest = runs[-1].data.tags.get("release_id") if runs else None
            run_ids = [run.info.run_id for run in runs if run.data.tags.get("release_id") == newest]
            if run_ids:
                run_ids_by_experiment.append((str(experiment.name), run_ids))
        return run_ids_by_experiment

    def comparison_address(self, run_ids: Sequence[str]) -> str:
        """The fragment of MLflow's address that compares some runs of one experiment."""
        experiment = self._client.get_run(run_ids[0]).info.experiment_id
        runs = ",".join(f"%22{run_id}%22" for run_id in run_ids)
        return f"#/compare-runs?runs=[{runs}]&experiments=[%22{experiment}%22]"

    def _log_steps(self, run_id: str, steps: list[tuple[int, dict[str, float]]]) -> None:
        """Log all steps in few calls, because each call takes milliseconds."""
        now = int(time.time() * 1000)
        metric = self._mlflow.entities.Metric
        rows = [metric(name, value, now, step) for step, values in steps for name, value in values.items()]
        for start in range(0, len(rows), METRICS_PER_CALL):
            self._client.log_batch(run_id, metrics=rows[start : start + METRICS_PER_CALL])

    def _log_model(self, study: TrainingStudy, ranker: TrainedRanker, metrics: Mapping[str, float]) -> None:
        """Log the ranker as a model that loads and scores, with the test metrics on model and run."""
        example = example_frame(ranker.feature_names, has_history=ranker.history_length > 0)
        signature = self._mlflow.models.infer_signature(example, score_frame(ranker, example))
        with tempfile.TemporaryDirectory() as folder:
            ranker_folder = Path(folder) / RANKER_FOLDER
            save_ranker(ranker, ranker_folder)
            info = self._mlflow.pyfunc.log_model(
                name=f"{ranker.family}-{ranker.label}",
                python_model=str(Path(__file__).with_name("pyfunc_model.py")),
                artifacts={"ranker": str(ranker_folder)},
                signature=signature,
                input_example=example,
                pip_requirements=[*REQUIREMENTS, *get_family(ranker.family).requirements],
                params={"seed": ranker.seed, **ranker.config.model_dump()},
                tags={"family": ranker.family, "label": ranker.label, "stage": study.stage},
                model_type="ranker",
            )
        self._mlflow.log_metrics(dict(metrics), model_id=info.model_id, dataset=_dataset(study))


def _ranker_folder(model: Any) -> Path:  # noqa: ANN401  # mlflow's types are not followed
    """The folder of a logged model's ranker, which is a local one."""
    return Path(unquote(urlsplit(model.artifact_location).path), "artifacts", RANKER_FOLDER)


def parameters(spec: ModelSpec) -> dict[str, Any]:
    """The parameters of a run: family, label and seed, then the settings with the family's name in front.

    MLflow's comparison opens on the first parameters, and these three tell most about a run.
    """
    settings = {f"{spec.family}.{name}": value for name, value in spec.config.model_dump().items()}
    return {"family": spec.family, "label": spec.label, "seed": spec.seed, **settings}


def training_notes(ranker: TrainedRanker) -> dict[str, float]:
    """Numbers about the training, as metrics of the run."""
    return {f"training_{name}": value for name, value in ranker.notes.items()}


def _dataset(study: TrainingStudy) -> Any:  # noqa: ANN401  # mlflow's types are not followed
    """The training set for MLflow: Delta path, version and digest, without reading a row."""
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    pinned = study.training_set
    source = DeltaDatasetSource(path=str(pinned.path), delta_table_version=pinned.version)
    return MetaDataset(source, name=pinned.name, digest=pinned.digest[:MAX_DIGEST_LENGTH])


def quiet_mlflow() -> Any:  # noqa: ANN401  # mlflow's types are not followed
    """MLflow without telemetry and log noise; import MLflow through this function only."""
    os.environ.update(_QUIET)
    import mlflow

    # These two warn that pip is not installed and about database migrations.
    for name in ("mlflow.utils.environment", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return mlflow
