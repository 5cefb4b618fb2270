"""What the values of a column of a raw log look like: numbers, times, ids, a few kinds. Starts no Spark."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

_ISO = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*(Z|z|[+-]\d{2}:?\d{2}|[A-Z]\w*(/\w+)?)?)?"
    r"|\d{8}T\d{4,6}Z?"
)
_PATTERNS = (
    ("dd.MM.yyyy HH:mm:ss", "%d.%m.%Y %H:%M:%S"),
    ("dd.MM.yyyy HH:mm", "%d.%m.%Y %H:%M"),
    ("dd.MM.yyyy", "%d.%m.%Y"),
    ("MM/dd/yyyy HH:mm:ss", "%m/%d/%Y %H:%M:%S"),
    ("dd/MM/yyyy HH:mm:ss", "%d/%m/%Y %H:%M:%S"),
    ("MM/dd/yyyy HH:mm", "%m/%d/%Y %H:%M"),
    ("dd/MM/yyyy HH:mm", "%d/%m/%Y %H:%M"),
    ("MM/dd/yyyy hh:mm:ss a", "%m/%d/%Y %I:%M:%S %p"),
    ("yyyy/MM/dd HH:mm:ss", "%Y/%m/%d %H:%M:%S"),
    ("yyyyMMddHHmmss", "%Y%m%d%H%M%S"),
    ("yyyyMMdd", "%Y%m%d"),
)
"""Patterns of times, as Spark and as Python write them."""
_UNIX = {"unix_s": 1, "unix_ms": 10**3, "unix_us": 10**6, "unix_ns": 10**9}
_FIRST, _LAST = datetime(1995, 1, 1, tzinfo=UTC).timestamp(), datetime(2040, 1, 1, tzinfo=UTC).timestamp()
_LOOK = 500
FEW_KINDS = 40


@dataclass(frozen=True)
class ColumnEvidence:
    """What the values of a column look like.

    Attributes:
        name: the column.
        filled: share of rows with a value.
        distinct: number of different values.
        rows: number of rows with a value.
        numbers: share of values that are numbers.
        form: the ``time.format`` that its values have; empty: they are no times.
        has_zone: whether its times name an offset or a zone.
        examples: a few of its values.
    """

    name: str
    filled: float
    distinct: int
    rows: int
    numbers: float
    form: str
    has_zone: bool
    examples: tuple[str, ...]

    @property
    def is_unique(self) -> bool:
        """Whether no value occurs twice."""
        return self.distinct == self.rows > 1

    @property
    def has_few_kinds(self) -> bool:
        """Whether few texts occur again and again."""
        return self.distinct <= min(FEW_KINDS, self.rows / 2) and self.numbers < 0.5


def examine(rows: pd.DataFrame) -> list[ColumnEvidence]:
    """The evidence on each column, in order."""
    return [_examine_column(str(name), rows.iloc[:, n]) for n, name in enumerate(rows.columns)]


def _examine_column(name: str, column: "pd.Series[Any]") -> ColumnEvidence:
    values = column.dropna()
    texts = values.map(str).str.strip()
    texts = texts[texts != ""]
    sample = texts.drop_duplicates().head(_LOOK).tolist()
    is_typed = pd.api.types.is_datetime64_any_dtype(column.dtype)
    zone = bool(getattr(column.dtype, "tz", None)) if is_typed else any(map(_names_zone, sample))
    return ColumnEvidence(
        name,
        len(texts) / max(len(column), 1),
        int(texts.nunique()),
        len(texts),
        sum(map(is_number, sample)) / max(len(sample), 1),
        "iso" if is_typed else time_form(sample),
        zone,
        tuple(sample[:3]),
    )


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) is not None


def time_form(texts: Sequence[str]) -> str:
    """The ``time.format`` of at least nine in ten texts; empty if they are no times.

    Of days and months that cannot be told apart, the month comes first.
    """
    if not texts:
        return ""
    enough = 0.9 * len(texts)
    if sum(_ISO.fullmatch(text) is not None for text in texts) >= enough:
        return "iso"
    for pattern, python in _PATTERNS:
        if sum(_parses(text, python) for text in texts) >= enough:
            return pattern
    for name, per_second in _UNIX.items():
        if sum(is_number(text) and _FIRST <= float(text) / per_second < _LAST for text in texts) >= enough:
            return name
    return ""


def _parses(text: str, pattern: str) -> bool:
    try:
        return _FIRST <= datetime.strptime(text, pattern).replace(tzinfo=UTC).timestamp() < _LAST
    except ValueError:
        return False


def _names_zone(text: str) -> bool:
    return re.search(r"(Z|z|[+-]\d{2}:?\d{2}|[A-Z]{2,4}|[A-Z]\w+/\w+)$", text) is not None
