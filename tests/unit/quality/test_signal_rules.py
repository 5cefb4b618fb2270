"""What signals can be, which must not exceed which, and what counts of a publication mean."""

from dataclasses import replace
from datetime import date
from math import log
from typing import Any

import pytest

from longplay.definitions.measures import ValueBounds
from longplay.definitions.signal import Definition
from longplay.registry.registry import default_registry
from quality.monitoring.metric import Metric
from quality.signal_values.findings import FEWEST, Finding, added, findings, judged, less, lost, metrics, stability
from quality.signal_values.profile import Profile
from quality.signal_values.rules import nested
from tests.reference.definitions_beyond import other

RETURN = default_registry().get("return_to_item_14d")
LONGER = default_registry().get("return_to_item_28d")
WEEK = {"kind": "calendar", "from": 1, "to": 7}
DAYS = {"kind": "days", "of": "consumption"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"measure": {"kind": "any", "of": "click"}}, ValueBounds(0, 1, True)),
        ({}, ValueBounds(0, 7, True)),
        ({"credit": {"rule": "last_touch", "within": "1 d"}}, ValueBounds(0, 7, False)),
        ({"discount": {"gamma": 0.5}}, ValueBounds(0, 2 - 0.5**6, False)),
        ({"discount": {"gamma": 0.5, "normalise": True}}, ValueBounds(0, 1, False)),
        ({"cap": {"low": 1, "high": 5.5}}, ValueBounds(1, 5.5, False)),
        ({"measure": {"kind": "inactivity", "of": "consumption", "gap": 3}, "keys": "user"}, ValueBounds(1, 6, True)),
        ({"measure": {"kind": "sql", "expression": "sum(amount)"}}, ValueBounds(None, None, False)),
        ({"measure": {"kind": "sql", "expression": "sum(amount)"}, "cap": {"high": 9}}, ValueBounds(None, 9, False)),
    ],
)
def test_bounds_follow_from_the_measure(fields: dict[str, Any], expected: ValueBounds) -> None:
    bounds = other("bounded", window=WEEK, **fields).value_bounds
    assert (bounds.low, bounds.is_whole) == (expected.low, expected.is_whole)
    assert bounds.high == (None if expected.high is None else pytest.approx(expected.high))


def test_bounds_in_words() -> None:
    assert ValueBounds(0, 7, True).text() == "[0, 7], whole numbers"
    assert ValueBounds(None, 0.5, False).text() == "[-, 0.5]"


def test_owners_of_shipped_signals_allow_no_more_than_their_measures_can_give() -> None:
    told = [d for d in default_registry().newest() if d.quality.bounds and d.value_bounds.high is not None]
    assert len(told) >= 8
    for definition in told:
        assert definition.quality.bounds == (definition.value_bounds.low, definition.value_bounds.high), definition.ref


def test_a_longer_window_must_not_hold_less() -> None:
    assert nested([RETURN, LONGER]) == [(RETURN, LONGER)]
    three, five, seven = (other("days", version=n, window=WEEK | {"to": n}) for n in (3, 5, 7))
    assert nested([seven, three, five]) == [(three, five), (five, seven)]
    for fields in (
        {"window": WEEK | {"from": 2}},
        {"window": {"kind": "elapsed", "from": "1 d", "to": "7 d"}},
        {"filter": "is_click"},
        {"keys": "user"},
        {"credit": {"rule": "clicked", "within": "1 d"}},
        {"measure": {"kind": "days", "of": "click"}},
        {"discount": {"gamma": 0.9}},
    ):
        assert nested([three, other("other", **({"window": WEEK} | fields))]) == [], fields
    assert nested([other(f"average_{n}", window=WEEK | {"to": n}, measure={"kind": "sql", "expression": "avg(amount)"})
                   for n in (3, 7)]) == []  # fmt: skip


def test_stability_by_hand() -> None:
    """Half and half against a quarter and three: .25 ln 2 + .25 ln 1.5, and next to nothing for the half counts."""
    even, skew = {"0": 50_000, "1": 50_000}, {"0": 25_000, "1": 75_000}
    assert stability(even, skew) == pytest.approx(0.25 * log(2) + 0.25 * log(1.5), abs=1e-4)
    assert stability(even, even) == 0
    few = {"0": FEWEST - 1}
    assert stability(few, even) is None
    assert stability(even, few) is None
    assert stability({"0": 600}, {"1": 600}) == pytest.approx(2 * (600 / 601) * log(1201), rel=1e-3)


def test_counts_are_added_up_and_told_apart() -> None:
    assert added({"0": 1}, {"0": 2, "1": 3}) == {"0": 3, "1": 3}
    assert less({"0": 3, "1": 3}, {"0": 3, "1": 1}) == {"1": 2}


def checked(definition: Definition, **quality: Any) -> Definition:
    return Definition.model_validate(definition.model_dump(mode="json", by_alias=True) | {"quality": quality})


def verdict(profile: Profile, **more: Any) -> dict[str, tuple[str, bool]]:
    given = {"crossed": {}, "fresh": {}, "released": {}} | more
    found = findings({profile.definition.ref: profile}, **given)
    return {one.check: (one.severity, one.passed) for one in found}


