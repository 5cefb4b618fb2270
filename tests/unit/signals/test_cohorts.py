"""Cohorts and ages of delay curves."""

from datetime import date

from longplay.config.duration import DAY
from longplay.registry.registry import default_registry
from signals.delay_curves.cohorts import cohort_matures_at, list_due_cohorts, observation_ages
from tests.reference.records import TICK, at

CLICK, RETURN = (default_registry().get(name) for name in ("click", "return_to_item_14d"))
MONDAY = date(2026, 3, 2)


def test_a_week_is_due_when_its_last_anchor_has_matured() -> None:
    """Shown on Sunday 8 March, a return is looked for until the end of day 14, and a day longer: 24 March 00:00."""
    assert cohort_matures_at(RETURN, MONDAY) == at("24 Mar")
    for watermark, expected in ((at("24 Mar") - TICK, 0), (at("24 Mar"), 1), (at("31 Mar"), 2)):
        cohorts = list_due_cohorts([RETURN], at("2 Mar"), watermark)
        assert len(cohorts) == expected
        assert [cohort.week for cohort in cohorts] == [MONDAY + n * 7 * DAY for n in range(expected)]


def test_the_week_in_which_the_log_begins_is_the_first_and_weeks_that_were_due_before_are_left_out() -> None:
    cohorts = list_due_cohorts([CLICK, RETURN], at("5 Mar 13:00"), at("31 Mar"), before=at("24 Mar"))
    assert [(cohort.definition.name, cohort.week) for cohort in cohorts] == [
        ("click", date(2026, 3, 16)),  # its last clicks may come within 24 hours of the 22nd, and a little later
        ("return_to_item_14d", date(2026, 3, 9)),
    ]
    assert list_due_cohorts([CLICK], at("5 Mar"), at("6 Mar")) == []


def test_ages_are_days_then_weeks_and_end_with_maturity() -> None:
    assert observation_ages(RETURN) == (1, 2, 3, 4, 5, 6, 7, 10, 14, 16)
    assert observation_ages(CLICK)[-1] == 2
    sticky = default_registry().get("stickiness_59d")
    assert observation_ages(sticky) == (1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 28, 35, 42, 49, 56, 61)


def test_what_only_grows_is_told_from_what_may_fall() -> None:
    assert {d.name for d in default_registry().newest() if not d.measure.only_grows} >= {"regret", "quality_ratio_14d"}
    assert RETURN.measure.only_grows
