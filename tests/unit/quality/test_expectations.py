"""Expectations of a profile: which days are compared with what, and how great-expectations validates them."""

import json
import math
import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from quality.expectations import Expectation, expect_measures, expect_shapes
from quality.gx.validate_metrics import DataDocs, validate_metrics
from quality.measure.profile import PublicationProfile
from quality.measure.sample import Shapes
from quality.publication_history import PublicationHistory, load_publication_history
from tables.checks import Bounded, Sampled, Steady
from tables.spec import TableSpec, columns

VOLUME = Steady("volume", "COUNT(*)", "as many as usual", 0.25)
LATE = Steady("late", "AVG(late)", "as late as usual", 0.5, "ratio", "publication")
BOUND = Bounded("mean_in_range", "AVG(x)", "the mean is a share", 0.0, 1.0)
TOP = Sampled("top", "topShare", ("id",), "no id has an unusual share", 0.1)
SPEC = TableSpec(
    "plays",
    "Test plays.",
    ("id",),
    columns("id|bigint|which\nday|date|when"),
    checks=(VOLUME, LATE, BOUND, TOP),
    time="day",
)
FIRST = date(2026, 3, 2)


def day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def measures(rows: int, late: float = 2.0, mean: float = 0.5) -> dict[str, float | None]:
    return {"rows": rows, "volume": rows, "late": late, "mean_in_range": mean}


HISTORY = PublicationHistory(days=tuple({day(n): measures(400), day(n - 1): measures(20)} for n in range(1, 11)))


def expected_of(**days: dict[str, float | None]) -> list[Expectation]:
    measured_days = {day(int(name.removeprefix("d"))): values for name, values in days.items()}
    return list(
        expect_measures(
            SPEC,
            PublicationProfile(sum(int(v["rows"] or 0) for v in measured_days.values()), {}, "", measured_days),
            HISTORY,
        )
    )


def intervals(check: str, expected: list[Expectation]) -> list[tuple[str, float, float | None, float | None]]:
    return [(e.day, e.value, e.low, e.high) for e in expected if e.check == check]


def test_a_day_is_held_against_the_publications_that_brought_most_of_each_day() -> None:
    ((on_day, value, low, high),) = intervals("volume", expected_of(d11=measures(1000)))
    assert (on_day, value) == (day(11), 1000)
    assert (low, high) == (pytest.approx(320), pytest.approx(500))


def test_late_rows_of_a_day_that_came_before_are_not_that_day() -> None:
    assert [on_day for on_day, *_ in intervals("volume", expected_of(d10=measures(30), d11=measures(400)))] == [day(11)]


def test_a_day_that_has_only_begun_may_be_small_and_not_large() -> None:
    volumes = intervals("volume", expected_of(d11=measures(400), d12=measures(3)))
    assert [(on_day, low is None) for on_day, _, low, _ in volumes] == [(day(11), False), (day(12), True)]


def test_a_publication_is_held_against_publications() -> None:
    ((on_day, value, low, high),) = intervals(
        "late", expected_of(d11=measures(300, late=4.0), d10=measures(100, late=8.0))
    )
    assert (on_day, value) == ("", 5.0)
    assert (low, high) == (pytest.approx(1.0), pytest.approx(3.0))
    assert (
        intervals(
            "late",
            list(
                expect_measures(
                    SPEC, PublicationProfile(400, {}, "", {day(1): measures(400)}), PublicationHistory(HISTORY.days[:4])
                )
            ),
        )
        == []
    )


def test_bounds_hold_on_every_day_whatever_came_before() -> None:
    expected = list(
        expect_measures(
            SPEC,
            PublicationProfile(9, {}, "", {day(0): measures(5), day(1): measures(4, mean=1.5)}),
            PublicationHistory(),
        )
    )
    assert intervals("mean_in_range", expected) == [(day(0), 0.5, 0.0, 1.0), (day(1), 1.5, 0.0, 1.0)]
    last = expected[-1]
    assert last.describe() == f"mean_in_range: the mean is a share: 1.5 on {day(1)}, expected 0 to 1"


def test_shapes_of_small_samples_are_not_judged() -> None:
    history = PublicationHistory(numbers=tuple({"top": 0.1} for _ in range(5)))
    assert list(expect_shapes(SPEC, Shapes(199, {"top": 0.9}), history)) == []
    (expectation,) = expect_shapes(SPEC, Shapes(200, {"top": 0.9}), history)
    assert (expectation.value, expectation.low, expectation.high) == (0.9, None, pytest.approx(0.2))


