"""Metric history: what the gates measured of published versions is kept, and what is not as usual is said."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from jobs.context import VERDICTS, Job
from longplay.quality.verdicts import Publication, publications
from quality.anomaly import anomalies
from quality.finding import Finding
from quality.history import Recorder, history, measured_versions
from quality.metric import Metric
from quality.publication_metrics import of_publication
from tables import catalog
from tables.quality import QUALITY_METRICS


def keep_metrics(job: Job) -> list[Finding]:
    """Keep the metrics of versions that were published since the last time, also by a run that was killed.

    Returns:
        Those of them that are not as days before let expect; they were said as warnings.
    """
    measured = list(_measured(job))
    if not measured:
        return []
    Recorder(job.folder, job.run_id, job.known_at(None), job.gate.counts).record(measured)
    new = {one for _, one in measured}
    series = {(one.table, one.metric, one.subject) for one in new if one.day is not None}
    known = [one for one in history(job.folder) if (one.table, one.metric, one.subject) in series]
    found = [one for one in anomalies(known) if one.metric in new]
    for one in found:
        job.progress.say(f"warning: {one.text()}")
    return found


def _measured(job: Job) -> Iterator[tuple[int, Metric]]:
    """Metrics that are not kept yet, with the version they are of."""
    kept = measured_versions(job.folder)
    for table in catalog.ALL:
        if table == QUALITY_METRICS.name:  # else each record would be one more thing to record
            continue
        for one in publications(job.folder, table):
            if one.version <= kept.get(table, -1):
                break
            yield from ((one.version, metric) for metric in _of(job, table, one))


def _of(job: Job, table: str, one: Publication) -> list[Metric]:
    """What the verdict's file and the commit say; a table that is judged without a file has no metrics."""
    file = job.folder / VERDICTS / str(one.audit.get("verdict", ""))
    if not file.is_file():
        return []
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    more = (
        Metric(table, m["metric"], m["value"], m["subject"], date.fromisoformat(m["day"]) if m["day"] else None)
        for m in one.audit.get("metrics", ())
    )
    return [*of_publication(catalog.get(table), told), *more]
