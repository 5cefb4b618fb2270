"""The kinds of measure: what a signal measures over the facts of its window.

Each kind is a class and an entry of ``Measure``. The class provides everything that checks, pages and readers need: the
range of values, a sentence, a formula and requirements on the definition. ``signals/measure_columns.py`` computes the
values in Spark.
"""

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from longplay.config.strict_model import KeyedError, StrictModel
from longplay.definitions.expression import check_measure, columns_of, reads_episodes

Flag = Literal["consumption", "click", "negative"]
FLAG_COLUMNS: Mapping[Flag, str] = {"consumption": "is_consumption", "click": "is_click", "negative": "is_negative"}
"""The boolean column of events behind each flag."""
FLAG_LABELS: Mapping[Flag, str] = {"consumption": "consumption", "click": "click", "negative": "rejection"}
KeyProblem = tuple[str, str]
"""A key of a definition, and what is wrong with its value."""


@dataclass(frozen=True)
class ValueBounds:
    """The possible values: from ``low`` to ``high`` (None: unbounded), and only whole numbers if ``is_whole``."""

    low: float | None
    high: float | None
    is_whole: bool

    def text(self) -> str:
        """The bounds as text."""
        low, high = ("-" if end is None else f"{end:g}" for end in (self.low, self.high))
        return f"[{low}, {high}]" + (", whole numbers" if self.is_whole else "")


class BaseMeasure(StrictModel):
    """Base of all kinds of measure.

    The class variables hold for most kinds; a kind overrides those that differ. Validation, the gate, delay curves,
    traces and the computation of values act on them, so none of these needs to know a new kind.
    """

    only_grows: ClassVar[bool]  # no default: every kind states it
    """Further facts can only increase a value. So the gate checks that a signal with a longer window is never smaller,
    and delay curves treat a final 0 as 0 throughout."""
    is_binary: ClassVar[bool] = False
    """A value is 0 or 1."""
    needs_calendar_window: ClassVar[bool] = False
    """A value makes sense only over whole UTC days. Validation then refuses elapsed windows, whose first and last day
    may be partial."""
    depends_on_days_alone: ClassVar[bool] = False
    """A value depends only on flags and on the UTC days that have a fact. Signals of users in calendar windows, without
    credit and filter, are then computed from one fact per day and combination of flags."""
    counts_days: ClassVar[bool] = False
    """A value is a sum over days. So a definition may have a discount or split credit, which the kind's case in
    ``signals/measure_columns.py`` applies, and plain ones have progressive traces."""
    settles_early: ClassVar[bool] = False
    """One fact in the window can decide the value, so that an outage no longer voids it if ``void.settles`` is
    ``early``."""
    is_expression: ClassVar[bool] = False
    """The value is a SQL expression. It may be undefined, and a baseline may be subtracted from it."""
    takes_filter: ClassVar[bool] = True
    """A definition may filter the facts that the measure reads."""
    may_read_episodes: ClassVar[bool] = False
    """A definition with this measure may need episodes (``needs.episodes``)."""

    kind: str

    @abstractmethod
    def value_bounds(self, days: int) -> ValueBounds:
        """The possible values for a window of ``days`` days, before credit, discount and cap."""

    @abstractmethod
    def sentence(self, whose: str) -> str:
        """Describe the measure in a sentence.

        Args:
            whose: whose events are read, such as "the same user and item".
        """

    @abstractmethod
    def formula(self) -> str:
        """The value in the notation of ``longplay/site/mathml.py``; ``w`` is the window, ``e`` an event at ``t_e``."""

    @abstractmethod
    def fact_columns(self) -> frozenset[str]:
        """The columns of facts that the measure reads, besides keys and times."""

    def window_problem(self, days: int) -> KeyProblem | None:
        """Return what is wrong with the measure for a window of ``days`` days, or None."""
        return None

    def last_observed_value(self, days: int) -> float | None:
        """The largest value at which the awaited event counts as observed; a larger one is censored.

        None: the event counts as observed for any value above 0. Override it only if a value above 0 does not mean that
        the event happened.
        """
        return None

    @property
    def flag(self) -> Flag | None:
        """The flag that facts must have to count; None if the measure selects facts itself."""
        return None

    @property
    def required_unit(self) -> str | None:
        """The unit that a source's amounts must have; None: any unit."""
        return None

    @property
    def reads_episodes(self) -> bool:
        """Whether the measure reads episode columns."""
        return False

    @property
    def uncredited_value(self) -> float:
        """The value of an exposure that earned no credit."""
        return 0.0


