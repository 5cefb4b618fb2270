"""The model of a source file: its raw logs, and how they are read. Unknown keys are errors."""

from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import available_timezones

from pydantic import Field, model_validator

from ingest.formats import FileFormat
from ingest.log_mapping import EpisodesLog, EventsLog, ExposuresLog, LogMapping
from longplay.config.strict_model import StrictModel, read_yaml, validate_model
from longplay.errors import ConfigError, nearest


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

    @property
    def logs(self) -> dict[str, LogMapping]:
        """The raw logs that the source has, by the table that they become."""
        logs = {"events": self.events, "exposures": self.exposures, "episodes": self.episodes}
        return {name: log for name, log in logs.items() if log is not None}

    @property
    def has_exposures(self) -> bool:
        """Whether there are exposures, logged or sampled. Without them, nothing can be ranked."""
        return self.exposures is not None or self.candidates is not None

    @model_validator(mode="after")
    def _check_exposures_or_candidates(self) -> "Source":
        if self.exposures is not None and self.candidates is not None:
            raise ValueError("a source has exposures (logged), candidates (a sampler), or neither; not both")
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
