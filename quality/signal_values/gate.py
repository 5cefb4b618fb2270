"""The gate of signal values: the rules of their table, and then those that follow from what signals mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from longplay.delta import commits, open_table
from longplay.errors import QualityError
from longplay.lookup import revision_bands
from longplay.lookup.releases import releases
from quality.gate import Gate, keep
from quality.gx.validate_metrics import Docs
from quality.signal_values.findings import Finding, added, findings, judged, less, lost, metrics
from quality.signal_values.profile import Pair, Profile, broken, crossings, profiles
from quality.signal_values.rules import nested
from tables.spec import TableSpec
from tables.store import Store

SHOWN_ROWS = 3
Bins = dict[str, dict[str, Any]]
"""By pinned name: the definition's ``hash``, ``bins`` (how many values at maturity fall into each), ``newest`` t0."""


@dataclass(frozen=True)
class SignalGate:
    """Judges the rows of a publication of ``signal_values``; what it found goes into the commit and a file.

    Attributes:
        gate: the gate of all tables, which judges the rows first.
        store: holds the values that are there.
        report: shows a line to the person who runs the step.
        definitions: the signals that are published.
        watermark: W(T) (UTC).
        adds: whether the rows are added to settled ones that are there, or are all there are of their signals.
        beside: whether values of other signals are there and stay.
    """

    gate: Gate
    store: Store
    report: Callable[[str], None]
    definitions: Sequence[Definition]
    watermark: datetime
    adds: bool = False
    beside: bool = False

    def __call__(self, frame: DataFrame, spec: TableSpec) -> Mapping[str, Any]:
        """Judge the rows; warnings are said, and kept with the rest.

        Raises:
            QualityError: naming the signals and rules that failed with severity error, and some of the rows.
        """
        audit = dict(self.gate(frame, spec))
        found = profiles(frame, self.definitions, self.watermark)
        here, released = self._bins(found), self._released()
        before = {ref: _same(released, ref, here[ref]["hash"]) for ref in found}
        fresh = {ref: less(here[ref]["bins"], of) if self.adds else here[ref]["bins"] for ref, of in before.items()}
        told = findings(found, self._crossed(frame, found, audit["rows"]), fresh, before)
        told += lost(found, self._newest(), self.adds)
        told, result = judged(told, Docs(self.gate.docs, self.gate.run_id) if self.gate.docs else None)
        self._keep(told, found, result)
        self._say(told, found)
        if failed := [one for one in told if not one.passed and one.severity == "error"]:
            raise self._failure(frame, failed)
        warned = [one.text() for one in told if not one.passed]
        late = {ref: one.revisions for ref, one in found.items() if one.revisions}
        kept = [asdict(one) for one in metrics(found, told, self._day)]
        said = {"signal_checks": len(told), "warnings": warned, "revisions": late, "signals": here, "metrics": kept}
        return audit | said

    @property
    def _day(self) -> date | None:
        """The last day that is known completely, where the rows are what that day brought."""
        told = self.store.commit_metadata("signal_values").get("facts", {}) if self.adds else {}
        if "frontier" not in told or not timedelta() < self.watermark - datetime.fromisoformat(told["frontier"]) <= DAY:
            return None
        return (self.watermark - timedelta(microseconds=1)).date()

    def _bins(self, found: Mapping[str, Profile]) -> Bins:
        """Values at maturity by bin, with those that are there if the rows are added to them."""
        before, days = (self._there, self._newest()) if self.adds else ({}, {})
        hashes = {ref: one.definition.hash for ref, one in found.items()}
        here: Bins = dict(self._there) if self.beside else {}
        for ref, one in found.items():
            here[ref] = {"hash": hashes[ref], "bins": added(_same(before, ref, hashes[ref]), one.bins)}
            if newest := max(filter(None, (one.newest, days.get(ref))), default=None):
                here[ref]["newest"] = newest.isoformat()
        return here

    @cached_property
    def _there(self) -> Bins:
        """What the last publication says of the values that are there; empty without one."""
        return _bins_of(self.store.commit_metadata("signal_values"))

    def _newest(self) -> dict[str, date]:
        """Newest day of t0 of every signal, as the last publication left it."""
        return {ref: date.fromisoformat(one["newest"]) for ref, one in self._there.items() if "newest" in one}

    def _released(self) -> Bins:
        """Values at maturity by bin, as the newest release has them; empty without one."""
        newest = next(iter(releases(self.store.folder)), None)
        version = newest.versions.get("signal_values") if newest else None
        if version is None:
            return {}
        # Commits that only rearrange files say nothing: what they hold, an earlier one tells.
        for entry, told in commits(open_table(self.store.path("signal_values"))):
            if int(entry["version"]) <= version and told:
                return _bins_of(told)
        return {}

    def _crossed(self, frame: DataFrame, found: Mapping[str, Profile], rows: int) -> dict[str, tuple[int, int]]:
        """How often signals exceed longer ones; of the shorter, the settled values that are there count too."""
        pairs: list[Pair] = [pair for pair in nested(self.definitions) if found[pair[1].ref].since]
        if not pairs:
            return {}
        columns = ["signal", "user_id", "anchor_id", "revision", "state", "value", "prefix"]
        values = frame.select(*columns)
        if self.adds:
            since = min(day for _, long in pairs if (day := found[long.ref].since))
            own = F.col("settled") & F.col("signal").isin([short.ref for short, _ in pairs])
            there = self.store.read("signal_values").where(own & (F.col("t0_day") >= F.lit(since)))
            values = values.unionByName(there.select(*columns))
        return crossings(values, pairs, rows)

    def _keep(self, told: Sequence[Finding], found: Mapping[str, Profile], result: Mapping[str, Any]) -> None:
        """The verdict as a file, beside those of the tables."""
        counts = {ref: {k: v for k, v in vars(one).items() if k != "definition"} for ref, one in found.items()}
        listed = [asdict(one) | {"passed": one.passed} for one in told]
        whole = {"watermark": self.watermark, "findings": listed, "signals": counts, "great_expectations": result}
        keep(self.gate.results, f"signals-{self.gate.run_id}", whole)

    def _say(self, told: Sequence[Finding], found: Mapping[str, Profile]) -> None:
        """Warnings, and how many mature values were revised, by how late that was."""
        for one in told:
            if not one.passed and one.severity == "warn":
                self.report(f"warning: {one.text()}")
        for ref, profile in found.items():
            ended = f"; {profile.ended:,} ended: their anchors were none" if profile.ended else ""
            if profile.revisions or ended:
                self.report(f"{ref}: revised after maturity: {revision_bands.as_text(profile.revisions)}{ended}")

    def _failure(self, frame: DataFrame, failed: Sequence[Finding]) -> QualityError:
        conditions, lines = broken(self.definitions, self.watermark), []
        for one in failed:
            lines.append(one.text())
            if one.condition:
                bad = frame.where((F.col("signal") == one.signal) & conditions[one.condition]).limit(SHOWN_ROWS)
                shown = ("anchor_id", "t0", "matures_at", "state", "value", "known_ts", "revision")
                lines += [f"    {row.asDict()}" for row in bad.select(*shown).collect()]
        return QualityError(
            "The gate of signals failed; no value was published.",
            where="table signal_values",
            got="\n         ".join(lines),
            fix="the rejected rows are kept under rejected/ beside the tables; mend the facts, the definition, or what "
            "its owner expects ('quality' in its file), and run the step again",
        )


def _bins_of(commit: Mapping[str, Any]) -> Bins:
    found: Bins = commit.get("audit", {}).get("signals", {})
    return found


def _same(bins: Bins, ref: str, meaning: str) -> dict[str, int]:
    """The bins of a signal, if it meant the same."""
    there = bins.get(ref, {})
    return dict(there["bins"]) if there.get("hash") == meaning else {}
