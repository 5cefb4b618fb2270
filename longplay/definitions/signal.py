"""Signals: the typed form of a YAML definition, identified by a hash.

``elapsed`` windows are durations from the anchor's time ``t0``, ``[t0 + from, t0 + to)``. ``calendar`` windows are
whole UTC days after the anchor's day ``D0``, days ``D0 + from`` to ``D0 + to`` inclusive, so they end at midnight after
the last one.
"""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import model_validator

from longplay.config.duration import DAY
from longplay.config.strict_model import KeyedError
from longplay.definitions.measures import ValueBounds
from longplay.definitions.signal_fields import Needs, SignalFields
from longplay.definitions.validation import find_problem
from longplay.definitions.windows import CalendarWindow

_HASHED_FIELDS = ("anchor", "keys", "window", "lateness", "measure", "credit", "void")
"""Fields that the hash always covers."""
_FIELDS_HASHED_IF_SET = ("session_gap", "filter", "baseline", "discount", "cap", "needs")
"""Fields added after the first release; the hash covers them only if they are set, so that older definitions keep their
hashes."""


class Definition(SignalFields):
    """One version of one signal. Grain of its values: anchor_id, revision."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "Definition":
        if problem := find_problem(self):
            raise KeyedError(*problem)
        return self

    @property
    def ref(self) -> str:
        """The pinned name, ``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def hash(self) -> str:
        """First 16 hex digits of SHA-256 over the fields that affect data (texts are excluded)."""
        fields = self.model_dump(mode="json", by_alias=True, include={*_HASHED_FIELDS, *_FIELDS_HASHED_IF_SET})
        defaults = {"needs": Needs().model_dump(mode="json")}
        meaning = {k: v for k, v in fields.items() if k in _HASHED_FIELDS or (v is not None and v != defaults.get(k))}
        if "needs" in meaning and not self.needs.episodes:
            meaning["needs"] = {k: v for k, v in fields["needs"].items() if k != "episodes"}
        if self.credit is not None:
            meaning["credit"] = {k: v for k, v in fields["credit"].items() if v not in (None, "click")}
        if self.void.at_least is None:
            meaning["void"] = {k: v for k, v in fields["void"].items() if k != "at_least"}
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]

    def window_end(self, t0: datetime) -> datetime:
        """End (exclusive) of the window of an anchor at ``t0``."""
        return self.window.bounds(t0)[1]

    def matures_at(self, t0: datetime) -> datetime:
        """The watermark at which the value of an anchor at ``t0`` is mature: window end + lateness."""
        return self.window_end(t0) + self.lateness

    @property
    def value_bounds(self) -> ValueBounds:
        """The possible values, given measure, discount, credit and cap."""
        days = self.window.day_count
        bounds = self.measure.value_bounds(days)
        if self.discount is not None:
            bounds = ValueBounds(0.0, self.discount.total_weight(days), False)
        if self.credit is not None and self.credit.is_split:
            bounds = replace(bounds, is_whole=False)
        elif self.credit is not None and bounds.low is not None:
            bounds = replace(bounds, low=min(bounds.low, self.measure.uncredited_value))
        return bounds if self.cap is None else self.cap.limit(bounds)

    @property
    def horizon(self) -> timedelta:
        """Longest time from the start of an anchor's day until its value is mature."""
        if isinstance(self.window, CalendarWindow):
            return (self.window.last + 1) * DAY + self.lateness
        return DAY + self.window.end + self.lateness
