"""The watermark: how far a log is known to be complete. From what was delivered, never from the newest row.

A delivery vouches for an interval of *known time*: it holds all that became known in
``[complete_from, complete_until)``. W(T), the watermark as known at T, is the end of the unbroken run of such
intervals among the deliveries that were there at T: after a gap nothing is complete, whatever came later. Deliveries
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

NEAR, SHARE = 28, 0.1
"""Without a number from the source, a day counts as delivered when it has this share of the users that are usual on the
days with events near that end of the log, so many of them."""


@dataclass(frozen=True)
class ObservedCompleteness:
    """``log_start``: since when the log is delivered. ``watermark``: every event before it has arrived. Both UTC."""

    log_start: datetime
    watermark: datetime


@dataclass(frozen=True)
class DeliveredInterval:
    """What one delivery vouches for.

    Attributes:
        complete_from: it holds what became known from here on (UTC); None: from the beginning of the log.
        complete_until: and before this moment (UTC).
        complete_at: when that could first have been known (UTC).
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
    """What a delivery shows of the log's completeness.

    A day counts as delivered when at least ``min_users`` users have events on it, or a tenth of what is usual near the
    log's end (and beginning), so that one bad row moves nothing. Without a heartbeat the last delivered day may be cut
    off, so the watermark is its beginning.

    Args:
        users_by_day: (UTC day, users with events on it), in any order.
        observed_at: the moment of observation; nothing after it can have been delivered.
        min_users: users that make a day a delivered one; None: a tenth of the median of the 28 days with events there.
        heartbeat: the deliverer's own word that everything before this moment has been delivered.
        where: the delivery, as errors name it.
        begins: since when the log is delivered, where source or heartbeat say so; None: since its first delivered day.

    Raises:
        InputError: when no day qualifies and there is no heartbeat, or the heartbeat lies after the observation.
    """
    seen = sorted((day, users) for day, users in users_by_day if midnight(day) <= observed_at)
    first = next((day for day, users in seen if users >= (min_users or _least(seen[:NEAR]))), None)
    last = next((day for day, users in reversed(seen) if users >= (min_users or _least(seen[-NEAR:]))), None)
    if heartbeat is not None and heartbeat > observed_at:
        raise InputError(
            "The heartbeat vouches for the future.",
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
    end = heartbeat or midnight(last or date.min)
    return ObservedCompleteness(begins or (midnight(first) if first else end), end)


def _least(seen: Sequence[tuple[date, int]]) -> float:
    return SHARE * median(users for _, users in seen)


def compute_watermark_history(
    deliveries: Sequence[DeliveredInterval], begins: datetime | None = None
) -> list[tuple[datetime, datetime]]:
    """The watermark's history: (from when on, how far the log was then known to be complete), both rising.

    Args:
        deliveries: in any order, at least one.
        begins: where the log is said to begin; None: with the earliest thing delivered by then.
    """
    found: list[tuple[datetime, datetime]] = []
    there: list[DeliveredInterval] = []
    for one in sorted(deliveries, key=lambda d: (d.complete_at, d.complete_until)):
        there.append(one)
        reach = _reach(there, begins)
        if reach is not None and (not found or reach > found[-1][1]):
            if found and found[-1][0] == one.complete_at:
                found.pop()
            found.append((one.complete_at, reach))
    return found


def _reach(deliveries: Sequence[DeliveredInterval], begins: datetime | None) -> datetime | None:
    whole = [d.complete_until for d in deliveries if d.complete_from is None]
    starts = [d.complete_from for d in deliveries if d.complete_from is not None]
    reach = max(whole) if whole else begins or min(starts)
    for one in sorted(deliveries, key=lambda d: d.complete_from or datetime.min.replace(tzinfo=UTC)):
        if one.complete_from is not None and one.complete_from <= reach:
            reach = max(reach, one.complete_until)
    return reach if reach != begins else None


def watermark_at(known_at: datetime, history: Sequence[tuple[datetime, datetime]]) -> datetime:
    """W(T): how far the log was known to be complete at ``known_at``.

    Before the first observation the log is taken to have been delivered on time, so W(T) = T up to what that first
    observation found.

    Args:
        known_at: T (UTC).
        history: from :func:`steps`.
    """
    reached = [reach for at, reach in history if at <= known_at]
    return reached[-1] if reached else min(known_at, history[0][1])


@dataclass(frozen=True)
class Heartbeat:
    """The deliverer's own word.

    Attributes:
        complete_until: everything that became known before this moment has been delivered (UTC).
        observed_at: when the delivery was made (UTC): later event times are future. None where it does not say.
        complete_from: the delivery holds only what became known from here on (UTC). None: everything before.
    """

    complete_until: datetime
    observed_at: datetime | None = None
    complete_from: datetime | None = None


def read_heartbeat(path: Path) -> Heartbeat:
    """Read a heartbeat file: JSON with ``complete_until``, and where given ``complete_from`` and ``observed_at`` (UTC).

    Raises:
        InputError: when the file is missing or holds no such times.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        until, observed, since = said["complete_until"], said.get("observed_at"), said.get("complete_from")
        beat = Heartbeat(_utc(until), _utc(observed) if observed else None, _utc(since) if since else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "The heartbeat file cannot be read.",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            fix='it must be JSON such as {"complete_until": "2026-05-12T00:00:00+00:00"}',
        ) from error
    if beat.complete_from is not None and beat.complete_from >= beat.complete_until:
        raise InputError(
            "The heartbeat's interval is empty.",
            where=str(path),
            got=f"complete_from {beat.complete_from}, complete_until {beat.complete_until}",
            fix="complete_from must lie before complete_until",
        )
    return beat


def _utc(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
