"""Worked cases of signals that read episodes: follow-through and a finished season. Discovery on 3 May 20:00 UTC."""

from datetime import timedelta

import pytest
from pyspark.sql import SparkSession

from longplay.config.duration import DAY
from longplay.errors import InputError
from longplay.registry.registry import default_registry
from signals.compute import compute_signal_values
from signals.maturity import Knowledge
from tests.reference.definitions_beyond import MEANINGS
from tests.reference.records import Episode, Event, at, episodes_frame, events_frame, exposures_frame
from tests.reference.signals_by_hand import values_by_hand
from tests.spec.test_time_worked_cases import number, table

pytestmark = pytest.mark.spark

T0, HOUR = at("3 May 20:00"), timedelta(hours=1)
NOW = at("1 Jul")
LOG_START = at("1 Jan", year=2025)
NAMES = ("follow_through_28d", "season_finished_28d")
# Every listener has an item of their own. Releases and plays by days after the discovery; ~n: known n days later.
# A season has as many episodes as its digit says: 2a is the first of a season of two.
CASES = """
case                         | released          | heard           | follow | season
both in time                 | 2a:1, 2b:8        | 2a:2, 2b:9      | 1      | 1
one of two                   | 2a:1, 2b:8        | 2a:2            | 0.5    | 0
twice is once                | 2a:1, 2b:8        | 2a:2, 2a:3      | 0.5    | 0
a week to the hour is late   | 2a:1, 2b:8        | 2a:8, 2b:9      | 0.5    | 1
nothing heard                | 2a:1, 2b:8        | none            | 0      | 0
only one came out            | 2a:1              | 2a:2            | void   | 0
none came out                | none              | none            | void   | 0
out before, heard at once    | 2a:-1, 3a:2, 3b:5 | 2a:0.5          | 0      | 0
the last day still counts    | 2a:27, 2b:27      | 2a:33, 2b:33.9  | 1      | 0
day 28 is outside            | 3a:1, 3b:2, 3c:28 | 3a:1, 3b:2, 3c:28 | 1    | 0
a season of old episodes     | 2a:-40, 2b:-30    | 2a:1, 2b:2      | void   | 1
two seasons, none whole      | 2a:-40, 3a:-30    | 2a:1, 3a:2      | void   | 0
a release nobody knew of     | 2a:1, 2b:8~90     | 2a:2, 2b:9      | void   | 0
never released               | 2a:1, 2b:8        | 2a:2, 9z:9      | 0.5    | 0
"""


def moments(text: str) -> list[tuple[str, float, float]]:
    """Episode, days after the discovery, days until it was known."""
    days = []
    for entry in text.split(", ") if text != "none" else []:
        name, _, when = entry.partition(":")
        day, _, late = when.partition("~")
        days.append((name, float(day), float(late or 0)))
    return days


def events_of(who: str, heard: str) -> list[Event]:
    first = Event(f"{who} 0", who, f"show of {who}", T0, T0, is_consumption=True)
    plays = [
        Event(
            f"{who} {name} {day}", who, first.item_id, T0 + day * DAY, T0 + day * DAY, is_consumption=True, episode=name
        )
        for name, day, _ in moments(heard)
    ]
    return [first, *plays]


def episodes_of(who: str, released: str) -> list[Episode]:
    return [
        Episode(f"show of {who}", name, T0 + day * DAY, T0 + (day + late) * DAY, f"season {name[0]}", int(name[0]))
        for name, day, late in moments(released)
    ]


CASES_BY_NAME = {case["case"]: case for case in table(CASES)}
EVENTS = [event for who, case in CASES_BY_NAME.items() for event in events_of(who, case["heard"])]
EPISODES = [episode for who, case in CASES_BY_NAME.items() for episode in episodes_of(who, case["released"])]


def expected(text: str) -> tuple[str, float | None]:
    return ("void", None) if text == "void" else ("mature", number(text))


@pytest.fixture(scope="module")
def values_by_case(spark: SparkSession) -> dict[tuple[str, str], tuple[str, float | None]]:
    """State and value by listener and signal, as Spark has them on 1 July."""
    definitions = [default_registry().get(name) for name in NAMES]
    values = compute_signal_values(
        definitions,
        events_frame(spark, EVENTS),
        exposures_frame(spark, []),
        Knowledge(NOW, NOW, LOG_START),
        episodes=episodes_frame(spark, EPISODES),
    )
    first = [row for row in values.collect() if row["t0"].date() == T0.date() and row["revision"] == 0]
    return {(row["user_id"], row["signal"].partition("@")[0]): (row["state"], row["value"]) for row in first}


@pytest.mark.parametrize("case", CASES_BY_NAME)
def test_worked_cases(values_by_case: dict[tuple[str, str], tuple[str, float | None]], case: str) -> None:
    case_row = CASES_BY_NAME[case]
    assert values_by_case[case, "follow_through_28d"] == expected(case_row["follow"])
    assert values_by_case[case, "season_finished_28d"] == expected(case_row["season"])


@pytest.mark.parametrize("name", NAMES)
def test_worked_cases_by_hand(name: str) -> None:
    column = {"follow_through_28d": "follow", "season_finished_28d": "season"}[name]
    rows = values_by_hand(
        default_registry().get(name), EVENTS, [], Knowledge(NOW, NOW, LOG_START), MEANINGS.get(name), EPISODES
    )
    case_row = {row.user_id: (row.state, row.value) for row in rows if row.t0 == T0 and row.revision == 0}
    assert case_row == {case: expected(row[column]) for case, row in CASES_BY_NAME.items()}


def test_a_release_that_is_known_late_makes_a_revision(spark: SparkSession) -> None:
    """On 8 June the value was 1 of 2; on 20 June one learns of a third episode of 10 May."""
    events = events_of("ann", "2a:2")
    episodes = [*episodes_of("ann", "2a:1, 2b:8"), *episodes_of("ann", "3a:7~41")]
    definition, late = default_registry().get("follow_through_28d"), T0 + 48 * DAY
    values = compute_signal_values(
        [definition],
        events_frame(spark, events),
        exposures_frame(spark, []),
        Knowledge(NOW, NOW, LOG_START),
        episodes=episodes_frame(spark, episodes),
    )
    rows = sorted((r["revision"], r["state"], round(r["value"], 9)) for r in values.collect())
    assert rows == [(0, "mature", 0.5), (1, "mature", 0.333333333)]
    by_hand = values_by_hand(
        definition, events, [], Knowledge(NOW, NOW, LOG_START), MEANINGS[definition.name], episodes
    )
    assert [row.known_ts for row in by_hand] == [T0 + 36 * DAY, late]


def test_without_releases_it_is_an_error_not_a_number(spark: SparkSession) -> None:
    definition = default_registry().get("season_finished_28d")
    with pytest.raises(InputError, match="no episode is known") as caught:
        compute_signal_values(
            [definition], events_frame(spark, EVENTS), exposures_frame(spark, []), Knowledge(NOW, NOW, LOG_START)
        )
    assert caught.value.where == "season_finished_28d@1"
