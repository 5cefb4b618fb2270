"""Metric history: what the gates measured of published versions is recorded, and unexpected values trigger warnings."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from deltalake.exceptions import DeltaError

from jobs.runtime.run_context import RunContext
from longplay.errors import LongplayError, first_line
from longplay.paths import SourcePaths
from longplay.status.row_accounting import has_table
from longplay.status.verdicts import Publication, read_publications, read_verdict
from quality.monitoring.anomaly import Anomaly
from quality.monitoring.anomaly_detection import find_anomalies
from quality.monitoring.daily_volume import daily_volumes
from quality.monitoring.metric import Metric
from quality.monitoring.metric_history import MetricRecorder, read_measured_versions, read_metric_history
from quality.monitoring.publication_metrics import extract_metrics
from tables import catalog
from tables.arrow_store import read_commit_metadata, read_rows
from tables.catalog import DAY_COUNTS, QUALITY_METRICS

REWRITTEN = "rewritten"
"""Marks the commit of a version that holds an earlier one's rows without an erased person: it is not measured again."""


def keep_metrics(context: RunContext) -> list[Anomaly]:
    """Record the metrics of versions that were published since the last run, including those of killed runs.

    The step itself is done: a history that cannot be read or written triggers a warning, and nothing fails.

    Returns:
        The unexpected metrics among them; each was reported as a warning.
    """
    try:
        return _record_metrics(context)
    except (LongplayError, DeltaError, OSError, ValueError) as error:
        what = error.render() if isinstance(error, LongplayError) else f"{type(error).__name__}: {first_line(error)}"
        context.progress.say(f"warning: the metric history was not updated; the next step tries again. {what}")
        return []


def _record_metrics(context: RunContext) -> list[Anomaly]:
    if not has_table(context.folder, "deliveries"):
        return []
    measured = [*_list_new_metrics(context), *_list_new_volumes(context)]
    if not measured:
        return []
    MetricRecorder(context.folder, context.run_id, context.log.known_at(), context.gate.validate_counts).record(
        measured
    )
    new_metrics = {metric for _, metric in measured}
    series = {(metric.table, metric.metric, metric.subject) for metric in new_metrics if metric.day is not None}
    past_metrics = read_metric_history(context.folder)
    recorded = [m for m in past_metrics if (m.table, m.metric, m.subject) in series]
    findings = [finding for finding in find_anomalies(recorded) if finding.metric in new_metrics]
    for finding in findings:
        context.progress.say(f"warning: {finding.text()}")
    return findings


def _list_new_metrics(context: RunContext) -> Iterator[tuple[int, Metric]]:
    """Metrics that are not recorded yet, with their versions."""
    newest_versions = read_measured_versions(context.folder)
    for table in catalog.ALL:
        if table == QUALITY_METRICS.name:  # otherwise every record would have to be recorded
            continue
        for publication in read_publications(context.folder, table):
            if publication.version <= newest_versions.get(table, -1):
                break
            if not publication.audit.get(REWRITTEN):
                yield from ((publication.version, metric) for metric in _read_metrics(context, table, publication))


def _list_new_volumes(context: RunContext) -> list[tuple[int, Metric]]:
    """Users and events of complete days that were counted, or recounted to another number, since the last record."""
    metadata: Mapping[str, Any] = read_commit_metadata(context.folder, DAY_COUNTS)
    if not metadata:
        return []
    recorded = set(read_metric_history(context.folder, "events"))
    counted = daily_volumes(read_rows(context.folder, DAY_COUNTS), context.log.frontier.date())
    return [(int(metadata["inputs"]["events"]), metric) for metric in counted if metric not in recorded]


def _read_metrics(context: RunContext, table: str, publication: Publication) -> list[Metric]:
    """Metrics from the verdict's file and the commit; a publication without a verdict file has none."""
    file = SourcePaths(context.folder).verdict(str(publication.audit.get("verdict", "")))
    verdict = read_verdict(file) if file.is_file() else None
    if not isinstance(verdict, dict):
        return []
    commit_metrics = (
        Metric(table, m["metric"], m["value"], m["subject"], date.fromisoformat(m["day"]) if m["day"] else None)
        for m in publication.audit.get("metrics", ())
    )
    return [*extract_metrics(catalog.get(table), verdict), *commit_metrics]
