"""Consistency of a delivery: whether its logs agree, and whether it compares with earlier deliveries. Pure.

The gate validates tables one by one. Only a comparison with the other log, and with earlier deliveries, shows that
events answer requests which nobody was shown, or that an unusual share of rows is unusable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingest.watermark import Heartbeat
from longplay.config.duration import DAY
from quality.baselines import median_and_deviation

MIN_ROWS_FOR_SHARES = 200
"""Shares of fewer rows are not checked."""
MIN_ANSWERED_SHARE, MIN_SAME_USER_SHARE, MAX_REUSED_SHARE = 0.5, 0.95, 0.05
ANSWERS, ANSWERED = "events/answers", "events/answered"
"""Counts of a delivery: checked events that name a request, and those of them whose request was shown."""
MIN_DELIVERIES, MAX_DELIVERIES = 7, 28
MAX_DEVIATIONS, MIN_EXCESS_SHARE = 5.0, 0.005
"""A share of quarantined rows is unusual if it exceeds the median by this many robust deviations, and by this much."""
MAX_REPEATED_SHARE = 0.5
SAMPLE_REQUEST_ROWS = 50_000
"""The logs are compared on about this many rows: those of requests chosen by a hash, the same in both logs."""
MAX_SECONDS_BETWEEN_SHOWINGS = 3_600
"""Exposures of one request further apart than this are showings of different requests."""

DeliveryCounts = Mapping[str, int]
"""Counts of a delivery by ``log/kind``, as in the table ``deliveries``."""


@dataclass(frozen=True)
class LogAgreement:
    """How the events and exposures of a delivery fit together.

    Attributes:
        answers: events that name a request.
        answered: those of them whose request was shown, in this delivery or before.
        same_user: those of the answered events whose user was shown the request.
        shown: exposures of the delivery.
        reused: those of them whose request had been shown at another time.
    """

    answers: int
    answered: int
    same_user: int
    shown: int
    reused: int


def compare_logs(
    events: DataFrame, exposures: DataFrame, earlier_exposures: DataFrame | None, rows: int
) -> LogAgreement:
    """Compare the two logs of a delivery in two Spark jobs.

    Args:
        events: its clean events, with ``request_id`` and ``user_id``.
        exposures: its clean exposures, with ``request_id``, ``user_id`` and ``event_ts``.
        earlier_exposures: published exposures, with ``request_id``, ``user_id`` and ``as_of``; None: there are none.
        rows: of the larger log.
    """
    is_drawn = F.pmod(F.xxhash64("request_id"), F.lit(max(1, rows // SAMPLE_REQUEST_ROWS))) == 0
    requests = (
        exposures.where(is_drawn)
        .groupBy("request_id")
        .agg(F.min("user_id").alias("_user"), F.min("event_ts").alias("_at"), F.count("*").alias("_n"))
    )
    earlier = earlier_exposures.where(is_drawn) if earlier_exposures is not None else None
    all_requests = requests.select("request_id", "_user")
    if earlier is not None:
        all_requests = all_requests.unionByName(_users_by_request(earlier))
    users = all_requests.groupBy("request_id").agg(F.min("_user").alias("_user"))
    answers = events.where(is_drawn & F.col("request_id").isNotNull()).join(users, "request_id", "left")
    same_user = F.coalesce(F.count_if(F.col("_user") == F.col("user_id")), F.lit(0))
    row = answers.agg(F.count("*"), F.count("_user"), same_user).first()
    assert row is not None
    shown, reused = _count_reused(requests, earlier) if earlier is not None else (0, 0)
    return LogAgreement(int(row[0]), int(row[1]), int(row[2]), shown, reused)


def _users_by_request(exposures: DataFrame) -> DataFrame:
    return exposures.groupBy("request_id").agg(F.min("user_id").alias("_user"))


def _count_reused(requests: DataFrame, earlier: DataFrame) -> tuple[int, int]:
    """Count exposures, and those whose request had been shown at another time."""
    earlier_showings = earlier.groupBy("request_id").agg(F.min("as_of").alias("_before"))
    seconds_apart: Column = F.abs(F.unix_seconds("_at") - F.unix_seconds("_before"))
    is_reused = seconds_apart > MAX_SECONDS_BETWEEN_SHOWINGS
    joined = requests.join(earlier_showings, "request_id", "left")
    row = joined.agg(F.sum("_n"), F.sum(F.when(is_reused, F.col("_n")))).first()
    assert row is not None
    return int(row[0] or 0), int(row[1] or 0)


def describe_unanswered(agreement: LogAgreement) -> str | None:
    """Describe that most events answer requests which nobody was shown; None where they do not.

    It is a fault only if earlier deliveries were different: a log may contain a sample of its exposures.
    """
    answers, answered = agreement.answers, agreement.answered
    if answers < MIN_ROWS_FOR_SHARES or answered >= MIN_ANSWERED_SHARE * answers:
        return None
    return f"{answers - answered:,} of {answers:,} events answer requests that nobody was shown"


def were_answered(earlier: Sequence[DeliveryCounts]) -> bool:
    """Whether most events of earlier deliveries answered requests that somebody was shown."""
    pairs = [(counts.get(ANSWERS, 0), counts.get(ANSWERED, 0)) for counts in earlier]
    shares = [answered / answers for answers, answered in pairs if answers >= MIN_ROWS_FOR_SHARES]
    return bool(shares) and median(shares) >= MIN_ANSWERED_SHARE


def find_disagreements(agreement: LogAgreement) -> dict[str, str]:
    """Find what does not fit together, whatever earlier deliveries were like: a description by name of the check."""
    disagreements = {}
    answered, shown = agreement.answered, agreement.shown
    if answered >= MIN_ROWS_FOR_SHARES and agreement.same_user < MIN_SAME_USER_SHARE * answered:
        others = answered - agreement.same_user
        text = f"{others:,} of {answered:,} events belong to another user than the request that they answer"
        disagreements["users_agree"] = text
    if shown >= MIN_ROWS_FOR_SHARES and agreement.reused > MAX_REUSED_SHARE * shown:
        text = f"{agreement.reused:,} of {shown:,} exposures carry the id of a request from another time"
        disagreements["requests_are_new"] = text
    return disagreements


def exceeded_share_limit(share: float, rows: int, earlier_shares: Sequence[float]) -> float | None:
    """Compute the limit of quarantined rows if a log exceeds it; None if it does not, or has no baseline.

    Args:
        share: quarantined share of the log's rows.
        rows: of the log.
        earlier_shares: of the same log in earlier deliveries, oldest first.
    """
    baseline = earlier_shares[-MAX_DELIVERIES:]
    if rows < MIN_ROWS_FOR_SHARES or len(baseline) < MIN_DELIVERIES:
        return None
    centre, deviation = median_and_deviation(baseline)
    limit = centre + max(MAX_DEVIATIONS * deviation, MIN_EXCESS_SHARE)
    return limit if share > limit else None


def describe_heartbeat_faults(heartbeat: Heartbeat, newest: datetime | None, frontier: datetime) -> list[str]:
    """Describe what is implausible about the interval for which a delivery claims completeness.

    Args:
        heartbeat: the claim.
        newest: when the newest of its events became known (UTC); None: it has none.
        frontier: up to when the log is complete after the delivery (UTC).
    """
    faults, start, end = [], heartbeat.complete_from, heartbeat.complete_until
    if start is not None and start > frontier:
        faults.append(
            f"no delivery covers what became known from {frontier} to {start}; the log stays complete up to "
            f"{frontier} until one does"
        )
    silence = end - (newest or start or end)
    if silence > max(DAY, (end - start) / 2 if start else DAY):
        until = f"the newest event became known at {newest}" if newest else "it contains no event"
        faults.append(f"the delivery claims to be complete up to {end}, but {until}; missing facts would mature as 0")
    return faults


def describe_repeated_rows(log: str, counts: DeliveryCounts, earlier: Sequence[DeliveryCounts]) -> str | None:
    """Describe that most rows of a log came with earlier deliveries; None where not, or where that is usual.

    Args:
        log: events, exposures or episodes.
        counts: of the delivery.
        earlier: counts of earlier deliveries.
    """
    rows, repeated = counts.get(f"{log}/read", 0), counts.get(f"{log}/again", 0)
    shares = [c.get(f"{log}/again", 0) / c[f"{log}/read"] for c in earlier if c.get(f"{log}/read")]
    is_usual = bool(shares) and median(shares) > MAX_REPEATED_SHARE / 2
    if rows < MIN_ROWS_FOR_SHARES or repeated <= MAX_REPEATED_SHARE * rows or is_usual:
        return None
    return f"{repeated:,} of {rows:,} {log} came with earlier deliveries and count once; is it the right delivery?"


def quarantined_shares(log: str, deliveries: Sequence[DeliveryCounts]) -> list[float]:
    """Compute the quarantined share of a log's rows, of each delivery with enough rows.

    Args:
        log: events, exposures or episodes.
        deliveries: counts of each.
    """
    pairs = [(counts.get(f"{log}/read", 0), counts.get(f"{log}/clean", 0)) for counts in deliveries]
    return [1 - clean / rows for rows, clean in pairs if rows >= MIN_ROWS_FOR_SHARES]
