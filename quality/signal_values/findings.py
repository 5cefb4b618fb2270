"""Findings of a publication of signal values: one per signal and check, validated by great-expectations."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import log
from typing import Any, Literal

from longplay.definitions.signal_fields import Severity
from quality.expectations import Expectation
from quality.gx.validate_metrics import DataDocs, validate_metrics
from quality.monitoring.metric import Metric
from quality.signal_values.profile import SignalProfile

DEFAULT_MAX_PSI = 0.25
"""A larger stability index commonly means another distribution (Siddiqi 2006, Credit Risk Scorecards)."""
MIN_VALUES_FOR_PSI = 500
"""Distributions of fewer values differ by chance and are not compared."""
MIN_SETTLED_FOR_COVERAGE = 100
"""The share of fewer settled values is too uncertain for the metric history."""
MAX_OUTAGE_SHARE = 0.5
"""If outages void more of a signal's settled values, somebody must confirm that the log was really incomplete."""
STABLE_CHECK, OUTAGE_CHECK = "stable", "outage_share"


@dataclass(frozen=True)
class SignalFinding:
    """The outcome of a check of a signal. The gate's verdicts store it with these names.

    Attributes:
        signal: pinned name.
        check: name of the check.
        severity: whether a failure blocks or warns.
        value: the measured number.
        low: lowest valid value; None: no limit.
        high: highest valid value; None: no limit.
        expected: what was expected, as text.
        got: what was measured, as text.
        condition: name of the violated condition (``quality.signal_values.profile``); empty: there is none.
        verdict: that of great-expectations; None: not validated yet.
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
        """The verdict; before validation, whether the number lies within its limits."""
        if self.verdict is not None:
            return self.verdict
        is_high_enough = self.low is None or self.value >= self.low
        return is_high_enough and (self.high is None or self.value <= self.high)

    def expectation(self) -> Expectation:
        """The number and its limits, as great-expectations validates them."""
        severity: Literal["error", "warning"] = "error" if self.severity == "error" else "warning"
        name = f"{self.signal}: {self.check}"
        return Expectation(name, name, self.value, self.low, self.high, severity, self.expected)

    def text(self) -> str:
        """Describe the finding in one line."""
        return f"{self.signal}, {self.check}: expected {self.expected}, got {self.got}"


def check_signals(
    profiles: Mapping[str, SignalProfile],
    crossings: Mapping[str, tuple[int, int]],
    new_bins: Mapping[str, Mapping[str, int]],
    released_bins: Mapping[str, Mapping[str, int]],
) -> list[SignalFinding]:
    """Check the counts of a publication against the rules of its signals.

    Args:
        profiles: counts by pinned name.
        crossings: anchors whose value exceeds that of a longer signal, and compared anchors, by ``short <= long``.
        new_bins: values at maturity that the last release did not contain, by signal and bin.
        released_bins: those that it contained; a signal that is new or has changed its meaning has none.
    """
    findings = [finding for profile in profiles.values() if profile.rows for finding in _check_rows(profile)]
    for name, (exceeding, compared) in crossings.items():
        short, long = name.split(" <= ")
        got = f"{exceeding:,} of {compared:,} anchors above it"
        findings.append(
            SignalFinding(short, "monotone_in_horizon", "error", exceeding, None, 0, f"at most {long}", got)
        )
    for ref, profile in profiles.items():
        psi = stability_index(new_bins.get(ref, {}), released_bins.get(ref, {}))
        if psi is not None:
            limit = profile.definition.quality.psi_at_most or DEFAULT_MAX_PSI
            severity = profile.definition.quality.severity.psi
            expected = f"a stability index of at most {limit:g} against the last release"
            findings.append(SignalFinding(ref, STABLE_CHECK, severity, psi, None, limit, expected, f"{psi:.3f}"))
    return findings


def check_outage_share(ref: str, outage: int, mature: int, *, is_accepted: bool) -> list[SignalFinding]:
    """Check how many of a signal's settled values an outage voids. Nothing is checked where few are settled.

    Args:
        ref: pinned name.
        outage: values void because of an outage, published ones included.
        mature: values at maturity, likewise.
        is_accepted: whether this run accepts a larger share, which then is only a warning.
    """
    settled = outage + mature
    if not outage or settled < MIN_SETTLED_FOR_COVERAGE:
        return []
    expected = f"at most {MAX_OUTAGE_SHARE:.0%} of the settled values void because of outages"
    severity: Severity = "warn" if is_accepted else "error"
    got = describe_outage_share(outage, settled)
    return [SignalFinding(ref, OUTAGE_CHECK, severity, outage / settled, None, MAX_OUTAGE_SHARE, expected, got)]


def describe_outage_share(outage: int, settled: int) -> str:
    """How many settled values an outage voids, as text."""
    return f"{outage:,} of {settled:,} ({outage / settled:.1%})"


def validate_findings(
    findings: Sequence[SignalFinding], data_docs: DataDocs | None = None
) -> tuple[list[SignalFinding], dict[str, Any]]:
    """Let great-expectations validate the findings; return them with its verdict, and its result as JSON."""
    if not findings:
        return [], {}
    expectations = [finding.expectation() for finding in findings]
    validation = validate_metrics("signals", expectations, data_docs)
    failed_columns = {failure.column for failure in validation.failed}
    pairs = zip(findings, expectations, strict=True)
    validated = [replace(finding, verdict=number.column not in failed_columns) for finding, number in pairs]
    return validated, validation.result


def check_for_lost_signals(
    profiles: Mapping[str, SignalProfile], newest_before: Mapping[str, date], appends: bool
) -> list[SignalFinding]:
    """Check that signals which had values of the newest anchors still have, if others of the same anchor do.

    Args:
        profiles: counts by pinned name.
        newest_before: newest day of t0 by pinned name, in the last publication.
        appends: whether the rows are added to existing ones; then only new anchors count.
    """
    findings = []
    groups: dict[tuple[str, str], list[SignalProfile]] = defaultdict(list)
    for profile in profiles.values():
        groups[(profile.definition.anchor, profile.definition.keys)].append(profile)
    for group in groups.values():
        newest = max((profile.newest for profile in group if profile.newest), default=None)
        refs = [profile.definition.ref for profile in group]
        newest_published = max((newest_before[ref] for ref in refs if ref in newest_before), default=None)
        if newest is None or newest_published is None or (appends and newest <= newest_published):
            continue
        for profile in group:
            if newest_before.get(profile.definition.ref) == newest_published:
                findings.append(_has_values(profile, newest))
    return findings


def _has_values(profile: SignalProfile, newest: date) -> SignalFinding:
    definition = profile.definition
    got = f"{profile.rows:,} rows" + (f", up to {profile.newest}" if profile.newest else "")
    expected = f"values of anchors up to {newest}, as other signals of '{definition.anchor}' have"
    return SignalFinding(definition.ref, "has_values", "error", profile.rows, 1, None, expected, got)


def _check_rows(profile: SignalProfile) -> Iterator[SignalFinding]:
    definition, quality = profile.definition, profile.definition.quality
    yield _no_rows(profile, "mature_when_due", "overdue", "no open value past its maturity")
    yield _no_rows(profile, "no_label_before_maturity", "early", "no mature value before its maturity")
    yield _no_rows(profile, "bounds_of_type", "beyond_type", f"values in {definition.value_bounds.text()}")
    if quality.bounds:
        expected = f"values in [{quality.bounds[0]:g}, {quality.bounds[1]:g}], as its owner requires"
        yield _no_rows(profile, "bounds_of_owner", "beyond_owner", expected, quality.severity.bounds)
    if quality.coverage_at_least is not None and profile.coverage is not None:
        coverage, low = profile.coverage, quality.coverage_at_least
        expected = f"at least {low:.1%} of the settled values mature, as its owner requires"
        got = f"{coverage:.1%} ({profile.mature:,} mature, {profile.void:,} void)"
        yield SignalFinding(definition.ref, "coverage", quality.severity.coverage, coverage, low, None, expected, got)


def _no_rows(
    profile: SignalProfile, check: str, condition: str, expected: str, severity: Severity = "error"
) -> SignalFinding:
    """That no row meets a condition."""
    count = getattr(profile, condition)
    got = f"{count:,} of {profile.rows:,} rows"
    return SignalFinding(profile.definition.ref, check, severity, count, None, 0, expected, got, condition)


def stability_index(new_bins: Mapping[str, int], released_bins: Mapping[str, int]) -> float | None:
    """Compute the population stability index of two distributions over the same bins; None if either is small.

    ``sum (p - q) ln (p / q)``; each bin gets half a value more, so that empty bins have a logarithm.
    """
    if min(sum(new_bins.values()), sum(released_bins.values())) < MIN_VALUES_FOR_PSI:
        return None
    names = sorted({*new_bins, *released_bins})
    p, q = (_smoothed_shares([bins.get(name, 0) for name in names]) for bins in (new_bins, released_bins))
    return sum((a - b) * log(a / b) for a, b in zip(p, q, strict=True))


def _smoothed_shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) + 0.5 * len(counts)
    return [(count + 0.5) / total for count in counts]


def add_counts(bins: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Add two counts by bin."""
    return {name: bins.get(name, 0) + more.get(name, 0) for name in sorted({*bins, *more})}


