"""The mapping of one raw log: which columns of a raw row mean what, and which rows cannot be used."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from ingest.formats import FileFormat
from ingest.times import ISO, UNIX_UNITS, has_offset, quoted_offset
from longplay.config.duration import Duration, parse_duration
from longplay.config.strict_model import StrictModel
from longplay.definitions.expression import check_row_expression, check_row_filter, columns_of
from longplay.errors import nearest

BUILT_IN_REASONS = (
    "malformed_row",
    "null_user",
    "null_item",
    "null_key",
    "null_request",
    "null_episode",
    "bad_time",
    "future_time",
    "unknown_kind",
    "bad_amount",
    "bad_position",
    "bad_propensity",
    "bad_season",
    "duplicate",
)
"""Reasons for quarantine that every source has; filters need other names."""

PLACES = ("_file", "_folder")
"""What expressions read besides the row's own columns: the name of its file, and its folder below that of the log."""
_TIME_FORMATS = (ISO, *UNIX_UNITS)


def _time_format(text: str) -> str:
    # A pattern has at least a year and a day, so a misspelt format name is not taken for one.
    if text not in _TIME_FORMATS and not (set("yu") & set(text) and set("dD") & set(text)):
        hint = nearest(text, _TIME_FORMATS)
        raise ValueError(f"'{text}' is neither a Spark datetime pattern nor a format name: {hint}")
    if not has_offset(text) and (quoted := quoted_offset(text)):
        raise ValueError(f"'{quoted}' in quotes is text and no offset, so times would be local: write X in its place")
    return text


TimeFormat = Annotated[str, AfterValidator(_time_format)]


def _expression(text: str) -> str:
    if problem := check_row_expression(text):
        raise ValueError(problem)
    return text


Expression = Annotated[str, AfterValidator(_expression)]


def _condition(text: str) -> str:
    if problem := check_row_filter(text):
        raise ValueError(problem)
    return text


Condition = Annotated[str, AfterValidator(_condition)]


class EventTime(StrictModel):
    """The column of event time: a timestamp, ISO text, a Unix time, or a Spark pattern."""

    column: str
    format: TimeFormat = "iso"


class KnownTime(StrictModel):
    """When the log learned of a row: a column, or a fixed delay after the event."""

    column: str | None = None
    format: TimeFormat = "iso"
    delay: Duration = parse_duration("0 s")

    @model_validator(mode="after")
    def _check_column_or_delay(self) -> "KnownTime":
        if self.column is not None and "delay" in self.model_fields_set:
            raise ValueError("give either known.column or known.delay")
        if self.column is None and "format" in self.model_fields_set:
            raise ValueError("known.format needs known.column")
        if self.delay.total_seconds() < 0:
            raise ValueError("known.delay must not be negative")
        return self


class EventKind(StrictModel):
    """The kind of event: a column, or one constant for all rows."""

    column: str | None = None
    constant: str | None = None

    @model_validator(mode="after")
    def _check_column_or_constant(self) -> "EventKind":
        if (self.column is None) == (self.constant is None):
            raise ValueError("give either kind.column or kind.constant")
        return self


class EventAmount(StrictModel):
    """How much was consumed, with its unit; rows below ``at_least`` are quarantined as bad_amount."""

    column: str | None = None
    constant: float | None = None
    unit: str
    at_least: float = 0.0

    @model_validator(mode="after")
    def _check_column_or_constant(self) -> "EventAmount":
        if self.column is not None and self.constant is not None:
            raise ValueError("give either amount.column or amount.constant")
        return self


class QuarantineFilter(StrictModel):
    """Rows to quarantine under a reason: those for which the Spark SQL condition ``where`` is true."""

    reason: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    where: Condition

    @model_validator(mode="after")
    def _check_reason(self) -> "QuarantineFilter":
        if self.reason in BUILT_IN_REASONS:
            raise ValueError(f"'{self.reason}' is a reason that every source has; give the filter another name")
        return self


class EventCondition(StrictModel):
    """Which events count (as consumption, click or rejection): those of some kinds, from an amount on."""

    kinds: tuple[str, ...] = ()
    min_amount: float | None = None


class LogPart(StrictModel):
    """Files of a log that are written or named unlike its others.

    Attributes:
        path: file or folder inside ``--data``.
        format: how they are written; default: the source's format.
        derive: columns that are made of those of their rows, by expressions. All parts derive the same columns.
    """

    path: Annotated[str, AfterValidator(lambda path: path.rstrip("/"))]
    format: FileFormat | None = None
    derive: Mapping[str, Expression] = {}


