"""Events and exposures as plain records, the times that specs are written in, and their Spark frames."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession

from tables.catalog import EPISODES, EVENTS, EXPOSURES

TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Event:
    """One event, with the names of the table ``events``."""

    event_id: str
    user_id: str
    item_id: str
    event_ts: datetime
    known_ts: datetime
    topic: str | None = "t"
    is_consumption: bool = False
    is_click: bool = False
    is_negative: bool = False
    amount: float | None = None
    request_id: str | None = None
    kind: str = "kind"
    episode: str | None = None


@dataclass(frozen=True)
class Exposure:
    """One exposure, with the names of the table ``exposures``."""

    exposure_id: str
    request_id: str
    user_id: str
    item_id: str
    as_of: datetime
    known_ts: datetime
    topic: str | None = "t"
    sampled: bool = False
    position: int = 1


@dataclass(frozen=True)
class Episode:
    """One release, with the names of the table ``episodes``."""

    item_id: str
    episode: str
    released_ts: datetime
    known_ts: datetime
    season: str | None = None
    season_episodes: int | None = None


def at(text: str, year: int = 2026) -> datetime:
    """A UTC time written as in the contract: ``3 May 20:00``, or ``3 May`` for its midnight."""
    fmt = "%Y %d %b %H:%M" if ":" in text else "%Y %d %b"
    return datetime.strptime(f"{year} {text.strip()}", fmt).replace(tzinfo=UTC)


def midnight(moment: datetime) -> datetime:
    """The UTC midnight that begins a moment's day."""
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def utc(moment: datetime | date) -> datetime:
    """What Spark hands back (UTC without saying so) as an aware time."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def events_frame(spark: SparkSession, events: Iterable[Event]) -> DataFrame:
    """The table ``events`` holding some records."""
    rows = [
        (
            e.event_id, e.user_id, e.item_id, e.topic, e.kind, e.event_ts, e.known_ts, e.event_ts.date(),
            e.known_ts.date(), e.amount, e.is_consumption, e.is_click, e.is_negative, e.request_id, "home",
            e.episode, False, 1,
        )
        for e in events
    ]  # fmt: skip
    schema = ", ".join(f"{c.name} {c.type}" for c in EVENTS.columns)
    return spark.createDataFrame(rows, schema)


def exposures_frame(spark: SparkSession, exposures: Iterable[Exposure]) -> DataFrame:
    """The table ``exposures`` holding some records."""
    rows = [
        (
            e.exposure_id, e.request_id, e.user_id, e.item_id, e.topic, e.as_of, e.as_of.date(), e.known_ts, "home",
            None if e.sampled else e.position, "policy", 0.5, e.sampled, 1,
        )
        for e in exposures
    ]  # fmt: skip
    schema = ", ".join(f"{c.name} {c.type}" for c in EXPOSURES.columns)
    return spark.createDataFrame(rows, schema)


def episodes_frame(spark: SparkSession, episodes: Iterable[Episode]) -> DataFrame:
    """The table ``episodes`` holding some records."""
    rows = [(e.item_id, e.episode, e.season, e.season_episodes, e.released_ts, e.known_ts, 1) for e in episodes]
    schema = ", ".join(f"{c.name} {c.type}" for c in EPISODES.columns)
    return spark.createDataFrame(rows, schema)
