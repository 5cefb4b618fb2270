"""The watermark: how far a log is known to be complete. From observed delivery, never from the newest row."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from longplay.errors import InputError


@dataclass(frozen=True)
class Completeness:
    """``log_start``: first delivered day. ``watermark``: every event before it has arrived. Both UTC midnights."""

    log_start: datetime
    watermark: datetime


def midnight(day: date) -> datetime:
    """The UTC midnight that begins a day."""
    return datetime.combine(day, time(), UTC)


def observe(
    users_by_day: Sequence[tuple[date, int]],
    observed_at: datetime,
    min_users: int = 1,
    heartbeat: datetime | None = None,
    where: str = "",
) -> Completeness:
    """What a delivery shows of the log's completeness.

    A day counts as delivered when at least ``min_users`` users have events on it, so that one bad row moves
    nothing. Without a heartbeat the last delivered day may be cut off, so the watermark is its beginning.

    Args:
        users_by_day: (UTC day, users with events on it), in any order.
        observed_at: the moment of observation; nothing after it can have been delivered.
        min_users: users that make a day a delivered one.
        heartbeat: the deliverer's own word that everything before this moment has been delivered.
        where: the delivery, as errors name it.

    Raises:
        InputError: when no day qualifies, or the heartbeat lies after the observation.
    """
    days = sorted(day for day, users in users_by_day if users >= min_users and midnight(day) <= observed_at)
    if not days:
        raise InputError(
            "No day of this log counts as delivered, so nothing could ever mature.",
            where=where,
            got=f"{len(users_by_day)} days, none with {min_users} users",
            fix="lower completeness.min_users in the source file, or check the log",
        )
    if heartbeat is not None and heartbeat > observed_at:
        raise InputError(
            "The heartbeat vouches for the future.",
            where=where,
            got=f"complete_until {heartbeat}, observed {observed_at}",
            fix="correct the heartbeat file, or --observed-at",
        )
    return Completeness(midnight(days[0]), heartbeat or midnight(days[-1]))


def watermark_at(known_at: datetime, observed: datetime) -> datetime:
    """W(T): the watermark as known at ``known_at``, given the newest one observed.

    Before the first observation the log is taken to have been delivered on time, so W(T) = T up to there.
    """
    return min(known_at, observed)


@dataclass(frozen=True)
class Heartbeat:
    """The deliverer's own word.

    Attributes:
        complete_until: everything that happened before this moment has been delivered (UTC).
        observed_at: when the delivery was made (UTC): later event times are future. None where it does not say.
    """

    complete_until: datetime
    observed_at: datetime | None = None


def read_heartbeat(path: Path) -> Heartbeat:
    """Read a heartbeat file: JSON with ``complete_until`` and, if it likes, ``observed_at`` (ISO times, UTC).

    Raises:
        InputError: when the file is missing or holds no such times.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        until, observed = said["complete_until"], said.get("observed_at")
        return Heartbeat(_utc(until), _utc(observed) if observed is not None else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "The heartbeat file cannot be read.",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            fix='it must be JSON such as {"complete_until": "2026-05-12T00:00:00+00:00"}',
        ) from error


def _utc(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
