"""What the counts of a publication of signal values mean: one finding a signal and check. great-expectations judges."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import log
from typing import Any, Literal

from longplay.definitions.signal_fields import Severity
from quality.expectations import Expected
from quality.gx.validate_metrics import Docs, failures, judge_numbers
from quality.monitoring.metric import Metric
from quality.signal_values.profile import Profile

PSI = 0.25
"""Above this a distribution is commonly called another one (Siddiqi 2006, Credit Risk Scorecards)."""
FEWEST = 500
"""Distributions of fewer values are not compared: they differ by chance."""
LEAST_SETTLED = 100
"""Of fewer settled values the share that is mature says nothing."""
STABLE = "stable"


@dataclass(frozen=True)
class Finding:
    """What a check found of a signal: a number, and where it has to lie.

    Attributes:
        signal: pinned name.
        check: name of the check.
        severity: what a failure does.
        value: the number.
        low: at least; None: any.
        high: at most; None: any.
        expected: what was expected, in words.
        got: what was found, in words.
        condition: names the broken condition whose rows show it, if there is one.
        verdict: what great-expectations says; None: it was not asked yet.
    """

    signal: str
    check: str
    severity: Severity
    value: float
    low: float | None
    high: float | None
    expected: str
    got: str
    condition: str = ""
    verdict: bool | None = None

    @property
    def passed(self) -> bool:
        """The verdict; until there is one, what the number says."""
        if self.verdict is not None:
            return self.verdict
        above = self.low is None or self.value >= self.low
        return above and (self.high is None or self.value <= self.high)

    def number(self) -> Expected:
        """The number and its interval as great-expectations is asked to judge it."""
        severity: Literal["error", "warning"] = "error" if self.severity == "error" else "warning"
        name = f"{self.signal}: {self.check}"
        return Expected(name, name, self.value, self.low, self.high, severity, self.expected)

    def text(self) -> str:
        """The finding in one line."""
        return f"{self.signal}, {self.check}: expected {self.expected}, got {self.got}"


def findings(
    found: Mapping[str, Profile],
    crossed: Mapping[str, tuple[int, int]],
    fresh: Mapping[str, Mapping[str, int]],
    released: Mapping[str, Mapping[str, int]],
) -> list[Finding]:
    """What the rules of signals say.

    Args:
        found: counts by pinned name.
        crossed: how often a signal exceeds a longer one, and among how many, by ``short <= long``.
        fresh: values at maturity that the last release did not have, by signal and bin.
        released: those that it had; signals that it did not have, or meant otherwise, are left out.
    """
    told = [one for profile in found.values() if profile.rows for one in _of_rows(profile)]
    for name, (over, both) in crossed.items():
        short, long = name.split(" <= ")
        got = f"{over:,} of {both:,} anchors above it"
        told.append(Finding(short, "monotone_in_horizon", "error", over, None, 0, f"at most {long}", got))
    for ref, profile in found.items():
        if (psi := stability(fresh.get(ref, {}), released.get(ref, {}))) is not None:
            limit = profile.definition.quality.psi_at_most or PSI
            severity = profile.definition.quality.severity.psi
            expected = f"a stability index of at most {limit:g} against the last release"
            told.append(Finding(ref, STABLE, severity, psi, None, limit, expected, f"{psi:.3f}"))
    return told


def judged(told: Sequence[Finding], docs: Docs | None = None) -> tuple[list[Finding], dict[str, Any]]:
    """The findings with the verdict of great-expectations on their numbers, and its result as JSON."""
    if not told:
        return [], {}
    numbers = [one.number() for one in told]
    result = judge_numbers("signals", numbers, docs)
    bad = {one.column for one in failures(result, numbers)}
    return [replace(one, verdict=n.column not in bad) for one, n in zip(told, numbers, strict=True)], result


def lost(found: Mapping[str, Profile], before: Mapping[str, date], adds: bool) -> list[Finding]:
    """Whether signals that had values of the newest anchors have none at all, though others of their anchor have.

    Args:
        found: counts by pinned name.
        before: newest day of t0 by pinned name, as the last publication left it.
        adds: whether the rows are added to those that are there; then anchors that are new say something, old ones not.
    """
    told = []
    groups: dict[tuple[str, str], list[Profile]] = defaultdict(list)
    for profile in found.values():
        groups[(profile.definition.anchor, profile.definition.keys)].append(profile)
    for group in groups.values():
        now = max((one.newest for one in group if one.newest), default=None)
        then = max((before[one.definition.ref] for one in group if one.definition.ref in before), default=None)
        if now is None or then is None or (adds and now <= then):
            continue
        for one in group:
            if before.get(one.definition.ref) == then:
                got = f"{one.rows:,} rows" + (f", up to {one.newest}" if one.newest else "")
                expected = f"values of anchors up to {now}, as others of '{one.definition.anchor}' have"
                told.append(Finding(one.definition.ref, "has_values", "error", one.rows, 1, None, expected, got))
    return told


def _of_rows(profile: Profile) -> Iterator[Finding]:
    one, quality = profile.definition, profile.definition.quality
    yield _none(profile, "mature_when_due", "overdue", "no open value whose time has come")
    yield _none(profile, "no_label_before_maturity", "early", "no mature value whose time has not come")
    yield _none(profile, "bounds_of_type", "beyond_type", f"values in {one.value_bounds.text()}")
    if quality.bounds:
        expected = f"values in [{quality.bounds[0]:g}, {quality.bounds[1]:g}], as its owner says"
        yield _none(profile, "bounds_of_owner", "beyond_owner", expected, quality.severity.bounds)
    if quality.coverage_at_least is not None and profile.coverage is not None:
        least = quality.coverage_at_least
        expected = f"at least {quality.coverage_at_least:.1%} of the settled values mature, as its owner says"
        got = f"{profile.coverage:.1%} ({profile.mature:,} mature, {profile.void:,} void)"
        yield Finding(one.ref, "coverage", quality.severity.coverage, profile.coverage, least, None, expected, got)


def _none(profile: Profile, check: str, condition: str, expected: str, severity: Severity = "error") -> Finding:
    count = getattr(profile, condition)
    got = f"{count:,} of {profile.rows:,} rows"
    return Finding(profile.definition.ref, check, severity, count, None, 0, expected, got, condition)


def stability(fresh: Mapping[str, int], released: Mapping[str, int]) -> float | None:
    """Population stability index of two distributions over the same bins; None where either is small.

    ``sum (p - q) ln (p / q)``, half a value added to every bin so that empty ones have a logarithm.
    """
    if min(sum(fresh.values()), sum(released.values())) < FEWEST:
        return None
    bins = sorted({*fresh, *released})
    p, q = (_shares([one.get(name, 0) for name in bins]) for one in (fresh, released))
    return sum((a - b) * log(a / b) for a, b in zip(p, q, strict=True))


def _shares(counts: Sequence[int]) -> list[float]:
    whole = sum(counts) + 0.5 * len(counts)
    return [(count + 0.5) / whole for count in counts]


def added(before: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Counts by bin, added up."""
    return {name: before.get(name, 0) + more.get(name, 0) for name in sorted({*before, *more})}


def less(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """What counts by bin have come to have since."""
    return {name: count - before.get(name, 0) for name, count in now.items() if count > before.get(name, 0)}


def metrics(found: Mapping[str, Profile], told: Sequence[Finding], day: date | None) -> list[Metric]:
    """Numbers of a publication that later ones can be held against. Grain: metric, subject (a pinned name).

    Args:
        found: counts by pinned name.
        told: what the rules said of them; the stability index is told there.
        day: the last day that is known completely; None: the rows are not those that a day brought.

    Returns:
        ``values`` (rows), ``revisions``, and of signals of which enough has settled ``coverage`` and ``mean``; ``psi``.
    """
    kept = []
    for ref, one in found.items():
        numbers = {"values": float(one.rows), "revisions": float(sum(one.revisions.values()))}
        if one.coverage is not None and one.mature + one.void >= LEAST_SETTLED:
            numbers |= {"coverage": one.coverage} | ({"mean": one.mean} if one.mean is not None else {})
        kept += [Metric("signal_values", name, value, ref, day) for name, value in numbers.items()]
    return kept + [Metric("signal_values", "psi", one.value, one.signal, day) for one in told if one.check == STABLE]
