"""What a contract expects of a profile: which days are judged, beside what, and what great-expectations makes of it."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from quality.expectations import Expected, of_days, of_shapes
from quality.gx.validate_metrics import Docs, failures, judge_numbers, verdicts
from quality.measure.profile import Profile
from quality.measure.sample import Shapes
from quality.publication_history import Earlier, earlier, forget_ids
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


def told(rows: int, late: float = 2.0, mean: float = 0.5) -> dict[str, float | None]:
    return {"rows": rows, "volume": rows, "late": late, "mean_in_range": mean}


BEFORE = Earlier(days=tuple({day(n): told(400), day(n - 1): told(20)} for n in range(1, 11)))


def found(**days: dict[str, float | None]) -> list[Expected]:
    measured = {day(int(name.removeprefix("d"))): values for name, values in days.items()}
    return list(of_days(SPEC, Profile(sum(int(v["rows"] or 0) for v in measured.values()), {}, "", measured), BEFORE))


def of(check: str, expected: list[Expected]) -> list[tuple[str, float, float | None, float | None]]:
    return [(e.where, e.value, e.low, e.high) for e in expected if e.check == check]


def test_a_day_is_held_against_the_publications_that_brought_most_of_each_day() -> None:
    ((where, value, low, high),) = of("volume", found(d11=told(1000)))
    assert (where, value) == (day(11), 1000)
    assert (low, high) == (pytest.approx(320), pytest.approx(500))


def test_late_rows_of_a_day_that_came_before_are_not_that_day() -> None:
    assert [where for where, *_ in of("volume", found(d10=told(30), d11=told(400)))] == [day(11)]


def test_a_day_that_has_only_begun_may_be_small_and_not_large() -> None:
    volumes = of("volume", found(d11=told(400), d12=told(3)))
    assert [(where, low is None) for where, _, low, _ in volumes] == [(day(11), False), (day(12), True)]


def test_a_publication_is_held_against_publications() -> None:
    ((where, value, low, high),) = of("late", found(d11=told(300, late=4.0), d10=told(100, late=8.0)))
    assert (where, value) == ("", 5.0)
    assert (low, high) == (pytest.approx(1.0), pytest.approx(3.0))
    assert of("late", list(of_days(SPEC, Profile(400, {}, "", {day(1): told(400)}), Earlier(BEFORE.days[:4])))) == []


def test_bounds_hold_on_every_day_whatever_came_before() -> None:
    expected = list(of_days(SPEC, Profile(9, {}, "", {day(0): told(5), day(1): told(4, mean=1.5)}), Earlier()))
    assert of("mean_in_range", expected) == [(day(0), 0.5, 0.0, 1.0), (day(1), 1.5, 0.0, 1.0)]
    bad = expected[-1]
    assert bad.line() == f"mean_in_range: the mean is a share: 1.5 on {day(1)}, expected 0 to 1"


def test_shapes_of_small_samples_are_not_judged() -> None:
    before = Earlier(numbers=tuple({"top": 0.1} for _ in range(5)))
    assert list(of_shapes(SPEC, Shapes(199, {"top": 0.9}), before)) == []
    (one,) = of_shapes(SPEC, Shapes(200, {"top": 0.9}), before)
    assert (one.value, one.low, one.high) == (0.9, None, pytest.approx(0.2))


@pytest.mark.parametrize(("rows", "severity"), [(600, "warning"), (650, "error"), (260, "warning"), (250, "error")])
def test_only_what_is_twice_as_far_as_usual_blocks(rows: int, severity: str) -> None:
    """Days of 400 events, within 0.25: 320 to 500 are usual, and 256 to 625 do not block."""
    steady = Earlier(days=tuple({day(n): told(400)} for n in range(-20, 0)))
    two_days = Profile(2 * rows, {}, "", {day(0): told(rows), day(1): told(rows)})
    first = next(one for one in of_days(SPEC, two_days, steady) if one.check == "volume")
    assert first.severity == severity
    assert (first.low, first.high) == (pytest.approx(320.0), pytest.approx(500.0))


def test_a_mix_says_little_until_it_is_known_how_far_mixes_move() -> None:
    spec = replace(SPEC, checks=(Sampled("hours", "mix", ("hour(ts)",), "as before", 0.1),))
    seen = Shapes(200, {"hours": 0.3})
    for known, severity in ((4, "warning"), (5, "error")):
        (one,) = of_shapes(spec, seen, Earlier(numbers=({"hours": 0.02},) * known))
        assert (one.high, one.severity) == (0.1, severity)


def test_verdicts_are_those_of_great_expectations_and_kept_as_pages(tmp_path: Path) -> None:
    numbers = [
        Expected("rows_there", "rows", 3, 1, None, "error", "rows"),
        Expected("volume", f"volume[{day(1)}]", 5.0, 4.0, 6.0, "error", "as usual", day(1)),
        Expected("volume", f"volume[{day(2)}]", 7.0, 4.0, 6.0, "error", "as usual", day(2)),
    ]
    result = judge_numbers("plays", numbers)
    assert verdicts(result) == {"rows_there": True, "volume": False}
    assert failures(result, numbers) == [numbers[2]]
    kept = judge_numbers("plays", numbers, Docs(tmp_path / "docs", "run-1"))
    assert verdicts(kept) == verdicts(result)
    pages = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")]
    assert any("validations/plays/run-1/" in page for page in pages)
    assert any(page.endswith("expectations/plays.html") for page in pages)


def test_only_what_was_published_is_remembered(tmp_path: Path) -> None:
    for name, errors in (("plays-1.json", []), ("plays-2.json", ["volume"]), ("plays-3.json", [])):
        verdict = {"table": "plays", "days": {day(1): told(int(name[6]))}, "errors": errors}
        (tmp_path / name).write_text(json.dumps(verdict), encoding="utf-8")
    assert [one[day(1)]["rows"] for one in earlier(tmp_path, "plays", None).days] == [1, 3]
    by_store = earlier(tmp_path, "plays", lambda table: ["plays-3.json", "plays-9.json"])
    assert [one[day(1)]["rows"] for one in by_store.days] == [3]
    assert by_store.rows_of(day(1)) == 3


def test_fingerprints_of_ids_are_forgotten_and_nothing_else(tmp_path: Path) -> None:
    memory = {"known": {"below": 9, "ids": [1, 2]}, "kinds": {"play": 1.0}}
    verdict = {"table": "plays", "days": {}, "shapes": {"numbers": {"known": 0.9}, "memory": memory}}
    (tmp_path / "plays-1.json").write_text(json.dumps(verdict), encoding="utf-8")
    (tmp_path / "plays-2.json").write_text(json.dumps({"table": "plays"}), encoding="utf-8")
    forget_ids(tmp_path)
    (told,) = earlier(tmp_path, "plays", lambda table: ["plays-1.json"]).memories
    assert told == {"kinds": {"play": 1.0}}
    assert json.loads((tmp_path / "plays-1.json").read_text(encoding="utf-8"))["shapes"]["numbers"] == {"known": 0.9}
