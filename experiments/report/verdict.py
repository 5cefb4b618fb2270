"""From what became of the users to a verdict in plain words, which claims no more than its intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter

from experiments.analysis.estimators import (
    Estimate,
    Moments,
    Pooled,
    Test,
    independent_difference,
    mean_interval,
    newcombe,
    pool,
    ratio,
    welch,
    wilson,
)
from rankers.models.families import FAMILIES
from worlds.deploy import Outcomes

CONTROL, TREATMENT = "click", "return"
KEPT_MORE, KEPT_FEWER, NO_DIFFERENCE = "kept more listeners", "kept fewer listeners", "no difference shown"


@dataclass(frozen=True)
class ArmOutcome:
    """What one arm did to its users.

    Attributes:
        arm: its name, ``family-target`` or the name of a baseline.
        users: fresh users it served.
        ctr: clicks per exposure, clustered by user; None without an exposure.
        survival: share of users still there at the horizon.
        active_days: mean days with a consumption.
        regret: share of clicks that ended badly, clustered by user; None without a click.
    """

    arm: str
    users: int
    ctr: Estimate | None
    survival: Estimate
    active_days: Estimate
    regret: Estimate | None


@dataclass(frozen=True)
class SurvivalCurve:
    """Share of an arm's users alive at the end of each day; nobody is censored before the horizon.

    Attributes:
        arm: the arm.
        alive: share alive after day 0 (all), 1, ..., horizon.
        low: lower end of the pointwise 95% interval (Wilson).
        high: its upper end.
    """

    arm: str
    alive: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class FamilyVerdict:
    """Return-trained minus click-trained of one family of rankers; arms count as independent samples.

    Attributes:
        family: e.g. xgboost.
        survival: difference of the shares alive at the horizon.
        active_days: difference of the mean active days.
        ctr: difference of clicks per exposure; None where an arm has none.
        regret: difference of the regret rates; None where an arm has none.
        finding: `KEPT_MORE`, `KEPT_FEWER` or `NO_DIFFERENCE`.
        words: the finding as a sentence with its numbers.
    """

    family: str
    survival: Estimate
    active_days: Test
    ctr: Estimate | None
    regret: Estimate | None
    finding: str
    words: str


@dataclass(frozen=True)
class Verdict:
    """The outcome of one deployment.

    Attributes:
        days: horizon in days.
        arms: outcome of each arm, in the order given.
        curves: survival of each arm.
        families: a verdict for each family that ran with both targets.
    """

    days: int
    arms: tuple[ArmOutcome, ...]
    curves: tuple[SurvivalCurve, ...]
    families: tuple[FamilyVerdict, ...]

    @property
    def headline(self) -> str:
        """The answer first, in plain words."""
        if not self.families:
            return "No family of rankers ran with both targets, so there is nothing to compare."
        return " ".join(family.words for family in self.families)

    def to_json(self) -> str:
        """The verdict as JSON text."""
        return _VERDICT.dump_json(self, indent=1).decode()

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        """Reads what `to_json` wrote.

        Raises:
            pydantic.ValidationError: the text is no verdict.
        """
        return _VERDICT.validate_json(text)


@dataclass(frozen=True)
class PooledFamily:
    """One family's survival difference over several independent worlds."""

    family: str
    survival: Pooled
    words: str


_VERDICT = TypeAdapter(Verdict)


def judge(outcomes: Mapping[str, Outcomes], days: int) -> Verdict:
    """The verdict on the arms of one deployment.

    Args:
        outcomes: per arm name; a family is compared when both ``<family>-click`` and
            ``<family>-return`` are there.
        days: horizon of the deployment.

    Raises:
        InputError: an arm with fewer than two users.
    """
    arms = {arm: _arm(arm, found) for arm, found in outcomes.items()}
    families = [arm.removesuffix(f"-{TREATMENT}") for arm in outcomes if arm.endswith(f"-{TREATMENT}")]
    return Verdict(
        days=days,
        arms=tuple(arms.values()),
        curves=tuple(survival_curve(arm, found, days) for arm, found in outcomes.items()),
        families=tuple(_family(family, arms, outcomes, days) for family in families if f"{family}-{CONTROL}" in arms),
    )


