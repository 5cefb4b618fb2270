"""The watermark: how far a log is known to be complete. It follows from deliveries, never from the newest row.

A delivery vouches for an interval of *known time*: it holds everything that became known in
``[complete_from, complete_until)``. W(T), the watermark as known at T, is the end of the unbroken run of such
intervals among the deliveries that had arrived by T: after a gap nothing is complete, whatever came later. Deliveries
may arrive in any order; W is the same.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from statistics import median
from typing import Any, Self

from longplay.errors import InputError

DAYS_FOR_BASELINE, MIN_SHARE_OF_BASELINE = 28, 0.1
"""Without ``min_users``, a day counts as delivered if its users reach this share of a median over this many days with
events: the first ones of the log to find its start, the last ones to find its watermark."""


@dataclass(frozen=True)
class ObservedCompleteness:
    """``log_start``: where the log begins. ``watermark``: every event before it has arrived. Both UTC."""

    log_start: datetime
    watermark: datetime


@dataclass(frozen=True)
class DeliveredInterval:
    """The interval of known time that one delivery vouches for: ``[complete_from, complete_until)``.

    Attributes:
        complete_from: its start (UTC); None: the beginning of the log.
        complete_until: its end (UTC).
        complete_at: when the delivery could first have been known (UTC).
    """

    complete_from: datetime | None
    complete_until: datetime
    complete_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """From a row of the table ``deliveries``."""
        return cls(row["complete_from"], row["complete_until"], row["complete_at"])


def midnight(day: date) -> datetime:
    """The UTC midnight that begins a day."""
    return datetime.combine(day, time(), UTC)


def observe_completeness(
    users_by_day: Sequence[tuple[date, int]],
    observed_at: datetime,
    min_users: int | None = None,
    heartbeat: datetime | None = None,
    where: str = "",
    begins: datetime | None = None,
) -> ObservedCompleteness:
    """Infer from one delivery where a log begins and up to when it is complete.

    The log begins with its first delivered day: the first on which at least ``min_users`` users have events. By
    default a tenth of a median is enough, so that single rows with a wrong date change nothing. A heartbeat states the
    watermark. Without one it is the start of the last delivered day, because that day may be incomplete.

    Args:
        users_by_day: (UTC day, users with events on it), in any order.
        observed_at: the moment of observation; nothing after it can have been delivered.
        min_users: a day with at least this many users is delivered; None: a tenth of the median of 28 days with events.
        heartbeat: the deliverer's statement that everything before this moment has been delivered.
        where: the delivery, as errors name it.
        begins: where the log begins, if source or heartbeat state it; None: on its first delivered day.

    Raises:
        InputError: when no day qualifies and there is no heartbeat, or the heartbeat lies after the observation.
    """
    days = sorted((day, users) for day, users in users_by_day if midnight(day) <= observed_at)
    first = _first_delivered_day(days, days[:DAYS_FOR_BASELINE], min_users)
    last = _first_delivered_day(days[::-1], days[-DAYS_FOR_BASELINE:], min_users)
    if heartbeat is not None and heartbeat > observed_at:
        raise InputError(
            "The heartbeat claims completeness in the future.",
            where=where,
            got=f"complete_until {heartbeat}, observed {observed_at}",
            fix="correct the heartbeat file, or --observed-at",
        )
    if heartbeat is None and last is None:
        raise InputError(
            "No day of this log counts as delivered, so nothing could ever mature.",
            where=where,
            got=f"{len(users_by_day)} days, none with {min_users or 1} users up to {observed_at:%Y-%m-%d}",
            fix="lower completeness.min_users in the source file, or check the log",
        )
    watermark = heartbeat or midnight(last or date.min)
    return ObservedCompleteness(begins or (midnight(first) if first else watermark), watermark)


def _first_delivered_day(
    days: Sequence[tuple[date, int]], baseline: Sequence[tuple[date, int]], min_users: int | None
) -> date | None:
    """The first day, in the order given, with enough users: ``min_users``, or a share of the baseline's median."""
    if not days:
        return None
    enough = min_users or MIN_SHARE_OF_BASELINE * median(users for _, users in baseline)
    return next((day for day, users in days if users >= enough), None)


def compute_watermark_history(
    deliveries: Sequence[DeliveredInterval], begins: datetime | None = None
) -> list[tuple[datetime, datetime]]:
    """The watermark's history: pairs of a moment and the watermark from then on. Both increase.

    Args:
        deliveries: in any order, at least one.
        begins: where the log begins; None: at the earliest ``complete_from`` that has arrived.
    """
    history: list[tuple[datetime, datetime]] = []
    arrived: list[DeliveredInterval] = []
    for delivery in sorted(deliveries, key=lambda d: (d.complete_at, d.complete_until)):
        arrived.append(delivery)
        watermark = _end_of_unbroken_run(arrived, begins)
        if watermark is not None and (not history or watermark > history[-1][1]):
            if history and history[-1][0] == delivery.complete_at:
                history.pop()
            history.append((delivery.complete_at, watermark))
    return history


def _end_of_unbroken_run(deliveries: Sequence[DeliveredInterval], begins: datetime | None) -> datetime | None:
    """Where the intervals that follow the beginning of the log without a gap end; None if none follows it."""
    full_ends = [d.complete_until for d in deliveries if d.complete_from is None]
    starts = [d.complete_from for d in deliveries if d.complete_from is not None]
    end = max(full_ends) if full_ends else begins or min(starts)
    for delivery in sorted(deliveries, key=lambda d: d.complete_from or datetime.min.replace(tzinfo=UTC)):
        if delivery.complete_from is not None and delivery.complete_from <= end:
            end = max(end, delivery.complete_until)
    return end if end != begins else None


def watermark_at(known_at: datetime, history: Sequence[tuple[datetime, datetime]]) -> datetime:
    """W(T): how far the log was known to be complete at ``known_at``.

    Before its first observation the log counts as delivered on time. So W(T) = T, but at most the first watermark.

    Args:
        known_at: T (UTC).
        history: from :func:`compute_watermark_history`.
    """
    watermarks = [watermark for at, watermark in history if at <= known_at]
    return watermarks[-1] if watermarks else min(known_at, history[0][1])


@dataclass(frozen=True)
class Heartbeat:
    """The deliverer's statement of what a delivery holds.

    Attributes:
        complete_until: everything that became known before this moment has been delivered (UTC).
        observed_at: when the delivery was made (UTC); None if the file does not say. Later events are in the future.
        complete_from: the delivery holds only what became known from here on (UTC). None: everything before.
    """

    complete_until: datetime
    observed_at: datetime | None = None
    complete_from: datetime | None = None


def read_heartbeat(path: Path) -> Heartbeat:
    """Read a heartbeat file: JSON with ``complete_until`` and optionally ``complete_from`` and ``observed_at`` (UTC).

    Raises:
        InputError: when the file is missing or holds no such times.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        until, observed, since = fields["complete_until"], fields.get("observed_at"), fields.get("complete_from")
        heartbeat = Heartbeat(_utc(until), _utc(observed) if observed else None, _utc(since) if since else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "The heartbeat file cannot be read.",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            fix='it must be JSON such as {"complete_until": "2026-05-12T00:00:00+00:00"}',
        ) from error
    if heartbeat.complete_from is not None and heartbeat.complete_from >= heartbeat.complete_until:
        raise InputError(
            "The heartbeat's interval is empty.",
            where=str(path),
            got=f"complete_from {heartbeat.complete_from}, complete_until {heartbeat.complete_until}",
            fix="complete_from must lie before complete_until",
        )
    return heartbeat


def _utc(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
