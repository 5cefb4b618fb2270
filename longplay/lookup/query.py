"""Validates queries for values of a signal. Errors on unknown names suggest the nearest one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, TypedDict, get_args

from longplay.config.timestamps import parse_day, parse_moment
from longplay.errors import ConfigError, nearest
from longplay.lookup.cursor import PageCursor, parse_cursor

ValueState = Literal["open", "mature", "void"]
STATES: tuple[ValueState, ...] = get_args(ValueState)
DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS = 10_000, 1_000_000
"""Rows per page: default and maximum."""


class ValuesOptions(TypedDict, total=False):
    """Keywords of ``Client.values``."""

    users: Iterable[str] | str
    items: Iterable[str] | str
    anchors: Iterable[str] | str
    days: tuple[date | str | None, date | str | None]
    states: Iterable[str] | str
    known_at: datetime | str
    release: str
    limit: int
    after: str


@dataclass(frozen=True)
class ValueSelection:
    """A validated query; None selects everything.

    Attributes:
        users: ids of users.
        items: ids of items.
        anchors: ids of anchors.
        first_day: first UTC day of t0, inclusive.
        last_day: last UTC day of t0, inclusive.
        states: open, mature, void.
        known_at: read values as known at this moment (UTC); None: the release's known_at.
        release: release id; None: the newest.
        limit: maximum number of rows.
        after: cursor of the previous page.
    """

    users: tuple[str, ...] | None = None
    items: tuple[str, ...] | None = None
    anchors: tuple[str, ...] | None = None
    first_day: date | None = None
    last_day: date | None = None
    states: tuple[str, ...] | None = None
    known_at: datetime | None = None
    release: str | None = None
    limit: int = DEFAULT_PAGE_ROWS
    after: PageCursor | None = None


def parse_selection(options: Mapping[str, Any]) -> ValueSelection:
    """Parse the keywords of ``Client.values``.

    Raises:
        ConfigError: on an unknown keyword or state, an invalid day or moment, an empty list, or a limit out of range.
    """
    for name in options:
        if name not in ValuesOptions.__annotations__:
            raise ConfigError(f"Unknown option '{name}'.", where=name, fix=nearest(name, ValuesOptions.__annotations__))
    given = {name: value for name, value in options.items() if value is not None}
    first, last = _days(given.get("days"))
    return ValueSelection(
        users=_names(given, "users"),
        items=_names(given, "items"),
        anchors=_names(given, "anchors"),
        first_day=first,
        last_day=last,
        states=_states(_names(given, "states")),
        known_at=parse_moment(given["known_at"], "known_at") if "known_at" in given else None,
        release=given.get("release"),
        limit=_limit(given.get("limit", DEFAULT_PAGE_ROWS)),
        after=parse_cursor(given["after"]) if "after" in given else None,
    )


def _names(given: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    if key not in given:
        return None
    names = (given[key],) if isinstance(given[key], str) else tuple(given[key])
    if not names or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"Wrong value for '{key}'.", where=key, got=repr(given[key])[:200], fix="pass one or more strings"
        )
    return names


def _states(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for name in names or ():
        if name not in STATES:
            raise ConfigError(f"There is no state '{name}'.", where="states", got=name, fix=nearest(name, STATES))
    return names


def _days(days: object) -> tuple[date | None, date | None]:
    if days is None:
        return None, None
    if not isinstance(days, tuple | list) or len(days) != 2:
        raise ConfigError(
            "Wrong value for 'days'.", where="days", got=repr(days), fix="pass (from, to), both inclusive"
        )
    first, last = (parse_day(value, "days") for value in days)
    if first is not None and last is not None and last < first:
        raise ConfigError("The days end before they begin.", where="days", got=f"{first} to {last}", fix="swap them")
    return first, last


def _limit(limit: object) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MAX_PAGE_ROWS:
        raise ConfigError("Wrong value for 'limit'.", where="limit", got=repr(limit), fix=f"1 to {MAX_PAGE_ROWS:,}")
    return limit
