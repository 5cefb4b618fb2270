"""Moments and days as callers give them: text or datetime in, UTC out."""

from datetime import UTC, date, datetime, timedelta

from longplay.errors import ConfigError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def moment(value: datetime | str, name: str) -> datetime:
    """A moment in UTC; one without a zone is taken as UTC.

    Args:
        value: a datetime, or its text in ISO 8601.
        name: what the error names.

    Raises:
        ConfigError: when it is no moment.
    """
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _wrong(name, value, "a moment, such as 2026-05-03T20:00:00Z") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def day(value: date | str | None, name: str) -> date | None:
    """A UTC day, or None.

    Raises:
        ConfigError: when it is no day.
    """
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise _wrong(name, value, "a day, such as 2026-05-03") from error


def microseconds(value: datetime) -> int:
    """Microseconds since 1970 (UTC), as Delta stores a timestamp."""
    return (value - EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The moment (UTC) so many microseconds after the start of 1970."""
    return EPOCH + value * _MICROSECOND


def _wrong(name: str, value: object, wanted: str) -> ConfigError:
    return ConfigError(f"Wrong value for '{name}'.", where=name, got=repr(value), fix=f"give {wanted}")
