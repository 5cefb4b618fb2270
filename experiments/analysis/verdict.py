"""Verdicts on deployments: which arm kept more users, in a sentence that claims no more than its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field, TypeAdapter

from experiments.analysis.estimators import (
    Estimate,
    PooledEstimate,
    SampleMoments,
    TestedDifference,
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

Summary = Annotated[str, Field(alias="words")]
"""A finding as a sentence with its numbers; stored verdicts call it ``words``."""


@dataclass(frozen=True)
class ArmOutcome:
    """Outcome of one arm.

    Attributes:
        arm: its name, ``family-target`` or the name of a baseline arm.
        users: fresh users it served.
        ctr: clicks per exposure, clustered by user; None without an exposure.
        survival: share of users still there at the horizon.
        active_days: mean days with a consumption.
        regret: share of clicks that the user regretted, clustered by user; None without a click.
    """

    arm: str
    users: int
    ctr: Estimate | None
    survival: Estimate
    active_days: Estimate
    regret: Estimate | None


@dataclass(frozen=True)
class SurvivalCurve:
    """Share of an arm's users who are still active at the end of each day; none is censored before the horizon.

    Attributes:
        arm: the arm.
        alive: share still active after day 0 (all), 1, ..., horizon.
        low: lower end of the pointwise 95% interval (Wilson).
        high: upper end of that interval.
    """

    arm: str
    alive: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class FamilyVerdict:
    """Return-trained minus click-trained rankers of one family; arms count as independent samples.

    Attributes:
        family: e.g. xgboost.
        survival: difference of the shares still active at the horizon.
        active_days: difference of the mean active days.
        ctr: difference of clicks per exposure; None if an arm has none.
        regret: difference of the regret rates; None if an arm has none.
        finding: `KEPT_MORE`, `KEPT_FEWER` or `NO_DIFFERENCE`.
        summary: the finding as a sentence with its numbers.
    """

    family: str
    survival: Estimate
    active_days: TestedDifference
    ctr: Estimate | None
    regret: Estimate | None
    finding: str
    summary: Summary


@dataclass(frozen=True)
class Verdict:
    """Outcome of one deployment.

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

    def to_json(self) -> str:
        """The verdict as JSON text."""
        return _VERDICT.dump_json(self, indent=1, by_alias=True).decode()

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        """Read a verdict that `to_json` wrote.

        Raises:
            pydantic.ValidationError: the text is no verdict.
        """
        return _VERDICT.validate_json(text)


@dataclass(frozen=True)
class PooledFamily:
    """One family's survival difference over several independent worlds."""

    family: str
    survival: PooledEstimate
    summary: Summary


_VERDICT = TypeAdapter(Verdict)


def reach_verdict(outcomes: Mapping[str, Outcomes], days: int) -> Verdict:
    """The verdict on the arms of one deployment.

    Args:
        outcomes: by arm; a family is compared if it has both arms, ``<family>-click`` and ``<family>-return``.
        days: horizon of the deployment.

    Raises:
        InputError: an arm with fewer than two users.
    """
    arms = {arm: _arm_outcome(arm, of_arm) for arm, of_arm in outcomes.items()}
    families = [arm.removesuffix(f"-{TREATMENT}") for arm in outcomes if arm.endswith(f"-{TREATMENT}")]
    return Verdict(
        days=days,
        arms=tuple(arms.values()),
        curves=tuple(survival_curve(arm, of_arm, days) for arm, of_arm in outcomes.items()),
        families=tuple(
            _compare_targets(family, arms, outcomes, days) for family in families if f"{family}-{CONTROL}" in arms
        ),
    )


def survival_curve(arm: str, outcomes: Outcomes, days: int) -> SurvivalCurve:
    """Share still active by day. Without censoring before the horizon this is the Kaplan-Meier curve."""
    churned_by_day = np.bincount(outcomes.survival_days[~outcomes.survived], minlength=days + 1)
    alive = len(outcomes.survived) - np.cumsum(churned_by_day)[: days + 1]
    points = [wilson(int(count), len(outcomes.survived)) for count in alive]
    return SurvivalCurve(
        arm=arm,
        alive=tuple(point.value for point in points),
        low=tuple(point.low for point in points),
        high=tuple(point.high for point in points),
    )


