"""Bounds of signals, nested signals, and the findings of a publication's counts."""

from dataclasses import replace
from datetime import date
from math import log
from typing import Any

import pytest

from longplay.definitions.measures import ValueBounds
from longplay.definitions.signal import Definition
from longplay.registry.registry import default_registry
from quality.monitoring.metric import Metric
from quality.signal_values.findings import (
    MIN_VALUES_FOR_PSI,
    SignalFinding,
    add_counts,
    check_for_lost_signals,
    check_outage_share,
    check_signals,
    signal_metrics,
    stability_index,
    subtract_counts,
    validate_findings,
)
from quality.signal_values.profile import SignalProfile
from quality.signal_values.rules import find_nested_pairs
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
    bounds = other("one", window=WEEK, **fields).value_bounds
    assert (bounds.low, bounds.is_whole) == (expected.low, expected.is_whole)
    assert bounds.high == (None if expected.high is None else pytest.approx(expected.high))


def test_bounds_in_words() -> None:
    assert ValueBounds(0, 7, True).text() == "[0, 7], whole numbers"
    assert ValueBounds(None, 0.5, False).text() == "[-, 0.5]"


def test_owners_of_shipped_signals_allow_no_more_than_their_measures_can_give() -> None:
    bounded = [d for d in default_registry().newest() if d.quality.bounds and d.value_bounds.high is not None]
    assert len(bounded) >= 8
    for definition in bounded:
        assert definition.quality.bounds == (definition.value_bounds.low, definition.value_bounds.high), definition.ref


def test_a_longer_window_must_not_hold_less() -> None:
    assert find_nested_pairs([RETURN, LONGER]) == [(RETURN, LONGER)]
    three, five, seven = (other("days", version=n, window=WEEK | {"to": n}) for n in (3, 5, 7))
    assert find_nested_pairs([seven, three, five]) == [(three, five), (five, seven)]
    for fields in (
        {"window": WEEK | {"from": 2}},
        {"window": {"kind": "elapsed", "from": "1 d", "to": "7 d"}},
        {"filter": "is_click"},
        {"keys": "user"},
        {"credit": {"rule": "clicked", "within": "1 d"}},
        {"measure": {"kind": "days", "of": "click"}},
        {"discount": {"gamma": 0.9}},
    ):
        assert find_nested_pairs([three, other("other", **({"window": WEEK} | fields))]) == [], fields
    average = {"kind": "sql", "expression": "avg(amount)"}
    averages = [other(f"average_{n}", window=WEEK | {"to": n}, measure=average) for n in (3, 7)]
    assert find_nested_pairs(averages) == []


def test_stability_by_hand() -> None:
    """Half and half against a quarter and three quarters: .25 ln 2 + .25 ln 1.5, smoothing apart."""
    even, skew = {"0": 50_000, "1": 50_000}, {"0": 25_000, "1": 75_000}
    assert stability_index(even, skew) == pytest.approx(0.25 * log(2) + 0.25 * log(1.5), abs=1e-4)
    assert stability_index(even, even) == 0
    few = {"0": MIN_VALUES_FOR_PSI - 1}
    assert stability_index(few, even) is None
    assert stability_index(even, few) is None
    assert stability_index({"0": 600}, {"1": 600}) == pytest.approx(2 * (600 / 601) * log(1201), rel=1e-3)


def test_counts_are_added_up_and_told_apart() -> None:
    assert add_counts({"0": 1}, {"0": 2, "1": 3}) == {"0": 3, "1": 3}
    assert subtract_counts({"0": 3, "1": 3}, {"0": 3, "1": 1}) == {"1": 2}


def checked(definition: Definition, **quality: Any) -> Definition:
    return Definition.model_validate(definition.model_dump(mode="json", by_alias=True) | {"quality": quality})


def verdict(profile: SignalProfile, **more: Any) -> dict[str, tuple[str, bool]]:
    arguments = {"crossings": {}, "new_bins": {}, "released_bins": {}} | more
    findings = check_signals({profile.definition.ref: profile}, **arguments)
    return {finding.check: (finding.severity, finding.passed) for finding in findings}


def test_what_a_measure_cannot_give_is_an_error_whatever_its_owner_says() -> None:
    good = SignalProfile(RETURN, rows=10, open=2, mature=6, void=2)
    everything = {"mature_when_due", "no_label_before_maturity", "bounds_of_type"}
    assert verdict(good) == dict.fromkeys(everything, ("error", True))
    for check, condition in (("mature_when_due", "overdue"), ("no_label_before_maturity", "early"),
                             ("bounds_of_type", "beyond_type")):  # fmt: skip
        outcomes = verdict(replace(good, **{condition: 1}))
        assert outcomes.pop(check) == ("error", False)
        assert all(passed for _, passed in outcomes.values())
    assert verdict(SignalProfile(RETURN)) == {}  # none of its values are published


def test_what_an_owner_expects_has_the_severity_that_was_chosen() -> None:
    owned = checked(RETURN, bounds=[0, 1], coverage_at_least=0.8)
    profile = SignalProfile(owned, rows=10, mature=6, void=2, beyond_owner=1)
    outcomes = verdict(profile)
    assert (outcomes["bounds_of_owner"], outcomes["coverage"]) == (("error", False), ("warn", False))
    other_way = {"bounds": "warn", "coverage": "error"}
    turned = checked(RETURN, bounds=[0, 1], coverage_at_least=0.75, severity=other_way)
    outcomes = verdict(replace(profile, definition=turned))
    assert (outcomes["bounds_of_owner"], outcomes["coverage"]) == (("warn", False), ("error", True))


