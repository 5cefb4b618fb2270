"""Windows relative to an anchor: start inclusive, end exclusive, UTC."""

from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from longplay.config.duration import DAY, Duration, format_duration
from longplay.config.strict_model import KeyedError, StrictModel

MAX_WINDOW = timedelta(days=731)
"""Two years. A longer window is more likely a typing error."""


class BaseWindow(StrictModel):
    """Base of both kinds of window."""

    @abstractmethod
    def days(self) -> tuple[int, int]:
        """First and last day, counted from D0, that the window can overlap."""

    @property
    def day_count(self) -> int:
        """Number of UTC days that the window can overlap."""
        first, last = self.days()
        return last - first + 1


class CalendarWindow(BaseWindow):
    """Whole UTC days ``D0 + first`` to ``D0 + last`` inclusive, D0 being the anchor's day.

    D0 itself is excluded: features may read the part of it that lies before the anchor.
    """

    kind: Literal["calendar"]
    first: int = Field(ge=1, alias="from")
    last: int = Field(ge=1, le=MAX_WINDOW.days, alias="to")

    @model_validator(mode="after")
    def _check_order(self) -> "CalendarWindow":
        if self.last < self.first:
            raise KeyedError("to", f"the window ends (day {self.last}) before it begins (day {self.first})")
        return self

    def bounds(self, t0: datetime) -> tuple[datetime, datetime]:
        """``[start, end)`` of the window for an anchor at ``t0`` (UTC)."""
        midnight = t0.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + self.first * DAY, midnight + (self.last + 1) * DAY

    def days(self) -> tuple[int, int]:
        """First and last day, counted from D0, that the window can overlap."""
        return self.first, self.last

    def text(self) -> str:
        """The window as an interval with units."""
        return f"[midnight(D0 + {self.first} d), midnight(D0 + {self.last + 1} d)) UTC"


class ElapsedWindow(BaseWindow):
    """Durations from the anchor: ``[t0 + start, t0 + end)``."""

    kind: Literal["elapsed"]
    start: Duration = Field(alias="from")
    end: Duration = Field(alias="to")

    @model_validator(mode="after")
    def _check_order(self) -> "ElapsedWindow":
        if self.start < timedelta(0):
            raise KeyedError("from", "must be 0 s or later: a window starts at or after its anchor")
        if self.end <= self.start:
            raise KeyedError("to", "must be later than 'from'")
        if self.end > MAX_WINDOW:
            raise KeyedError("to", f"must be at most {MAX_WINDOW.days} d")
        return self

    def bounds(self, t0: datetime) -> tuple[datetime, datetime]:
        """``[start, end)`` of the window for an anchor at ``t0`` (UTC)."""
        return t0 + self.start, t0 + self.end

    def days(self) -> tuple[int, int]:
        """First and last day, counted from D0, that the window can overlap."""
        return self.start // DAY, -(-self.end // DAY)

    def text(self) -> str:
        """The window as an interval with units."""
        return f"[t0 + {format_duration(self.start)}, t0 + {format_duration(self.end)}) UTC"


Window = Annotated[CalendarWindow | ElapsedWindow, Field(discriminator="kind")]
