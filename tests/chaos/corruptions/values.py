"""Corruptions of values: amounts, kinds, positions, propensities, surfaces."""

from dataclasses import replace
from math import log
from typing import Any

import pandas as pd

from tests.chaos.corruptions.catalogue import Day, rows
from tests.chaos.corruptions.identities import changed


@rows("mean amount against history")
def seconds_in_milliseconds(day: Day) -> Day:
    """Amounts are a thousand times too large."""
    return changed(day, "seconds", lambda s: s * 1000, "events")


@rows("mean amount against history")
def seconds_in_minutes(day: Day) -> Day:
    """Amounts are in minutes."""
    return changed(day, "seconds", lambda s: s / 60, "events")


@rows("quarantine limit")
def seconds_negative(day: Day) -> Day:
    """Amounts are start minus end."""
    return changed(day, "seconds", lambda s: -s - 1, "events")


@rows("spread of amounts against history")
def seconds_constant(day: Day) -> Day:
    """Every amount is the average of all."""
    return changed(day, "seconds", lambda s: s.mask(s.notna(), s.mean()), "events")


@rows("share of zeros against history")
def seconds_zero(day: Day) -> Day:
    """A default: every amount is 0."""
    return changed(day, "seconds", lambda s: s * 0, "events")


@rows("mean amount against history")
def seconds_cut_at_thirty(day: Day) -> Day:
    """A player reports 30 s at most."""
    return changed(day, "seconds", lambda s: s.clip(upper=30), "events")


@rows("null share against history")
def seconds_mostly_null(day: Day) -> Day:
    """Seven in ten amounts are missing."""
    few = pd.Series(day.rng.random(len(day.events)) < 0.7)
    return changed(day, "seconds", lambda s: s.mask(few), "events")


@rows("bad_amount against history")
def some_seconds_infinite(day: Day) -> Day:
    """A division by zero: 3% of the amounts are infinite."""
    few = pd.Series(day.rng.random(len(day.events)) < 0.03)
    return changed(day, "seconds", lambda s: s.mask(few, float("inf")), "events")


@rows("quarantine limit: unknown_kind")
def kinds_renamed(day: Day) -> Day:
    """Kinds of events begin with a capital."""
    return changed(day, "kind", lambda k: k.str.capitalize(), "events")


@rows("quarantine limit: unknown_kind")
def a_new_kind(day: Day) -> Day:
    """A client calls its plays 'autoplay'."""
    some = day.events["kind"].eq("play") & (day.events["user"].str.slice(-1) == "5").fillna(False)
    return changed(day, "kind", lambda k: k.mask(some, "autoplay"), "events")


@rows("shares of kinds against history")
def clicks_and_skips_swapped(day: Day) -> Day:
    """Clicks and skips are swapped."""
    return changed(day, "kind", lambda k: k.replace({"click": "skip", "skip": "click"}), "events")


@rows("shares of kinds against history")
def all_plays(day: Day) -> Day:
    """Every event is a play."""
    return changed(day, "kind", lambda k: k.mask(k.notna(), "play"), "events")


@rows("shares of kinds against history")
def completes_called_plays(day: Day) -> Day:
    """The end of an item is logged as another play."""
    return changed(day, "kind", lambda k: k.replace({"complete": "play"}), "events")


@rows("quarantine limit: bad_position")
def positions_from_zero(day: Day) -> Day:
    """Positions begin with 0."""
    return changed(day, "position", lambda p: p - 1, "exposures")


@rows("first positions of slates")
def positions_from_two(day: Day) -> Day:
    """Positions begin with 2."""
    return changed(day, "position", lambda p: p + 1, "exposures")


@rows("a slate's positions differ")
def positions_all_one(day: Day) -> Day:
    """A default: everything was shown first."""
    return changed(day, "position", lambda p: p * 0 + 1, "exposures")


