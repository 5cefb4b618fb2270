"""What a signal measures over the facts of its window."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from longplay.config.strict_model import KeyedError, StrictModel
from longplay.definitions.expression import check_measure

Flag = Literal["consumption", "click", "negative"]


class AnyMeasure(StrictModel):
    """1 if at least one event of the flag falls into the window, else 0."""

    kind: Literal["any"]
    of: Flag


class DaysMeasure(StrictModel):
    """Number of distinct UTC days in the window with an event of the flag."""

    kind: Literal["days"]
    of: Flag


class WeeksMeasure(StrictModel):
    """1 if at least ``weeks`` of the window's whole weeks have ``days`` active days or more."""

    kind: Literal["weeks"]
    of: Flag
    weeks: int = Field(ge=1)
    days: int = Field(ge=1, le=7)


class InactivityMeasure(StrictModel):
    """Days until activity stops: the first day of the window from which on ``gap`` days have no event of the flag.

    ``T = min{d >= 1: no activity on d .. d + gap - 1}``, d counted from the window's first day as 1; where activity
    never stops, T is the number of days that can be told, so the mean is a restricted mean survival time.
    """

    kind: Literal["inactivity"]
    of: Flag
    gap: int = Field(ge=1, le=90)


class RegretMeasure(StrictModel):
    """1 if clicked, and then rejected or left early: nothing consumed for ``below`` of ``unit`` or longer.

    Computed only for sources whose amount is in ``unit``; for others the signal is not eligible.
    """

    kind: Literal["regret"]
    below: float = Field(gt=0)
    unit: str


class SeasonMeasure(StrictModel):
    """1 if, of some season of the item, as many episodes have an event of the flag as the season has; else 0."""

    kind: Literal["season"]
    of: Flag


class SqlMeasure(StrictModel):
    """A Spark SQL aggregate expression over the facts of the window; null where it is not defined.

    Attributes:
        expression: aggregates over the columns of ``longplay.definitions.expression.COLUMNS``.
        empty: its value for an anchor without facts; absent: the expression's own, such as 0 for a count.
    """

    kind: Literal["sql"]
    expression: str
    empty: float | None = None

    @model_validator(mode="after")
    def _checked(self) -> "SqlMeasure":
        if problem := check_measure(self.expression):
            raise KeyedError("expression", problem)
        return self


Measure = Annotated[
    AnyMeasure | DaysMeasure | WeeksMeasure | InactivityMeasure | RegretMeasure | SeasonMeasure | SqlMeasure,
    Field(discriminator="kind"),
]
BY_DAY = (DaysMeasure, WeeksMeasure, InactivityMeasure)
"""Measures that tell days apart and nothing within a day."""
