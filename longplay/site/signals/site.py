"""Writes the site: gathers what every page says, renders the templates, and keeps the folder to what it wrote."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from itertools import chain
from pathlib import Path

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.errors import ConfigError
from longplay.registry.registry import Registry
from longplay.site import formatting
from longplay.site.charts import signal_charts, value_charts
from longplay.site.signals import provenance
from longplay.site.signals.page import Page, href, page_of
from longplay.site.signals.registry_records import Records, records
from longplay.site.signals.rewards import RewardPage, reward_pages
from longplay.site.signals.sources import Source, sources
from longplay.site.signals.statistics import unexplained

MARK = '<meta name="generator" content="Longplay catalogue">'
"""How the index of a catalogue is told from somebody else's."""


@dataclass(frozen=True)
class Site:
    """Every page, and what they share.

    Attributes:
        registry: the definitions.
        sources: the sources that have values.
        pages: a page for every version, by name and version.
        rewards: the same for rewards.
    """

    registry: Registry
    sources: Sequence[Source]
    pages: Sequence[Page]
    rewards: Sequence[RewardPage] = ()

    @cached_property
    def newest(self) -> Sequence[Page]:
        """The page of the newest version of every signal, by name."""
        return [page for page in self.pages if page.definition.ref == page.newest.ref]

    def link(self, name: str) -> str | None:
        """The file of a page, by pinned name or by name alone (its newest version); None if there is none."""
        pinned = self.registry.aliases.get(name, name)
        for known in (self.registry.by_ref, self.registry.rewards):
            if pinned in known:
                return href(known[pinned])
        newest: Iterable[Definition | Reward] = chain((p.newest for p in self.pages), (p.newest for p in self.rewards))
        return next((href(one) for one in newest if one.name == name), None)

    def guards(self, page: Page) -> Sequence[Page]:
        """The signals that have this one for a guardrail."""
        return [one for one in self.newest if page.definition.name in one.definition.guardrails]

    def rewarded(self, page: Page) -> Sequence[RewardPage]:
        """The rewards, in their newest version, that a signal version is part of."""
        ref = page.definition.ref
        return [
            one for one in self.rewards if one.reward.ref == one.newest.ref and ref in {name for name, _ in one.terms}
        ]

    @cached_property
    def unexplained(self) -> Sequence[tuple[str, str, str, int]]:
        """Values that no definition explains: source, pinned name, hash, anchors."""
        hashes = {ref: definition.hash for ref, definition in self.registry.by_ref.items()}
        return [(source.name, *row) for source in self.sources for row in unexplained(source.gathered, hashes)]


@dataclass(frozen=True)
class Asked:
    """What the site is made from: the root of all tables, further folders of definitions, a registry file."""

    store: Path
    folders: Sequence[Path]
    file: Path | None = None


def write_site(asked: Asked, out: Path, say: Callable[[str], None]) -> int:
    """Write the whole site; gives the number of pages. The same tables and definitions give the same bytes.

    Args:
        asked: what from.
        out: where to; a folder that is empty, new, or holds a catalogue.
        say: takes lines of progress.

    Raises:
        ConfigError: when ``out`` holds something else.
        NotFoundError: when there is no such store.
        StoreError: when a table is corrupted.
    """
    check_out(out, MARK)
    with records(asked.folders, asked.file) as told:
        made = _render(_gather(asked, told, say), say)
    for folder in (out, out / "signals"):
        folder.mkdir(parents=True, exist_ok=True)
    for old in set((out / "signals").glob("*.html")) - {out / name for name in made}:
        old.unlink()
    for name, text in made.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    return len(made)


def _gather(asked: Asked, told: Records, say: Callable[[str], None]) -> Site:
    having = tuple(sources(asked.store, say))
    at = max((source.known_at.date() for source in having if source.known_at), default=None)
    sets, deployed = provenance.training_sets(asked.store), provenance.deployments(asked.store)
    pages = []
    for one in sorted(told.registry.by_ref.values(), key=lambda d: (d.name, d.version)):
        say(f"{one.ref}: figures")
        page = page_of(one, told.registry, having, asked.folders)
        learned = provenance.learned_from(one.ref, one.hash, sets)
        shown = tuple(provenance.evidence(one.ref, sets, deployed)) if learned else ()
        pages.append(replace(page, training_sets=learned, deployments=shown, recorded=told.of(one, at)))
    return Site(told.registry, having, pages, reward_pages(told, at))


def _render(site: Site, say: Callable[[str], None]) -> dict[str, str]:
    environment = environment_of(PackageLoader("longplay.site"))
    environment.globals.update(
        href=href,
        spark=signal_charts.spark,
        arms_grid=provenance.arms_grid,
        revised=value_charts.revised,
        window=lambda d: d.window.text(),
    )
    index, signal, reward = (environment.get_template(f"{name}.html.j2") for name in ("index", "signal", "reward"))
    made = {"index.html": index.render(site=site, **_shared("index.js", ""))}
    for page in site.pages:
        say(f"{page.definition.ref}: page")
        made[f"signals/{page.href}"] = signal.render(site=site, page=page, **_shared("signal.js", "../"))
    for one in site.rewards:
        say(f"{one.reward.ref}: page")
        made[f"signals/{one.href}"] = reward.render(site=site, page=one, **_shared("signal.js", "../"))
    return made


def _shared(script: str, root: str) -> dict[str, object]:
    """Style and script of a page with the hashes by which its policy lets them in, and nothing else."""
    style, code = (Markup(template(name)) for name in ("style.css", script))
    hashes = {"style_hash": digest(style), "script_hash": digest(code)}
    return {"style": style, "script": code, "root": root, "mark": Markup(MARK), **hashes}


def digest(text: str) -> str:
    """The hash by which a page's policy lets in a style or script that stands in it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def template(name: str) -> str:
    """The text of a template of the catalogue as it is."""
    return resources.files("longplay.site").joinpath("templates", name).read_text(encoding="utf-8")


def environment_of(loader: BaseLoader) -> Environment:
    """Templates that escape what they are given, refuse what they are not given, and know how numbers are written."""
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = ("count", "share", "number", "moment", "day")
    environment.filters.update({name: getattr(formatting, name) for name in filters})
    return environment


def check_out(out: Path, mark: str) -> None:
    """See that a folder may be written to: it is empty, new, or holds a site with this mark.

    Raises:
        ConfigError: when it holds something else.
    """
    index = out / "index.html"
    theirs = out.exists() and (not out.is_dir() or any(out.iterdir()))
    if theirs and not (index.is_file() and mark in index.read_text(encoding="utf-8", errors="replace")):
        raise ConfigError("This folder holds something else.", where=str(out), fix="name a new folder with --out")