def test_distributions_are_held_against_the_last_release() -> None:
    even, skew = {"0": 500, "1": 500}, {"0": 250, "1": 750}  # an index of about .27
    profile = SignalProfile(RETURN, rows=10)
    counts = {"new_bins": {RETURN.ref: skew}, "released_bins": {RETURN.ref: even}}
    assert verdict(profile, **counts)["stable"] == ("warn", False)
    strict = checked(RETURN, psi_at_most=0.3, severity={"psi": "error"})
    assert verdict(replace(profile, definition=strict), **counts)["stable"] == ("error", True)
    assert "stable" not in verdict(profile, new_bins={RETURN.ref: skew})


def test_a_value_above_that_of_the_longer_window_is_an_error() -> None:
    crossed = {f"{RETURN.ref} <= {LONGER.ref}": (1, 9)}
    (finding,) = check_signals({}, crossed, {}, {})
    assert (
        finding.text()
        == f"{RETURN.ref}, monotone_in_horizon: expected at most {LONGER.ref}, got 1 of 9 anchors above it"
    )
    assert (finding.severity, finding.passed) == ("error", False)


@pytest.mark.parametrize(
    ("outage", "mature", "is_accepted", "outcome"),
    [
        (0, 1_000, False, None),
        (99, 0, False, None),  # too few to say anything
        (50, 50, False, ("error", True)),
        (51, 49, False, ("error", False)),
        (16_608, 6_962, False, ("error", False)),
        (16_608, 6_962, True, ("warn", False)),
    ],
)
def test_outages_that_void_most_values_need_acceptance(
    outage: int, mature: int, is_accepted: bool, outcome: tuple[str, bool] | None
) -> None:
    findings = check_outage_share("click@1", outage, mature, is_accepted=is_accepted)
    assert [(finding.severity, finding.passed) for finding in findings] == ([outcome] if outcome else [])
    if outage == 16_608:
        assert findings[0].text().endswith("because of outages, got 16,608 of 23,570 (70.5%)")


def test_numbers_for_the_history_of_metrics() -> None:
    table, day = "signal_values", date(2026, 3, 1)
    few = SignalProfile(RETURN, rows=10, mature=6, void=2, total=3.0, revisions={"1 to 7 d": 2})
    many = SignalProfile(LONGER, rows=160, mature=90, void=30, total=45.0)
    psi = SignalFinding(RETURN.ref, "stable", "warn", 0.07, None, 0.25, "", "")
    assert signal_metrics({RETURN.ref: few, LONGER.ref: many}, [psi], day) == [
        Metric(table, "values", 10.0, RETURN.ref, day),
        Metric(table, "revisions", 2.0, RETURN.ref, day),
        Metric(table, "values", 160.0, LONGER.ref, day),
        Metric(table, "revisions", 0.0, LONGER.ref, day),
        Metric(table, "coverage", 0.75, LONGER.ref, day),
        Metric(table, "mean", 0.5, LONGER.ref, day),
        Metric(table, "psi", 0.07, RETURN.ref, day),
    ]


@pytest.mark.parametrize(
    ("own", "others", "before", "appends", "expected"),
    [
        (None, 8, (7, 7), True, [False, True]),  # others continue, this one does not
        (8, 8, (7, 7), True, [True, True]),
        (3, 8, (7, 7), True, [True, True]),  # it has values, of older anchors
        (None, 7, (7, 7), True, []),  # no anchor is new, and all of its values are settled
        (None, 7, (7, 7), False, [False, True]),  # the table is rebuilt without it
        (None, 8, (5, 7), True, [True]),  # it lagged behind before
        (None, 8, (None, 7), True, [True]),  # it is new
        (None, 8, (None, None), False, []),
        (None, None, (7, 7), False, []),
    ],
)
def test_a_signal_that_is_lost_while_others_of_its_anchor_go_on_is_an_error(
    own: int | None, others: int | None, before: tuple[int | None, int | None], appends: bool, expected: list[bool]
) -> None:
    def at(number: int | None) -> date | None:
        return date(2026, 5, number) if number else None

    own_profile, other_profile = (
        SignalProfile(d, rows=bool(n), newest=at(n)) for d, n in ((RETURN, own), (LONGER, others))
    )
    newest_before = {d.ref: day for d, n in zip((RETURN, LONGER), before, strict=True) if (day := at(n))}
    findings = check_for_lost_signals({RETURN.ref: own_profile, LONGER.ref: other_profile}, newest_before, appends)
    assert [finding.passed for finding in findings] == expected
    assert {(finding.check, finding.severity) for finding in findings} <= {("has_values", "error")}


def test_great_expectations_has_the_last_word() -> None:
    good, bad = SignalProfile(RETURN, rows=9), SignalProfile(LONGER, rows=9, overdue=2)
    findings = check_signals({RETURN.ref: good, LONGER.ref: bad}, {f"{RETURN.ref} <= {LONGER.ref}": (0, 9)}, {}, {})
    validated, result = validate_findings(findings)
    assert [finding.passed for finding in validated] == [finding.passed for finding in findings]
    assert [(finding.signal, finding.check) for finding in validated if not finding.passed] == [
        (LONGER.ref, "mature_when_due")
    ]
    assert {r["result"]["element_count"] for r in result["results"]} == {len(findings)} == {7}
    assert not replace(validated[0], verdict=False).passed
    assert validate_findings([]) == ([], {})