def subtract_counts(bins: Mapping[str, int], earlier: Mapping[str, int]) -> dict[str, int]:
    """Subtract earlier counts by bin; only bins that have grown remain."""
    return {name: count - earlier.get(name, 0) for name, count in bins.items() if count > earlier.get(name, 0)}


def signal_metrics(
    profiles: Mapping[str, SignalProfile], findings: Sequence[SignalFinding], day: date | None
) -> list[Metric]:
    """Collect the metrics of a publication for the metric history. Grain: metric, subject (a pinned name).

    Args:
        profiles: counts by pinned name.
        findings: of the publication, among them the stability indices.
        day: the last completely known day; None: the rows are not those of one day.

    Returns:
        ``values`` (rows) and ``revisions``; for signals with enough settled values ``coverage`` and ``mean``; ``psi``.
    """
    metrics = []
    for ref, profile in profiles.items():
        numbers = {"values": float(profile.rows), "revisions": float(sum(profile.revisions.values()))}
        if profile.coverage is not None and profile.mature + profile.void >= MIN_SETTLED_FOR_COVERAGE:
            numbers |= {"coverage": profile.coverage} | ({"mean": profile.mean} if profile.mean is not None else {})
        metrics += [Metric("signal_values", name, value, ref, day) for name, value in numbers.items()]
    indices = [finding for finding in findings if finding.check == STABLE_CHECK]
    return metrics + [Metric("signal_values", "psi", index.value, index.signal, day) for index in indices]
