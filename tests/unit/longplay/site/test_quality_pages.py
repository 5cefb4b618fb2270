"""Quality pages: content, links, escaping and accessibility."""

import base64
import hashlib
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from longplay.errors import ConfigError
from longplay.site.quality.charts import draw_series, draw_shares, draw_sparkline, draw_trend
from longplay.site.quality.site import write_pages
from longplay.status.metric_series import MetricSeries
from longplay.status.row_accounting import RowAccount
from longplay.status.verdicts import list_verdict_files, read_verdicts
from tests.unit.longplay.quality_tables import publish, verdict
from tests.unit.longplay.site.site_pages import Element, captioned, read

HOSTILE = '<script>alert("x")</script><img src=x>'
DAYS = [date(2026, 5, 1), date(2026, 5, 2), date(2026, 5, 3)]
CALM = MetricSeries("freshness_hours", list(zip(DAYS, (2.0, 2.0, 1.0), strict=True)))
ODD = MetricSeries("null_share of topic", list(zip(DAYS, (0.0, 0.0, 0.5), strict=True)), {DAYS[2]: "much too many"})
RUNS = [f"2026050{day}T100000-aaaaaa" for day in range(1, 5)]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Element]:
    """A table that failed in its last run, one behind it, and a row in quarantine with a hostile message."""
    root = tmp_path_factory.mktemp("quality")
    shop, out = root / "shop", root / "pages"
    for run, rows in zip(RUNS, (40, 0, 60, 20), strict=True):
        verdict(shop, "events", run, {"has_rows": True, "fresh": run != RUNS[-1]}, rows=rows, fresh=3)
    publish(shop, "events", [{"event_id": "e"}], RUNS[2])
    publish(shop, "user_days", [], RUNS[0], inputs={"events": -1})
    row = {"row_id": "r", "log": "events", "reason": "bad_amount", "message": HOSTILE, "raw": "{}"}
    publish(shop, "quarantine", [row], RUNS[0])
    released = {"row_id": "s", "log": "events", "outcome": "published", "release_id": "release-2"}
    released["released_by"] = HOSTILE
    publish(shop, "quarantine_releases", [released], RUNS[3])
    counts = [("events/read", 2), ("events/clean", 1), ("events/again", 0)]
    publish(shop, "deliveries", [{"batch": 1, "counts": counts}], RUNS[3])
    assert write_pages(shop, out, {"events": "What listeners did."}, {"events": [CALM, ODD]}) == 6
    (out / "tables" / "gone.html").write_text("an old page", encoding="utf-8")
    before = {file: file.read_bytes() for file in out.rglob("*.html") if file.name != "gone.html"}
    write_pages(shop, out, {"events": "What listeners did."}, {"events": [CALM, ODD]})
    assert {file: file.read_bytes() for file in out.rglob("*.html")} == before
    return {str(file.relative_to(out)): read(file) for file in out.rglob("*.html")}


def test_the_index_says_what_blocks_whom(pages: dict[str, Element]) -> None:
    index = pages["index.html"]
    assert "5 tables: 1 behind, 1 failed, 3 passed." in index.text
    notices = [element.text for element in index.all("div") if "notice" in element.attributes.get("class", "")]
    assert notices[0].startswith("events failed fresh (3 rows).")
    assert "Waiting tables: quarantine, deliveries, quarantine_releases, user_days." in notices[0]
    assert "built from version -1 of events; the newest is version 0." in notices[1].replace("events ;", "events;")
    assert captioned(index, "Rows of each log by outcome") == [["events", "2", "1", "1", "0", "0", "yes"]]
    assert captioned(index, "Rows in quarantine") == [["bad_amount", "events", "1", "0", HOSTILE]]
    assert captioned(index, "Releases from quarantine")[0][3] == "1 published"


def test_metrics_stand_day_by_day_with_the_unusual_first(pages: dict[str, Element]) -> None:
    assert captioned(pages["tables/events.html"], "Metrics by day") == [
        ["null_share of topic", "0.5", "", "much too many"],
        ["freshness_hours", "1", "", "none"],
    ]
    assert "Metrics by day" not in pages["tables/user_days.html"].text


def test_the_course_of_a_metric_is_as_high_as_its_values() -> None:
    boxes = draw_series(ODD)
    assert [(box.y, box.height, box.css) for box in boxes] == [
        (19.5, 0.5, "run-passed"),
        (19.5, 0.5, "run-passed"),
        (0.0, 20.0, "run-warned"),
    ]
    assert [box.height for box in draw_series(CALM)] == [20.0, 20.0, 10.0]
    assert draw_series(MetricSeries("nothing", [])) == []


