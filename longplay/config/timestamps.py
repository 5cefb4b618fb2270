"""Timestamps and days as callers give them: text or datetime in, UTC out."""

from datetime import UTC, date, datetime, timedelta

from longplay.errors import ConfigError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_moment(value: datetime | str, name: str) -> datetime:
    """Read a moment, in UTC. Without a zone it is taken as UTC.

    Args:
        value: a datetime, or ISO 8601 text.
        name: the parameter that the error names.

    Raises:
        ConfigError: when it is not a moment.
    """
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:  # OverflowError: before year 1 or after 9999 in UTC
        raise _wrong_value(name, value, "a moment, such as 2026-05-03T20:00:00Z") from error


def parse_day(value: date | str | None, name: str) -> date | None:
    """Read a UTC day; None stays None.

    Raises:
        ConfigError: when it is not a day.
    """
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise _wrong_value(name, value, "a day, such as 2026-05-03") from error


def to_microseconds(value: datetime) -> int:
    """Microseconds since 1970 (UTC), as Delta stores a timestamp."""
    return (value - EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The moment (UTC) that many microseconds after the start of 1970."""
    return EPOCH + value * _MICROSECOND


def _wrong_value(name: str, value: object, expected: str) -> ConfigError:
    return ConfigError(f"Wrong value for '{name}'.", where=name, got=repr(value), fix=f"give {expected}")
