"""The fields of a signal's definition, each valid by itself."""

from datetime import date, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from longplay.config.duration import Duration
from longplay.config.strict_model import KeyedError, StrictModel
from longplay.definitions.expression import check_filter
from longplay.definitions.measures import Measure, ValueBounds
from longplay.definitions.windows import Window

NAME = r"^[a-z][a-z0-9_]{2,62}$"
Anchor = Literal["exposure", "discovery", "active_day", "session"]
DefinitionStatus = Literal["draft", "published", "deprecated"]
CreditRule = Literal["clicked", "last_touch", "first_touch", "time_decayed", "position_corrected"]


class Credit(StrictModel):
    """To which exposures an outcome is credited, among those clicked (or consumed) within ``within`` of being shown.

    ``clicked`` credits each of them in full. The other rules deal one outcome out: the weights of an outcome sum to
    one over the exposures that could have earned it, and where there is none it is organic.

    Attributes:
        rule: ``clicked``, ``last_touch``, ``first_touch``, ``time_decayed`` (weights in proportion to
            ``exp(-age / tau)``) or ``position_corrected`` (in proportion to ``position ** examination``: a click
            further down was less likely to be seen at all).
        within: time from being shown to the click or consumption, exclusive.
        response: what must follow within ``within``, in answer to the exposure; absent: a ``click``.
        tau: time constant of ``time_decayed``.
        examination: exponent of ``position_corrected``; an item at position k is looked at in proportion to
            ``k ** -examination``.
    """

    rule: CreditRule
    within: Duration
    response: Literal["click", "consumption"] | None = None
    tau: Duration | None = None
    examination: float | None = Field(default=None, gt=0, le=5)

    @model_validator(mode="after")
    def _complete(self) -> "Credit":
        if self.within <= timedelta(0):
            raise KeyedError("within", "a click needs some time: more than 0 s")
        for rule, key in (("time_decayed", "tau"), ("position_corrected", "examination")):
            if (self.rule == rule) != (getattr(self, key) is not None):
                raise KeyedError(key, f"'{key}' belongs to credit rule {rule} and only to it; the rule is {self.rule}")
        if self.tau is not None and self.tau <= timedelta(0):
            raise KeyedError("tau", "a time constant is more than 0 s")
        return self

    @property
    def earned_by(self) -> Literal["click", "consumption"]:
        """What must follow an exposure, so that it has credit."""
        return self.response or "click"

    @property
    def is_split(self) -> bool:
        """Whether an outcome is split among exposures, rather than counted for each."""
        return self.rule != "clicked"


class Discount(StrictModel):
    """Days count for less the further they are from one end: ``gamma ** distance``.

    Attributes:
        gamma: factor a day.
        toward: ``anchor``: the window's first day counts in full; ``end``: its last.
        normalise: divide by the sum of all weights, so that activity on every day gives 1.
    """

    gamma: float = Field(gt=0, lt=1)
    toward: Literal["anchor", "end"] = "anchor"
    normalise: bool = False

    def total_weight(self, days: int) -> float:
        """The sum of the weights of so many days."""
        return 1.0 if self.normalise else sum(self.gamma**distance for distance in range(days))


class Cap(StrictModel):
    """Limits of a value: what lies beyond is set to them."""

    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Cap":
        if self.low is None and self.high is None:
            raise ValueError("a cap needs 'low', 'high' or both")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise KeyedError("high", f"the cap's high ({self.high}) is not above its low ({self.low})")
        return self

    def limit(self, bounds: ValueBounds) -> ValueBounds:
        """The bounds within the cap."""
        lows = [end for end in (bounds.low, self.low) if end is not None]
        highs = [end for end in (bounds.high, self.high) if end is not None]
        return ValueBounds(max(lows, default=None), min(highs, default=None), False)


class VoidRules(StrictModel):
    """When a value will never be known.

    Attributes:
        look_back: the log must reach so far back before the anchor.
        outage: whether a flagged outage that overlaps the window makes it void.
        settles: ``early``: an event that was seen settles a value of kind ``any`` in spite of an outage.
        at_least: with fewer facts in the window, at maturity, there is nothing to measure.
    """

    look_back: Duration | None = None
    outage: bool = True
    settles: Literal["early", "late"] = "late"
    at_least: int | None = Field(default=None, ge=1)


class Needs(StrictModel):
    """What a source must have, so that the signal can be measured there.

    Attributes:
        unit: unit of the events' amount.
        kinds: kinds of event, in the source's words.
        topics: whether items must have topics.
        episodes: whether it must be known when episodes of items were released. The signal then reads releases too.
    """

    unit: str | None = None
    kinds: tuple[str, ...] = ()
    topics: bool = False
    episodes: bool = False


Severity = Literal["error", "warn"]


class Severities(StrictModel):
    """What a check that fails does: an ``error`` stops the values from being published, ``warn`` says so and goes on.

    Attributes:
        bounds: of ``bounds``.
        coverage: of ``coverage_at_least``.
        psi: of ``psi_at_most``, stated or not.
    """

    bounds: Severity = "error"
    coverage: Severity = "warn"
    psi: Severity = "warn"


class Checks(StrictModel):
    """What its owner expects of the values. The gate holds values against it before they are published.

    Attributes:
        bounds: lowest and highest value that is possible.
        coverage_at_least: share of settled values that are mature, not void.
        psi_at_most: population stability index of the values against those of the last release; absent: 0.25.
        severity: what each check does when it fails.
    """

    bounds: tuple[float, float] | None = None
    coverage_at_least: float | None = Field(default=None, ge=0, le=1)
    psi_at_most: float | None = Field(default=None, gt=0)
    severity: Severities = Severities()


class SignalFields(StrictModel):
    """The fields of a signal, each valid by itself."""

    name: str = Field(pattern=NAME)
    version: int = Field(ge=1)
    title: str = Field(min_length=1, max_length=120)
    description: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    status: DefinitionStatus
    direction: Literal["higher_is_better", "lower_is_better"]
    unit: str
    anchor: Anchor
    session_gap: Duration | None = None
    keys: Literal["user", "user_item"]
    window: Window
    lateness: Duration
    measure: Measure
    filter: str | None = None
    baseline: Duration | None = None
    discount: Discount | None = None
    cap: Cap | None = None
    credit: Credit | None = None
    void: VoidRules = VoidRules()
    needs: Needs = Needs()
    guardrails: tuple[str, ...] = ()
    quality: Checks = Checks()
    covariates: tuple[str, ...] = ()
    north_star: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""
    replaced_by: str = ""
    deprecated_on: date | None = None

    @field_validator("filter")
    @classmethod
    def _check_filter(cls, text: str | None) -> str | None:
        if text is not None and (problem := check_filter(text)):
            raise ValueError(problem)
        return text
