"""Corruptions of event times and known times."""

from dataclasses import replace

import pandas as pd

from tests.chaos.corruptions.catalogue import Day, rows

TIMES = ("ts", "ingest_ts")


def shifted(frame: pd.DataFrame, by: str, *columns: str) -> pd.DataFrame:
    """Move times of a log by a duration such as ``2h``."""
    return frame.assign(**{column: frame[column] + pd.Timedelta(by) for column in columns or ("ts",)})


def both(day: Day, by: str, *columns: str) -> Day:
    """Move times of both logs."""
    return replace(day, events=shifted(day.events, by, *columns), exposures=shifted(day.exposures, by, *columns))


@rows("clock skew: nearly everything is known before it happens")
def local_time_as_utc_east(day: Day) -> Day:
    """Event times are local times of UTC+2, labelled as UTC."""
    return both(day, "2h")


@rows("lateness against history")
def local_time_as_utc_west(day: Day) -> Day:
    """Event times are local times of UTC-5, labelled as UTC."""
    return both(day, "-5h")


@rows("shares of hours against history")
def both_clocks_eight_hours_off(day: Day) -> Day:
    """The time zone of the whole machine is wrong: event times and known times are eight hours early."""
    return both(day, "-8h", *TIMES)


@rows("events refer to exposures that had not happened yet")
def events_an_hour_off(day: Day) -> Day:
    """Daylight saving: times of events, known ones too, are an hour early; those of exposures are right."""
    return replace(day, events=shifted(day.events, "-1h", *TIMES))


@rows("clock skew")
def known_times_an_hour_back(day: Day) -> Day:
    """The collector's clock is an hour behind."""
    return both(day, "-1h", "ingest_ts")


@rows("shares of hours against history")
def event_times_rounded_to_days(day: Day) -> Day:
    """Event times are dates."""
    cut = day.events["ts"].dt.floor("D")
    return replace(day, events=day.events.assign(ts=cut))


@rows("events refer to exposures that had not happened yet")
def event_times_rounded_to_hours(day: Day) -> Day:
    """Event times are whole hours."""
    return replace(day, events=day.events.assign(ts=day.events["ts"].dt.floor("h")))


@rows("clock skew")
def known_times_rounded_to_days(day: Day) -> Day:
    """Known times are dates."""
    return replace(day, events=day.events.assign(ingest_ts=day.events["ingest_ts"].dt.floor("D")))


@rows("quarantine limit")
def a_twentieth_in_the_future(day: Day) -> Day:
    """5% of events are dated three days ahead."""
    ahead = shifted(day.events, "3D")["ts"]
    return replace(day, events=day.events.assign(ts=day.events["ts"].mask(_some(day, 0.05), ahead)))


@rows("share of quarantine against history")
def a_hundredth_in_the_future(day: Day) -> Day:
    """1% of events are dated three days ahead: below the quarantine limit, but ten times the baseline."""
    ahead = shifted(day.events, "3D")["ts"]
    return replace(day, events=day.events.assign(ts=day.events["ts"].mask(_some(day, 0.01), ahead)))


@rows("lateness against history")
def epoch_zero(day: Day) -> Day:
    """3% of events happened in 1970."""
    zero = pd.Series(pd.Timestamp(0, tz="UTC"), index=day.events.index).astype(day.events["ts"].dtype)
    return replace(day, events=day.events.assign(ts=day.events["ts"].mask(_some(day, 0.03), zero)))


@rows("lateness against history")
def seconds_read_as_milliseconds(day: Day) -> Day:
    """Event times were seconds since 1970 and were read as milliseconds."""
    start = pd.Timestamp(0, tz="UTC")
    small = (start + (day.events["ts"].astype("datetime64[us, UTC]") - start) / 1000).dt.floor("us")
    small = small.astype(day.events["ts"].dtype)
    return replace(day, events=day.events.assign(ts=small))


@rows("lateness against history")
def a_year_back(day: Day) -> Day:
    """The year of every event is last year's."""
    return replace(day, events=shifted(day.events, "-366D"))


@rows("lateness against history")
def all_two_days_late(day: Day) -> Day:
    """Everything happened two days before it became known: a stuck queue, or the wrong day."""
    return both(day, "-2D")


@rows("clock skew")
def event_and_known_times_swapped(day: Day) -> Day:
    """The columns of event time and known time are swapped."""
    swap = {"ts": day.events["ingest_ts"], "ingest_ts": day.events["ts"]}
    return replace(day, events=day.events.assign(**swap))


@rows("shares of hours against history")
def all_at_noon(day: Day) -> Day:
    """Every event has the same time."""
    noon = day.events["ts"].dt.floor("D") + pd.Timedelta("12h")
    return replace(day, events=day.events.assign(ts=noon))


@rows("events refer to exposures that had not happened yet")
def times_shuffled(day: Day) -> Day:
    """Times are shuffled among events, event time and known time together."""
    order = day.rng.permutation(len(day.events))
    shuffled_times = {column: day.events[column].take(order).reset_index(drop=True) for column in TIMES}
    return replace(day, events=day.events.assign(**shuffled_times))


def _some(day: Day, share: float) -> "pd.Series[bool]":
    return pd.Series(day.rng.random(len(day.events)) < share, index=day.events.index)
