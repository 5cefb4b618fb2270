"""Windows around an anchor, as the time contract has them: left edge in, right edge out, UTC."""

from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from longplay.config.duration import DAY, Duration, format_duration
from longplay.config.strict_model import KeyedError, StrictModel

LONGEST = timedelta(days=731)
"""Two years: what lies further off is more likely a slip of the pen."""


class BaseWindow(StrictModel):
    """What both kinds of window have."""

    @abstractmethod
    def days(self) -> tuple[int, int]:
        """First and last day, counted from D0, that the window can reach."""

    @property
    def day_count(self) -> int:
        """How many UTC days the window can reach."""
        first, last = self.days()
        return last - first + 1


class CalendarWindow(BaseWindow):
    """Whole UTC days ``D0 + first`` to ``D0 + last`` inclusive, D0 being the anchor's day.

    D0 itself is not among them: part of it lies before the anchor, where features look.
    """

    kind: Literal["calendar"]
    first: int = Field(ge=1, alias="from")
    last: int = Field(ge=1, le=LONGEST.days, alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> "CalendarWindow":
        if self.last < self.first:
            raise KeyedError("to", f"the window ends (day {self.last}) before it begins (day {self.first})")
        return self

    def bounds(self, t0: datetime) -> tuple[datetime, datetime]:
        """``[start, end)`` of the window for an anchor at ``t0`` (UTC)."""
        midnight = t0.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + self.first * DAY, midnight + (self.last + 1) * DAY

    def days(self) -> tuple[int, int]:
        """First and last day, counted from D0, that the window can reach."""
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
    def _ordered(self) -> "ElapsedWindow":
        if self.start < timedelta(0):
            raise KeyedError("from", "a window begins at or after its anchor: 0 s or later")
        if self.end <= self.start:
            raise KeyedError("to", "the window must end after it begins")
        if self.end > LONGEST:
            raise KeyedError("to", f"a window is at most {LONGEST.days} d long")
        return self

    def bounds(self, t0: datetime) -> tuple[datetime, datetime]:
        """``[start, end)`` of the window for an anchor at ``t0`` (UTC)."""
        return t0 + self.start, t0 + self.end

    def days(self) -> tuple[int, int]:
        """First and last day, counted from D0, that the window can reach."""
        return self.start // DAY, -(-self.end // DAY)

    def text(self) -> str:
        """The window as an interval with units."""
        return f"[t0 + {format_duration(self.start)}, t0 + {format_duration(self.end)}) UTC"


Window = Annotated[CalendarWindow | ElapsedWindow, Field(discriminator="kind")]
