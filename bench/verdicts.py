"""Verdicts: how many rows of an answer to a case are wrong, and how."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.reference.last_by_hand import Case, SpineRow, Values, answers

Row = tuple[SpineRow, Values]


@dataclass(frozen=True)
class Verdict:
    """How an answer compares with the right one.

    Attributes:
        rows_in: spine rows.
        rows_out: answers.
        wrong: spine rows that did not get exactly their one row; of equal rows, the surplus or shortage.
        wrong_inclusive: the same if facts at ``as_of`` itself count.
        leaks: answers with a value that became known only after ``as_of``.
        mixed: answers with values of more than one fact.
    """

    rows_in: int
    rows_out: int
    wrong: int
    wrong_inclusive: int
    leaks: int
    mixed: int

    @property
    def right(self) -> bool:
        """Whether every row has the right answer."""
        return not self.wrong and self.rows_in == self.rows_out

    def __str__(self) -> str:
        """A cell of the table."""
        if self.right:
            return "right"
        counts = {
            "leak": self.leaks,
            "mixed": self.mixed,
            "rows": self.rows_out if self.rows_out != self.rows_in else 0,
        }
        inclusive = f" ({self.wrong_inclusive} under <=)" if self.wrong_inclusive != self.wrong else ""
        more = [f"{count} {word}" for word, count in counts.items() if count]
        return ", ".join([f"{self.wrong} wrong{inclusive}", *more])


def compare_answer(case: Case, rows: Sequence[Row]) -> Verdict:
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
    """Count surplus or missing answers, by spine row."""
    expected: dict[SpineRow, Counter[Values]] = defaultdict(Counter)
    actual: dict[SpineRow, Counter[Values]] = defaultdict(Counter)
    for spine_row, values in zip(case.spine, answers(case, inclusive=inclusive), strict=True):
        expected[spine_row][values] += 1
    for spine_row, values in rows:
        actual[spine_row][values] += 1
    pairs = [(expected[spine_row], actual[spine_row]) for spine_row in {*expected, *actual}]
    return sum(max((a - b).total(), (b - a).total()) for a, b in pairs)
