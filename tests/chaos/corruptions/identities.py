"""Corruptions of identities: users, items, requests and keys."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from tests.chaos.corruptions.catalogue import Day, rows
from tests.chaos.corruptions.volumes import of_some

LOGS = ("events", "exposures")


def changed(day: Day, column: str, change: Callable[["pd.Series[Any]"], Any], *logs: str) -> Day:
    """Change a column in some logs (both by default), keeping its type."""
    changed_logs = {}
    for log in logs or LOGS:
        frame: pd.DataFrame = getattr(day, log)
        new = pd.Series(change(frame[column]), index=frame.index).astype(frame[column].dtype)
        changed_logs[log] = frame.assign(**{column: new})
    return replace(day, **changed_logs)


def hashed(column: "pd.Series[Any]") -> Any:
    """Hash ids into pseudonyms."""
    return column.map(lambda text: hashlib.md5(str(text).encode()).hexdigest()[:12], na_action="ignore")


def renamed(column: "pd.Series[Any]", step: int) -> Any:
    """Replace every value with another existing one."""
    names = sorted(column.dropna().unique())
    other = {name: names[(number + step) % len(names)] for number, name in enumerate(names)}
    return column.map(other, na_action="ignore")


@rows("new users against history")
def users_hashed_anew(day: Day) -> Day:
    """The salt of the pseudonyms changed: every user is new."""
    return changed(day, "user", hashed)


@rows("new users against history")
def users_in_capitals(day: Day) -> Day:
    """User ids in the other case."""
    return changed(day, "user", lambda ids: ids.str.upper())


@rows("new users against history")
def users_with_a_no_break_space(day: Day) -> Day:
    """User ids end in a space that trimming does not remove."""
    return changed(day, "user", lambda ids: ids + "\u00a0")


@rows("new users against history")
def users_as_numbers(day: Day) -> Day:
    """A reader took user ids for numbers: 813 instead of u000813."""
    return changed(day, "user", lambda ids: ids.str.slice(1).str.lstrip("0"))


@rows("users against history")
def users_cut_short(day: Day) -> Day:
    """Only six letters of a user id fit the column: ten users become one."""
    return changed(day, "user", lambda ids: ids.str.slice(0, 6))


@rows("null words as ids")
def users_called_none(day: Day) -> Day:
    """A tenth of the users have the text None as id."""
    return changed(day, "user", lambda ids: ids.mask(ids.str.slice(-1) == "3", "None"))


@rows("events of a user against history")
def a_third_anonymous(day: Day) -> Day:
    """A third of the rows belong to a user 'anonymous'."""
    return changed(day, "user", lambda ids: ids.mask(ids.str.slice(-1).isin(["3", "6", "9"]), "anonymous"))


@rows("quarantine limit")
def a_tenth_of_users_null(day: Day) -> Day:
    """The user is missing in a tenth of the events."""
    return changed(day, "user", lambda ids: ids.mask(ids.str.slice(-1) == "7"), "events")


@rows("share of quarantine against history")
def some_items_null(day: Day) -> Day:
    """The item is missing in 1% of the events: below the quarantine limit."""
    few = pd.Series(day.rng.random(len(day.events)) < 0.01)
    return changed(day, "item", lambda ids: ids.mask(few), "events")


@rows("an event's user is that of its request")
def users_of_exposures_hashed(day: Day) -> Day:
    """One of the two logs has pseudonyms."""
    return changed(day, "user", hashed, "exposures")


@rows("an event's user is that of its request")
def users_shuffled(day: Day) -> Day:
    """Users are shuffled among events."""
    return changed(day, "user", lambda ids: ids.sample(frac=1, random_state=3).to_numpy(), "events")


@rows("an item has one topic")
def items_remapped(day: Day) -> Day:
    """A dictionary of items shifted by one: every item becomes another existing one."""
    return changed(day, "item", lambda ids: renamed(ids, 1))


@rows("new items against history")
def items_all_new(day: Day) -> Day:
    """Items carry the ids of another system."""
    return changed(day, "item", hashed)


@rows("new items against history")
def a_fifth_of_the_items_new(day: Day) -> Day:
    """A fifth of the items carry ids of another system."""
    return changed(day, "item", lambda ids: hashed(ids).where(ids.str.slice(-1).isin(["3", "6"]), ids))


@rows("items against history")
def items_hold_topics(day: Day) -> Day:
    """The item column holds the topic."""
    logs = {name: getattr(day, name) for name in LOGS}
    return replace(day, **{name: log.assign(item=log["topic"]) for name, log in logs.items()})


@rows("an event's item was shown by its request")
def items_shuffled(day: Day) -> Day:
    """Items are shuffled among events."""
    return changed(day, "item", lambda ids: ids.sample(frac=1, random_state=3).to_numpy(), "events")


@rows("new users and items against history")
def users_and_items_swapped(day: Day) -> Day:
    """The columns of user and item are swapped."""
    logs = {name: getattr(day, name) for name in LOGS}
    return replace(day, **{n: log.assign(user=log["item"], item=log["user"]) for n, log in logs.items()})


@rows("shares of topics and surfaces against history")
def topics_and_surfaces_swapped(day: Day) -> Day:
    """The columns of topic and surface are swapped."""
    logs = {name: getattr(day, name) for name in LOGS}
    return replace(day, **{n: log.assign(topic=log["surface"], surface=log["topic"]) for n, log in logs.items()})


@rows("an item has one topic")
def topics_shuffled(day: Day) -> Day:
    """Topics are shuffled among rows."""
    return changed(day, "topic", lambda topics: topics.sample(frac=1, random_state=3).to_numpy())


@rows("null share against history")
def topics_mostly_null(day: Day) -> Day:
    """The catalogue was missing when topics were joined: six in ten are null."""
    logs = {name: of_some(getattr(day, name), "item", 0.6) for name in LOGS}
    changed_logs = {n: getattr(day, n).assign(topic=getattr(day, n)["topic"].mask(none)) for n, none in logs.items()}
    return replace(day, **changed_logs)


@rows("null share against history")
def requests_lost(day: Day) -> Day:
    """Events do not say which request they answer."""
    return changed(day, "request", lambda ids: ids.mask(ids.notna()), "events")


@rows("events refer to exposures")
def requests_of_another_system(day: Day) -> Day:
    """Events and exposures use different names for requests."""
    return changed(day, "request", lambda ids: "q" + ids, "events")


@rows("an event's user is that of its request")
def requests_shuffled(day: Day) -> Day:
    """Events refer to requests of others."""
    return changed(day, "request", lambda ids: ids.sample(frac=1, random_state=3).to_numpy(), "events")


@rows("quarantine limit: duplicates")
def event_ids_reused(day: Day) -> Day:
    """Ids of events wrap around at 100."""
    return changed(day, "event_id", lambda ids: pd.Series(ids.astype("int64") % 100), "events")


@rows("quarantine limit: duplicates; users of a request")
def request_ids_reused(day: Day) -> Day:
    """Exposures' requests wrap around: slates of many users share one."""
    return changed(day, "request", lambda ids: ids.str.slice(0, 1) + ids.str.slice(-2))