class FlagMeasure(BaseMeasure):
    """A measure over the events with one flag."""

    of: Flag

    @property
    def flag(self) -> Flag:
        """The flag that facts must have to count."""
        return self.of

    def fact_columns(self) -> frozenset[str]:
        """The flag's column."""
        return frozenset({FLAG_COLUMNS[self.of]})

    @property
    def label(self) -> str:
        """The flag as a noun, for sentences."""
        return FLAG_LABELS[self.of]

    @property
    def events(self) -> str:
        """The set of events with the flag, for formulas."""
        return f"E_{_quoted(self.label)}"


class AnyMeasure(FlagMeasure):
    """1 if at least one event with the flag falls in the window, else 0."""

    is_binary = True
    depends_on_days_alone = True
    settles_early = True
    only_grows = True

    kind: Literal["any"]

    def value_bounds(self, days: int) -> ValueBounds:
        """0 or 1."""
        return _BINARY

    def sentence(self, whose: str) -> str:
        """The measure in a sentence."""
        return f"1 if at least one {self.label} of {whose} falls in the window, else 0."

    def formula(self) -> str:
        """The value as a formula."""
        return f"1[ ∃ e ∈ {self.events} : t_e ∈ w ]"


class DaysMeasure(FlagMeasure):
    """Number of distinct UTC days in the window on which an event with the flag happened."""

    depends_on_days_alone = True
    counts_days = True
    only_grows = True

    kind: Literal["days"]

    def value_bounds(self, days: int) -> ValueBounds:
        """From no day to every day."""
        return ValueBounds(0.0, float(days), True)

    def sentence(self, whose: str) -> str:
        """The measure in a sentence."""
        return f"The number of distinct UTC days in the window with a {self.label} of {whose}."

    def formula(self) -> str:
        """The value as a formula."""
        return f'| {{ "day" ( t_e ) : e ∈ {self.events} , t_e ∈ w }} |'


class WeeksMeasure(FlagMeasure):
    """1 if at least ``weeks`` of the window's whole weeks have ``days`` active days or more, else 0."""

    is_binary = True
    needs_calendar_window = True
    depends_on_days_alone = True
    only_grows = True

    kind: Literal["weeks"]
    weeks: int = Field(ge=1)
    days: int = Field(ge=1, le=7)

    def value_bounds(self, days: int) -> ValueBounds:
        """0 or 1."""
        return _BINARY

    def sentence(self, whose: str) -> str:
        """The measure in a sentence."""
        with_days = f"have {self.days} or more days with a {self.label} of {whose}"
        return f"1 if at least {self.weeks} of the window's weeks {with_days}, else 0."

    def formula(self) -> str:
        """The value as a formula."""
        days_of_week = _quoted(f"days of week k in w with a {self.label}")
        return f"1[ ∑_k 1[ d_k ≥ {self.days} ] ≥ {self.weeks} ] , d_k = {days_of_week}"

    def window_problem(self, days: int) -> KeyProblem | None:
        """The window must contain at least ``weeks`` whole weeks."""
        if days // 7 >= self.weeks:
            return None
        return "measure.weeks", f"the window has {days // 7} whole weeks, fewer than {self.weeks}"


class InactivityMeasure(FlagMeasure):
    """Days until activity stops: the day of the window on which the first ``gap`` days without activity begin.

    Activity means an event with the flag. ``T = min{d >= 1: no activity on d .. d + gap - 1}``, where d = 1 is the
    window's first day. If no such days lie in the window, T is one more than the last day on which they could begin, so
    the mean is a restricted mean survival time.
    """

    needs_calendar_window = True
    depends_on_days_alone = True
    only_grows = True

    kind: Literal["inactivity"]
    gap: int = Field(ge=1, le=90)

    def value_bounds(self, days: int) -> ValueBounds:
        """From 1 to one more than the last day on which a gap can start."""
        return ValueBounds(1.0, float(days - self.gap + 2), True)

    def sentence(self, whose: str) -> str:
        """The measure in a sentence."""
        return f"Days until the first of {self.gap} days in a row without a {self.label} of {whose}, counted from 1."

    def formula(self) -> str:
        """The value as a formula."""
        quiet = _quoted(f"no {self.label} on days d to d + {self.gap - 1} of w")
        return f'"min" {{ d ≥ 1 : {quiet} }}'

    def window_problem(self, days: int) -> KeyProblem | None:
        """The gap must fit into the window."""
        if days >= self.gap:
            return None
        return "measure.gap", f"the window has {days} days, fewer than the gap of {self.gap}"

    def last_observed_value(self, days: int) -> float:
        """The last day of the window on which a gap can start."""
        return float(days - self.gap + 1)


