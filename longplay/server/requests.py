"""Parameters of the HTTP API: typed, bounded and closed."""

from datetime import date, datetime
from difflib import get_close_matches
from typing import Annotated

from fastapi import Request
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from longplay.config.strict_model import StrictModel
from longplay.config.timestamps import parse_day, parse_moment
from longplay.definitions.signal_fields import Anchor, DefinitionStatus
from longplay.errors import ConfigError, suggest
from longplay.lookup.cursor import parse_cursor
from longplay.lookup.query import ValueSelection, ValueState

DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS = 100, 1_000
"""Rows of a page: by default, and at most."""


def _moment(value: object) -> datetime:
    try:
        return parse_moment(str(value), "")
    except ConfigError as error:
        raise ValueError(f"{error.fix} (a '+' in an address is written %2B)") from error


def _day(value: object) -> date | None:
    """A day as it is written; pydantic would also take a number, as seconds since 1970."""
    try:
        return parse_day(str(value), "")
    except ConfigError as error:
        raise ValueError(error.fix) from error


Id = Annotated[str, Field(min_length=1)]
"""An id as the log has it. Only the size of a request limits its length."""
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
ReleaseId = Annotated[Id | None, Field(description="the release to read; default: the newest")]
KnownAt = Annotated[Moment | None, Field(description="what was known at this moment (UTC); default: the release's")]


class _Parameters(StrictModel):
    model_config = ConfigDict(populate_by_name=False)


class SearchParameters(_Parameters):
    """Filters of definitions."""

    q: Annotated[str, Field(max_length=200, description="words that name, title or description must contain")] = ""
    status: DefinitionStatus | None = None
    anchor: Anchor | None = None
    owner: Id | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_ROWS)] = DEFAULT_PAGE_ROWS
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class ReleasesParameters(_Parameters):
    """A page of releases."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_ROWS)] = DEFAULT_PAGE_ROWS
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class NoParameters(_Parameters):
    """No parameters."""


class ValueParameters(_Parameters):
    """One value: by anchor_id, or by user_id and t0, with item_id where the signal has items."""

    anchor_id: Id | None = None
    user_id: Id | None = None
    item_id: Id | None = None
    t0: Annotated[Moment | None, Field(description="the anchor's time (UTC)")] = None
    known_at: KnownAt = None
    release: ReleaseId = None


class ValuesParameters(_Parameters):
    """A page of values."""

    user_id: Id | None = None
    item_id: Id | None = None
    anchor_id: Id | None = None
    first: Annotated[Day | None, Field(alias="from", description="t0 on this UTC day or later")] = None
    last: Annotated[Day | None, Field(alias="to", description="t0 on this UTC day or earlier")] = None
    state: ValueState | None = None
    known_at: KnownAt = None
    release: ReleaseId = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_ROWS)] = DEFAULT_PAGE_ROWS
    after: Annotated[str | None, Field(description="'next' of the page before")] = None

    def selection(self) -> ValueSelection:
        """The parameters as a selection of the client.

        Raises:
            ConfigError: when ``after`` is not a cursor, or the days end before they begin.
        """
        if self.first and self.last and self.last < self.first:
            got = f"{self.first} to {self.last}"
            raise ConfigError("The days end before they begin.", where="from, to", got=got, fix="swap them")
        users, items, anchors, states = (
            None if value is None else (value,) for value in (self.user_id, self.item_id, self.anchor_id, self.state)
        )
        after = parse_cursor(self.after) if self.after is not None else None
        return ValueSelection(
            users, items, anchors, self.first, self.last, states, self.known_at, self.release, self.limit, after
        )


_MODELS: dict[str, type[_Parameters]] = {
    "signals": SearchParameters,
    "definition": NoParameters,
    "rewards": SearchParameters,
    "reward": NoParameters,
    "releases": ReleasesParameters,
    "value": ValueParameters,
    "values": ValuesParameters,
    "health": NoParameters,
    "ready": NoParameters,
    "openapi": NoParameters,
    "metrics": NoParameters,
}
PARAMETERS_BY_ROUTE = {route: sorted(model.yaml_keys()) for route, model in _MODELS.items()}
"""Parameters of each endpoint."""


class UnknownParameter(ConfigError):
    """An endpoint has no such parameter.

    Args:
        name: the unknown parameter.
        got: its value.
        valid: the endpoint's parameters.
    """

    def __init__(self, name: str, got: str, valid: list[str]) -> None:
        self.nearest = get_close_matches(name, valid, n=3, cutoff=0.6)
        what, fix = f"There is no parameter '{name}'.", suggest(self.nearest, valid)
        super().__init__(what, where=f"query {name}", got=repr(got), fix=fix)


async def check_parameter_names(request: Request) -> None:
    """Check that an endpoint has every parameter of a request, and that none is repeated.

    Raises:
        ConfigError: naming the first parameter that is unknown or repeated.
    """
    values: dict[str, str] = {}
    valid = PARAMETERS_BY_ROUTE[request.scope["route"].name]
    for name, value in request.query_params.multi_items():
        if name not in valid:
            raise UnknownParameter(name, value, valid)
        if name in values:
            got = f"{values[name]!r} and {value!r}"
            raise ConfigError(f"'{name}' is given twice.", where=f"query {name}", got=got, fix="give it once")
        values[name] = value
