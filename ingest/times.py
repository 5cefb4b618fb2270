"""Raw times as UTC timestamps: one parser for every form in which logs write them. Pure column expressions.

The forms and rules are described in docs/how-to/sources.md. A test compares them with an independent parser.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingest.raw_columns import nanoseconds_column, raw_column

ISO = "iso"
UNIX_UNITS: Mapping[str, Decimal] = {
    "unix_s": Decimal(1_000_000),
    "unix_ms": Decimal(1_000),
    "unix_us": Decimal(1),
    "unix_ns": Decimal("0.001"),
}
"""Length of one unit of each Unix format in microseconds."""
EARLIEST, LATEST = "1900-01-01 00:00:00", "9999-12-31 00:00:00"
"""A time before ``EARLIEST`` is null. A time after ``LATEST`` becomes ``LATEST``, which lies in the future."""

_DATE, _CLOCK = r"^\d{4}-\d{1,2}-\d{1,2}", r"[T ]([01]?\d|2[0-3]):\d{1,2}:\d{1,2}(\.\d{1,9})?"
_LOCAL, _WITH_OFFSET = rf"{_DATE}({_CLOCK})?$", rf"{_DATE}{_CLOCK}(Z|[+-]\d{{2}}:\d{{2}})$"
_OFFSET = r"[+-](?:\d{1,2}(?::\d{2}(?::\d{2})?)?|\d{4}|\d{6})"
_ISO_GROUPS = (
    r"^\s*(\d{4})(?:-(\d{1,2})-(\d{1,2})|(\d{2})(\d{2}))"  # 1 to 5: date
    r"(?:(?:[Tt]|\s+)(\d{2}|\d)(?::(\d{1,2})(?::(\d{1,2}))?|(\d{2})(\d{2})?)?([.,]\d{1,9})?\s*"  # 6 to 11: clock
    rf"(?:([Zz]|(?:UTC|GMT|UT)?{_OFFSET}|[A-Za-z][A-Za-z_]*(?:/[A-Za-z0-9_+-]+)*)?"  # 12: offset or zone
    r"(?:\[([A-Za-z0-9_/+-]+)\])?))?\s*$"  # 13: zone in brackets; an offset before it decides
)
"""ISO 8601 in all its common forms, in groups, but for what ``_NO_ISO`` excludes."""
_NO_ISO = r"^\s*(?:\d{8}(?:[^Tt]|$)|[\d-]+(?:[Tt]|\s+)(?:\d|\d{3}|\d{5})(?:[^\d:]|$))"
"""A basic date that stands alone, or a clock with one digit too few. pysail's patterns cannot look ahead."""
_UNAMBIGUOUS_ZONE = r"^(UTC|GMT|UT|CET|MET|EET|WET|EST|MST|HST|\w+/.+|[+-].+)$"
"""Abbreviations such as IST or CST stand for several zones, so they are not accepted."""
_OFFSET_LETTERS = "XxZzVO"


def time_column(raw: DataFrame, name: str, fmt: str, zone: str) -> Column:
    """The column ``name`` of ``raw`` as a UTC timestamp; null where it holds no time of the form ``fmt``.

    Typed timestamps are taken as they are. Those without a zone (``timestamp_ntz``) are local to ``zone``.
    """
    spark_type, column = dict(raw.dtypes)[name], raw_column(name)
    if spark_type == "timestamp":
        return _limit_to_calendar(column)
    if spark_type == "timestamp_ntz":
        return _limit_to_calendar(F.to_utc_timestamp(column.cast("timestamp"), zone))
    return parse_time(column, fmt, zone)


def parse_time(column: Column, fmt: str, zone: str) -> Column:
    """A raw column as a UTC timestamp; null where it does not parse.

    Args:
        column: text or numbers.
        fmt: ``iso``, a name in ``UNIX_UNITS``, or a Spark datetime pattern.
        zone: the zone of times that name none. A time that the clocks skip is moved on by the hour that is skipped; of
            a time that occurs twice, the first is meant.
    """
    if fmt in UNIX_UNITS:
        return _limit_to_calendar(_parse_unix(column, UNIX_UNITS[fmt]))
    text = column.cast("string")
    return _limit_to_calendar(_parse_iso(text, zone) if fmt == ISO else _parse_pattern(text, fmt, zone))


def digits_below_microseconds(raw: DataFrame, name: str, fmt: str = ISO) -> Column:
    """What a timestamp in microseconds leaves of the time in a column, as digits; empty where that is nothing."""
    extra, column = nanoseconds_column(name), raw_column(name)
    if dict(raw.dtypes)[name].startswith("timestamp"):
        digits = F.lpad(raw_column(extra).cast("string"), 3, "0") if extra in raw.columns else F.lit("")
    elif fmt in UNIX_UNITS:
        micros = _unix_micros(column, UNIX_UNITS[fmt])
        digits = F.element_at(F.split((micros - F.floor(micros)).cast("string"), r"\."), -1)
    else:
        digits = F.regexp_extract(column.cast("string"), r"[.,]\d{6}(\d{1,3})", 1)
    return F.coalesce(F.rtrim(digits, F.lit("0")), F.lit(""))


