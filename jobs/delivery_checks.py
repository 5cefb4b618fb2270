"""A delivery is judged as a whole before anything of it is published."""

from collections.abc import Mapping
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.context import Job
from longplay.errors import QualityError
from quality.whole_delivery import agreement, complaints, shares_aside, unusual_share

LOOK_BACK_DAYS = 7
"""So many days before the first that a delivery made known are looked at for requests that its events answer."""


def check_delivery(job: Job, judged: Mapping[str, DataFrame], counts: Mapping[str, int]) -> None:
    """See that the logs of a delivery agree; say where more rows than usual were set aside.

    Args:
        job: the run.
        judged: the judged rows of each log. Grain: raw row.
        counts: of the delivery, as in the table ``deliveries``.

    Raises:
        QualityError: when events and exposures do not fit together.
    """
    before = [row["counts"] for row in job.deliveries()] if job.store.exists("deliveries") else []
    for log in judged:
        read, clean = counts[f"{log}/read"], counts[f"{log}/clean"]
        share = 1 - clean / max(read, 1)
        limit = unusual_share(share, read, shares_aside(log, before))
        if limit is not None:
            job.progress.say(f"warning: {share:.2%} of the {log} were set aside; usual is {limit:.2%} at most")
    if "exposures" in judged:
        _check_logs_agree(job, judged, max(counts["events/clean"], counts["exposures/clean"]))


def _check_logs_agree(job: Job, judged: Mapping[str, DataFrame], rows: int) -> None:
    events, exposures = (judged[log].where("reason IS NULL") for log in ("events", "exposures"))
    known = None
    first = exposures.agg(F.min("known_ts")).first()
    if job.store.exists("exposures") and first is not None and first[0] is not None:
        since = first[0].date() - timedelta(days=LOOK_BACK_DAYS)
        known = job.store.read("exposures").where(F.col("as_of_day") >= F.lit(since))
    if found := complaints(agreement(events, exposures, known, rows)):
        raise QualityError(
            "Events and exposures of this delivery do not fit together; nothing was published.",
            where=f"source {job.source.name}",
            got="; ".join(found),
            fix="see that both logs name requests and users alike and are of the same time, and deliver them again",
        )
