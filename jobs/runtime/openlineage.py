"""OpenLineage events: what each step read and published. Off unless a setting names a collector.

Each step emits one START, and one COMPLETE, FAIL or ABORT. This module builds the events; the library sends them. An
event that cannot be sent triggers a warning: lineage never fails a run.
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
from jobs.runtime.termination import Termination
from longplay.config.redaction import redact
from longplay.delta import open_table
from longplay.errors import LongplayError, StoreError, first_line
from longplay.paths import SourcePaths
from longplay.pipeline import STEPS
from longplay.status.verdicts import read_publications
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
"""A collector that does not respond must not delay a run."""


def emit_lineage(context: RunContext) -> None:
    """Emit events of the run's steps, if the settings name a collector."""
    if context.settings.lineage.openlineage != "off":
        context.progress.observers.append(LineageEmitter(context.settings.lineage, context.folder, context.run_id))


@dataclass(frozen=True)
class _StepEvent:
    """The content of one event."""

    step: str
    state: "RunState"
    tables: Sequence[PublishedVersion] = ()
    error: BaseException | None = None


class LineageEmitter:
    """Emits events of the steps of one run over one source.

    Args:
        settings: the collector, and the namespace of jobs.
        folder: the folder of the source's tables.
        run_id: names the run.
    """

    def __init__(self, settings: LineageSettings, folder: Path, run_id: str) -> None:
        self._settings, self._folder, self._run_id = settings, folder, run_id
        self._client: OpenLineageClient | None = None
        self._ids: dict[str, str] = {}
        self._is_broken = False

    def begin(self, step: str) -> str | None:
        """Emit START; returns a warning if that failed."""
        from openlineage.client.event_v2 import RunState
        from openlineage.client.uuid import generate_new_uuid  # the library costs a second: only where it is used

        self._ids[step] = str(generate_new_uuid())
        return self._emit(_StepEvent(step, RunState.START))

    def end(self, step: str, tables: Sequence[PublishedVersion], error: BaseException | None) -> str | None:
        """Emit how a step ended, and what it read and published; returns a warning if that failed."""
        from openlineage.client.event_v2 import RunState

        failure = RunState.ABORT if isinstance(error, (KeyboardInterrupt, Termination)) else RunState.FAIL
        return self._emit(_StepEvent(step, RunState.COMPLETE if error is None else failure, tables, error))

    def _emit(self, event: "_StepEvent") -> str | None:
        if self._is_broken:
            return None
        try:
            self._open_client().emit(self._build_event(event))
        except (OSError, RuntimeError, ValueError, StoreError) as failed:  # what the library's transports raise
            self._is_broken = True
            where, why = redact(self._settings.openlineage), redact(first_line(failed))
            return f"lineage could not be sent to {where}: {why}; this run sends no more of it"
        return None

    def _open_client(self) -> "OpenLineageClient":
        if self._client is None:
            from openlineage.client.client import OpenLineageClient

            # Nothing beyond these events: the repository and the environment stay private.
            facets = {"environment_variables": [], "source_code_location": {"disabled": True}}
            config = {"transport": _transport(self._settings.openlineage), "facets": facets}
            self._client = OpenLineageClient(config=config)
        return self._client

    def _build_event(self, event: "_StepEvent") -> "RunEvent":
        from openlineage.client import event_v2
        from openlineage.client.facet_v2 import job_type_job

        kind = job_type_job.JobTypeJobFacet("BATCH", "LONGPLAY", jobType="JOB", producer=PRODUCER)
        job_name = f"{self._folder.name}.{event.step}"
        return event_v2.RunEvent(
            eventType=event.state,
            eventTime=datetime.now(UTC).isoformat(),
            run=event_v2.Run(self._ids[event.step], self._run_facets(event.error)),
            job=event_v2.Job(self._settings.namespace, job_name, {"jobType": kind}),
            inputs=list(self._inputs(event.step, event.tables)),
            outputs=[self._output(table) for table in event.tables if table.written],
            producer=PRODUCER,
        )

    def _run_facets(self, error: BaseException | None) -> dict[str, Any]:
        from openlineage.client.facet_v2 import RunFacet, error_message_run, processing_engine_run

        run = RunFacet(producer=PRODUCER)
        facets: dict[str, Any] = {
            "longplay_run": run.with_additional_properties(run_id=self._run_id, source=self._folder.name),
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
                version("pyspark"), "spark", version("longplay"), producer=PRODUCER
            ),
        }
        if error is not None:
            message = _describe_without_data(error)
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(message, "PYTHON", producer=PRODUCER)
        return facets

    def _inputs(self, step: str, tables: Sequence[PublishedVersion]) -> "Iterator[InputDataset]":
        """What the published tables were made from, by their commits: the raw log, and versions of other tables."""
        from openlineage.client.event_v2 import InputDataset

        versions: set[tuple[str, int]] = set()
        raw_logs: set[str] = set()
        for table in (table for table in tables if table.written):
            commit = next(p for p in read_publications(self._folder, table.table) if p.version == table.version)
            versions |= set(commit.inputs.items())
            raw_logs |= {str(commit.facts["data"])} if "data" in commit.facts else set()
        for name in sorted(raw_logs):
            yield InputDataset(self._settings.namespace, f"{self._folder.name}.raw.{name}")
        for name, number in sorted(versions or self._read_versions(step)):
            yield InputDataset(FILES, str(SourcePaths(self._folder).table(name)), facets=self._facets(name, number))

    def _read_versions(self, step: str) -> set[tuple[str, int]]:
        """The newest versions of the tables that a step reads which publishes none."""
        names = next((s.reads for s in STEPS if s.name == step and not s.publishes), ())
        newest = {name: read_publications(self._folder, name)[:1] for name in names}
        return {(name, versions[0].version) for name, versions in newest.items() if versions}

    def _output(self, table: PublishedVersion) -> "OutputDataset":
        from openlineage.client.event_v2 import OutputDataset
        from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

        rows = statistics.OutputStatisticsOutputDatasetFacet(rowCount=table.rows, producer=PRODUCER)
        return OutputDataset(
            FILES,
            str(SourcePaths(self._folder).table(table.table)),
            {"outputStatistics": rows},
            facets=self._facets(table.table, table.version),
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
    """A column's type as Delta names it."""
    parsed = json.loads(field.type.to_json())
    return parsed if isinstance(parsed, str) else json.dumps(parsed)


def _describe_without_data(error: BaseException) -> str:
    """What went wrong, without the values in question: those may be rows, and rows may name people."""
    return error.what if isinstance(error, LongplayError) else type(error).__name__
