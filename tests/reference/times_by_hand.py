"""ISO times read by hand, character by character, with the time zones of the standard library."""

import string
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

UNAMBIGUOUS = {"UTC", "GMT", "UT", "CET", "MET", "EET", "WET", "EST", "MST", "HST"}
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


class NoTimeError(Exception):
    """The text is no time."""


class Scanner:
    """The rest of a text."""

    def __init__(self, text: str) -> None:
        self.rest = text

    def take(self, characters: str, least: int, most: int) -> str:
        """Take as many of the next characters as belong to a set, at most ``most``."""
        length = 0
        while length < min(most, len(self.rest)) and self.rest[length] in characters:
            length += 1
        if length < least:
            raise NoTimeError
        taken, self.rest = self.rest[:length], self.rest[length:]
        return taken

    def skip(self, text: str) -> bool:
        """Whether the rest began with ``text``, which is taken."""
        if not self.rest.startswith(text):
            return False
        self.rest = self.rest[len(text) :]
        return True


DIGITS = "0123456789"
NAME_CHARACTERS = {*string.ascii_letters, *DIGITS, *"_/+-"}


def iso_by_hand(text: str, zone: str) -> datetime | None:
    """The moment (UTC) of an ISO text; None if it is none."""
    try:
        moment = _read(Scanner(text.strip(" \t\n\x0b\f\r")), zone)
    except (NoTimeError, ValueError):
        return None
    except OverflowError:  # in the year 10000
        return LATEST
    return None if moment < EARLIEST else min(moment, LATEST)


def _read(scanner: Scanner, zone: str) -> datetime:
    year = scanner.take(DIGITS, 4, 4)
    is_basic_date = not scanner.skip("-")
    if is_basic_date:
        month, day = scanner.take(DIGITS, 2, 2), scanner.take(DIGITS, 2, 2)
        if scanner.rest[:1] not in ("T", "t"):
            raise NoTimeError
    else:
        month = scanner.take(DIGITS, 1, 2)
        if not scanner.skip("-"):
            raise NoTimeError
        day = scanner.take(DIGITS, 1, 2)
    of_day = date(int(year), int(month), int(day))
    if not scanner.rest:
        return _to_utc(datetime(of_day.year, of_day.month, of_day.day), zone)
    if not (scanner.skip("T") or scanner.skip("t")):
        scanner.take(" \t", 1, 99)
    return _to_utc(_read_clock(scanner, of_day), _read_zone(scanner) or zone)


def _read_clock(scanner: Scanner, of_day: date) -> datetime:
    hour = scanner.take(DIGITS, 1, 2)
    minute = second = "0"
    if scanner.skip(":"):
        minute = scanner.take(DIGITS, 1, 2)
        if scanner.skip(":"):
            second = scanner.take(DIGITS, 1, 2)
    elif len(hour) == 1:
        raise NoTimeError
    elif scanner.rest[:1] and scanner.rest[0] in DIGITS:
        minute = scanner.take(DIGITS, 2, 2)
        if scanner.rest[:1] and scanner.rest[0] in DIGITS:
            second = scanner.take(DIGITS, 2, 2)
    micros = 0
    if scanner.skip(".") or scanner.skip(","):
        micros = int(scanner.take(DIGITS, 1, 9)[:6].ljust(6, "0"))
    scanner.rest = scanner.rest.lstrip(" \t")
    if int(hour) == 24 and not int(minute) and not int(second) and not micros:
        return datetime(of_day.year, of_day.month, of_day.day) + timedelta(days=1)
    return datetime(of_day.year, of_day.month, of_day.day, int(hour), int(minute), int(second), micros)


def _read_zone(scanner: Scanner) -> timezone | str | None:
    """An offset or the name of a zone; None if the text names none. Nothing may follow it."""
    outside, opened, bracket = scanner.rest.partition("[")
    if opened and not (bracket.endswith("]") and bracket[:-1] and set(bracket[:-1]) <= NAME_CHARACTERS):
        raise NoTimeError
    text = outside or bracket[:-1]
    for prefix in ("UTC", "GMT", "UT"):
        if text.startswith(prefix) and text[len(prefix) : len(prefix) + 1] in ("+", "-"):
            text = text.removeprefix(prefix)
    if text in ("Z", "z"):
        return UTC
    if text[:1] in ("+", "-"):
        return _offset(text)
    if text and "/" not in text and text not in UNAMBIGUOUS:
        raise NoTimeError
    return text or None


def _offset(text: str) -> timezone:
    body = text[1:]
    parts = body.split(":") if ":" in body else [body[n : n + 2] for n in range(0, len(body), 2)]
    if not parts or not all(part.isdigit() for part in parts) or len(parts) > 3 or not 1 <= len(parts[0]) <= 2:
        raise NoTimeError
    if any(len(part) != 2 for part in parts[1:]) or any(int(part) > 59 for part in parts[1:]):
        raise NoTimeError
    hours, minutes, seconds = [*map(int, parts), 0, 0][:3]
    size = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if size > timedelta(hours=18):
        raise NoTimeError
    return timezone(-size if text[0] == "-" else size)


def _to_utc(local: datetime, zone: timezone | str) -> datetime:
    if isinstance(zone, str):
        try:
            info: timezone | ZoneInfo = UTC if zone in ("UT", "UTC", "GMT") else ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise NoTimeError from error
    else:
        info = zone
    return local.replace(tzinfo=info).astimezone(UTC)
