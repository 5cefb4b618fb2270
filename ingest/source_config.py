"""The model of a source file: how raw logs map to events, exposures and episodes. Unknown keys are errors."""

from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator

from ingest.formats import FileFormat
from ingest.times import ISO, UNIX_UNITS, has_offset, quoted_offset
from longplay.config.duration import Duration, parse_duration
from longplay.config.strict_model import StrictModel, read_yaml, validate_model
from longplay.errors import ConfigError, nearest

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
    where: str

    @model_validator(mode="after")
    def _check_reason(self) -> "QuarantineFilter":
        if self.reason in BUILT_IN_REASONS:
            raise ValueError(f"'{self.reason}' is a reason that every source has; give the filter another name")
        return self


class EventCondition(StrictModel):
    """Which events count (as consumption, click or rejection): those of some kinds, from an amount on."""

    kinds: tuple[str, ...] = ()
    min_amount: float | None = None


class LogMapping(StrictModel):
    """What the mappings of all raw logs share."""

    path: str = ""
    item: str
    time: EventTime
    known: KnownTime = KnownTime()
    filters: tuple[QuarantineFilter, ...] = ()

    @property
    def roles(self) -> dict[str, str]:
        """The mapped columns by the key of the source file that maps them, such as ``time``."""
        return _named(item=self.item, time=self.time.column, known=self.known.column)

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns that identify a row."""
        return tuple(self.roles.values())

    @property
    def mapped_columns(self) -> tuple[str, ...]:
        """Every column that the source file names outside filters."""
        return tuple(dict.fromkeys([*self.roles.values(), *self.identity]))

    @model_validator(mode="after")
    def _check_filter_names(self) -> "LogMapping":
        reasons = [rule.reason for rule in self.filters]
        for reason in reasons:
            if reasons.count(reason) > 1:
                raise ValueError(f"two filters are called '{reason}', so their rows could not be distinguished")
        return self


class UserLog(LogMapping):
    """What the mappings of events and of exposures share."""

    user: str
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


class CandidateSampler(StrictModel):
    """The sampler for a log without exposures: ``per_request`` negatives, a mix of uniform and popularity draws.

    Attributes:
        per_request: draws for each request.
        uniform_share: probability of a uniform draw among items clicked before; the others are drawn by popularity.
        popularity_days: days before the day of the request whose clicks count as popularity.
        seed: root of the draws.
    """

    per_request: int = Field(ge=1, le=1000)
    uniform_share: float = Field(ge=0, le=1)
    popularity_days: int = Field(default=90, ge=1)
    seed: int = 0


class CompletenessRule(StrictModel):
    """How delivered days are recognised: by at least ``min_users`` users, or by a heartbeat file next to the data.

    Attributes:
        min_users: users that make a day a delivered one, without a heartbeat. None: a tenth of the median of the 28
            days with events at that end of the log.
        heartbeat: name of a JSON file next to the data, with complete_until and optionally complete_from, observed_at.
        begins: the UTC day on which the log begins, if deliveries with complete_from may arrive in any order.
    """

    min_users: int | None = Field(default=None, ge=1)
    heartbeat: str | None = None
    begins: date | None = None


class DeclaredOutage(StrictModel):
    """An outage that the source declares, ``[from, to)`` in ISO UTC: labels whose window overlaps it become void."""

    start: str = Field(alias="from")
    end: str = Field(alias="to")

    @model_validator(mode="after")
    def _check_order(self) -> "DeclaredOutage":
        start, end = (_utc(datetime.fromisoformat(text)) for text in (self.start, self.end))
        if end <= start:
            raise ValueError(f"the outage ends ({self.end}) before it begins ({self.start})")
        return self


class Source(StrictModel):
    """A source: its raw logs, how they are written, and how to read them."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    about: str
    format: FileFormat
    time_zone: str = "UTC"
    events: EventsLog
    exposures: ExposuresLog | None = None
    candidates: CandidateSampler | None = None
    episodes: EpisodesLog | None = None
    completeness: CompletenessRule = CompletenessRule()
    quarantine_limit: float = Field(default=0.05, ge=0, le=1)
    outages: tuple[DeclaredOutage, ...] = ()

    @model_validator(mode="after")
    def _check_exposures_or_candidates(self) -> "Source":
        if (self.exposures is None) == (self.candidates is None):
            raise ValueError("a source has either exposures (logged) or candidates (a sampler), not both")
        return self

    @model_validator(mode="after")
    def _check_episodes(self) -> "Source":
        if (self.episodes is None) != (self.events.episode is None):
            raise ValueError(
                "a log of episodes needs the events' column episode, and the other way round: give both or neither"
            )
        return self

    @model_validator(mode="after")
    def _check_time_zone(self) -> "Source":
        zones = available_timezones() | {"UTC"}
        if self.time_zone not in zones:
            raise ValueError(f"there is no time zone '{self.time_zone}': {nearest(self.time_zone, zones)}")
        return self


def _named(**columns: str | None) -> dict[str, str]:
    return {role: column for role, column in columns.items() if column is not None}


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def shipped_sources() -> dict[str, Path]:
    """Files of the sources that come with Longplay, by name."""
    folder = Path(str(files("conf"))) / "sources"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_source(name_or_file: str) -> Source:
    """A shipped source by name, or any source file by path.

    Raises:
        ConfigError: for an unknown name (with the nearest one), a missing file or a wrong key.
    """
    shipped = shipped_sources()
    if name_or_file in shipped:
        path = shipped[name_or_file]
    elif name_or_file.endswith((".yaml", ".yml")):
        path = Path(name_or_file)
    else:
        raise ConfigError(
            f"There is no source '{name_or_file}'.",
            fix=f"{nearest(name_or_file, shipped)}; or give the path of a source file ending in .yaml",
        )
    return validate_model(Source, read_yaml(path), str(path))
