"""What a signal is: the typed form of one YAML definition, and the hash that is its identity.

Windows follow the time contract: ``elapsed`` windows are durations from the anchor's time ``t0``,
``[t0 + from, t0 + to)``; ``calendar`` windows are whole UTC days after the anchor's day ``D0``, days
``D0 + from`` to ``D0 + to`` inclusive, so they end at midnight after the last one.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from longplay.closed import Closed
from longplay.duration import Duration, format_duration

DAY = timedelta(days=1)
Flag = Literal["consumption", "click", "negative"]


class CalendarWindow(Closed):
    """Whole UTC days ``D0 + first`` to ``D0 + last`` inclusive, D0 being the anchor's day.

    D0 itself is not among them: part of it lies before the anchor, where features look.
    """

    kind: Literal["calendar"]
    first: int = Field(ge=1, alias="from")
    last: int = Field(ge=1, alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> "CalendarWindow":
        if self.last < self.first:
            raise ValueError(f"the window ends (day {self.last}) before it begins (day {self.first})")
        return self

    def bounds(self, t0: datetime) -> tuple[datetime, datetime]:
        """``[start, end)`` of the window for an anchor at ``t0`` (UTC)."""
        midnight = t0.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + self.first * DAY, midnight + (self.last + 1) * DAY

    def text(self) -> str:
        """The window as an interval with units."""
        return f"[midnight(D0 + {self.first} d), midnight(D0 + {self.last + 1} d)) UTC"


class ElapsedWindow(Closed):
    """Durations from the anchor: ``[t0 + start, t0 + end)``."""

    kind: Literal["elapsed"]
    start: Duration = Field(alias="from")
    end: Duration = Field(alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> "ElapsedWindow":
        if self.end <= self.start or self.start < timedelta(0):
            raise ValueError("an elapsed window must begin at or after 0 s and end after it begins")
        return self

    def bounds(self, t0: datetime) -> tuple[datetime, datetime]:
        """``[start, end)`` of the window for an anchor at ``t0`` (UTC)."""
        return t0 + self.start, t0 + self.end

    def text(self) -> str:
        """The window as an interval with units."""
        return f"[t0 + {format_duration(self.start)}, t0 + {format_duration(self.end)}) UTC"


class AnyMeasure(Closed):
    """1 if at least one event of the flag falls into the window, else 0."""

    kind: Literal["any"]
    of: Flag


class DaysMeasure(Closed):
    """Number of distinct UTC days in the window with an event of the flag."""

    kind: Literal["days"]
    of: Flag


class WeeksMeasure(Closed):
    """1 if at least ``weeks`` of the window's whole weeks have ``days`` active days or more."""

    kind: Literal["weeks"]
    of: Flag
    weeks: int = Field(ge=1)
    days: int = Field(ge=1, le=7)


class RegretMeasure(Closed):
    """1 if clicked, and then rejected or left early: nothing consumed for ``below`` of ``unit`` or longer.

    Computed only for sources whose amount is in ``unit``; for others the signal is not eligible.
    """

    kind: Literal["regret"]
    below: float = Field(gt=0)
    unit: str


Window = Annotated[CalendarWindow | ElapsedWindow, Field(discriminator="kind")]
Measure = Annotated[AnyMeasure | DaysMeasure | WeeksMeasure | RegretMeasure, Field(discriminator="kind")]


class ClickCredit(Closed):
    """The outcome is credited to an exposure only if it was clicked within ``within`` of being shown."""

    rule: Literal["clicked"]
    within: Duration


class VoidRules(Closed):
    """When a value will never be known: look-back cut by the log's start, or an outage in the window."""

    look_back: Duration | None = None
    outage: bool = True
    settles: Literal["early", "late"] = "late"


class Definition(Closed):
    """One version of one signal. Grain of its values: one row per anchor and known time."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{2,62}$")
    version: int = Field(ge=1)
    title: str
    description: str
    owner: str
    status: Literal["draft", "published", "deprecated"]
    direction: Literal["higher_is_better", "lower_is_better"]
    unit: str
    anchor: Literal["exposure", "discovery", "active_day"]
    keys: Literal["user", "user_item"]
    window: Window
    lateness: Duration
    measure: Measure
    credit: ClickCredit | None = None
    void: VoidRules = VoidRules()
    guardrails: tuple[str, ...] = ()
    source: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "Definition":
        if self.void.settles == "early" and not isinstance(self.measure, AnyMeasure):
            raise ValueError("only a measure of kind 'any' can settle early: others count on until the window ends")
        if self.anchor == "discovery" and self.void.look_back is None:
            raise ValueError("a discovery anchor needs void.look_back (the absence that makes it a discovery)")
        if self.anchor == "active_day" and self.keys != "user":
            raise ValueError("an active_day anchor has no item, so keys must be 'user'")
        if self.credit is not None and self.anchor != "exposure":
            raise ValueError("credit by click needs anchor 'exposure'")
        if isinstance(self.measure, WeeksMeasure) and not isinstance(self.window, CalendarWindow):
            raise ValueError("a measure in weeks needs a calendar window")
        return self

    @property
    def ref(self) -> str:
        """The pinned name, ``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def hash(self) -> str:
        """First 16 hex digits of SHA-256 over the fields that affect data (texts do not)."""
        meaning = self.model_dump(
            mode="json", by_alias=True, include={"anchor", "keys", "window", "lateness", "measure", "credit", "void"}
        )
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]

    def window_end(self, t0: datetime) -> datetime:
        """End (exclusive) of the window of an anchor at ``t0``."""
        return self.window.bounds(t0)[1]

    def matures_at(self, t0: datetime) -> datetime:
        """The watermark at which the value of an anchor at ``t0`` is mature: window end + lateness."""
        return self.window_end(t0) + self.lateness

    @property
    def horizon(self) -> timedelta:
        """Longest time from the start of an anchor's day to its maturity."""
        if isinstance(self.window, CalendarWindow):
            return (self.window.last + 1) * DAY + self.lateness
        return DAY + self.window.end + self.lateness
