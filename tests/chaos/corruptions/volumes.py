"""Corruptions of volume: how many rows came, from whom and of what kind."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pandas as pd

from tests.chaos.corruptions.catalogue import Day, rows

NEW_IDS = 10_000_000


def select_rows(frame: pd.DataFrame, keep: "pd.Series[bool]") -> pd.DataFrame:
    """Select rows by a condition; null does not select."""
    return frame[keep.fillna(False)].reset_index(drop=True)


def joined(*frames: pd.DataFrame) -> pd.DataFrame:
    """Concatenate frames."""
    return pd.concat(frames, ignore_index=True)


def with_new_ids(events: pd.DataFrame) -> pd.DataFrame:
    """Give the events new ids."""
    return events.assign(event_id=events["event_id"] + NEW_IDS)


def of_some(frame: pd.DataFrame, column: str, share: float) -> "pd.Series[bool]":
    """Select rows with a share of a column's values: the same values in every log."""
    names = frame[column].astype("string[python]").fillna("")
    return names.map(lambda name: crc32(name.encode()) % 100 < share * 100).astype(bool)


@rows("a log without rows")
def a_missing_day(day: Day) -> Day:
    """The delivery has no rows."""
    return replace(day, events=day.events.head(0), exposures=day.exposures.head(0))


@rows("a log without rows")
def exposures_missing(day: Day) -> Day:
    """Events come, exposures do not."""
    return replace(day, exposures=day.exposures.head(0))


@rows("a log without rows")
def events_missing(day: Day) -> Day:
    """Exposures come, events do not."""
    return replace(day, events=day.events.head(0))


@rows("volume against history")
def a_handful_of_events(day: Day) -> Day:
    """Exposures come, but only twenty events."""
    return replace(day, events=day.events.head(20))


@rows("volume against history; events refer to exposures")
def exposures_mostly_lost(day: Day) -> Day:
    """Only a tenth of the exposures come; events are complete."""
    return replace(day, exposures=select_rows(day.exposures, of_some(day.exposures, "request", 0.1)))


@rows("shares of hours against history")
def a_block_of_hours_missing(day: Day) -> Day:
    """Nothing between 18 and 21 o'clock."""
    logs = {name: getattr(day, name) for name in ("events", "exposures")}
    return replace(day, **{name: select_rows(log, ~log["ts"].dt.hour.between(18, 20)) for name, log in logs.items()})


@rows("volume and shares of hours against history")
def cut_off_in_the_afternoon(day: Day) -> Day:
    """Nothing after 15 o'clock: the export started too early."""
    logs = {name: getattr(day, name) for name in ("events", "exposures")}
    return replace(day, **{name: select_rows(log, log["ingest_ts"].dt.hour < 15) for name, log in logs.items()})


@rows("volume against history")
def sampled_to_a_tenth(day: Day) -> Day:
    """Debugging was left on: one user in ten."""
    tenth = {name: of_some(getattr(day, name), "user", 0.1) for name in ("events", "exposures")}
    return replace(day, **{name: select_rows(getattr(day, name), keep) for name, keep in tenth.items()})


@rows("users against history")
def half_of_the_users_lost(day: Day) -> Day:
    """One of two partitions of users came."""
    half = {name: of_some(getattr(day, name), "user", 0.5) for name in ("events", "exposures")}
    return replace(day, **{name: select_rows(getattr(day, name), keep) for name, keep in half.items()})


@rows("items against history")
def half_of_the_items_lost(day: Day) -> Day:
    """An inner join with half a catalogue."""
    half = {name: of_some(getattr(day, name), "item", 0.5) for name in ("events", "exposures")}
    return replace(day, **{name: select_rows(getattr(day, name), keep) for name, keep in half.items()})


@rows("shares of topics against history")
def a_topic_lost(day: Day) -> Day:
    """The largest topic is missing in both logs."""
    largest = day.exposures["topic"].value_counts().index[0]
    logs = {name: getattr(day, name) for name in ("events", "exposures")}
    return replace(day, **{name: select_rows(log, log["topic"] != largest) for name, log in logs.items()})


