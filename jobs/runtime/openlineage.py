"""OpenLineage: what each step read and published, told to whoever collects it. Off unless a setting says where to.

One START, and one COMPLETE, FAIL or ABORT a step. The library sends; this module says what. Events that cannot be
delivered are a warning: lineage never fails a run.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jobs.runtime.run_context import RunContext
from jobs.runtime.settings import LineageSettings
from longplay.delta import open_table
from longplay.errors import LongplayError, StoreError, first_line
from longplay.paths import SourcePaths
from longplay.pipeline import STEPS
from longplay.status.verdicts import publications
from tables import catalog
from tables.publish import PublishedVersion

if TYPE_CHECKING:
    from openlineage.client.client import OpenLineageClient
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent, RunState

PRODUCER = "urn:longplay"
FILES = "file"
"""Namespace of tables and raw logs on a file system, as OpenLineage names it."""
_TIMEOUT_S = 5.0
_NO_RETRY = {"total": 0, "read": 0, "connect": 0}
"""A collector that does not answer must not hold up a run."""


def watched(context: RunContext) -> RunContext:
    """The same run, whose steps are told of where the settings say so."""
    if context.settings.lineage.openlineage != "off":
        context.progress.watchers.append(Emitter(context.settings.lineage, context.folder, context.run_id))
    return context


@dataclass(frozen=True)
class _Told:
    """What one event is about."""

    step: str
    state: "RunState"
    tables: Sequence[PublishedVersion] = ()
    error: BaseException | None = None


class Emitter:
    """Tells of the steps of one run of one source.

    Args:
        settings: where to, and the namespace of jobs.
        folder: the folder of the source's tables.
        run_id: names the run.
    """

    def __init__(self, settings: LineageSettings, folder: Path, run_id: str) -> None:
        self._settings, self._folder, self._run_id = settings, folder, run_id
        self._client: OpenLineageClient | None = None
        self._ids: dict[str, str] = {}
        self._is_broken = False

    def begin(self, step: str) -> str | None:
        """Tell that a step begins; gives a warning where that could not be told."""
        from openlineage.client.event_v2 import RunState
        from openlineage.client.uuid import generate_new_uuid  # the library costs a second: only where it is used

        self._ids[step] = str(generate_new_uuid())
        return self._tell(_Told(step, RunState.START))

    def end(self, step: str, tables: Sequence[PublishedVersion], error: BaseException | None) -> str | None:
        """Tell how a step ended, and what it read and published; gives a warning where that could not be told."""
        from openlineage.client.event_v2 import RunState

        state = RunState.COMPLETE if error is None else RunState.FAIL
        return self._tell(_Told(step, RunState.ABORT if isinstance(error, KeyboardInterrupt) else state, tables, error))

    def _tell(self, told: "_Told") -> str | None:
        if self._is_broken:
            return None
        try:
            self._open().emit(self._event(told))
        except (OSError, RuntimeError, ValueError, StoreError) as failed:  # what the library's transports raise
            self._is_broken = True
            where = self._settings.openlineage
            return f"lineage could not be told to {where}: {first_line(failed)}; this run tells no more of it"
        return None

    def _open(self) -> "OpenLineageClient":
        if self._client is None:
            from openlineage.client.client import OpenLineageClient

            # Nothing but what is told here: no look at the repository, none at the environment.
            facets = {"environment_variables": [], "source_code_location": {"disabled": True}}
            config = {"transport": _transport(self._settings.openlineage), "facets": facets}
            self._client = OpenLineageClient(config=config)
        return self._client

    def _event(self, told: "_Told") -> "RunEvent":
        from openlineage.client import event_v2
        from openlineage.client.facet_v2 import RunFacet, error_message_run, job_type_job, processing_engine_run

        now = datetime.now(UTC).isoformat()
        facets: dict[str, Any] = {
            "longplay_run": RunFacet(producer=PRODUCER).with_additional_properties(
                run_id=self._run_id, source=self._folder.name
            ),
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
                version("pyspark"), "spark", version("longplay"), producer=PRODUCER
            ),
        }
        if told.error is not None:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                _said(told.error), "PYTHON", producer=PRODUCER
            )
        kind = job_type_job.JobTypeJobFacet("BATCH", "LONGPLAY", jobType="JOB", producer=PRODUCER)
        job = event_v2.Job(self._settings.namespace, f"{self._folder.name}.{told.step}", {"jobType": kind})
        return event_v2.RunEvent(
            eventType=told.state,
            eventTime=now,
            run=event_v2.Run(self._ids[told.step], facets),
            job=job,
            inputs=list(self._inputs(told.step, told.tables)),
            outputs=[self._output(one) for one in told.tables if one.written],
            producer=PRODUCER,
        )

    def _inputs(self, step: str, tables: Sequence[PublishedVersion]) -> "Iterator[InputDataset]":
        """What the published tables say that they were made from: the raw log, and versions of other tables."""
        from openlineage.client.event_v2 import InputDataset

        told, raw = set(), set()
        for one in (one for one in tables if one.written):
            commit = next(p for p in publications(self._folder, one.table) if p.version == one.version)
            told |= set(commit.inputs.items())
            raw |= {str(commit.facts["data"])} if "data" in commit.facts else set()
        for name in sorted(raw):
            yield InputDataset(self._settings.namespace, f"{self._folder.name}.raw.{name}")
        for name, number in sorted(told or self._read_alone(step)):
            yield InputDataset(FILES, str(SourcePaths(self._folder).table(name)), facets=self._facets(name, number))

    def _read_alone(self, step: str) -> set[tuple[str, int]]:
        """What a step reads that publishes no table: the newest versions."""
        reads = next((one.reads for one in STEPS if one.name == step and not one.publishes), ())
        newest = {name: publications(self._folder, name)[:1] for name in reads}
        return {(name, found[0].version) for name, found in newest.items() if found}

    def _output(self, one: PublishedVersion) -> "OutputDataset":
        from openlineage.client.event_v2 import OutputDataset
        from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

        rows = statistics.OutputStatisticsOutputDatasetFacet(rowCount=one.rows, producer=PRODUCER)
        return OutputDataset(
            FILES,
            str(SourcePaths(self._folder).table(one.table)),
            {"outputStatistics": rows},
            facets=self._facets(one.table, one.version),
        )

    def _facets(self, table: str, number: int) -> dict[str, Any]:
        from openlineage.client.facet_v2 import dataset_version_dataset, schema_dataset

        spec = catalog.ALL.get(table)
        means = {column.name: column.meaning for column in spec.columns} if spec else {}
        fields = [
            schema_dataset.SchemaDatasetFacetFields(field.name, _type_of(field), means.get(field.name))
            for field in open_table(SourcePaths(self._folder).table(table)).schema().fields
        ]
        return {
            "version": dataset_version_dataset.DatasetVersionDatasetFacet(str(number), producer=PRODUCER),
            "schema": schema_dataset.SchemaDatasetFacet(fields, producer=PRODUCER),
        }


def _transport(place: str) -> dict[str, Any]:
    if urlsplit(place).scheme in ("http", "https"):
        return {"type": "http", "url": place, "timeout": _TIMEOUT_S, "retry": _NO_RETRY}
    return {"type": "file", "log_file_path": str(Path(place).absolute()), "append": True}


def _type_of(field: Any) -> str:  # noqa: ANN401 - delta-rs is not typed
    """A column's type in Delta's words."""
    told = json.loads(field.type.to_json())
    return told if isinstance(told, str) else json.dumps(told)


def _said(error: BaseException) -> str:
    """What went wrong, without what was found: that may be rows, and rows may name people."""
    return error.what if isinstance(error, LongplayError) else type(error).__name__
