"""What is wrong with a join's answer to a case, in numbers."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.reference.last_by_hand import Asked, Case, Values, answers

Row = tuple[Asked, Values]


@dataclass(frozen=True)
class Verdict:
    """How an answer compares.

    Attributes:
        rows_in: rows that asked.
        rows_out: rows that came back.
        wrong: rows that asked and did not get exactly their one row; of equal rows, as many as are too few or too many.
        wrong_inclusive: the same where a fact at ``as_of`` itself is seen.
        leaks: answered rows with a value that was known only after ``as_of``.
        mixed: answered rows with values of more than one fact.
    """

    rows_in: int
    rows_out: int
    wrong: int
    wrong_inclusive: int
    leaks: int
    mixed: int

    @property
    def right(self) -> bool:
        """Whether every row got what it must get."""
        return not self.wrong and self.rows_in == self.rows_out

    def __str__(self) -> str:
        """A cell of the table."""
        if self.right:
            return "right"
        said = {"leak": self.leaks, "mixed": self.mixed, "rows": self.rows_out if self.rows_out != self.rows_in else 0}
        inclusive = f" ({self.wrong_inclusive} under <=)" if self.wrong_inclusive != self.wrong else ""
        more = [f"{count} {word}" for word, count in said.items() if count]
        return ", ".join([f"{self.wrong} wrong{inclusive}", *more])


def judge(case: Case, rows: Sequence[Row]) -> Verdict:
    """Compare an answer with the plain search."""
    visible = {f.number: f.visible for f in case.facts}
    taken = [({int(value // 1000) for value in values if value is not None}, at) for (_, at), values in rows]
    return Verdict(
        len(case.spine),
        len(rows),
        _wrong(case, rows, inclusive=False),
        _wrong(case, rows, inclusive=True),
        sum(any(visible[number] > at for number in numbers) for numbers, at in taken),
        sum(len(numbers) > 1 for numbers, _ in taken),
    )


def _wrong(case: Case, rows: Sequence[Row], *, inclusive: bool) -> int:
    """Rows too few or too many, by asking row."""
    expected: dict[Asked, Counter[Values]] = defaultdict(Counter)
    found: dict[Asked, Counter[Values]] = defaultdict(Counter)
    for asked, values in zip(case.spine, answers(case, inclusive=inclusive), strict=True):
        expected[asked][values] += 1
    for asked, values in rows:
        found[asked][values] += 1
    pairs = [(expected[asked], found[asked]) for asked in {*expected, *found}]
    return sum(max((a - b).total(), (b - a).total()) for a, b in pairs)