@rows("shares of surfaces against history")
def a_surface_lost(day: Day) -> Day:
    """The client of one surface stopped logging."""
    surface = day.exposures["surface"].value_counts().index[-1]
    logs = {name: getattr(day, name) for name in ("events", "exposures")}
    return replace(day, **{name: select_rows(log, log["surface"] != surface) for name, log in logs.items()})


@rows("shares of kinds against history")
def clicks_lost(day: Day) -> Day:
    """No click was logged."""
    return replace(day, events=select_rows(day.events, day.events["kind"] != "click"))


@rows("shares of kinds against history")
def rejections_lost(day: Day) -> Day:
    """No skip and no hide was logged."""
    return replace(day, events=select_rows(day.events, ~day.events["kind"].isin(["skip", "hide"])))


@rows("shares of kinds against history")
def every_exposure_a_click(day: Day) -> Day:
    """A click was logged for whatever was shown."""
    shown = day.exposures.drop(columns=["position", "policy", "log_propensity", "candidates"])
    ids = pd.Series(np.arange(len(shown)) + NEW_IDS, dtype=day.events["event_id"].dtype)
    clicks = shown.assign(kind="click", event_id=ids, ts=shown["ts"] + pd.Timedelta("1s"))
    both = joined(day.events, clicks.reindex(columns=day.events.columns).astype(day.events.dtypes))
    return replace(day, events=both)


@rows("quarantine limit: duplicates")
def a_partition_twice(day: Day) -> Day:
    """Every row twice."""
    return replace(day, events=joined(day.events, day.events), exposures=joined(day.exposures, day.exposures))


@rows("volume against history")
def a_fan_out_join(day: Day) -> Day:
    """Every event three times, each under an id of its own."""
    more = with_new_ids(day.events)
    return replace(day, events=joined(day.events, more, with_new_ids(more)))


@rows("volume against history")
def a_few_fanned_out(day: Day) -> Day:
    """Half of the events twice, under ids of their own: the content is the same."""
    return replace(day, events=joined(day.events, with_new_ids(day.events.iloc[::2])))


@rows("volume against history; lateness")
def clickstream_replayed(day: Day) -> Day:
    """Yesterday's events are delivered once more under new ids, known today."""
    again = with_new_ids(day.before[0])
    again = again.assign(ingest_ts=again["ingest_ts"] + pd.Timedelta("1D"))
    return replace(day, events=joined(day.events, again))


@rows("volume against history: rows that are already published add nothing")
def yesterday_again(day: Day) -> Day:
    """Yesterday's rows instead of today's."""
    return replace(day, events=day.before[0], exposures=day.before[1])


@rows("requests that occurred before")
def yesterday_said_to_be_today(day: Day) -> Day:
    """Yesterday's rows with today's date and new ids, instead of today's rows."""
    moved = [f.assign(**{c: f[c] + pd.Timedelta("1D") for c in ("ts", "ingest_ts")}) for f in day.before]
    return replace(day, events=with_new_ids(moved[0]), exposures=moved[1])


@rows("events of a user against history")
def a_bot(day: Day) -> Day:
    """One user clicks two thousand times."""
    clicks = select_rows(day.events, day.events["kind"] == "click")
    many = clicks.sample(2_000, replace=True, random_state=1).reset_index(drop=True)
    ids = pd.Series(np.arange(2_000) + NEW_IDS, dtype=day.events["event_id"].dtype)
    many = many.assign(user="u999999", event_id=ids, request=None).astype(day.events.dtypes)
    return replace(day, events=joined(day.events, many))


@rows("events of a user against history")
def one_user_takes_all(day: Day) -> Day:
    """A default: six in ten rows carry one user."""
    user = day.events["user"].dropna().iloc[0]
    logs = {name: getattr(day, name) for name in ("events", "exposures")}
    changed = {n: log.assign(user=log["user"].mask(of_some(log, "user", 0.6), user)) for n, log in logs.items()}
    return replace(day, **changed)


@rows("users against history; new users")
def a_crawler(day: Day) -> Day:
    """As many exposures again, shown to unknown users who do nothing."""
    again = day.exposures.assign(user="bot" + day.exposures["user"], request="x" + day.exposures["request"])
    return replace(day, exposures=joined(day.exposures, again))