@pytest.mark.parametrize(("rows", "severity"), [(600, "warning"), (650, "error"), (260, "warning"), (250, "error")])
def test_only_what_is_twice_as_far_as_usual_blocks(rows: int, severity: str) -> None:
    """Days of 400 events, within 0.25: 320 to 500 pass, and 256 to 625 do not block."""
    steady = PublicationHistory(days=tuple({day(n): measures(400)} for n in range(-20, 0)))
    two_days = PublicationProfile(2 * rows, {}, "", {day(0): measures(rows), day(1): measures(rows)})
    first = next(e for e in expect_measures(SPEC, two_days, steady) if e.check == "volume")
    assert first.severity == severity
    assert (first.low, first.high) == (pytest.approx(320.0), pytest.approx(500.0))


def test_a_mix_says_little_until_it_is_known_how_far_mixes_move() -> None:
    spec = replace(SPEC, checks=(Sampled("hours", "mix", ("hour(ts)",), "as before", 0.1),))
    shapes = Shapes(200, {"hours": 0.3})
    for publications, severity in ((4, "warning"), (5, "error")):
        (expectation,) = expect_shapes(spec, shapes, PublicationHistory(numbers=({"hours": 0.02},) * publications))
        assert (expectation.high, expectation.severity) == (0.1, severity)


def test_verdicts_are_those_of_great_expectations_and_kept_as_pages(tmp_path: Path) -> None:
    numbers = [
        Expectation("rows_there", "rows", 3, 1, None, "error", "rows"),
        Expectation("volume", f"volume[{day(1)}]", 5.0, 4.0, 6.0, "error", "as usual", day(1)),
        Expectation("volume", f"volume[{day(2)}]", 7.0, 4.0, 6.0, "error", "as usual", day(2)),
    ]
    verdict = validate_metrics("plays", numbers)
    assert verdict.checks == {"rows_there": True, "volume": False}
    assert verdict.failed == [numbers[2]]
    assert verdict.numbers["rows"] == {"value": 3, "low": 1, "high": None}
    docs = DataDocs(tmp_path / "docs", "run-1")
    validate_metrics("plays", numbers[:1], docs)  # pages are updated
    rendered = validate_metrics("plays", numbers, docs)
    assert (rendered.checks, rendered.failed) == (verdict.checks, verdict.failed)
    failed_rows = [{"column": f"volume[{day(2)}]", "interval": "4.0 to 6.0", "value": 7.0, "high": 6.0}]
    for result in (verdict.result, rendered.result):
        above_limit = result["results"][1]["result"]
        assert above_limit["unexpected_index_list"] == failed_rows
    pages = {path.relative_to(tmp_path / "docs").as_posix(): path.read_text() for path in tmp_path.rglob("*.html")}
    assert any(page.endswith("expectations/plays.html") for page in pages)
    assert any("validations/plays/run-1/" in page and f"volume[{day(2)}]" in text for page, text in pages.items())


def test_a_page_names_every_number_that_failed(tmp_path: Path) -> None:
    numbers = [Expectation("volume", f"volume[{day(n)}]", n, -2.0, -1.0, "error", "as usual") for n in range(200)]
    validate_metrics("plays", numbers, DataDocs(tmp_path, "run-1"))
    (page,) = (path.read_text() for path in tmp_path.rglob("validations/plays/**/*.html"))
    assert [n for n in range(200) if f"volume[{day(n)}]" not in page] == []


def test_any_numbers_are_compared_with_their_limits() -> None:
    """Random numbers, on their limits too, without limits, infinite and missing ones: as plain Python compares them."""
    rng = random.Random(3)
    limits = [None, -math.inf, -1.5, 0.0, 1e-9, 3, 1e15, math.inf]
    values = [-math.inf, -1.5, 0.0, 1e-9, 3, 1e15, math.inf, math.nan]
    expectations = [
        Expectation(
            f"check {n % 7}", f"number {n}", rng.choice(values), rng.choice(limits), rng.choice(limits), "error", ""
        )
        for n in range(2_000)
    ]
    expected = [
        e for e in expectations if (e.low is not None and e.value < e.low) or (e.high is not None and e.value > e.high)
    ]
    verdict = validate_metrics("plays", expectations)
    assert 300 < len(expected) < 1_700
    assert verdict.failed == expected
    assert verdict.checks == dict.fromkeys((f"check {n}" for n in range(7)), False)
    assert len(verdict.result["results"]) == 2


def test_a_publication_without_numbers_passes() -> None:
    assert validate_metrics("plays", []).failed == []


def test_only_what_was_published_is_remembered(tmp_path: Path) -> None:
    for name, errors in (("plays-1.json", []), ("plays-2.json", ["volume"]), ("plays-3.json", [])):
        verdict = {"table": "plays", "days": {day(1): measures(int(name[6]))}, "errors": errors}
        (tmp_path / name).write_text(json.dumps(verdict), encoding="utf-8")
    assert [days[day(1)]["rows"] for days in load_publication_history(tmp_path, "plays", None).days] == [1, 3]
    published = load_publication_history(tmp_path, "plays", lambda table: ["plays-3.json", "plays-9.json"])
    assert [days[day(1)]["rows"] for days in published.days] == [3]
    assert published.rows_of(day(1)) == 3
