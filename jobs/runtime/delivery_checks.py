"""Checks of a whole delivery, before anything of it is published."""

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
"""Prefix of the checks of a whole delivery in ``quality.accept``, where checks of a table have its name."""
LOOK_BACK_DAYS = 7
"""Requests that the events of a delivery answer are looked up this far back from its first known day."""


def check_delivery(
    context: RunContext,
    rows_by_log: Mapping[str, DataFrame],
    counts: Mapping[str, int],
    earlier_counts: Sequence[Mapping[str, int]],
) -> dict[str, int]:
    """Check that the logs of a delivery agree; warn where more rows than expected were quarantined.

    Args:
        context: the run.
        rows_by_log: the validated rows of each log. Grain: raw row.
        counts: counts of the delivery, as in the table ``deliveries``.
        earlier_counts: those of earlier deliveries, oldest first.

    Returns:
        Counts of the delivery that later ones are compared with.

    Raises:
        QualityError: when events and exposures contradict each other and ``quality.accept`` does not allow it.
    """
    for log in rows_by_log:
        _warn_of_quarantined_share(context, log, counts, earlier_counts)
    if "exposures" not in rows_by_log:
        return {}
    agreed = _compare_logs(context, rows_by_log, max(counts["events/clean"], counts["exposures/clean"]))
    faults = find_disagreements(agreed)
    if missing := describe_unanswered(agreed):
        if were_answered(earlier_counts):
            faults = {"requests_answered": missing, **faults}
        else:
            context.progress.say(f"warning: {missing}; not an error, because exposures may be a sample")
    refuse(context, {f"{DELIVERY}.{name}": text for name, text in faults.items()})
    return {ANSWERS: agreed.answers, ANSWERED: agreed.answered}


def _warn_of_quarantined_share(
    context: RunContext, log: str, counts: Mapping[str, int], earlier_counts: Sequence[Mapping[str, int]]
) -> None:
    read, clean = counts[f"{log}/read"], counts[f"{log}/clean"]
    share = 1 - clean / max(read, 1)
    limit = exceeded_share_limit(share, read, quarantined_shares(log, earlier_counts))
    if limit is not None:
        context.progress.say(f"warning: {share:.2%} of the {log} were quarantined; expected at most {limit:.2%}")


def refuse(context: RunContext, faults: Mapping[str, str]) -> None:
    """Refuse a delivery for its faults, by name; those that this run accepts are warnings."""
    accepted = [name for name in faults if name in context.settings.quality.accept]
    for name in accepted:
        context.progress.say(f"warning: {name}: {faults[name]}")
    if refused := [name for name in faults if name not in accepted]:
        raise QualityError(
            "Events and exposures of this delivery contradict each other; nothing was published.",
            where=f"source {context.source.name}",
            got="; ".join(faults[name] for name in refused),
            fix="check that both logs name requests and users alike and cover the same time, and deliver them again; "
            f"if this is intended: --set quality.accept=[{','.join(refused)}]",
        )


def _compare_logs(context: RunContext, rows_by_log: Mapping[str, DataFrame], rows: int) -> LogAgreement:
    events, exposures = (rows_by_log[log].where("reason IS NULL") for log in ("events", "exposures"))
    earlier_exposures = None
    first = exposures.agg(F.min("known_ts")).first()
    if context.store.exists("exposures") and first is not None and first[0] is not None:
        look_from = first[0].date() - timedelta(days=LOOK_BACK_DAYS)
        earlier_exposures = context.store.read("exposures").where(F.col("as_of_day") >= F.lit(look_from))
    return compare_logs(events, exposures, earlier_exposures, rows)
