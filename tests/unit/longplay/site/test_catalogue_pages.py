"""The catalogue's pages: content, links, escaping and accessibility."""

import base64
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from deltalake import DeltaTable

from longplay.cli import cli
from longplay.errors import ConfigError, NotFoundError, StoreError
from longplay.registry.registry import default_registry
from longplay.site.signals.site import MARKER
from longplay.site.signals.versions import href
from tests.unit.longplay.site.site_pages import Element, by_id, captioned, read
from tests.unit.longplay.site.value_tables import KNOWN_AT, Row, day, table, write, write_release

ROOT = Path(__file__).parents[4]
HOSTILE = '<script>alert("x")</script>&amp;<img src=x onerror=alert(1)>'
H = timedelta(hours=1)


def definitions(folder: Path) -> Path:
    """Two versions of a custom signal, and a signal with hostile texts."""
    own: dict[str, Any] = {
        "name": "return_to_item_7d",
        "version": 1,
        "title": "Came back within 7 days",
        "description": "1 if the listener came back.",
        "owner": "podcasts",
        "status": "deprecated",
        "direction": "higher_is_better",
        "unit": "0 or 1",
        "anchor": "exposure",
        "keys": "user_item",
        "window": {"kind": "calendar", "from": 1, "to": 7},
        "lateness": "1 d",
        "measure": {"kind": "any", "of": "consumption"},
        "guardrails": ["regret", "skips_nobody_counts"],
    }
    second = {
        **own,
        "version": 2,
        "status": "published",
        "lateness": "2 d",
        "credit": {"rule": "clicked", "within": "24 h"},
    }
    evil = {**own, "name": "evil", "title": HOSTILE, "description": f"{HOSTILE} </style></script>", "owner": HOSTILE}
    evil |= {"status": "draft", "unit": "']]>", "source": "javascript:alert(1)", "guardrails": [HOSTILE]}
    folder.mkdir(parents=True)
    for name, fields in (("first", own), ("second", second), ("evil", evil)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    return folder


def warehouse(store: Path, own: Path) -> Path:
    """Two sources: clicks in both; one also has a release and the second version of the custom signal."""
    registry = default_registry([own])
    click, back = registry.get("click@1"), registry.get("return_to_item_7d@2")
    clicks = [Row(f"c{i}", day(1 + i % 30), value=float(i % 4 == 0)) for i in range(60)]
    clicks += [Row("c1", day(2), value=1.0, revision=1, late=5 * H), Row("c60", day(59), "open", prefix=0.0)]
    backs = [Row(f"b{i}", day(1 + i % 20), value=float(i < 3)) for i in range(12)]
    backs += [Row("v", day(9), "void", reason="outage"), Row("y", day(57), "open", prefix=1.0)]
    write(store, "shop", table(click, clicks), table(back, backs))
    write_release(store, "shop", "2026-02-28-older", KNOWN_AT - timedelta(days=1), 0)
    write_release(store, "shop", "2026-03-01-newer", KNOWN_AT, 1)
    write(store, "radio", table(click, clicks[:8]), table(click.updated(lateness="3 d"), clicks[:5]))
    return store


def build(store: Path, out: Path, own: Path) -> dict[str, Element]:
    result = CliRunner().invoke(cli, ["catalogue", "--store", str(store), "--out", str(out), "--definitions", str(own)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return {file.relative_to(out).as_posix(): read(file) for file in sorted(out.rglob("*.html"))}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, dict[str, Element]]:
    base = tmp_path_factory.mktemp("catalogue")
    own = definitions(base / "definitions")
    store = warehouse(base / "warehouse", own)
    return store, base / "site", own, build(store, base / "site", own)


@pytest.fixture(scope="module")
def pages(catalogue: tuple[Path, Path, Path, dict[str, Element]]) -> dict[str, Element]:
    return catalogue[3]


def test_there_is_a_page_for_every_version(catalogue: tuple[Path, Path, Path, dict[str, Element]]) -> None:
    _, out, own, pages = catalogue
    registry = default_registry([own])
    files = map(href, (*registry.by_ref.values(), *registry.rewards.values()))
    assert set(pages) == {"index.html", *(f"signals/{file}" for file in files)}
    assert href(registry.get("return_to_item_7d")) == "return_to_item_7d.v2.html"
    assert MARKER in (out / "index.html").read_text(encoding="utf-8")


def test_the_index_lists_the_newest_versions_and_leads_to_older_ones(pages: dict[str, Element]) -> None:
    listed = by_id(pages["index.html"], "signals")
    own = next(element for element in listed.children if element.attributes["data-name"] == "return_to_item_7d")
    assert len(listed.children) == len({d.name for d in default_registry().by_ref.values()}) + 2
    assert own.attributes["data-anchor"] == "exposure"
    assert own.attributes["data-status"] == "published"
    assert own.attributes["data-anchors"] == "14"
    assert own.attributes["data-share"] == str(round(12 / 14, 6))
    assert own.attributes["data-hours"] == str(24 * 10)
    assert "shop: 85.7% of 14 mature, mean 0.25" in own.text
    assert [a.attributes["href"] for a in own.all("a")] == [
        "signals/return_to_item_7d.v2.html",
        "signals/return_to_item_7d.v1.html",
    ]
    find = own.attributes["data-find"]
    assert all(word in find for word in ("return_to_item_7d", "came back within 7 days", "listener", "podcasts"))


def test_the_list_is_whole_without_the_script(pages: dict[str, Element]) -> None:
    index = pages["index.html"]
    assert "hidden" in by_id(index, "find").attributes
    assert not [element for element in by_id(index, "signals").children if "hidden" in element.attributes]
    assert by_id(index, "count").text == f"{len(by_id(index, 'signals').children)} signals"
    labelled = {element.attributes["for"] for element in index.all("label")}
    assert {element.attributes["id"] for element in index.all("input", "select")} == labelled


def test_values_without_a_definition_are_named(pages: dict[str, Element]) -> None:
    drafted = default_registry().get("click@1").updated(lateness="3 d")
    heads = [h.text for h in pages["index.html"].all("h2")]
    assert "Values without a definition" in heads
    cells = [cell.text for row in pages["index.html"].all("tr") for cell in row.all("th", "td")]
    assert cells == ["source", "signal", "hash", "anchors", "radio", "click@1", drafted.hash, "5"]


def test_a_page_counts_what_the_tables_hold(pages: dict[str, Element]) -> None:
    page = pages["signals/click.v1.html"]
    assert [h.text for h in page.all("h3")][:2] == ["radio", "shop"]
    tables = [t for t in page.all("table") if any(c.text == "Anchors by state" for c in t.all("caption"))]
    radio, shop = ([[c.text for c in r.all("th", "td")][:3] for r in t.all("tr")][1:] for t in tables)
    assert radio == [["mature", "8", "100.0%"], ["open", "0", "0.0%"]]
    assert shop == [["mature", "60", "98.4%"], ["open", "1", "1.6%"]]
    values = [t for t in page.all("table") if any(c.text.startswith("Mature anchors by") for c in t.all("caption"))]
    assert [[c.text for c in r.all("th", "td")][:3] for r in values[1].all("tr")][1:] == [
        ["0", "44", "73.3%"],
        ["1", "16", "26.7%"],
    ]
    assert [float(r.attributes["width"][:-1]) for r in values[1].all("rect") if r.attributes["class"] == "bar"] == [
        73.33,
        26.67,
    ]
    text = page.text
    assert (
        "1 of 60 mature values (1.7%) changed after maturity because of later facts: "
        "their mean was 0 at maturity and is 1 now." in text
    )
    assert captioned(page, "Revisions by time since maturity") == [["0 to 1 d", "1", "0", "0", "0"]]
    assert "None of 8 mature values changed after maturity" in text


def test_void_reasons_and_days(pages: dict[str, Element]) -> None:
    page = pages["signals/return_to_item_7d.v2.html"]
    rows = [row[:3] for row in captioned(page, "Anchors by state")]
    assert rows == [["mature", "12", "85.7%"], ["open", "1", "7.1%"], ["void: outage", "1", "7.1%"]]
    days = {row[0]: row[1:] for row in captioned(page, "Anchors by day of t0")}
    assert len(days) == 57
    assert days["2026-01-09"] == ["1", "0", "1"]
    assert days["2026-02-26"] == ["0", "1", "0"]
    drawn = by_id(page, "s1-days")
    assert "From 2026-01-01 to 2026-02-26: 12 mature, 1 open, 1 void: outage." in drawn.text
    assert len(drawn.all("path")) == 3


def test_a_signal_of_which_nothing_is_mature(catalogue: Any, tmp_path: Path) -> None:
    days = default_registry().get("active_days_28d@1")
    write(
        tmp_path / "w",
        "new",
        table(days, [Row("a", day(50), "open", prefix=3.0), Row("b", day(51), "open", prefix=0.0)]),
    )
    page = build(tmp_path / "w", tmp_path / "site", catalogue[2])["signals/active_days_28d.v1.html"]
    assert [row[:3] for row in captioned(page, "Anchors by state")] == [
        ["mature", "0", "0.0%"],
        ["open", "2", "100.0%"],
    ]
    assert [dt.text for dl in page.all("dl") if dl.attributes["class"] == "facts" for dt in dl.all("dt")] == [
        "anchors",
        "mature",
    ]
    assert "Nothing is mature yet, so there is no mean to compare with." in page.text
    assert "No value is mature yet, so none has been revised." in page.text


def test_the_date_is_that_of_the_newest_release(pages: dict[str, Element]) -> None:
    foot = pages["signals/click.v1.html"].all("footer")[0].text
    assert "shop: 1 March 2026, 00:00 UTC, release 2026-03-01-newer" in foot
    assert "radio: 9 January 2026, 13:00 UTC, not released" in foot
    assert "pins version" not in foot


def test_values_beside_their_release_say_so(catalogue: Any, tmp_path: Path) -> None:
    store = Path(shutil.copytree(catalogue[0], tmp_path / "warehouse"))
    write(store, "shop", table(default_registry().get("click@1"), [Row("new", day(3), value=1.0)]))
    foot = build(store, tmp_path / "site", catalogue[2])["index.html"].all("footer")[0].text
    assert "The release pins version 1 of the values; these pages show version 2." in foot


def test_versions_say_what_changed(pages: dict[str, Element]) -> None:
    page = pages["signals/return_to_item_7d.v2.html"]
    assert captioned(page, "What changed in return_to_item_7d@2") == [
        ["status", "deprecated", "published"],
        ["lateness", "1 d", "2 d"],
        ["credit.rule", "not set", "clicked"],
        ["credit.within", "not set", "1 d"],
    ]
    assert "different meaning from the previous version" in page.text
    older = pages["signals/return_to_item_7d.v1.html"]
    assert [n.text for n in older.all("p") if n.attributes.get("class") == "notice"] == [
        "There is a newer version: return_to_item_7d@2.",
        "This version is deprecated.",
    ]
    assert "No source of this store has values of this version." in older.text


def test_guardrails_are_links_both_ways(pages: dict[str, Element]) -> None:
    page = pages["signals/return_to_item_7d.v2.html"]
    section = next(s for s in page.all("section") if s.attributes["aria-labelledby"] == "guardrails")
    assert [a.attributes["href"] for a in section.all("a")] == ["regret.v1.html"]
    assert "skips_nobody_counts (not in this catalogue)" in section.text
    guarded = pages["signals/regret.v1.html"]
    section = next(s for s in guarded.all("section") if s.attributes["aria-labelledby"] == "guardrails")
    assert "return_to_item_7d.v2.html" in {a.attributes["href"] for a in section.all("a")}


def test_sections_without_data_are_not_there(pages: dict[str, Element]) -> None:
    for name, page in pages.items():
        heads = {h.text for h in page.all("h2")}
        assert "Evidence" not in heads, name
        shown = {caption.text for caption in page.all("caption")}
        assert not shown & {"Recorded uses", "Training sets with this label"}, name


def test_training_sets_and_deployments_are_shown_where_they_are(catalogue: Any, tmp_path: Path) -> None:
    store, _, own, _ = catalogue
    store = Path(shutil.copytree(store, tmp_path / "warehouse"))
    registry = default_registry([own])
    labels = {d.ref: d.hash for d in (registry.get("click@1"), registry.get("return_to_item_14d@1"))}
    manifest = {"checksum": "1234:ab", "known_at": "2026-03-01T00:00:00+00:00", "release_id": "r1", "labels": labels}
    estimate = {"value": 0.8, "se": 0.01, "low": 0.78, "high": 0.82}
    named = ("survival", "active_days", "ctr")
    arms = [
        {"arm": arm, "users": 9, "regret": None, **dict.fromkeys(named, estimate)}
        for arm in ("random", "xgboost-return")
    ]
    verdict = {"days": 90, "arms": arms, "families": [{"words": "XGBoost kept <more> listeners."}], "curves": []}
    for folder, content in (("_manifests", manifest), ("_deployments", verdict)):
        (store / "shop" / folder).mkdir()
        (store / "shop" / folder / "element.json").write_text(json.dumps(content), encoding="utf-8")
    pages = build(store, tmp_path / "site", own)
    page = pages["signals/return_to_item_14d.v1.html"]
    used = captioned(page, "Training sets with this label")
    assert used == [["shop", "r1", "1 March 2026, 00:00 UTC", "click@1, return_to_item_14d@1", "1,234"]]
    assert "XGBoost kept <more> listeners." in page.text
    arms_shown = captioned(page, "User outcomes by arm")
    assert arms_shown[1] == [
        "xgboost-return",
        "80.0% 78.0% to 82.0%",
        "0.8 0.78 to 0.82",
        "80.0% 78.0% to 82.0%",
        "none",
    ]
    # No arm is named after clicks, and the other version of the return was no label.
    assert "Evidence" not in {h.text for h in pages["signals/click.v1.html"].all("h2")}
    assert "Used by" in {h.text for h in pages["signals/click.v1.html"].all("h2")}
    assert "Used by" not in {
        h.text for h in pages["signals/return_to_item_28d.v1.html"].all("h2")
    }  # of no reward either
    # With a second return among the training sets, the verdict does not say which of them the arm learned from.
    other = {**manifest, "labels": {"return_to_item_28d@1": registry.get("return_to_item_28d@1").hash}}
    (store / "shop" / "_manifests" / "two.json").write_text(json.dumps(other), encoding="utf-8")
    again = build(store, tmp_path / "site", own)["signals/return_to_item_14d.v1.html"]
    assert "Evidence" not in {h.text for h in again.all("h2")}

    for broken in ("{", "[]", '{"checksum": "1:a"}'):
        (store / "shop" / "_manifests" / "two.json").write_text(broken, encoding="utf-8")
        with pytest.raises(StoreError, match="lacks the content") as failed:
            build(store, tmp_path / "site", own)
        assert failed.value.where.endswith("two.json")


def test_a_reward_has_a_page_that_names_its_signals_and_is_named_by_them(pages: dict[str, Element]) -> None:
    page = pages["signals/kept_return.v1.html"]
    assert page.all("h1")[0].text == "Came back to the item, without regret"
    rows = captioned(page, "Signals and their weights")
    assert ["return_to_item_14d@1", "0.8 * return_to_item_14d@1"] in rows
    assert ["regret@1", "-0.4 * regret@1"] in rows
    links = {link.text: link.attributes["href"] for link in page.all("a")}
    assert links["click@1"] == "click.v1.html"
    assert links["regret"] == "regret.v1.html"
    texts = {pre.attributes["data-copy"]: pre.raw for pre in page.all("pre")}
    assert yaml.safe_load(texts["As a label"]) == {"training": {"labels": ["click", "kept_return"]}}
    assert yaml.safe_load(texts["the definition"])["bounds"] == [0, 1]
    part = pages["signals/return_to_item_14d.v1.html"]
    assert "kept_return.v1.html" in {link.attributes["href"] for link in part.all("a")}
    other = pages["signals/return_to_item_28d.v1.html"]
    assert "kept_return.v1.html" not in {link.attributes["href"] for link in other.all("a")}
    index = pages["index.html"]
    assert "signals/lasting_value.v1.html" in {link.attributes["href"] for link in index.all("a")}
    assert "Rewards" in {h.text for h in index.all("h2")}


def test_the_snippets_do_what_they_say(pages: dict[str, Element]) -> None:
    page = pages["signals/click.v1.html"]
    texts = {pre.attributes["data-copy"]: pre.raw for pre in page.all("pre")}
    names: dict[str, Any] = {}
    exec(texts["From Python"].replace("radio", "shop"), names)
    assert len(names["mature"]) == 60
    assert names["mature"]["value"].sum() == 16
    assert yaml.safe_load(texts["As a label"]) == {"training": {"labels": ["click"]}}
    with closing(sqlite3.connect(":memory:")) as engine:
        names["rows"].assign(user_id="u", item_id="i", signal="click@1", definition_hash="b3a7fb11bb6fd0b8").to_sql(
            "signal_values", engine, index=False
        )
        query = re.sub(r"delta\.`.*`", "signal_values", texts["In SQL"])
        assert sorted(engine.execute(query).fetchall()) == sorted(
            (row.anchor_id, "u", "i", str(row.t0), row.value) for row in names["mature"].itertuples()
        )
    assert yaml.safe_load(texts["the definition"])["name"] == "click"
    for name in ("active_days_28d.v1", "return_to_item_7d.v1", "evil.v1"):  # no exposures, an older version, a draft
        assert "As a label" not in {h.text for h in pages[f"signals/{name}.html"].all("h3")}


def test_every_link_leads_somewhere(catalogue: tuple[Path, Path, Path, dict[str, Element]]) -> None:
    _, _, _, pages = catalogue
    ids = {name: {e.attributes["id"] for e in page.all() if "id" in e.attributes} for name, page in pages.items()}
    links = 0
    for name, page in pages.items():
        for link in page.all("a"):
            file, _, fragment = link.attributes["href"].partition("#")
            target = name if not file else os.path.normpath(Path(name).parent / file)
            assert target in pages, (name, link.attributes["href"])
            assert not fragment or fragment in ids[target], (name, link.attributes["href"])
            links += 1
    assert links > 60


def test_nothing_is_loaded_from_anywhere(catalogue: tuple[Path, Path, Path, dict[str, Element]]) -> None:
    _, out, _, pages = catalogue
    for name, page in pages.items():
        text = (out / name).read_text(encoding="utf-8")
        assert not re.search(r"https?:|@import|url\(", text), name
        assert not page.all("link", "img", "iframe", "object", "embed", "base")
        for element in page.all():
            assert "src" not in element.attributes
            assert "style" not in element.attributes, (name, element.tag)
            assert not [key for key in element.attributes if key.startswith("on")]
        policy = next(m for m in page.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy")
        style, script = (page.all(tag)[0].raw for tag in ("style", "script"))
        hashes = ["sha256-" + base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in (style, script)]
        wanted = f"default-src 'none'; style-src '{hashes[0]}'; script-src '{hashes[1]}'"
        assert policy.attributes["content"] == wanted


def test_texts_are_escaped(catalogue: tuple[Path, Path, Path, dict[str, Element]]) -> None:
    _, out, _, pages = catalogue
    page = pages["signals/evil.v1.html"]
    assert page.all("h1")[0].raw == HOSTILE
    assert HOSTILE in by_id(pages["index.html"], "signals").raw
    for element in pages.values():
        assert len(element.all("script")) == 1
    for name in ("index.html", "signals/evil.v1.html"):
        text = (out / name).read_text(encoding="utf-8")
        assert "<img" not in text
        assert text.count("<script>") == 1
    assert not [a for p in pages.values() for a in p.all("a") if "javascript" in a.attributes["href"]]


def test_every_page_can_be_read_without_seeing_it(pages: dict[str, Element]) -> None:
    for name, page in pages.items():
        ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
        assert len(ids) == len(set(ids)), name
        assert page.all("html")[0].attributes["lang"] == "en"
        assert page.all("title")[0].text
        assert len(page.all("main")) == len(page.all("h1")) == len(page.all("footer")) == 1
        levels = [int(h.tag[1]) for h in page.all("h1", "h2", "h3", "h4")]
        assert all(after <= before + 1 for before, after in pairwise(levels)), (name, levels)
        skip = page.all("a")[0]
        assert (skip.attributes["class"], skip.attributes["href"]) == ("skip", "#main")
        for svg in page.all("svg"):
            hidden = svg.attributes.get("aria-hidden") == "true"
            refs = svg.attributes.get("aria-labelledby", "").split()
            named = svg.attributes.get("aria-label") or (refs and all(by_id(page, ref).text for ref in refs))
            assert hidden or (svg.attributes.get("role") == "img" and named), name
        for element in page.all("section", "nav", "ul", "div"):
            for ref in element.attributes.get("aria-labelledby", "").split():
                assert ref in ids
        for element in page.all("table"):
            heads = [h for h in element.all("th") if h.attributes.get("scope") == "col"]
            assert heads, name
            assert all(r.all("th")[0].attributes["scope"] == "row" for b in element.all("tbody") for r in b.all("tr"))
        assert all(f.all("details") for f in page.all("figure")), "a drawing needs its table"


def test_the_same_tables_give_the_same_bytes_however_rows_lie(catalogue: Any, tmp_path: Path) -> None:
    store, out, own, _ = catalogue
    build(store, tmp_path / "again", own)
    assert _bytes(tmp_path / "again") == _bytes(out)
    moved = Path(shutil.copytree(store, tmp_path / "warehouse"))
    build(moved, tmp_path / "before", own)
    assert DeltaTable(str(moved / "radio" / "signal_values")).optimize.compact()["numFilesRemoved"] == 2
    build(moved, tmp_path / "after", own)
    assert _bytes(tmp_path / "after") == _bytes(tmp_path / "before")


def _bytes(site: Path) -> dict[str, bytes]:
    return {file.relative_to(site).as_posix(): file.read_bytes() for file in site.rglob("*.html")}


def test_old_pages_go_and_foreign_folders_are_left_alone(catalogue: Any, tmp_path: Path) -> None:
    store, _, own, _ = catalogue
    out = tmp_path / "site"
    build(store, out, own)
    (out / "signals" / "gone.v1.html").write_text("old", encoding="utf-8")
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    build(store, out, own)
    assert not (out / "signals" / "gone.v1.html").exists()
    assert (out / "notes.txt").read_text(encoding="utf-8") == "mine"
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "index.html").write_text("<p>mine</p>", encoding="utf-8")
    with pytest.raises(ConfigError, match="holds other files"):
        build(store, tmp_path / "home", own)
    assert [f.name for f in (tmp_path / "home").iterdir()] == ["index.html"]


def test_a_store_that_is_not_there_is_an_error_and_an_empty_one_is_not(catalogue: Any, tmp_path: Path) -> None:
    own = catalogue[2]
    with pytest.raises(NotFoundError, match="no such store"):
        build(tmp_path / "warehous", tmp_path / "site", own)
    assert not (tmp_path / "site").exists()
    (tmp_path / "empty").mkdir()
    pages = build(tmp_path / "empty", tmp_path / "site", own)
    assert "This store holds no values." in pages["index.html"].text
    assert "From Python" not in pages["signals/click.v1.html"].text


SCRIPT = """
import sys
from longplay.cli import main
sys.argv = ["longplay", *sys.argv[1:]]
try:
    main()
finally:
    print(sorted({"pyspark", "tables", "jinja2", "pyarrow", "deltalake"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [(["signals", "list", "--json"], []), (["catalogue", "--help"], []), (None, ["deltalake", "jinja2", "pyarrow"])],
)
def test_only_the_catalogue_loads_what_it_needs(
    catalogue: Any, tmp_path: Path, arguments: Any, loaded: list[str]
) -> None:
    arguments = arguments or ["catalogue", "--store", str(catalogue[0]), "--out", str(tmp_path / "site")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": "", "JAVA_HOME": ""}
    command = [sys.executable, "-c", SCRIPT, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == str(loaded)
