"""Metric history: what the gates measured of published versions is kept, and what is not as usual is said."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from deltalake.exceptions import DeltaError

from jobs.runtime.run_context import RunContext
from longplay.errors import LongplayError, first_line
from longplay.paths import SourcePaths
from longplay.status.row_accounting import has
from longplay.status.verdicts import Publication, publications, read_verdict
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
"""Marks the commit of a version that holds what an earlier one did, less a person: it is not measured again."""


def keep_metrics(context: RunContext) -> list[Anomaly]:
    """Keep the metrics of versions that were published since the last time, also by a run that was killed.

    What the step did is done: where the history cannot be read or written, that is said, and nothing fails.

    Returns:
        Those of them that are not as days before let expect; they were said as warnings.
    """
    try:
        return _kept(context)
    except (LongplayError, DeltaError, OSError, ValueError) as error:
        what = error.render() if isinstance(error, LongplayError) else f"{type(error).__name__}: {first_line(error)}"
        context.progress.say(f"warning: the metric history was left as it is; the next step tries again. {what}")
        return []


def _kept(context: RunContext) -> list[Anomaly]:
    if not has(context.folder, "deliveries"):
        return []
    measured = [*_measured(context), *_volumes(context)]
    if not measured:
        return []
    MetricRecorder(context.folder, context.run_id, context.log.known_at(), context.gate.validate_counts).record(
        measured
    )
    new = {one for _, one in measured}
    series = {(one.table, one.metric, one.subject) for one in new if one.day is not None}
    known = [one for one in read_metric_history(context.folder) if (one.table, one.metric, one.subject) in series]
    found = [one for one in find_anomalies(known) if one.metric in new]
    for one in found:
        context.progress.say(f"warning: {one.text()}")
    return found


def _measured(context: RunContext) -> Iterator[tuple[int, Metric]]:
    """Metrics that are not kept yet, with the version they are of."""
    kept = read_measured_versions(context.folder)
    for table in catalog.ALL:
        if table == QUALITY_METRICS.name:  # else each record would be one more thing to record
            continue
        for one in publications(context.folder, table):
            if one.version <= kept.get(table, -1):
                break
            if not one.audit.get(REWRITTEN):
                yield from ((one.version, metric) for metric in _of(context, table, one))


def _volumes(context: RunContext) -> list[tuple[int, Metric]]:
    """Users and events of complete days that were counted since, or counted anew to another number."""
    told: Mapping[str, Any] = read_commit_metadata(context.folder, DAY_COUNTS)
    if not told:
        return []
    known = set(read_metric_history(context.folder, "events"))
    counted = daily_volumes(read_rows(context.folder, DAY_COUNTS), context.log.frontier.date())
    return [(int(told["inputs"]["events"]), one) for one in counted if one not in known]


def _of(context: RunContext, table: str, one: Publication) -> list[Metric]:
    """What the verdict's file and the commit say; a table that is judged without a file has no metrics."""
    file = SourcePaths(context.folder).verdict(str(one.audit.get("verdict", "")))
    told = read_verdict(file) if file.is_file() else None
    if not isinstance(told, dict):
        return []
    more = (
        Metric(table, m["metric"], m["value"], m["subject"], date.fromisoformat(m["day"]) if m["day"] else None)
        for m in one.audit.get("metrics", ())
    )
    return [*extract_metrics(catalog.get(table), told), *more]
