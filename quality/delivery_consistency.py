"""What a delivery says as a whole: whether its logs agree, and whether as much is set aside as ever. Pure.

Tables are judged one by one by the gate. That events answer requests which nobody was shown, or that more rows than
usual cannot be used, is seen only beside the other log and beside earlier deliveries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingest.watermark import Heartbeat
from longplay.config.duration import DAY
from quality.monitoring.anomaly_detection import robust

LEAST_ROWS = 200
"""Shares of fewer rows say nothing."""
LEAST_ANSWERED, LEAST_SAME_USER, MOST_REUSED = 0.5, 0.95, 0.05
ANSWERS, ANSWERED = "events/answers", "events/answered"
"""How many of the events that were looked at name a request, and of how many of these it was shown."""
LEAST_DELIVERIES, DELIVERIES = 7, 28
SPREADS, LEAST_ABOVE = 5.0, 0.005
"""A share of rows set aside is usual up to so many robust deviations above the median, and at least so much."""
MOST_AGAIN = 0.5
REQUESTS = 50_000
"""About so many rows of a log are looked at: those of some requests, chosen by a hash, in both logs."""


@dataclass(frozen=True)
class Agreement:
    """How events and exposures of a delivery fit together.

    Attributes:
        answers: events that name a request.
        answered: those of them whose request was shown, in this delivery or before.
        same_user: and whose user is the one that it was shown to.
        shown: exposures of the delivery.
        reused: those of them whose request was shown at another time before.
    """

    answers: int
    answered: int
    same_user: int
    shown: int
    reused: int


def agreement(events: DataFrame, exposures: DataFrame, known: DataFrame | None, rows: int) -> Agreement:
    """Hold the two logs of a delivery against each other. Two Spark jobs.

    Args:
        events: its clean events, with ``request_id`` and ``user_id``.
        exposures: its clean exposures, with ``request_id``, ``user_id`` and ``event_ts``.
        known: exposures that are there already, with ``request_id``, ``user_id`` and ``as_of``; None: there are none.
        rows: of the larger log.
    """
    chosen = F.pmod(F.xxhash64("request_id"), F.lit(max(1, rows // REQUESTS))) == 0
    now = (
        exposures.where(chosen)
        .groupBy("request_id")
        .agg(F.min("user_id").alias("_user"), F.min("event_ts").alias("_at"), F.count("*").alias("_n"))
    )
    there = now if known is None else now.unionByName(_requests(known.where(chosen)), allowMissingColumns=True)
    shown = there.groupBy("request_id").agg(F.min("_user").alias("_user"))
    told = events.where(chosen & F.col("request_id").isNotNull()).join(shown, "request_id", "left")
    row = told.agg(
        F.count("*"), F.count("_user"), F.coalesce(F.count_if(F.col("_user") == F.col("user_id")), F.lit(0))
    ).first()
    assert row is not None
    return Agreement(int(row[0]), int(row[1]), int(row[2]), *_reused(now, known, chosen))


def _requests(known: DataFrame) -> DataFrame:
    return known.groupBy("request_id").agg(F.min("user_id").alias("_user"))


def _reused(now: DataFrame, known: DataFrame | None, chosen: Column) -> tuple[int, int]:
    if known is None:
        return 0, 0
    before = known.where(chosen).groupBy("request_id").agg(F.min("as_of").alias("_before"))
    another = F.abs(F.unix_seconds("_at") - F.unix_seconds("_before")) > 3_600
    joined = now.join(before, "request_id", "left")
    row = joined.agg(F.sum("_n"), F.sum(F.when(another, F.col("_n")))).first()
    assert row is not None
    return int(row[0] or 0), int(row[1] or 0)


def unanswered(found: Agreement) -> str | None:
    """That most events answer requests which nobody was shown, in words; None where they do not.

    It is a fault where earlier deliveries were not so; a log that keeps a sample of its exposures is always so.
    """
    if found.answers < LEAST_ROWS or found.answered >= LEAST_ANSWERED * found.answers:
        return None
    return f"{found.answers - found.answered:,} of {found.answers:,} events answer requests that nobody was shown"


def usually_answered(deliveries: Sequence[Mapping[str, int]]) -> bool:
    """Whether most events of earlier deliveries answered requests that somebody was shown.

    Args:
        deliveries: their counts, as in the table ``deliveries``.
    """
    told = [(counts.get(ANSWERS, 0), counts.get(ANSWERED, 0)) for counts in deliveries]
    shares = [answered / answers for answers, answered in told if answers >= LEAST_ROWS]
    return bool(shares) and median(shares) >= LEAST_ANSWERED


def complaints(found: Agreement) -> dict[str, str]:
    """What does not fit together whatever came before, in words by the check's name; empty where all does."""
    said = {}
    if found.answered >= LEAST_ROWS and found.same_user < LEAST_SAME_USER * found.answered:
        other = found.answered - found.same_user
        text = f"{other:,} of {found.answered:,} events are of another user than the request that they answer"
        said["users_agree"] = text
    if found.shown >= LEAST_ROWS and found.reused > MOST_REUSED * found.shown:
        text = f"{found.reused:,} of {found.shown:,} exposures carry the id of a request of another time"
        said["requests_are_new"] = text
    return said


