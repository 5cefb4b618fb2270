"""Outages by hand: what is one, how long, from when it is known, and when it is withdrawn."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import numpy as np

from ingest.watermark import midnight
from jobs.outages import describe_outages
from longplay.config.duration import DAY
from quality.monitoring.outage_detection import Counts, Outage, Search, Told, outages
from signals.maturity import OutageFlag
from signals.outage_voids import find_watermark_reached_at, flags_known_at

START = date(2026, 1, 5)  # a Monday
DAYS = 70


def day(number: int) -> date:
    return START + number * DAY


def at(number: int) -> datetime:
    return midnight(day(number))


def counts(values: Mapping[int, float] | None = None, late: Mapping[int, tuple[int, float]] | None = None) -> Counts:
    """100 users a weekday, 40 on a weekend's day, known on the day; other values, and what became known later."""
    found = {day(n): {day(n): 40.0 if n % 7 >= 5 else 100.0} for n in range(DAYS)}
    for n, value in (values or {}).items():
        found[day(n)] = {day(n): value} if value else {}
    for n, (known, value) in (late or {}).items():
        found[day(n)][day(known)] = value
    return Counts(found)


def found(log: Counts, *told: Told, until: int = DAYS, search: Search | None = Search()) -> list[Outage]:  # noqa: B008
    return outages(log, START, at(until), search, told)


def test_ordinary_weeks_have_none() -> None:
    assert found(counts()) == []
    rng = np.random.default_rng(5)
    for _ in range(20):
        noisy = {n: float(rng.poisson((40 if n % 7 >= 5 else 100) * 1.01 ** (n / 7))) for n in range(DAYS)}
        assert found(counts(noisy)) == []


def test_a_day_with_a_third() -> None:
    """Day 43 is a Tuesday: 100 are expected. It is judged at the midnight a day after its end."""
    (one,) = found(counts({43: 33.0}))
    assert one == Outage(at(43), at(43), at(44), "counts", at(45), "users", 100.0, 33.0)
    assert found(counts({43: 33.0}), until=44) == []
    assert found(counts({43: 33.0}), until=45) == [one]
    # Half is no outage; nor is what chance may do to a small number (40 - 4 * 6.3 = 14.7).
    assert found(counts({43: 50.0, 47: 15.0})) == []
    assert [o.start for o in found(counts({47: 14.0}))] == [at(47)]


def test_a_month_is_one_outage_and_does_not_become_usual() -> None:
    low = {n: (13.0 if n % 7 >= 5 else 33.0) for n in range(30, 60)}
    parts = found(counts(low))
    assert [o.start for o in parts] == [at(n) for n in range(30, 60)]
    assert {o.outage for o in parts} == {at(30)}
    assert {o.expected for o in parts} == {100.0, 40.0}
    assert describe_outages([vars(o) for o in parts]) == [
        "[2026-02-04, 2026-03-06) 30 d: 33 users on the first day, 100 expected"
    ]


def test_it_ends_with_the_first_ordinary_day_and_another_begins_anew() -> None:
    parts = found(counts({43: 33.0, 44: 33.0, 46: 33.0}))
    assert [(o.outage, o.start) for o in parts] == [(at(43), at(43)), (at(43), at(44)), (at(46), at(46))]


def test_days_that_say_nothing_go_on_as_the_day_before() -> None:
    """A shop that is closed on Sundays: a lost Saturday and Monday are one outage."""
    closed = dict.fromkeys(range(6, DAYS, 7), 0.0)
    assert found(counts(closed)) == []
    parts = found(counts(closed | {47: 10.0, 49: 20.0}))
    assert [(o.start, o.expected) for o in parts] == [(at(47), 40.0), (at(48), None), (at(49), 100.0)]
    assert {o.outage for o in parts} == {at(47)}


def test_facts_that_come_later_withdraw_it() -> None:
    """Of day 43, 33 users are known in time and 40 more on day 50: by its end half of 100 are there."""
    log = counts({43: 33.0}, {43: (50, 40.0)})
    (one,) = found(log)
    assert (one.found, one.withdrawn_at, one.dismissed) == (33.0, at(51), False)
    assert one.reason == "enough of it became known later"
    # Until then it counts, and too little changes nothing.
    assert [o.withdrawn_at for o in found(log, until=50)] == [None]
    assert [o.withdrawn_at for o in found(counts({43: 33.0}, {43: (50, 16.0)}))] == [None]


def test_what_is_found_does_not_depend_on_when_one_looks() -> None:
    """Whatever is told at an earlier watermark is told later, but for what was withdrawn since."""
    log = counts({22: 5.0, 43: 33.0, 44: 30.0, 58: 10.0}, {44: (46, 60.0)})
    dismissal = Told(at(43), at(44), at(52), "a holiday", dismissed=True)
    whole = found(log, dismissal)
    for until in range(DAYS):
        then = [o for o in whole if o.judged_at <= at(until)]
        undone = [vars(o) | {"withdrawn_at": None, "dismissed": False, "reason": None} for o in then]
        expected = [
            vars(o) if o.withdrawn_at is None or o.withdrawn_at <= at(until) else u
            for o, u in zip(then, undone, strict=True)
        ]
        assert [vars(o) for o in found(log, dismissal, until=until)] == expected
    assert [o.withdrawn_at for o in whole] == [None, at(52), at(47), None]


def test_what_someone_says_was_real_counts_no_more_from_then_on() -> None:
    """The service shrank to a third on day 43, and somebody says so on day 50."""
    low = {n: (13.0 if n % 7 >= 5 else 33.0) for n in range(43, DAYS)}
    assert len(found(counts(low))) == DAYS - 43 - 1
    said = Told(at(43), at(DAYS), at(50), "sold to others", dismissed=True)
    parts = found(counts(low), said)
    # Days 43 to 47 had been judged before the midnight that begins day 50.
    assert [o.start for o in parts] == [at(n) for n in range(43, 48)]
    assert {(o.withdrawn_at, o.dismissed, o.reason) for o in parts} == {(at(50), True, "sold to others")}
    assert describe_outages([vars(o) for o in parts])[0].endswith("; withdrawn on 2026-02-24: sold to others")


def test_an_outage_that_is_told_counts_without_any_search() -> None:
    told = Told(at(43), at(45), at(46), "the app did not send")
    (one,) = found(counts(), told, search=None)
    assert (one.found_by, one.start, one.end, one.judged_at) == ("settings", at(43), at(45), at(46))
    assert found(counts(), told, until=45, search=None) == []
    assert describe_outages([vars(one)]) == ["[2026-02-17, 2026-02-19) 2 d: declared: the app did not send"]
    assert describe_outages([]) == ["no outage"]


def test_events_may_be_counted_instead_of_users() -> None:
    rows = [
        {"event_day": day(n), "known_day": day(n), "users": 100, "events": 1000 if n != 43 else 300}
        for n in range(DAYS)
    ]
    assert found(Counts.of(rows, "users")) == []
    (one,) = found(Counts.of(rows, "events"), search=Search(of="events"))
    assert (one.metric, one.expected, one.found) == ("events", 1000.0, 300.0)


def test_from_when_the_watermark_was_known_to_be_there() -> None:
    """Up to the first observation the log was on time; later it is the moment of the observation that got there."""
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