def test_what_a_measure_cannot_give_is_an_error_whatever_its_owner_says() -> None:
    good = Profile(RETURN, rows=10, open=2, mature=6, void=2)
    everything = {"mature_when_due", "no_label_before_maturity", "bounds_of_type"}
    assert verdict(good) == dict.fromkeys(everything, ("error", True))
    for check, condition in (("mature_when_due", "overdue"), ("no_label_before_maturity", "early"),
                             ("bounds_of_type", "beyond_type")):  # fmt: skip
        told = verdict(replace(good, **{condition: 1}))
        assert told.pop(check) == ("error", False)
        assert all(passed for _, passed in told.values())
    assert verdict(Profile(RETURN)) == {}  # nothing is published of it, so there is nothing to say


def test_what_an_owner_expects_has_the_severity_that_was_chosen() -> None:
    owned = checked(RETURN, bounds=[0, 1], coverage_at_least=0.8)
    profile = Profile(owned, rows=10, mature=6, void=2, beyond_owner=1)
    told = verdict(profile)
    assert (told["bounds_of_owner"], told["coverage"]) == (("error", False), ("warn", False))
    other_way = {"bounds": "warn", "coverage": "error"}
    turned = checked(RETURN, bounds=[0, 1], coverage_at_least=0.75, severity=other_way)
    told = verdict(replace(profile, definition=turned))
    assert (told["bounds_of_owner"], told["coverage"]) == (("warn", False), ("error", True))


def test_distributions_are_held_against_the_last_release() -> None:
    even, skew = {"0": 500, "1": 500}, {"0": 250, "1": 750}  # an index of about .27
    profile = Profile(RETURN, rows=10)
    counts = {"fresh": {RETURN.ref: skew}, "released": {RETURN.ref: even}}
    assert verdict(profile, **counts)["stable"] == ("warn", False)
    strict = checked(RETURN, psi_at_most=0.3, severity={"psi": "error"})
    assert verdict(replace(profile, definition=strict), **counts)["stable"] == ("error", True)
    assert "stable" not in verdict(profile, fresh={RETURN.ref: skew})


def test_a_value_above_that_of_the_longer_window_is_an_error() -> None:
    crossed = {f"{RETURN.ref} <= {LONGER.ref}": (1, 9)}
    (found,) = findings({}, crossed, {}, {})
    assert (
        found.text() == f"{RETURN.ref}, monotone_in_horizon: expected at most {LONGER.ref}, got 1 of 9 anchors above it"
    )
    assert (found.severity, found.passed) == ("error", False)


def test_numbers_for_the_history_of_metrics() -> None:
    of, day = "signal_values", date(2026, 3, 1)
    few = Profile(RETURN, rows=10, mature=6, void=2, total=3.0, revisions={"1 to 7 d": 2})
    many = Profile(LONGER, rows=160, mature=90, void=30, total=45.0)
    index = Finding(RETURN.ref, "stable", "warn", 0.07, None, 0.25, "", "")
    assert metrics({RETURN.ref: few, LONGER.ref: many}, [index], day) == [
        Metric(of, "values", 10.0, RETURN.ref, day),
        Metric(of, "revisions", 2.0, RETURN.ref, day),
        Metric(of, "values", 160.0, LONGER.ref, day),
        Metric(of, "revisions", 0.0, LONGER.ref, day),
        Metric(of, "coverage", 0.75, LONGER.ref, day),
        Metric(of, "mean", 0.5, LONGER.ref, day),
        Metric(of, "psi", 0.07, RETURN.ref, day),
    ]


@pytest.mark.parametrize(
    ("own", "others", "before", "adds", "expected"),
    [
        (None, 8, (7, 7), True, [False, True]),  # others went on, this one did not
        (8, 8, (7, 7), True, [True, True]),
        (3, 8, (7, 7), True, [True, True]),  # it has values, of older anchors
        (None, 7, (7, 7), True, []),  # no anchor is new, and all of its values are settled
        (None, 7, (7, 7), False, [False, True]),  # the table is made anew without it
        (None, 8, (5, 7), True, [True]),  # it did not keep up before either
        (None, 8, (None, 7), True, [True]),  # it is new
        (None, 8, (None, None), False, []),
        (None, None, (7, 7), False, []),
    ],
)
def test_a_signal_that_is_lost_while_others_of_its_anchor_go_on_is_an_error(
    own: int | None, others: int | None, before: tuple[int | None, int | None], adds: bool, expected: list[bool]
) -> None:
    def at(number: int | None) -> date | None:
        return date(2026, 5, number) if number else None

    here, there = (Profile(d, rows=bool(n), newest=at(n)) for d, n in ((RETURN, own), (LONGER, others)))
    then = {d.ref: day for d, n in zip((RETURN, LONGER), before, strict=True) if (day := at(n))}
    found = lost({RETURN.ref: here, LONGER.ref: there}, then, adds)
    assert [one.passed for one in found] == expected
    assert {(one.check, one.severity) for one in found} <= {("has_values", "error")}


def test_great_expectations_has_the_last_word() -> None:
    good, bad = Profile(RETURN, rows=9), Profile(LONGER, rows=9, overdue=2)
    told = findings({RETURN.ref: good, LONGER.ref: bad}, {f"{RETURN.ref} <= {LONGER.ref}": (0, 9)}, {}, {})
    found, result = judged(told)
    assert [one.passed for one in found] == [one.passed for one in told]
    assert [(one.signal, one.check) for one in found if not one.passed] == [(LONGER.ref, "mature_when_due")]
    assert len(result["results"]) == len(told) == 7
    assert not replace(found[0], verdict=False).passed
    assert judged([]) == ([], {})
