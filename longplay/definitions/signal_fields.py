"""The fields of a signal's definition, each validated on its own."""

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
    """Which exposures get credit for an outcome, among those clicked (or consumed) within ``within`` of being shown.

    ``clicked`` credits each of them in full. The other rules split an outcome: its weights sum to one over the
    exposures that could have earned it. An outcome that no exposure could have earned is organic.

    Attributes:
        rule: ``clicked``, ``last_touch``, ``first_touch``, ``time_decayed`` (weights in proportion to
            ``exp(-age / tau)``) or ``position_corrected`` (in proportion to ``position ** examination``: an
            item further down was less likely to be seen).
        within: maximum time from exposure to response, exclusive.
        response: the response that earns credit; absent: ``click``.
        tau: time constant of ``time_decayed``.
        examination: exponent of ``position_corrected``; the probability that an item at position k is looked at is
            proportional to ``k ** -examination``.
    """

    rule: CreditRule
    within: Duration
    response: Literal["click", "consumption"] | None = None
    tau: Duration | None = None
    examination: float | None = Field(default=None, gt=0, le=5)

    @model_validator(mode="after")
    def _check_rule_keys(self) -> "Credit":
        if self.within <= timedelta(0):
            raise KeyedError("within", "must be longer than 0 s")
        for rule, key in (("time_decayed", "tau"), ("position_corrected", "examination")):
            if (self.rule == rule) != (getattr(self, key) is not None):
                raise KeyedError(
                    key, f"'{key}' is required by credit rule {rule} and allowed with no other; the rule is {self.rule}"
                )
        if self.tau is not None and self.tau <= timedelta(0):
            raise KeyedError("tau", "must be longer than 0 s")
        return self

    @property
    def earned_by(self) -> Literal["click", "consumption"]:
        """The response that earns an exposure credit."""
        return self.response or "click"

    @property
    def is_split(self) -> bool:
        """Whether an outcome is split among exposures, rather than counted for each."""
        return self.rule != "clicked"


class Discount(StrictModel):
    """Weights days by their distance from one end of the window: ``gamma ** distance``.

    Attributes:
        gamma: factor per day.
        toward: the end with full weight: ``anchor``, the window's first day, or ``end``, its last day.
        normalise: whether to divide by the sum of all weights, so that activity on every day gives 1.
    """

    gamma: float = Field(gt=0, lt=1)
    toward: Literal["anchor", "end"] = "anchor"
    normalise: bool = False

    def total_weight(self, days: int) -> float:
        """The sum of the weights over ``days`` days."""
        return 1.0 if self.normalise else sum(self.gamma**distance for distance in range(days))


class Cap(StrictModel):
    """Limits that a value is clipped to."""

    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _check_order(self) -> "Cap":
        if self.low is None and self.high is None:
            raise ValueError("a cap needs 'low', 'high' or both")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise KeyedError("high", f"the cap's high ({self.high}) must be above its low ({self.low})")
        return self

    def limit(self, bounds: ValueBounds) -> ValueBounds:
        """Restrict bounds to the cap."""
        lows = [end for end in (bounds.low, self.low) if end is not None]
        highs = [end for end in (bounds.high, self.high) if end is not None]
        return ValueBounds(max(lows, default=None), min(highs, default=None), False)


class VoidRules(StrictModel):
    """When a value will never be known.

    Attributes:
        look_back: how far the log must reach back before the anchor.
        outage: whether an outage that overlaps the window, the time in which credit is earned or the baseline makes
            the value void.
        settles: ``early``: a value of kind ``any`` is final once an event is seen, despite any outage.
        at_least: minimum number of facts in the window at maturity; with fewer, the value is void.
    """

    look_back: Duration | None = None
    outage: bool = True
    settles: Literal["early", "late"] = "late"
    at_least: int | None = Field(default=None, ge=1)


class Needs(StrictModel):
    """What a source must provide for the signal to be computed.

    Attributes:
        unit: unit of the events' amounts.
        kinds: kinds of event, as the source names them.
        topics: whether items must have topics.
        episodes: whether the release dates of episodes must be known. The signal then also reads releases.
    """

    unit: str | None = None
    kinds: tuple[str, ...] = ()
    topics: bool = False
    episodes: bool = False


Severity = Literal["error", "warn"]


class Severities(StrictModel):
    """What a failed check does: ``error`` blocks publication of the values, ``warn`` only warns.

    Attributes:
        bounds: severity of ``bounds``.
        coverage: severity of ``coverage_at_least``.
        psi: severity of ``psi_at_most``, also of its default.
    """

    bounds: Severity = "error"
    coverage: Severity = "warn"
    psi: Severity = "warn"


class Checks(StrictModel):
    """What the owner expects of the values. The gate checks it before values are published.

    Attributes:
        bounds: lowest and highest possible value.
        coverage_at_least: minimum share of settled values that are mature rather than void.
        psi_at_most: maximum population stability index against the values of the last release; absent: 0.25.
        severity: what each check does if it fails.
    """

    bounds: tuple[float, float] | None = None
    coverage_at_least: float | None = Field(default=None, ge=0, le=1)
    psi_at_most: float | None = Field(default=None, gt=0)
    severity: Severities = Severities()


class SignalFields(StrictModel):
    """The fields of a signal, each validated on its own."""

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