def unusual_share(share: float, read: int, before: Sequence[float]) -> float | None:
    """Up to which share of rows set aside is usual, where a log has more; None where not, or too little is known.

    The spread is the median of absolute deviations times 1.4826 (Rousseeuw and Croux 1993).

    Args:
        share: of the rows that were set aside.
        read: rows of the log.
        before: shares of the same log in earlier deliveries, oldest first.
    """
    recent = before[-DELIVERIES:]
    if read < LEAST_ROWS or len(recent) < LEAST_DELIVERIES:
        return None
    middle, deviation = robust(recent)
    limit = middle + max(SPREADS * deviation, LEAST_ABOVE)
    return limit if share > limit else None


def stale(heartbeat: Heartbeat, newest: datetime | None, frontier: datetime) -> list[str]:
    """What is odd about the interval that a delivery vouches for, in words.

    Args:
        heartbeat: the deliverer's word.
        newest: when the newest of its events became known (UTC); None: it has none.
        frontier: how far the log is complete with it (UTC).
    """
    said, start, end = [], heartbeat.complete_from, heartbeat.complete_until
    if start is not None and start > frontier:
        said.append(
            f"nothing vouches for what became known from {frontier} to {start}; the log stays complete up to "
            f"{frontier} until that is delivered"
        )
    quiet = end - (newest or start or end)
    if quiet > max(DAY, (end - start) / 2 if start else DAY):
        until = f"the newest event became known at {newest}" if newest else "there is no event"
        said.append(f"the log is said to be complete up to {end}, but {until}; what is cut off matures as if it were 0")
    return said


def mostly_again(log: str, counts: Mapping[str, int], before: Sequence[Mapping[str, int]]) -> str | None:
    """That most rows of a log came with earlier deliveries, in words; None where not, or where that is usual.

    Args:
        log: events, exposures or episodes.
        counts: of the delivery, as in the table ``deliveries``.
        before: those of earlier deliveries.
    """
    read, again = counts.get(f"{log}/read", 0), counts.get(f"{log}/again", 0)
    shares = [told.get(f"{log}/again", 0) / told[f"{log}/read"] for told in before if told.get(f"{log}/read")]
    if read < LEAST_ROWS or again <= MOST_AGAIN * read or (shares and median(shares) > MOST_AGAIN / 2):
        return None
    return f"{again:,} of {read:,} {log} came with earlier deliveries and are counted once; is it the right delivery?"


def shares_aside(log: str, deliveries: Sequence[Mapping[str, int]]) -> list[float]:
    """The share of a log's rows that was set aside, of each delivery that has enough rows.

    Args:
        log: events, exposures or episodes.
        deliveries: their counts, as in the table ``deliveries``.
    """
    read = [(counts.get(f"{log}/read", 0), counts.get(f"{log}/clean", 0)) for counts in deliveries]
    return [1 - clean / rows for rows, clean in read if rows >= LEAST_ROWS]
