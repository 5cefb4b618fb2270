"""The catalogue of signals as a static site: an index and a page for every version of a signal or reward."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.registry.registry import Registry
from longplay.site.charts.signal_charts import draw_sparkline
from longplay.site.charts.value_charts import tabulate_revisions
from longplay.site.rendering import check_output_folder, create_environment, hash_inline, read_template, write_files
from longplay.site.signals import provenance
from longplay.site.signals.page import SignalPage, build_signal_page
from longplay.site.signals.registry_records import RegistryRecords, open_records
from longplay.site.signals.rewards import RewardPage, build_reward_pages
from longplay.site.signals.sources import ValueSource, load_value_sources
from longplay.site.signals.statistics import find_undefined_values
from longplay.site.signals.versions import href

MARKER = '<meta name="generator" content="Longplay catalogue">'
"""Marks the index of a catalogue."""


@dataclass(frozen=True)
class CatalogueSite:
    """All pages and what they share.

    Attributes:
        registry: the definitions.
        sources: the sources that have values.
        pages: a page for every version of a signal, by name and version.
        rewards: a page for every version of a reward, by name and version.
    """

    registry: Registry
    sources: Sequence[ValueSource]
    pages: Sequence[SignalPage]
    rewards: Sequence[RewardPage] = ()

    @cached_property
    def newest(self) -> Sequence[SignalPage]:
        """The page of the newest version of every signal, by name."""
        return [page for page in self.pages if page.definition.ref == page.newest.ref]

    def find_href(self, name: str) -> str | None:
        """The file of a page by pinned name, alias or bare name (its newest version); None if there is none."""
        ref = self.registry.aliases.get(name, name)
        for definitions in (self.registry.by_ref, self.registry.rewards):
            if ref in definitions:
                return href(definitions[ref])
        newest: Iterable[Definition | Reward] = chain((p.newest for p in self.pages), (p.newest for p in self.rewards))
        return next((href(definition) for definition in newest if definition.name == name), None)

    def find_guarded_signals(self, page: SignalPage) -> Sequence[SignalPage]:
        """The signals that have this one as a guardrail."""
        return [guarded for guarded in self.newest if page.definition.name in guarded.definition.guardrails]

    def find_rewards(self, page: SignalPage) -> Sequence[RewardPage]:
        """The rewards, in their newest version, that include this version of a signal."""
        newest = (reward for reward in self.rewards if reward.reward.ref == reward.newest.ref)
        return [reward for reward in newest if page.definition.ref in {signal for signal, _ in reward.terms}]

    @cached_property
    def undefined_values(self) -> Sequence[tuple[str, str, str, int]]:
        """Values that match no definition: source, pinned name, hash, number of anchors."""
        hash_by_ref = {ref: definition.hash for ref, definition in self.registry.by_ref.items()}
        return [
            (source.name, *row)
            for source in self.sources
            for row in find_undefined_values(source.aggregates, hash_by_ref)
        ]


@dataclass(frozen=True)
class CatalogueInputs:
    """What the site is built from: the root of all tables, folders of definitions, and a registry file."""

    store: Path
    folders: Sequence[Path]
    registry_file: Path | None = None


def write_site(inputs: CatalogueInputs, out: Path, report: Callable[[str], None]) -> int:
    """Write the site. The same tables and definitions give the same bytes.

    Args:
        inputs: what the site is built from.
        out: a folder that is new, empty, or holds a catalogue.
        report: receives lines of progress.

    Returns:
        The number of pages.

    Raises:
        ConfigError: when ``out`` holds other files.
        NotFoundError: when there is no such store.
        StoreError: when a table is corrupted.
    """
    check_output_folder(out, MARKER)
    with open_records(inputs.folders, inputs.registry_file) as records:
        texts = _render_site(_build_site(inputs, records, report), report)
    write_files(out, "signals", texts)
    return len(texts)


def _build_site(inputs: CatalogueInputs, records: RegistryRecords, report: Callable[[str], None]) -> CatalogueSite:
    registry = records.registry
    sources = tuple(load_value_sources(inputs.store, report))
    day = max((source.known_at.date() for source in sources if source.known_at), default=None)
    training_sets, deployments = provenance.load_training_sets(inputs.store), provenance.load_deployments(inputs.store)
    pages = []
    for definition in sorted(registry.by_ref.values(), key=lambda definition: (definition.name, definition.version)):
        report(f"{definition.ref}: computing statistics")
        page = build_signal_page(definition, registry, sources, inputs.folders)
        trained = provenance.select_training_sets(definition.ref, definition.hash, training_sets)
        evidence = provenance.select_deployments(definition.ref, training_sets, deployments) if trained else ()
        record = records.select_version(definition, day)
        pages.append(replace(page, training_sets=trained, deployments=tuple(evidence), record=record))
    return CatalogueSite(registry, sources, pages, build_reward_pages(records, day))


def _render_site(site: CatalogueSite, report: Callable[[str], None]) -> dict[str, str]:
    environment = _create_environment()
    index, signal, reward = (environment.get_template(f"{name}.html.j2") for name in ("index", "signal", "reward"))
    texts = {"index.html": index.render(site=site, **_shared_values("index.js", ""))}
    for page in site.pages:
        report(f"{page.definition.ref}: rendering the page")
        texts[f"signals/{page.href}"] = signal.render(site=site, page=page, **_shared_values("signal.js", "../"))
    for reward_page in site.rewards:
        report(f"{reward_page.reward.ref}: rendering the page")
        values = _shared_values("signal.js", "../")
        texts[f"signals/{reward_page.href}"] = reward.render(site=site, page=reward_page, **values)
    return texts


def _create_environment() -> Environment:
    environment = create_environment()
    environment.globals.update(
        href=href,
        draw_sparkline=draw_sparkline,
        tabulate_arms=provenance.tabulate_arms,
        tabulate_revisions=tabulate_revisions,
    )
    return environment


def _shared_values(script: str, root: str) -> dict[str, object]:
    """The style and script of a page, with the hashes by which its content policy allows them."""
    style, code = (Markup(read_template(name)) for name in ("style.css", script))
    hashes = {"style_hash": hash_inline(style), "script_hash": hash_inline(code)}
    return {"style": style, "script": code, "root": root, "mark": Markup(MARKER), **hashes}