def has_offset(pattern: str) -> bool:
    """Whether a Spark datetime pattern has an offset or a zone outside its quoted text."""
    return any(letter in _unquoted(pattern) for letter in _OFFSET_LETTERS)


def quoted_offset(pattern: str) -> str | None:
    """Quoted text of a pattern that looks like an offset but is skipped as text; None if there is none."""
    quoted = pattern.split("'")[1::2]
    return next((text for text in quoted if text.strip().upper() in ("Z", "UTC", "GMT")), None)


def _unquoted(pattern: str) -> str:
    return "".join(pattern.split("'")[::2])


def _limit_to_calendar(time: Column) -> Column:
    return F.when(time >= F.lit(EARLIEST).cast("timestamp"), F.least(time, F.lit(LATEST).cast("timestamp")))


def _parse_unix(column: Column, unit: Decimal) -> Column:
    latest_us = F.unix_micros(F.lit(LATEST).cast("timestamp")).cast("decimal(38,0)")
    micros = F.floor(_unix_micros(column, unit)).cast("decimal(38,0)")
    # ``least`` would ignore a null and so turn text that is no number into the latest time.
    within = F.when(micros < latest_us, micros).when(micros >= latest_us, latest_us)
    return F.timestamp_micros(within.try_cast("bigint"))


def _unix_micros(column: Column, unit: Decimal) -> Column:
    return column.try_cast("decimal(30,9)") * F.lit(unit)


def _parse_pattern(text: Column, pattern: str, zone: str) -> Column:
    optional_offset = re.search(rf"\[\s*[{_OFFSET_LETTERS}]+\s*\]", pattern)
    if optional_offset is None:
        parsed = F.try_to_timestamp(text, F.lit(pattern))
        return parsed if has_offset(pattern) else _from_local(parsed, zone)
    before, after = pattern[: optional_offset.start()], pattern[optional_offset.end() :]
    with_offset = F.try_to_timestamp(text, F.lit(before + optional_offset.group()[1:-1] + after))
    return F.coalesce(with_offset, _from_local(F.try_to_timestamp(text, F.lit(before + after)), zone))


def _from_local(time: Column, zone: str) -> Column:
    return time if zone == "UTC" else F.to_utc_timestamp(time, zone)


def _parse_iso(text: Column, zone: str) -> Column:
    """Spark parses the usual forms by itself. All others are first written as one of these."""
    return (
        F.when(text.rlike(_LOCAL), _from_local(text.try_cast("timestamp"), zone))
        .when(text.rlike(_WITH_OFFSET), text.try_cast("timestamp"))
        .when(text.rlike(_ISO_GROUPS) & ~text.rlike(_NO_ISO), _rewrite_iso(text, zone).try_cast("timestamp"))
    )


def _rewrite_iso(text: Column, zone: str) -> Column:
    """ISO text as ``date time zone``; null or not a time where its parts are out of range."""
    group = {number: F.regexp_extract(text, _ISO_GROUPS, number) for number in range(1, 14)}
    month, day, hour, minute, second = (
        F.lpad(F.concat(*[group[number] for number in numbers]), 2, "0")
        for numbers in ((2, 4), (3, 5), (6,), (7, 9), (8, 10))
    )
    fraction = F.substring(F.translate(group[11], ",", "."), 1, 7)
    is_day_end = (hour == "24") & F.concat(minute, second, fraction).rlike(r"^[0.]*$")
    date = F.concat_ws("-", group[1], month, day).try_cast("date")
    date = F.when(is_day_end, F.date_add(date, 1)).otherwise(date)
    clock = F.concat_ws(":", F.when(is_day_end, F.lit("00")).otherwise(hour), minute, second)
    return F.concat(date.cast("string"), F.lit(" "), clock, fraction, F.lit(" "), _rewrite_zone(group, zone))


def _rewrite_zone(group: Mapping[int, Column], zone: str) -> Column:
    """The offset or zone of a time as Spark reads it, ``zone`` where there is none, null where it is ambiguous."""
    named = F.when(group[12] != "", group[12]).when(group[13] != "", group[13]).otherwise(F.lit(zone))
    offset = F.regexp_replace(named, rf"^(?:UTC|GMT|UT)({_OFFSET})$", "$1")
    offset = F.regexp_replace(offset, r"^([+-]\d{2})(\d{2})(\d{2})$", "$1:$2:$3")
    offset = F.regexp_replace(offset, r"^([+-]\d{2})(\d{2})$", "$1:$2")
    written = F.when(offset.isin("Z", "z"), F.lit("UTC")).otherwise(offset)
    return F.when(written.rlike(_UNAMBIGUOUS_ZONE), written)