def pool_families(verdicts: Sequence[Verdict]) -> tuple[PooledFamily, ...]:
    """The survival difference of each family, pooled over the verdicts of independent worlds."""
    differences_by_family: dict[str, list[Estimate]] = {}
    for verdict in verdicts:
        for family in verdict.families:
            differences_by_family.setdefault(family.family, []).append(family.survival)
    return tuple(_pool_family(family, differences) for family, differences in differences_by_family.items())


def _pool_family(family: str, differences: list[Estimate]) -> PooledFamily:
    pooled = pool(differences)
    estimate = pooled.between or pooled.fixed
    summary = (
        f"{_finding_sentence(family, estimate)} over {pooled.worlds} worlds: {_points(estimate)}. "
        f"Taken alone, {pooled.wins} of the {pooled.worlds} worlds show more and {pooled.losses} fewer."
    )
    return PooledFamily(family, pooled, summary)


def _arm_outcome(arm: str, outcomes: Outcomes) -> ArmOutcome:
    return ArmOutcome(
        arm=arm,
        users=len(outcomes.survived),
        ctr=ratio(outcomes.clicks, outcomes.exposures) if outcomes.exposures.any() else None,
        survival=wilson(int(outcomes.survived.sum()), len(outcomes.survived)),
        active_days=mean_interval(SampleMoments.from_values(outcomes.active_days)),
        regret=ratio(outcomes.regrets, outcomes.clicks) if outcomes.clicks.any() else None,
    )


def _compare_targets(
    family: str, arms: Mapping[str, ArmOutcome], outcomes: Mapping[str, Outcomes], days: int
) -> FamilyVerdict:
    treated, control = arms[f"{family}-{TREATMENT}"], arms[f"{family}-{CONTROL}"]
    survivors = [int(outcomes[arm.arm].survived.sum()) for arm in (treated, control)]
    survival = newcombe(survivors[0], treated.users, survivors[1], control.users)
    active_days = [SampleMoments.from_values(outcomes[arm.arm].active_days) for arm in (treated, control)]
    return FamilyVerdict(
        family=family,
        survival=survival,
        active_days=welch(active_days[0], active_days[1]),
        ctr=_difference(treated.ctr, control.ctr),
        regret=_difference(treated.regret, control.regret),
        finding=_finding(survival),
        summary=_summarise(family, treated, control, survival, days),
    )


def _difference(treated: Estimate | None, control: Estimate | None) -> Estimate | None:
    return independent_difference(treated, control) if treated and control else None


def _finding(difference: Estimate) -> str:
    if not difference.excludes_zero:
        return NO_DIFFERENCE
    return KEPT_MORE if difference.value > 0 else KEPT_FEWER


def _summarise(family: str, treated: ArmOutcome, control: ArmOutcome, survival: Estimate, days: int) -> str:
    stayed = (
        f"{_finding_sentence(family, survival)}: {treated.survival.value:.1%} against {control.survival.value:.1%} "
        f"still listened after {days} days ({_points(survival)})."
    )
    if treated.ctr is None or control.ctr is None:
        return stayed
    return f"{stayed} Users clicked {treated.ctr.value:.1%} against {control.ctr.value:.1%} of the items shown."


def _finding_sentence(family: str, difference: Estimate) -> str:
    name = FAMILIES[family].title if family in FAMILIES else family
    if not difference.excludes_zero:
        return f"{name}: {NO_DIFFERENCE} between training on returns and training on clicks"
    return f"{name} trained on returns {_finding(difference)} than when trained on clicks"


def _points(difference: Estimate) -> str:
    low, high = 100 * difference.low, 100 * difference.high
    return f"{100 * difference.value:+.1f} points, 95% interval {low:+.1f} to {high:+.1f}"
