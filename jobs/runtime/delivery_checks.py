"""A delivery is judged as a whole before anything of it is published."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.runtime.run_context import RunContext
from longplay.errors import QualityError
from quality.delivery_consistency import (
    ANSWERED,
    ANSWERS,
    LogAgreement,
    compare_logs,
    describe_unanswered,
    exceeded_share_limit,
    find_disagreements,
    quarantined_shares,
    were_answered,
)

DELIVERY = "delivery"
"""What checks of a whole delivery are named after where a table's are named after it, as in ``quality.accept``."""
LOOK_BACK_DAYS = 7
"""So many days before the first that a delivery made known are looked at for requests that its events answer."""


def check_delivery(
    context: RunContext, judged: Mapping[str, DataFrame], counts: Mapping[str, int], before: Sequence[Mapping[str, int]]
) -> dict[str, int]:
    """See that the logs of a delivery agree; say where more rows than usual were set aside.

    Args:
        context: the run.
        judged: the judged rows of each log. Grain: raw row.
        counts: of the delivery, as in the table ``deliveries``.
        before: those of earlier deliveries, oldest first.

    Returns:
        Counts of the delivery that later ones are held against.

    Raises:
        QualityError: when events and exposures do not fit together, unless ``quality.accept`` says so.
    """
    for log in judged:
        read, clean = counts[f"{log}/read"], counts[f"{log}/clean"]
        share = 1 - clean / max(read, 1)
        limit = exceeded_share_limit(share, read, quarantined_shares(log, before))
        if limit is not None:
            context.progress.say(f"warning: {share:.2%} of the {log} were set aside; usual is {limit:.2%} at most")
    if "exposures" not in judged:
        return {}
    found = _agreement(context, judged, max(counts["events/clean"], counts["exposures/clean"]))
    faults = find_disagreements(found)
    if missing := describe_unanswered(found):
        if were_answered(before):
            faults = {"requests_answered": missing, **faults}
        else:
            context.progress.say(f"warning: {missing}; nothing blocks, as exposures may be a sample")
    refuse(context, {f"{DELIVERY}.{name}": text for name, text in faults.items()})
    return {ANSWERS: found.answers, ANSWERED: found.answered}


def refuse(context: RunContext, faults: Mapping[str, str]) -> None:
    """Refuse a delivery for its faults, by name, but for those that this run accepts: they are warnings."""
    accepted = [name for name in faults if name in context.settings.quality.accept]
    for name in accepted:
        context.progress.say(f"warning: {name}: {faults[name]}")
    if rest := [name for name in faults if name not in accepted]:
        raise QualityError(
            "Events and exposures of this delivery do not fit together; nothing was published.",
            where=f"source {context.source.name}",
            got="; ".join(faults[name] for name in rest),
            fix="see that both logs name requests and users alike and are of the same time, and deliver them again; "
            f"if it is meant: --set quality.accept=[{','.join(rest)}]",
        )


def _agreement(context: RunContext, judged: Mapping[str, DataFrame], rows: int) -> LogAgreement:
    events, exposures = (judged[log].where("reason IS NULL") for log in ("events", "exposures"))
    known = None
    first = exposures.agg(F.min("known_ts")).first()
    if context.store.exists("exposures") and first is not None and first[0] is not None:
        since = first[0].date() - timedelta(days=LOOK_BACK_DAYS)
        known = context.store.read("exposures").where(F.col("as_of_day") >= F.lit(since))
    return compare_logs(events, exposures, known, rows)
