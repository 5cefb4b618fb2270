"""What the contract of a table expects of a profile: numbers and the interval that each has to lie in. No Spark."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from quality.baselines import (
    BLOCKS,
    LEAST_NUMBERS,
    LEAST_ROWS,
    MEASURED_ROWS,
    SPREADS,
    Bounds,
    spread_of,
    usual_day,
    usual_share,
)
from quality.measure.profile import Profile
from quality.measure.sample import Shapes
from quality.publication_history import Earlier, mean_of
from tables.checks import GRAIN, Bounded, Check, Leak, Query, Reference, Sampled, Severity, Steady
from tables.spec import TableSpec

HAS_ROWS = "has_rows"
VOLUME = "COUNT(*)"


@dataclass(frozen=True)
class Expected:
    """A number that a check takes, and where it has to lie.

    Attributes:
        check: name of the check.
        column: of the number in the frame that is judged.
        value: the number.
        low: at least; None: nothing.
        high: at most; None: nothing.
        severity: what a failure does.
        message: what it means.
        where: the day, where it is one of several.
    """

    check: str
    column: str
    value: float
    low: float | None
    high: float | None
    severity: Severity
    message: str
    where: str = ""

    def line(self) -> str:
        """What was found beside what was expected."""
        at = f" on {self.where}" if self.where else ""
        low, high = (f"{bound:,.4g}" if bound is not None else None for bound in (self.low, self.high))
        wanted = f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"
        return f"{self.check}: {self.message}: {self.value:,.4g}{at}, expected {wanted}"


def of_rows(spec: TableSpec, counted: Mapping[str, int]) -> Iterator[Expected]:
    """That there are rows, that none breaks a rule, and that none repeats a grain."""
    least = 0 if spec.allow_empty or spec.mode != "replace" else 1
    yield Expected(HAS_ROWS, "rows", counted["rows"], least, None, "error", "the table would be empty")
    rules = {rule.name: rule for rule in spec.all_rules()}
    for name, rule in rules.items():
        yield Expected(name, name, counted[name], 0, 0, rule.severity, rule.message)
    yield Expected(GRAIN, GRAIN, counted[GRAIN], 0, 0, "error", f"rows repeat ({', '.join(spec.grain)})")


def of_days(spec: TableSpec, found: Profile, before: Earlier) -> Iterator[Expected]:
    """Aggregates in bounds, and days as days were before."""
    for check in spec.checks:
        if isinstance(check, Bounded):
            for day, told in found.days.items():
                value = told.get(check.name)
                if value is not None:
                    yield _expected(check, value, (check.low, check.high), "" if day == "all" else day)
        elif isinstance(check, Steady):
            yield from (_steady if check.per == "day" else _whole)(check, found, before)


def _steady(check: Steady, found: Profile, before: Earlier) -> Iterator[Expected]:
    is_volume = check.measure == VOLUME
    least = 0 if is_volume else MEASURED_ROWS
    history = before.by_day(check.name, least)
    busiest = max(found.days, key=lambda day: found.days[day]["rows"] or 0, default="")
    for day, told in found.days.items():
        value, rows = told.get(check.name), float(told["rows"] or 0)
        is_new = rows > before.rows_of(day)  # else late rows of a day that came before
        if value is None or day == "all" or not is_new or rows < least:
            continue
        bounds = usual_day(check, date.fromisoformat(day), history)
        blocks = usual_day(check, date.fromisoformat(day), history, BLOCKS)
        if bounds is None or blocks is None or (is_volume and (bounds[1] or 0) < LEAST_ROWS):
            continue
        if is_volume and day > busiest:
            bounds, blocks = (None, bounds[1]), (None, blocks[1])  # a day that has only begun
        yield _told(_expected(check, value, bounds, day), blocks)


def _whole(check: Steady, found: Profile, before: Earlier) -> Iterator[Expected]:
    """A publication as a whole beside those before."""
    history, value = before.whole(check.name, LEAST_ROWS), mean_of(found.days, check.name)
    if value is None or found.rows < LEAST_ROWS or len(history) < LEAST_NUMBERS:
        return
    middle = sorted(history)[len(history) // 2]
    allowed = max(check.within * (abs(middle) if check.by == "ratio" else 1.0), SPREADS * spread_of(history))
    blocks = (middle - BLOCKS * allowed, middle + BLOCKS * allowed)
    yield _told(_expected(check, value, (middle - allowed, middle + allowed), ""), blocks)


def of_shapes(spec: TableSpec, found: Shapes, before: Earlier) -> Iterator[Expected]:
    """Shapes of the sample as they were before."""
    for check in spec.checks:
        if isinstance(check, Sampled) and check.name in found.numbers and found.rows >= LEAST_ROWS:
            history = [told[check.name] for told in before.numbers if check.name in told]
            bounds, blocks = usual_share(check, history), usual_share(check, history, BLOCKS)
            if bounds is not None and blocks is not None:
                told = _told(_expected(check, found.numbers[check.name], bounds, ""), blocks)
                # How far mixes move by themselves is not known yet: that says something, and blocks nothing.
                yield told if len(history) >= LEAST_NUMBERS else replace(told, severity="warning")


def of_answers(spec: TableSpec, answers: Mapping[str, float]) -> Iterator[Expected]:
    """Answers of queries in their bounds, and no value that refers to nothing."""
    for check in spec.checks:
        if isinstance(check, Query) and check.name in answers:
            yield _expected(check, answers[check.name], (check.low, check.high), "")
        elif isinstance(check, Reference) and check.name in answers:
            yield _expected(check, answers[check.name], (None, 0), "")
        elif isinstance(check, Leak) and check.name in answers:
            yield _expected(check, answers[check.name], (None, check.within), "")


def _told(one: Expected, blocks: Bounds) -> Expected:
    """An expectation that blocks only where its number lies outside a wider interval, and else is told."""
    low, high = blocks
    is_close = (low is None or one.value >= low) and (high is None or one.value <= high)
    return replace(one, severity="warning") if is_close else one


def _expected(check: Check, value: float, of: Bounds, where: str) -> Expected:
    column = f"{check.name}[{where}]" if where else check.name
    return Expected(check.name, column, value, of[0], of[1], check.severity, check.message, where)