def test_a_page_says_what_failed_and_how_it_went(pages: dict[str, Element]) -> None:
    page = pages["tables/events.html"]
    assert "What listeners did." in page.text
    assert "Its newest version was refused. Readers keep the last good version." in page.text
    assert captioned(page, "Checks that did not pass") == [["fresh", "failed: nothing was published", "3"]]
    assert [row[1:] for row in captioned(page, "Rows by run")] == [
        ["40", "passed", "none"],
        ["0", "passed", "none"],
        ["60", "passed", "none"],
        ["20", "failed", "fresh"],
    ]
    assert "It waits for events , which failed." in pages["tables/user_days.html"].text.replace("events,", "events ,")
    assert "There is no verdict." in pages["tables/deliveries.html"].text


def test_every_link_leads_somewhere(pages: dict[str, Element]) -> None:
    for name, page in pages.items():
        ids = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
        assert len(ids) == len(set(ids)), name
        for link in page.all("a"):
            to = link.attributes["href"]
            if to.startswith("#"):
                assert to[1:] in ids, f"{name}: {to}"
            else:
                assert str(Path(name).parent / to).replace("tables/../", "") in pages, f"{name}: {to}"


def test_nothing_is_loaded_from_anywhere_and_texts_are_escaped(pages: dict[str, Element]) -> None:
    for page in pages.values():
        assert not page.all("script", "img", "link", "iframe")
        policy = next(m for m in page.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy")
        digest = base64.b64encode(hashlib.sha256(page.all("style")[0].raw.encode()).digest()).decode()
        assert policy.attributes["content"] == f"default-src 'none'; style-src 'sha256-{digest}'"
        assert not [element for element in page.all() if "style" in element.attributes]


def test_pages_can_be_read_without_seeing_them(pages: dict[str, Element]) -> None:
    for name, page in pages.items():
        assert page.all("html")[0].attributes["lang"] == "en"
        assert page.all("title")[0].text
        assert len(page.all("h1")) == 1
        levels = [int(element.tag[1]) for element in page.all("h1", "h2", "h3", "h4")]
        assert all(after - before <= 1 for before, after in pairwise(levels)), name
        for drawing in page.all("svg"):
            is_hidden = drawing.attributes.get("aria-hidden") == "true"
            assert is_hidden or (drawing.attributes.get("role") == "img" and _named(drawing, page)), name
        for wide in (element for element in page.all("div") if element.attributes.get("class") == "wide"):
            assert (wide.attributes["tabindex"], wide.attributes["role"]) == ("0", "region")


def _named(drawn: Element, page: Element) -> bool:
    if "aria-label" in drawn.attributes:
        return bool(drawn.attributes["aria-label"])
    names = drawn.attributes["aria-labelledby"].split()
    return all(element.text for element in page.all() if element.attributes.get("id") in names)


def test_drawings_have_a_bar_for_each_run(tmp_path: Path) -> None:
    for run, rows in zip(RUNS, (40, 0, 60, 20), strict=True):
        verdict(tmp_path, "events", run, {"fresh": run != RUNS[-1]}, rows=rows)
    runs = list(read_verdicts(list_verdict_files(tmp_path)["events"], []))
    drawn = draw_trend(runs, "events")
    assert drawn is not None
    assert [box.css for box in drawn.boxes] == ["run-passed"] * 3 + ["run-failed"]
    heights = [box.height for box in drawn.boxes]
    assert heights[0] == pytest.approx(2 / 3 * heights[2], abs=0.02)
    assert heights[1] == 2.0  # no rows, and still there to be seen
    assert [tick.label for tick in drawn.x] == ["2026-05-01", "2026-05-03", "2026-05-04"]
    assert drawn.alt == "4 runs of events: 3 passed, 1 failed. The last run validated 20 rows and failed."
    assert [box.height for box in draw_sparkline(runs)] == pytest.approx([13.33, 2.0, 20.0, 6.67])
    assert draw_trend([], "events") is None


def test_parts_of_a_bar_fill_it() -> None:
    parts = draw_shares(RowAccount("events", 8, 4, 2, 1, 1))
    assert [(part.name, part.x, part.width) for part in parts] == [
        ("published", 0.0, 50.0),
        ("quarantined", 50.0, 25.0),
        ("duplicates", 75.0, 12.5),
        ("erased", 87.5, 12.5),
    ]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    publish(tmp_path / "shop", "events", [])
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "index.html").write_text("Dear Bob", encoding="utf-8")
    with pytest.raises(ConfigError, match="This folder holds other files"):
        write_pages(tmp_path / "shop", tmp_path / "letters", {})
