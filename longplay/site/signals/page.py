"""What the page of one signal version says, before it is rendered."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longplay.config.duration import format_duration
from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.lookup.delay_curves import CurveDrift, load_delay_curve
from longplay.registry.registry import Registry
from longplay.site.charts import delay_chart, signal_charts, value_charts
from longplay.site.charts.chart import Chart
from longplay.site.charts.histogram import FEW, Distribution, distribution
from longplay.site.charts.signal_charts import Bar
from longplay.site.charts.timeline import Timeline, timeline, window_text
from longplay.site.signals import plain_language
from longplay.site.signals import snippets as uses
from longplay.site.signals.formula import Formula, formulas
from longplay.site.signals.plain_data import Change, changes, flat, plain, written
from longplay.site.signals.provenance import Deployment, TrainingSet
from longplay.site.signals.registry_records import Recorded
from longplay.site.signals.sources import Source
from longplay.site.signals.statistics import Standing, standing

SHORT_H = 96
"""Horizons up to which ages are told in hours."""


AGES = 31
"""About how many groups of ages there are, where ages are told in days."""


@dataclass(frozen=True)
class Held:
    """The values of the signal in one source, drawn; ``followed`` is its delay curve, ``drifts`` the alarms of that."""

    source: Source
    found: Standing
    spread: Distribution | None
    states: Sequence[Bar]
    coverage: Chart
    means: Chart | None
    values: Sequence[Bar]
    columns: Chart | None
    delay: Chart | None
    followed: Chart | None
    drifts: Sequence[CurveDrift]


@dataclass(frozen=True)
class Step:
    """A version, and in what it differs from the one before it; None for the first."""

    definition: Definition | Reward
    href: str
    changes: Sequence[Change] | None
    same_meaning: bool


@dataclass(frozen=True)
class Page:
    """Everything that the page of a signal version is made of. ``newest`` is what the signal's bare name stands for."""

    definition: Definition
    newest: Definition
    plain: Mapping[str, Any]
    href: str
    sentences: Sequence[tuple[str, str]]
    formulas: Sequence[Formula]
    timeline: Timeline | None
    yaml: str
    keys: Sequence[tuple[str, str]]
    about: Sequence[tuple[str, str]]
    versions: Sequence[Step]
    held: Sequence[Held]
    training_sets: Sequence[TrainingSet]
    deployments: Sequence[Deployment]
    recorded: Recorded
    snippets: Sequence[uses.Snippet]

    @property
    def status(self) -> str:
        """Its status, deprecation taken in."""
        return self.recorded.status(self.definition)

    @property
    def tags(self) -> Sequence[str]:
        """Its tags, where the definition has any."""
        return [str(tag) for tag in self.plain.get("tags") or ()]

    @property
    def hours(self) -> int:
        """Hours from an anchor's day to maturity."""
        return int(self.definition.horizon.total_seconds() // 3600)


_TOLD = frozenset(
    ["name", "version", "title", "description", "direction", "unit", "guardrails", "owner", "status", "tags"]
)


def href(definition: Definition | Reward) -> str:
    """The file of a version's page, as definitions are named; signals and rewards share their names."""
    return f"{definition.name}.v{definition.version}.html"


def page_of(definition: Definition, registry: Registry, sources: Sequence[Source], folders: Sequence[Path]) -> Page:
    """Everything there is to say about a version but who uses it."""
    told = plain(definition)
    held = tuple(_held(definition, sources))
    return Page(
        definition=definition,
        newest=registry.get(definition.name),
        plain=told,
        href=href(definition),
        sentences=tuple(_sentences(definition, told)),
        formulas=tuple(formulas(definition)),
        timeline=timeline(told),
        yaml=written(definition),
        keys=tuple(flat(told)),
        about=tuple(_about(told)),
        versions=tuple(versions(definition.name, registry.by_ref.values())),
        held=held,
        training_sets=(),
        deployments=(),
        recorded=Recorded((), None, False, ()),
        snippets=tuple(_snippets(definition, registry, held, folders)),
    )


def _sentences(definition: Definition, told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    zero = ", D0 being the UTC day of t0" if told["window"].get("kind") == "calendar" else ""
    window = f"{window_text(told)}{zero}: {definition.window.text()}".removeprefix(": ")
    late = format_duration(definition.lateness)
    matures = f"when the watermark reaches the end of the window + {late}; late facts after that make revisions"
    yield from plain_language.sentences(definition, window, matures)


def _about(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys for readers that the top of the page does not say."""
    for key in told:
        if key in plain_language.READERS - _TOLD:
            yield from ((path.replace("_", " "), text) for path, text in flat(told[key], key) if text)


def versions(name: str, found: Iterable[Definition | Reward]) -> Iterator[Step]:
    """The versions of a name, oldest first."""
    before: Definition | Reward | None = None
    for one in sorted((d for d in found if d.name == name), key=lambda d: d.version):
        differs = None if before is None else changes(before, one)
        yield Step(one, href(one), differs, before is not None and before.hash == one.hash)
        before = one


def _held(definition: Definition, sources: Sequence[Source]) -> Iterator[Held]:
    for source in sources:
        found = standing(source.gathered, definition.ref, definition.hash)
        if found is None:
            continue
        spread = distribution(found, source.gathered, definition.ref, definition.hash)
        few = spread is not None and spread.exact and len(found.levels) <= FEW
        curve = load_delay_curve(source.gathered.table.parent, definition)
        horizon = definition.horizon.total_seconds() / 3600
        hours = 1 if horizon <= SHORT_H else 24 * -(-int(horizon / 24) // AGES)
        yield Held(
            source=source,
            found=found,
            spread=spread,
            states=signal_charts.state_bars(found),
            coverage=signal_charts.coverage(found),
            means=signal_charts.means(found, definition.unit),
            values=value_charts.value_bars(spread) if spread and few else (),
            columns=value_charts.columns(spread, definition.unit) if spread and not few else None,
            delay=value_charts.delay(found, hours),
            followed=delay_chart.followed(curve) if curve else None,
            drifts=curve.drifts if curve else (),
        )


def _snippets(
    definition: Definition, registry: Registry, held: Sequence[Held], folders: Sequence[Path]
) -> Iterator[uses.Snippet]:
    label = uses.label(definition, registry.get(definition.name))
    if label:
        yield label
    if held:
        yield uses.client(definition, held[0].source.gathered.table, folders, registry.file)
        yield uses.sql(definition, held[0].source.gathered.table)
