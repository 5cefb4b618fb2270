"""The content of the page of a signal version."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longplay.config.duration import format_duration
from longplay.definitions.signal import Definition
from longplay.lookup.delay_curves import CurveDrift, load_delay_curve
from longplay.lookup.signal_failures import SignalFailure
from longplay.registry.registry import Registry
from longplay.site.charts import signal_charts, value_charts
from longplay.site.charts.chart import Chart
from longplay.site.charts.delay_chart import draw_delay_curve
from longplay.site.charts.histogram import MAX_VALUE_BARS, ValueDistribution, compute_distribution
from longplay.site.charts.signal_charts import ShareBar
from longplay.site.charts.timeline import Timeline, describe_window, draw_timeline
from longplay.site.signals import snippets
from longplay.site.signals.formula import Formula, render_formulas
from longplay.site.signals.plain_data import dump_definition, flatten_fields, format_yaml
from longplay.site.signals.plain_language import DESCRIPTIVE_KEYS, describe_definition
from longplay.site.signals.provenance import Deployment, TrainingSet
from longplay.site.signals.registry_records import VersionRecord
from longplay.site.signals.sources import ValueSource
from longplay.site.signals.statistics import SignalStatistics, compute_statistics
from longplay.site.signals.versions import VersionEntry, href, list_versions

MAX_HORIZON_IN_HOURS_H = 96
"""Up to this horizon, ages are grouped by hour; above it, by whole days."""
AGE_GROUPS = 31
"""Approximate number of groups of ages in whole days."""
_KEYS_AT_TOP = frozenset(
    ["name", "version", "title", "description", "direction", "unit", "guardrails", "owner", "status", "tags"]
)
"""Descriptive keys that have a place of their own on the page."""


@dataclass(frozen=True)
class SourceSection:
    """The section on one source: statistics and charts, the delay curve if there is one, and its drifts."""

    source: ValueSource
    statistics: SignalStatistics
    distribution: ValueDistribution | None
    state_bars: Sequence[ShareBar]
    coverage: Chart
    means: Chart | None
    value_bars: Sequence[ShareBar]
    value_columns: Chart | None
    open_anchor_delay: Chart | None
    delay_curve: Chart | None
    drifts: Sequence[CurveDrift]


@dataclass(frozen=True)
class SignalPage:
    """The content of the page of a signal version.

    ``newest`` is the version that the bare name stands for; ``failures`` are those of this version, by source.
    """

    definition: Definition
    newest: Definition
    fields: Mapping[str, Any]
    href: str
    sentences: Sequence[tuple[str, str]]
    formulas: Sequence[Formula]
    timeline: Timeline | None
    yaml: str
    keys: Sequence[tuple[str, str]]
    about: Sequence[tuple[str, str]]
    versions: Sequence[VersionEntry]
    sections: Sequence[SourceSection]
    failures: Mapping[str, SignalFailure]
    training_sets: Sequence[TrainingSet]
    deployments: Sequence[Deployment]
    record: VersionRecord
    snippets: Sequence[snippets.Snippet]

    @property
    def status(self) -> str:
        """Its status, or ``deprecated`` once its deprecation date has passed."""
        return self.record.effective_status(self.definition)

    @property
    def tags(self) -> Sequence[str]:
        """The tags of the definition."""
        return [str(tag) for tag in self.fields.get("tags") or ()]

    @property
    def horizon_h(self) -> int:
        """Hours from an anchor's day to maturity."""
        return int(self.definition.horizon.total_seconds() // 3600)


def build_signal_page(
    definition: Definition, registry: Registry, sources: Sequence[ValueSource], folders: Sequence[Path]
) -> SignalPage:
    """Build the page of a version, without its uses and its registry record."""
    fields = dump_definition(definition)
    sections = tuple(_build_sections(definition, sources))
    return SignalPage(
        definition=definition,
        newest=registry.get(definition.name),
        fields=fields,
        href=href(definition),
        sentences=tuple(_sentences(definition, fields)),
        formulas=tuple(render_formulas(definition)),
        timeline=draw_timeline(fields),
        yaml=format_yaml(definition),
        keys=tuple(flatten_fields(fields)),
        about=tuple(_about(fields)),
        versions=tuple(list_versions(definition.name, registry.by_ref.values())),
        sections=sections,
        failures={s.name: s.failures[definition.ref] for s in sources if definition.ref in s.failures},
        training_sets=(),
        deployments=(),
        record=VersionRecord((), None, False, ()),
        snippets=tuple(_build_snippets(definition, registry, sections, folders)),
    )


def _sentences(definition: Definition, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    zero = ", where D0 is the UTC day of t0" if fields["window"].get("kind") == "calendar" else ""
    window = f"{describe_window(fields)}{zero}: {definition.window.text()}".removeprefix(": ")
    lateness = format_duration(definition.lateness)
    maturity = f"when the watermark reaches the end of the window + {lateness}; later facts cause revisions"
    yield from describe_definition(definition, window, maturity)


def _about(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Descriptive keys without a place of their own on the page."""
    for key in fields:
        if key in DESCRIPTIVE_KEYS - _KEYS_AT_TOP:
            yield from ((path.replace("_", " "), text) for path, text in flatten_fields(fields[key], key) if text)


def _build_sections(definition: Definition, sources: Sequence[ValueSource]) -> Iterator[SourceSection]:
    for source in sources:
        statistics = compute_statistics(source.aggregates, definition.ref, definition.hash)
        if statistics is not None:
            yield _build_section(definition, source, statistics)


def _build_section(definition: Definition, source: ValueSource, statistics: SignalStatistics) -> SourceSection:
    distribution = compute_distribution(statistics, source.aggregates, definition.ref, definition.hash)
    has_bars = distribution is not None and distribution.exact and len(statistics.value_counts) <= MAX_VALUE_BARS
    curve = load_delay_curve(source.aggregates.table.parent, definition)
    return SourceSection(
        source=source,
        statistics=statistics,
        distribution=distribution,
        state_bars=signal_charts.draw_state_bars(statistics),
        coverage=signal_charts.draw_coverage(statistics),
        means=signal_charts.draw_means(statistics, definition.unit),
        value_bars=value_charts.draw_value_bars(distribution) if distribution and has_bars else (),
        value_columns=value_charts.draw_value_columns(distribution, definition.unit)
        if distribution and not has_bars
        else None,
        open_anchor_delay=value_charts.draw_open_anchor_delay(statistics, _age_group_h(definition)),
        delay_curve=draw_delay_curve(curve) if curve else None,
        drifts=curve.drifts if curve else (),
    )


def _age_group_h(definition: Definition) -> int:
    """Width of a group of ages in hours: one hour for short horizons, else whole days."""
    horizon_h = definition.horizon.total_seconds() / 3600
    return 1 if horizon_h <= MAX_HORIZON_IN_HOURS_H else 24 * -(-int(horizon_h / 24) // AGE_GROUPS)


def _build_snippets(
    definition: Definition, registry: Registry, sections: Sequence[SourceSection], folders: Sequence[Path]
) -> Iterator[snippets.Snippet]:
    label = snippets.build_label_snippet(definition, registry.get(definition.name))
    if label:
        yield label
    if sections:
        table = sections[0].source.aggregates.table
        yield snippets.build_python_snippet(definition, table, folders, registry.file)
        yield snippets.build_sql_snippet(definition, table)