def survival_curve(arm: str, outcomes: Outcomes, days: int) -> SurvivalCurve:
    """Share alive by day; with no censoring before the horizon this is the Kaplan-Meier curve."""
    left_by = np.bincount(outcomes.survival_days[~outcomes.survived], minlength=days + 1)
    alive = len(outcomes.survived) - np.cumsum(left_by)[: days + 1]
    points = [wilson(int(count), len(outcomes.survived)) for count in alive]
    return SurvivalCurve(
        arm=arm,
        alive=tuple(point.value for point in points),
        low=tuple(point.low for point in points),
        high=tuple(point.high for point in points),
    )


def pool_families(verdicts: Sequence[Verdict]) -> tuple[PooledFamily, ...]:
    """Each family's survival difference over the verdicts of independent worlds."""
    found: dict[str, list[Estimate]] = {}
    for verdict in verdicts:
        for family in verdict.families:
            found.setdefault(family.family, []).append(family.survival)
    return tuple(_pooled(family, differences) for family, differences in found.items())


def _pooled(family: str, differences: list[Estimate]) -> PooledFamily:
    together = pool(differences)
    shown = together.between or together.fixed
    words = (
        f"{_compared(family, shown)} over {together.worlds} worlds: {_points(shown)}. "
        f"Taken alone, {together.wins} of the {together.worlds} show more and {together.losses} fewer."
    )
    return PooledFamily(family, together, words)


def _arm(arm: str, found: Outcomes) -> ArmOutcome:
    return ArmOutcome(
        arm=arm,
        users=len(found.survived),
        ctr=ratio(found.clicks, found.exposures) if found.exposures.any() else None,
        survival=wilson(int(found.survived.sum()), len(found.survived)),
        active_days=mean_interval(Moments.of(found.active_days)),
        regret=ratio(found.regrets, found.clicks) if found.clicks.any() else None,
    )


def _family(family: str, arms: Mapping[str, ArmOutcome], outcomes: Mapping[str, Outcomes], days: int) -> FamilyVerdict:
    treated, control = arms[f"{family}-{TREATMENT}"], arms[f"{family}-{CONTROL}"]
    kept = [int(outcomes[arm.arm].survived.sum()) for arm in (treated, control)]
    survival = newcombe(kept[0], treated.users, kept[1], control.users)
    days_active = [Moments.of(outcomes[arm.arm].active_days) for arm in (treated, control)]
    return FamilyVerdict(
        family=family,
        survival=survival,
        active_days=welch(days_active[0], days_active[1]),
        ctr=_difference(treated.ctr, control.ctr),
        regret=_difference(treated.regret, control.regret),
        finding=_finding(survival),
        words=_words(family, treated, control, survival, days),
    )


def _difference(treated: Estimate | None, control: Estimate | None) -> Estimate | None:
    return independent_difference(treated, control) if treated and control else None


def _finding(difference: Estimate) -> str:
    if not difference.excludes_zero:
        return NO_DIFFERENCE
    return KEPT_MORE if difference.value > 0 else KEPT_FEWER


def _words(family: str, treated: ArmOutcome, control: ArmOutcome, survival: Estimate, days: int) -> str:
    stayed = (
        f"{_compared(family, survival)}: {treated.survival.value:.1%} against {control.survival.value:.1%} "
        f"were still there after {days} days ({_points(survival)})."
    )
    if treated.ctr is None or control.ctr is None:
        return stayed
    clicked = f"{treated.ctr.value:.1%} against {control.ctr.value:.1%}"
    return f"{stayed} Of the items it showed, {clicked} were clicked."


def _compared(family: str, difference: Estimate) -> str:
    name = FAMILIES[family].title if family in FAMILIES else family
    if not difference.excludes_zero:
        return f"{name}: {NO_DIFFERENCE} between training on returns and training on clicks"
    return f"{name} trained on returns {_finding(difference)} than trained on clicks"


def _points(difference: Estimate) -> str:
    low, high = 100 * difference.low, 100 * difference.high
    return f"{100 * difference.value:+.1f} points, 95% interval {low:+.1f} to {high:+.1f}"