class LogMapping(StrictModel):
    """What the mappings of all raw logs share.

    Attributes:
        path: file or folder inside ``--data``; default: ``--data`` itself.
        format: how its files are written; default: the source's format.
        parts: in place of ``path``, ``format`` and ``derive``: files that are written or named in several ways.
        derive: columns that are made of those of a raw row: an expression by the column's name. Besides the row's own
            columns, expressions read ``_file``, the name of its file, and ``_folder``, its folder below ``path``.
    """

    path: str = ""
    format: FileFormat | None = None
    parts: tuple[LogPart, ...] = ()
    item: str
    time: EventTime
    known: KnownTime = KnownTime()
    derive: Mapping[str, Expression] = {}
    filters: tuple[QuarantineFilter, ...] = ()

    @property
    def sections(self) -> tuple[LogPart, ...]:
        """The parts; a log without any is one itself."""
        return self.parts or (LogPart(path=self.path, format=self.format, derive=self.derive),)

    @property
    def derived_names(self) -> tuple[str, ...]:
        """Columns that the source file derives."""
        return tuple(self.sections[0].derive)

    def columns_of(self, part: LogPart) -> tuple[str, ...]:
        """Every column that the source file names outside filters and that the files of a part must have, sorted."""
        mapped = {*self.roles.values(), *self.identity} - set(part.derive)
        read = {name for text in part.derive.values() for name in columns_of(text)}
        return tuple(sorted(mapped | (read - set(PLACES))))

    @property
    def roles(self) -> dict[str, str]:
        """The mapped columns by the key of the source file that maps them, such as ``time``."""
        return _named(item=self.item, time=self.time.column, known=self.known.column)

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns that identify a row."""
        return tuple(self.roles.values())

    @model_validator(mode="after")
    def _check_parts(self) -> "LogMapping":
        if self.parts and (self.path or self.format or self.derive):
            raise ValueError("give path, format and derive in each of the parts")
        if any(not part.path for part in self.parts):
            raise ValueError("each of the parts needs a path")
        for part in self.parts:
            if different := set(part.derive) ^ set(self.derived_names):
                raise ValueError(f"all parts must derive the same columns, but not all derive '{min(different)}'")
        return self

    @model_validator(mode="after")
    def _check_filter_names(self) -> "LogMapping":
        reasons = [rule.reason for rule in self.filters]
        for reason in reasons:
            if reasons.count(reason) > 1:
                raise ValueError(f"two filters are called '{reason}', so their rows could not be distinguished")
        return self


class UserLog(LogMapping):
    """What the mappings of events and of exposures share.

    Attributes:
        user: column of the user. A log without users has none: all its rows are of one user, and no signal is computed.
    """

    user: str | None = None
    topic: str | None = None
    key: tuple[str, ...] = ()
    request: str | None = None
    surface: str | None = None

    @property
    def roles(self) -> dict[str, str]:
        """The mapped columns by the key of the source file that maps them."""
        return super().roles | _named(user=self.user, topic=self.topic, request=self.request, surface=self.surface)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns of the key; without a key, all mapped columns."""
        return self.key or super().identity


class EventsLog(UserLog):
    """The mapping of a raw log to events.

    ``episode`` is the column of the item's episode, with the names that the log of ``episodes`` uses.
    """

    episode: str | None = None
    kind: EventKind
    kinds: tuple[str, ...]
    amount: EventAmount
    consumption: EventCondition
    click: EventCondition
    negative: EventCondition = EventCondition()

    @property
    def roles(self) -> dict[str, str]:
        """The mapped columns by the key of the source file that maps them."""
        return super().roles | _named(episode=self.episode, kind=self.kind.column, amount=self.amount.column)

    @model_validator(mode="after")
    def _check_kinds(self) -> "EventsLog":
        for counts in (self.consumption, self.click, self.negative):
            for kind in counts.kinds:
                if kind not in self.kinds:
                    raise ValueError(f"kind '{kind}' is not among kinds: {nearest(kind, self.kinds)}")
        return self


class ExposuresLog(UserLog):
    """The mapping of a raw log to exposures, with logged propensities."""

    request: str
    position: str
    surface: str
    policy: str
    log_propensity: str | None = None
    propensity: str | None = None

    @property
    def roles(self) -> dict[str, str]:
        """The mapped columns by the key of the source file that maps them."""
        propensity = _named(log_propensity=self.log_propensity, propensity=self.propensity)
        return super().roles | {"position": self.position, "policy": self.policy} | propensity

    @model_validator(mode="after")
    def _check_propensity(self) -> "ExposuresLog":
        if (self.log_propensity is None) == (self.propensity is None):
            raise ValueError("give either log_propensity or propensity")
        return self


class EpisodesLog(LogMapping):
    """The mapping of a raw log of released episodes; an item's episode is released once, at ``time``.

    Attributes:
        episode: column of the episode's name, as events have it.
        season: column of its season.
        season_episodes: column of how many episodes that season has.
    """

    episode: str
    season: str | None = None
    season_episodes: str | None = None

    @property
    def roles(self) -> dict[str, str]:
        """The mapped columns by the key of the source file that maps them."""
        return super().roles | _named(episode=self.episode, season=self.season, season_episodes=self.season_episodes)

    @property
    def identity(self) -> tuple[str, ...]:
        """An item and its episode."""
        return self.item, self.episode


def _named(**columns: str | None) -> dict[str, str]:
    return {role: column for role, column in columns.items() if column is not None}
