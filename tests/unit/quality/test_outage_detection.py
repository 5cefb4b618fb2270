"""Worked outages: which days, how long, from when they are known, and when they are withdrawn."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from ingest.watermark import midnight
from jobs.outages import describe_outages
from longplay.config.duration import DAY
from quality.monitoring.outage_detection import DailyCounts, OutagePart, OutageSearch, StatedOutage, detect_outages
from signals.maturity import OutageFlag
from signals.outage_voids import find_watermark_reached_at, flags_known_at
from tests.chaos.outage_logs import LOGS

START = date(2026, 1, 5)  # a Monday
DAYS = 70


def day(number: int) -> date:
    return START + number * DAY


def at(number: int) -> datetime:
    return midnight(day(number))


def counts(
    values: Mapping[int, float] | None = None, late: Mapping[int, tuple[int, float]] | None = None
) -> DailyCounts:
    """Daily counts: 100 users on weekdays, 40 on weekends, all known on the day, except as given."""
    by_day = {day(n): {day(n): 40.0 if n % 7 >= 5 else 100.0} for n in range(DAYS)}
    for n, value in (values or {}).items():
        by_day[day(n)] = {day(n): value} if value else {}
    for n, (known_day, value) in (late or {}).items():
        by_day[day(n)][day(known_day)] = value
    return DailyCounts(by_day)


def detect(
    log: DailyCounts,
    *stated: StatedOutage,
    until: int = DAYS,
    search: OutageSearch | None = OutageSearch(),  # noqa: B008
) -> list[OutagePart]:
    return detect_outages(log, START, at(until), search, stated)


def test_ordinary_weeks_have_none() -> None:
    assert detect(counts()) == []
    rng = np.random.default_rng(5)
    for _ in range(20):
        noisy = {n: float(rng.poisson((40 if n % 7 >= 5 else 100) * 1.01 ** (n / 7))) for n in range(DAYS)}
        assert detect(counts(noisy)) == []


def test_a_day_with_a_third() -> None:
    """Day 43 is a Tuesday, so 100 are expected. It is checked at the midnight one day after its end."""
    (part,) = detect(counts({43: 33.0}))
    assert part == OutagePart(at(43), at(43), at(44), "counts", at(45), "users", 100.0, 33.0)
    assert detect(counts({43: 33.0}), until=44) == []
    assert detect(counts({43: 33.0}), until=45) == [part]
    # Half is no outage, nor is a small number that chance explains (40 - 4.5 * 6.3 = 11.5).
    assert detect(counts({43: 50.0, 47: 12.0})) == []
    assert [part.start for part in detect(counts({47: 11.0}))] == [at(47)]


def test_a_month_is_one_outage_and_does_not_become_usual() -> None:
    low = {n: (13.0 if n % 7 >= 5 else 33.0) for n in range(30, 60)}
    parts = detect(counts(low))
    assert [part.start for part in parts] == [at(n) for n in range(30, 60)]
    assert {part.outage for part in parts} == {at(30)}
    assert {part.expected for part in parts} == {100.0, 40.0}
    assert describe_outages([part.as_row() for part in parts]) == [
        "[2026-02-04, 2026-03-06) 30 d: 33 users on the first day, 100 expected"
    ]


def test_it_ends_with_the_first_ordinary_day_and_another_begins_anew() -> None:
    parts = detect(counts({43: 33.0, 44: 33.0, 46: 33.0}))
    assert [(part.outage, part.start) for part in parts] == [(at(43), at(43)), (at(43), at(44)), (at(46), at(46))]


def test_days_that_say_nothing_go_on_as_the_day_before() -> None:
    """A shop is closed on Sundays: a lost Saturday and a lost Monday are one outage."""
    closed = dict.fromkeys(range(6, DAYS, 7), 0.0)
    assert detect(counts(closed)) == []
    parts = detect(counts(closed | {47: 10.0, 49: 20.0}))
    assert [(part.start, part.expected) for part in parts] == [(at(47), 40.0), (at(48), None), (at(49), 100.0)]
    assert {part.outage for part in parts} == {at(47)}


def test_facts_that_come_later_withdraw_it() -> None:
    """33 users of day 43 are known in time and 40 more on day 50, which makes more than half of 100."""
    log = counts({43: 33.0}, {43: (50, 40.0)})
    (part,) = detect(log)
    assert (part.observed, part.withdrawn_at, part.dismissed) == (33.0, at(51), False)
    assert part.reason == "enough of it became known later"
    # Until then the outage counts. Fewer late users would change nothing.
    assert [part.withdrawn_at for part in detect(log, until=50)] == [None]
    assert [part.withdrawn_at for part in detect(counts({43: 33.0}, {43: (50, 16.0)}))] == [None]


def test_what_is_found_does_not_depend_on_when_one_looks() -> None:
    """A later look finds the same parts as an earlier one, apart from withdrawals since."""
    log = counts({22: 5.0, 43: 33.0, 44: 30.0, 58: 10.0}, {44: (46, 60.0)})
    dismissal = StatedOutage(at(43), at(44), at(52), "a holiday", dismissed=True)
    all_parts = detect(log, dismissal)
    for until in range(DAYS):
        earlier_parts = [part for part in all_parts if part.judged_at <= at(until)]
        not_withdrawn = [
            part.as_row() | {"withdrawn_at": None, "dismissed": False, "reason": None} for part in earlier_parts
        ]
        expected = [
            part.as_row() if part.withdrawn_at is None or part.withdrawn_at <= at(until) else counting
            for part, counting in zip(earlier_parts, not_withdrawn, strict=True)
        ]
        assert [part.as_row() for part in detect(log, dismissal, until=until)] == expected
    assert [part.withdrawn_at for part in all_parts] == [None, at(52), at(47), None]


def test_what_someone_says_was_real_counts_no_more_from_then_on() -> None:
    """The service shrank to a third on day 43; the settings say so from day 50 on."""
    low = {n: (13.0 if n % 7 >= 5 else 33.0) for n in range(43, DAYS)}
    assert len(detect(counts(low))) == DAYS - 43 - 1
    dismissal = StatedOutage(at(43), at(DAYS), at(50), "sold to others", dismissed=True)
    parts = detect(counts(low), dismissal)
    # Days 43 to 47 were checked before the midnight that begins day 50.
    assert [part.start for part in parts] == [at(n) for n in range(43, 48)]
    assert {(part.withdrawn_at, part.dismissed, part.reason) for part in parts} == {(at(50), True, "sold to others")}
    assert describe_outages([part.as_row() for part in parts])[0].endswith("; withdrawn on 2026-02-24: sold to others")


def test_an_outage_that_is_told_counts_without_any_search() -> None:
    stated = StatedOutage(at(43), at(45), at(46), "the app did not send")
    (part,) = detect(counts(), stated, search=None)
    assert (part.found_by, part.start, part.end, part.judged_at) == ("settings", at(43), at(45), at(46))
    assert detect(counts(), stated, until=45, search=None) == []
    assert describe_outages([part.as_row()]) == ["[2026-02-17, 2026-02-19) 2 d: declared: the app did not send"]
    assert describe_outages([]) == ["no outage"]


def test_events_may_be_counted_instead_of_users() -> None:
    rows = [
        {"event_day": day(n), "known_day": day(n), "users": 100, "events": 1000 if n != 43 else 300}
        for n in range(DAYS)
    ]
    assert detect(DailyCounts.from_rows(rows, "users")) == []
    (part,) = detect(DailyCounts.from_rows(rows, "events"), search=OutageSearch(metric="events"))
    assert (part.metric, part.expected, part.observed) == ("events", 1000.0, 300.0)


def test_from_when_the_watermark_was_known_to_be_there() -> None:
    """Before the first observation the log was on time; later the observation that passed a moment counts."""
    history = [(at(10), at(9)), (at(20), at(20)), (at(31), at(30))]
    moments = (at(5), at(9), at(9) + timedelta(hours=1), at(20), at(25), at(40))
    assert [find_watermark_reached_at(moment, history) for moment in moments] == [
        at(5),
        at(9),
        at(20),
        at(20),
        at(31),
        at(40),
    ]
    assert find_watermark_reached_at(at(5), []) == at(5)


def test_flags_as_they_were_known() -> None:
    flags = [OutageFlag(at(1), at(2), at(3)), OutageFlag(at(2), at(3), at(4), at(8)), OutageFlag(at(3), at(4), at(9))]
    assert flags_known_at(flags, at(4)) == [flags[0], OutageFlag(at(2), at(3), at(4))]
    assert flags_known_at(flags, at(8)) == flags[:2]


def test_an_empty_day_is_low_however_much_days_differ() -> None:
    rng = np.random.default_rng(3)
    noisy = {n: float(rng.uniform(40, 160)) for n in range(DAYS)}
    assert [part.day for part in detect(counts(noisy | {43: 0.0}))] == [day(43)]
    # A weekday that is closed is empty as expected, and so is a log of few users.
    assert detect(counts({n: 0.0 for n in range(DAYS) if n % 7 == 6})) == []
    assert detect(counts(dict.fromkeys(range(DAYS), 4.0) | {43: 0.0})) == []


@pytest.mark.parametrize("name", LOGS)
def test_simulated_logs(name: str) -> None:
    """Holes are found to the last day, also where no normal day is left to compare with; cohorts have none."""
    for seed in range(2):
        log = LOGS[name](seed)
        assert log.find("returning_users") == (len(log.hole), 0)


def test_users_who_only_join_make_false_outages() -> None:
    assert LOGS["cohort, 5 months"](0).find("users")[1] > 30
