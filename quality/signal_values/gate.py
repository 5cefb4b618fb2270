"""The gate of signal values: the contract of their table, then the rules that follow from signal definitions."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from longplay.delta import open_table, read_commits
from longplay.errors import QualityError
from longplay.lookup import revision_bands
from longplay.lookup.releases import read_releases
from quality.gate import Gate, write_verdict
from quality.gate_errors import describe_rejected
from quality.signal_values.findings import (
    OUTAGE_CHECK,
    SignalFinding,
    add_counts,
    check_for_lost_signals,
    check_outage_share,
    check_signals,
    describe_outage_share,
    signal_metrics,
    subtract_counts,
    validate_findings,
)
from quality.signal_values.profile import (
    NestedPair,
    SignalProfile,
    count_crossings,
    profile_signals,
)
from quality.signal_values.rules import find_nested_pairs
from tables.spec import TableSpec
from tables.store import Store

SignalBins = dict[str, dict[str, Any]]
"""By pinned name: the definition's ``hash``, ``bins`` (values at maturity by bin), ``newest`` t0, and ``outage``:
values that outages void, counted again whenever an outage voids a revised value."""


class SignalGateError(QualityError):
    """Values of some signals violate their rules.

    Args:
        reasons: the violated rules of each of these signals, by pinned name.
        where: the table.
        got: the violated rules, with numbers of rows.
        fix: what to do.
    """

    def __init__(self, reasons: Mapping[str, str], *, where: str, got: str, fix: str) -> None:
        self.reasons = reasons
        super().__init__("The gate of signals failed; no value was published.", where=where, got=got, fix=fix)


@dataclass(frozen=True)
class SignalGate:
    """Validates a publication of ``signal_values``; its findings go into the commit and a verdict file.

    Attributes:
        gate: the gate of all tables, which validates the rows first.
        store: holds the published values.
        report: shows a line to the person who runs the step.
        definitions: the published signals.
        watermark: W(T) (UTC).
        appends: whether the rows are added to published, settled ones; else they replace those of their signals.
        kept_signals: other signals whose published values stay, by pinned name.
    """

    gate: Gate
    store: Store
    report: Callable[[str], None]
    definitions: Sequence[Definition]
    watermark: datetime
    appends: bool = False
    kept_signals: Collection[str] = ()

    def __call__(self, frame: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> Mapping[str, Any]:
        """Validate the rows; warnings are shown, and stored with the rest.

        Raises:
            QualityError: naming the signals and rules that failed with severity error, and how many rows.
        """
        audit = dict(self.gate(frame, spec, few_rows))
        profiles = profile_signals(frame, self.definitions, self.watermark)
        bins = self._bins(profiles)
        findings, result = validate_findings(
            [
                *self._check_signals(profiles, bins, self._count_crossings(frame, profiles, audit["rows"])),
                *check_for_lost_signals(profiles, self._newest_days(), self.appends),
                *self._check_outages(profiles, bins),
            ],
            self.gate.data_docs,
        )
        self._write_verdict(findings, profiles, result)
        self._report(findings, profiles, bins)
        if errors := [finding for finding in findings if not finding.passed and finding.severity == "error"]:
            raise self._gate_error(errors)
        return audit | {
            "signal_checks": len(findings),
            "warnings": [finding.text() for finding in findings if not finding.passed],
            "revisions": {ref: profile.revisions for ref, profile in profiles.items() if profile.revisions},
            "signals": bins,
            "metrics": [asdict(metric) for metric in signal_metrics(profiles, findings, self._day)],
        }

    @property
    def _day(self) -> date | None:
        """The last completely known day, if the rows are those of that day."""
        facts = self.store.commit_metadata("signal_values").get("facts", {}) if self.appends else {}
        if "frontier" not in facts:
            return None
        progress = self.watermark - datetime.fromisoformat(facts["frontier"])
        return (self.watermark - timedelta(microseconds=1)).date() if timedelta() < progress <= DAY else None

    def _check_signals(
        self, profiles: Mapping[str, SignalProfile], bins: SignalBins, crossings: Mapping[str, tuple[int, int]]
    ) -> list[SignalFinding]:
        """Check the rules; distributions are compared with the last release."""
        released = self._released_bins()
        released_counts = {ref: _bins_with_hash(released, ref, bins[ref]["hash"]) for ref in profiles}
        new_counts = {
            ref: subtract_counts(bins[ref]["bins"], counts) if self.appends else bins[ref]["bins"]
            for ref, counts in released_counts.items()
        }
        return check_signals(profiles, crossings, new_counts, released_counts)

    def _check_outages(self, profiles: Mapping[str, SignalProfile], bins: SignalBins) -> list[SignalFinding]:
        is_accepted = f"signal_values.{OUTAGE_CHECK}" in self.gate.accept
        return [
            finding
            for ref, profile in profiles.items()
            if profile.outage
            for finding in check_outage_share(ref, *_count_settled(bins[ref]), is_accepted=is_accepted)
        ]

    def _bins(self, profiles: Mapping[str, SignalProfile]) -> SignalBins:
        """Values at maturity by bin, after this publication."""
        published, days = (self._published_bins, self._newest_days()) if self.appends else ({}, {})
        bins: SignalBins = {ref: entry for ref, entry in self._published_bins.items() if ref in self.kept_signals}
        for ref, profile in profiles.items():
            definition_hash = profile.definition.hash
            counts = add_counts(_bins_with_hash(published, ref, definition_hash), profile.bins)
            bins[ref] = {"hash": definition_hash, "bins": counts}
            if outage := profile.outage + _entry_with_hash(published, ref, definition_hash).get("outage", 0):
                bins[ref]["outage"] = outage
            if newest := max(filter(None, (profile.newest, days.get(ref))), default=None):
                bins[ref]["newest"] = newest.isoformat()
        return bins

    @cached_property
    def _published_bins(self) -> SignalBins:
        """Bins of the published values, from the last commit; empty without one."""
        return _bins_of_commit(self.store.commit_metadata("signal_values"))

    def _newest_days(self) -> dict[str, date]:
        """Newest day of t0 of every signal in the last publication."""
        bins = self._published_bins
        return {ref: date.fromisoformat(entry["newest"]) for ref, entry in bins.items() if "newest" in entry}

    def _released_bins(self) -> SignalBins:
        """Bins of the values in the newest release; empty without one."""
        newest = next(iter(read_releases(self.store.folder)), None)
        version = newest.versions.get("signal_values") if newest else None
        if version is None:
            return {}
        # Commits that only rearrange files have no metadata; an earlier commit describes their content.
        for entry, metadata in read_commits(open_table(self.store.path("signal_values"))):
            if int(entry["version"]) <= version and metadata:
                return _bins_of_commit(metadata)
        return {}

    def _count_crossings(
        self, frame: DataFrame, profiles: Mapping[str, SignalProfile], rows: int
    ) -> dict[str, tuple[int, int]]:
        """Count how often signals exceed longer ones, including published, settled values of the shorter signals."""
        nested = find_nested_pairs(self.definitions)
        pairs: list[NestedPair] = [pair for pair in nested if profiles[pair[1].ref].since]
        if not pairs:
            return {}
        columns = ["signal", "user_id", "anchor_id", "revision", "state", "value", "prefix"]
        values = frame.select(*columns)
        if self.appends:
            since = min(day for _, long in pairs if (day := profiles[long.ref].since))
            is_shorter = F.col("settled") & F.col("signal").isin([short.ref for short, _ in pairs])
            published = self.store.read("signal_values").where(is_shorter & (F.col("t0_day") >= F.lit(since)))
            values = values.unionByName(published.select(*columns))
        return count_crossings(values, pairs, rows)

    def _write_verdict(
        self,
        findings: Sequence[SignalFinding],
        profiles: Mapping[str, SignalProfile],
        result: Mapping[str, Any],
    ) -> None:
        """Write the verdict file, next to those of the tables."""
        verdict = {
            "watermark": self.watermark,
            "findings": [asdict(finding) | {"passed": finding.passed} for finding in findings],
            "signals": {
                ref: {name: value for name, value in vars(profile).items() if name != "definition"}
                for ref, profile in profiles.items()
            },
            "great_expectations": result,
        }
        write_verdict(self.gate.results, f"signals-{self.gate.run_id}", verdict)

    def _report(
        self, findings: Sequence[SignalFinding], profiles: Mapping[str, SignalProfile], bins: SignalBins
    ) -> None:
        """Show warnings, how many mature values were revised, by how late, and how many values outages void."""
        for finding in findings:
            if not finding.passed and finding.severity == "warn":
                self.report(f"warning: {finding.text()}")
        for ref, profile in profiles.items():
            if profile.outage:
                outage, mature = _count_settled(bins[ref])
                self.report(f"{ref}: void because of outages: {describe_outage_share(outage, outage + mature)}")
            ended = f"; {profile.ended:,} invalidated with their anchors" if profile.ended else ""
            if profile.revisions or ended:
                self.report(
                    f"{ref}: revised after maturity: {revision_bands.format_revisions(profile.revisions)}{ended}"
                )

    def _gate_error(self, errors: Sequence[SignalFinding]) -> SignalGateError:
        accept = ""
        if all(error.check == OUTAGE_CHECK for error in errors):
            accept = (
                f"; if the log was incomplete: --set quality.accept=[signal_values.{OUTAGE_CHECK}]; if people really "
                "behaved so, dismiss the outages: quality.outages.told"
            )
        reasons: dict[str, list[str]] = {}
        for error in errors:
            reasons.setdefault(error.signal, []).append(f"{error.check}: expected {error.expected}, got {error.got}")
        return SignalGateError(
            {ref: "; ".join(texts) for ref, texts in reasons.items()},
            where="table signal_values",
            got="\n         ".join(error.text() for error in errors),
            fix="correct the facts, the definition, or what its owner requires ('quality' in its file), and run the "
            f"step again{describe_rejected(self.gate.find_rejected('signal_values'))}{accept}",
        )


def _bins_of_commit(commit: Mapping[str, Any]) -> SignalBins:
    bins: SignalBins = commit.get("audit", {}).get("signals", {})
    return bins


def _count_settled(entry: Mapping[str, Any]) -> tuple[int, int]:
    """Values of a signal that outages void, and values at maturity, as its bins count them."""
    return entry.get("outage", 0), sum(entry["bins"].values())


def _bins_with_hash(bins: SignalBins, ref: str, definition_hash: str) -> dict[str, int]:
    """The bins of a signal, if its definition has this hash."""
    return dict(_entry_with_hash(bins, ref, definition_hash).get("bins", {}))


def _entry_with_hash(bins: SignalBins, ref: str, definition_hash: str) -> dict[str, Any]:
    """What a commit counts of a signal, if its definition has this hash; else nothing."""
    entry = bins.get(ref, {})
    return entry if entry.get("hash") == definition_hash else {}
