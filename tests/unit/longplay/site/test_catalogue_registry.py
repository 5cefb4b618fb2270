"""The catalogue shows what the registry records: versions applied, aliases, deprecations, uses."""

from pathlib import Path

from click.testing import CliRunner

from longplay.cli import cli
from longplay.registry import lifecycle
from longplay.registry.registry import default_registry
from longplay.registry.usage import SignalUser, record_use
from tests.unit.longplay.signal_files import ANA, proposal
from tests.unit.longplay.site.site_pages import Element, by_id, captioned, read
from tests.unit.longplay.site.value_tables import Row, day, table, write

DRAFT = {"status": "draft", "version": 3, "lateness": "3 d"}


def built(store: Path) -> dict[str, Element]:
    result = CliRunner().invoke(cli, ["catalogue", "--store", str(store), "--out", str(store.parent / "site")])
    assert result.exit_code == 0, result.output
    return {file.name: read(file) for file in (store.parent / "site").rglob("*.html")}


def filled(tmp_path: Path) -> Path:
    """A store with a registry file: two published versions and a draft, an alias, a use, and a value of 12 January."""
    store = tmp_path / "warehouse"
    file = store / "registry.db"
    for changes in ({}, {"version": 2, "lateness": "2 d"}, DRAFT):
        lifecycle.apply(file, [proposal(tmp_path / "d", **changes)], ANA)
    lifecycle.move_alias(file, "came_back@champion", 1, ANA)
    registry = default_registry(file=file)
    record_use(registry, SignalUser("experiment", "<b>spring</b>"), ["came_back@champion"])
    write(store, "shop", table(registry.get("came_back@1"), [Row("a", day(3), value=1.0)]))
    return store


def notices(page: Element) -> list[str]:
    return [element.text for element in page.all("p") if element.attributes.get("class") == "notice"]


def test_versions_aliases_and_uses_of_a_registry_file(tmp_path: Path) -> None:
    pages = built(filled(tmp_path))
    assert {"came_back.v1.html", "came_back.v2.html", "came_back.v3.html", "click.v1.html"} < set(pages)
    listed = next(
        element
        for element in by_id(pages["index.html"], "signals").children
        if element.attributes["data-name"] == "came_back"
    )
    assert listed.all("a")[0].attributes["href"] == "signals/came_back.v2.html"
    first, draft = pages["came_back.v1.html"], pages["came_back.v3.html"]
    assert "came_back@champion" in [chip.text for chip in first.all("ul")[0].all("li")]
    used = captioned(first, "Recorded uses")
    assert [row[:3] for row in used] == [["<b>spring</b>", "experiment", "came_back@champion"]]
    assert "Used by" not in {h.text for h in pages["came_back.v2.html"].all("h2")}
    assert notices(first) == ["There is a newer version: came_back@2."]
    assert notices(draft) == ["This version is not in use yet; came_back stands for came_back@2."]


def test_a_deprecation_counts_from_its_day_on_seen_from_the_values(tmp_path: Path) -> None:
    store = filled(tmp_path)
    file = store / "registry.db"
    lifecycle.deprecate(file, "came_back@1", "2026-01-13", "came_back@2", ANA)
    page = built(store)["came_back.v1.html"]
    assert notices(page)[1] == "This version will be deprecated on 2026-01-13. Use came_back@2 instead."
    assert page.all("ul")[0].all("li")[0].text == "published"
    lifecycle.deprecate(file, "came_back@1", "2026-01-12", "came_back@2", ANA)
    page = built(store)["came_back.v1.html"]
    assert notices(page)[1] == "This version has been deprecated since 2026-01-12. Use came_back@2 instead."
    assert page.all("ul")[0].all("li")[0].text == "deprecated"