class RegretMeasure(BaseMeasure):
    """1 if the item was clicked and then rejected or abandoned early, else 0.

    Abandoned early means: never consumed for ``below`` (in ``unit``) or longer. Only sources whose amounts are in
    ``unit`` are eligible.
    """

    only_grows = False
    is_binary = True
    takes_filter = False

    kind: Literal["regret"]
    below: float = Field(gt=0)
    unit: str

    def value_bounds(self, days: int) -> ValueBounds:
        """0 or 1."""
        return _BINARY

    def sentence(self, whose: str) -> str:
        """The measure in a sentence."""
        stayed = f"consumed for {self.below:g} {self.unit} or more"
        return f"1 if clicked and, from then on, rejected or never {stayed}; else 0."

    def formula(self) -> str:
        """The value as a formula."""
        return f'1[ "clicked in" ~ w ∧ ( "rejected" ∨ "longest" < {self.below:g} {_quoted(f" {self.unit}")} ) ]'

    def fact_columns(self) -> frozenset[str]:
        """Clicks, consumptions, rejections and amounts."""
        return frozenset({"amount", *FLAG_COLUMNS.values()})

    @property
    def required_unit(self) -> str:
        """The unit of ``below``."""
        return self.unit


class SeasonMeasure(FlagMeasure):
    """1 if every episode of some season of the item has an event with the flag, else 0."""

    is_binary = True
    may_read_episodes = True
    only_grows = True

    kind: Literal["season"]

    def value_bounds(self, days: int) -> ValueBounds:
        """0 or 1."""
        return _BINARY

    def sentence(self, whose: str) -> str:
        """The measure in a sentence."""
        return f"1 if, for {whose}, every episode of at least one season has a {self.label}; else 0."

    def formula(self) -> str:
        """The value as a formula."""
        reached = _quoted(f"episodes of s with a {self.label} in w")
        return f'1[ ∃ s : | {{ {reached} }} | ≥ "episodes of" ~ s ]'

    @property
    def reads_episodes(self) -> bool:
        """Always."""
        return True


class SqlMeasure(BaseMeasure):
    """A Spark SQL aggregate expression over the facts in the window; null if it is undefined.

    Attributes:
        expression: aggregates over ``longplay.definitions.expression.COLUMNS``.
        empty: the value of an anchor without facts; absent: what the expression gives, such as 0 for a count.
    """

    only_grows = False
    is_expression = True
    may_read_episodes = True

    kind: Literal["sql"]
    expression: str
    empty: float | None = None

    @model_validator(mode="after")
    def _check_expression(self) -> "SqlMeasure":
        if problem := check_measure(self.expression):
            raise KeyedError("expression", problem)
        return self

    def value_bounds(self, days: int) -> ValueBounds:
        """Any number."""
        return ValueBounds(None, None, False)

    def sentence(self, whose: str) -> str:
        """The measure in a sentence."""
        empty = "" if self.empty is None else f"; {self.empty:g} where there are none"
        return f"The Spark SQL aggregate {self.expression} over the events of {whose} in the window{empty}."

    def formula(self) -> str:
        """The value as a formula."""
        return f'{_quoted(self.expression)} ~ "over the facts in" ~ w'

    def fact_columns(self) -> frozenset[str]:
        """The columns that the expression names."""
        return frozenset(columns_of(self.expression))

    @property
    def reads_episodes(self) -> bool:
        """Whether the expression reads an episode column."""
        return reads_episodes(self.expression)

    @property
    def uncredited_value(self) -> float:
        """``empty``, or 0 if it is absent."""
        return self.empty or 0.0


Measure = Annotated[
    AnyMeasure | DaysMeasure | WeeksMeasure | InactivityMeasure | RegretMeasure | SeasonMeasure | SqlMeasure,
    Field(discriminator="kind"),
]
MEASURES: tuple[type[BaseMeasure], ...] = get_args(get_args(Measure)[0])
"""Every kind of measure."""

_BINARY = ValueBounds(0.0, 1.0, True)


def _quoted(text: str) -> str:
    """Quote text for a formula."""
    return json.dumps(text, ensure_ascii=False)
