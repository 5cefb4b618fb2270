"""Pages on the quality of a source's tables: an index, and a page a table. They work from file:// and load nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from jinja2 import ChoiceLoader, PackageLoader
from markupsafe import Markup

from longplay.pipeline import STEPS
from longplay.site.quality import charts
from longplay.site.signals import site as catalogue
from longplay.status import quarantine as aside
from longplay.status.metric_series import Series
from longplay.status.quarantine import Asked, Group
from longplay.status.row_accounting import has
from longplay.status.status import Standing, Status, newest_moment, status

MARK = '<meta name="generator" content="Longplay quality">'
"""How the index of these pages is told from somebody else's."""
RUNS = 40
"""So many runs a picture shows."""
WORDS: Mapping[str, str] = {
    "warned": "It was published, but a check failed that blocks nothing.",
    "failed": "Its newest version was refused: readers keep the last good one.",
    "behind": "Newer versions of its inputs are there.",
    "not built": "It was judged, and never published.",
}
"""What a state means, where all is not well."""


@dataclass(frozen=True)
class Pages:
    """What the pages say.

    Attributes:
        status: the tables and the ledger.
        about: a sentence on each table.
        aside: what is in quarantine, by log and reason.
        releases: releases from quarantine, newest first.
        series: metrics by table, day by day; those with unusual days come first.
    """

    status: Status
    about: Mapping[str, str]
    aside: Sequence[Group]
    releases: Sequence[Mapping[str, object]]
    series: Mapping[str, Sequence[Series]]

    @property
    def steps(self) -> list[tuple[str, list[Standing]]]:
        """Steps with the tables of theirs that are there; tables of no known step come last."""
        by_name = {one.table: one for one in self.status.tables}
        known = [(step.name, [by_name[name] for name in step.publishes if name in by_name]) for step in STEPS]
        rest = [one for one in self.status.tables if not one.step]
        return [*((name, found) for name, found in known if found), *([("other", rest)] if rest else [])]

    @property
    def holding(self) -> list[Standing]:
        """Tables that hold others up."""
        return [one for one in self.status.tables if one.blocks or one.steps]


def write_pages(
    folder: Path, out: Path, about: Mapping[str, str], series: Mapping[str, Sequence[Series]] = MappingProxyType({})
) -> int:
    """Write the pages of a source; gives their number. The same tables and verdicts give the same bytes.

    Args:
        folder: the folder of the source's tables.
        out: where to; a folder that is empty, new, or holds such pages.
        about: a sentence on each table.
        series: metrics of each table, day by day.

    Raises:
        ConfigError: when ``out`` holds something else.
        NotFoundError: when there is no such source.
        StoreError: when a table is corrupted.
    """
    catalogue.check_out(out, MARK)
    groups = aside.groups(folder, Asked(released=True, examples=1)) if has(folder, "quarantine") else []
    ordered = {table: sorted(told, key=lambda one: (not one.unusual, one.name)) for table, told in series.items()}
    made = _render(Pages(status(folder, RUNS), about, groups, aside.releases(folder), ordered))
    (out / "tables").mkdir(parents=True, exist_ok=True)
    for old in set((out / "tables").glob("*.html")) - {out / name for name in made}:
        old.unlink()
    for name, text in made.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    return len(made)


def _render(pages: Pages) -> dict[str, str]:
    loaders = [PackageLoader("longplay.site")]
    environment = catalogue.environment_of(ChoiceLoader(loaders))
    environment.globals.update(words=WORDS, trend=charts.trend, spark=charts.spark, shares=charts.shares)
    environment.globals["course"] = charts.course
    own = resources.files("longplay.site").joinpath("templates", "quality.css").read_text(encoding="utf-8")
    style = Markup(catalogue.template("style.css") + own)
    shared = {
        "pages": pages,
        "style": style,
        "style_hash": catalogue.digest(style),
        "mark": Markup(MARK),
        "newest": newest_moment(pages.status),
    }
    table = environment.get_template("quality_table.html.j2")
    made = {"index.html": environment.get_template("quality_index.html.j2").render(root="", **shared)}
    for one in pages.status.tables:
        made[f"tables/{one.table}.html"] = table.render(one=one, root="../", **shared)
    return made