@rows("shares of clicked positions against history")
def positions_reversed(day: Day) -> Day:
    """The last of a slate is numbered 1."""
    last = day.exposures.groupby("request")["position"].transform("max")
    return changed(day, "position", lambda p: last + 1 - p, "exposures")


@rows("quarantine limit: bad_propensity")
def propensities_not_logs(day: Day) -> Day:
    """Probabilities instead of their logarithms."""
    return changed(day, "log_propensity", lambda p: p.map(lambda x: 2.718281828**x), "exposures")


@rows("mean propensity against history")
def propensities_all_one(day: Day) -> Day:
    """A default: everything was certain to be shown."""
    return changed(day, "log_propensity", lambda p: p * 0, "exposures")


@rows("mean propensity against history")
def propensities_halved(day: Day) -> Day:
    """Propensities no longer sum to one."""
    return changed(day, "log_propensity", lambda p: p - log(2), "exposures")


@rows("spread of propensities against history")
def propensities_uniform(day: Day) -> Day:
    """One in forty, whatever the policy did."""
    return changed(day, "log_propensity", lambda p: p * 0 - log(40), "exposures")


@rows("quarantine limit: bad_propensity")
def propensities_null(day: Day) -> Day:
    """Three in ten propensities are missing."""
    few = pd.Series(day.rng.random(len(day.exposures)) < 0.3)
    return changed(day, "log_propensity", lambda p: p.mask(few), "exposures")


@rows("mean propensity against history")
def propensities_in_percent(day: Day) -> Day:
    """Propensities are a thousand times too small."""
    return changed(day, "log_propensity", lambda p: p - log(1000), "exposures")


@rows("shares of policies against history")
def an_unknown_policy(day: Day) -> Day:
    """The policy has the name of an unregistered build."""
    return changed(day, "policy", lambda p: p.mask(p.notna(), "build-4711"), "exposures")


@rows("null share against history")
def policies_null(day: Day) -> Day:
    """No exposure names its policy."""
    return changed(day, "policy", lambda p: p.mask(p.notna()), "exposures")


@rows("shares of surfaces against history")
def surfaces_in_capitals(day: Day) -> Day:
    """Surfaces are in upper case."""
    return changed(day, "surface", lambda s: s.str.upper())


@rows("shares of surfaces against history")
def surfaces_renamed(day: Day) -> Day:
    """Two surfaces are swapped, in both logs."""
    names = sorted(day.exposures["surface"].dropna().unique())[:2]
    return changed(day, "surface", lambda s: s.replace(dict(zip(names, names[::-1], strict=True))))


@rows("surface is never null")
def surfaces_null(day: Day) -> Day:
    """No exposure names its surface."""
    return changed(day, "surface", lambda s: s.mask(s.notna()), "exposures")


@rows("the log cannot be read: a column is missing")
def a_column_dropped(day: Day) -> Day:
    """Amounts are no longer delivered."""
    return replace(day, events=day.events.drop(columns="seconds"))


@rows("the log cannot be read: a column is missing")
def a_column_renamed(day: Day) -> Day:
    """The column user is called user_id."""
    return replace(day, events=day.events.rename(columns={"user": "user_id"}))


@rows("quarantine limit: bad_time")
def times_as_numbers(day: Day) -> Day:
    """Times come as seconds since 1970 instead of dates."""

    def seconds(times: "pd.Series[Any]") -> "pd.Series[Any]":
        return (times.astype("int64") // 1_000_000).astype("int64[pyarrow]")

    return replace(day, events=day.events.assign(**{c: seconds(day.events[c]) for c in ("ts", "ingest_ts")}))


@rows("quarantine limit: bad_amount")
def seconds_with_units(day: Day) -> Day:
    """Amounts are text such as '211 s'."""
    text = day.events["seconds"].map(lambda s: f"{s:.0f} s", na_action="ignore").astype("string[pyarrow]")
    return replace(day, events=day.events.assign(seconds=text))
