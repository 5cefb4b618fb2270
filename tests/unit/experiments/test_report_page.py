"""The report: answer first, self-contained, deterministic, and honest about what it leaves out."""

import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from experiments.analysis.verdict import pool_families, reach_verdict
from experiments.report.content import list_absent_sections, read_metric, select_metric_columns, write_headline
from experiments.report.data import (
    DefinitionHash,
    IngestCount,
    RankerRow,
    ReportInput,
    SignalMaturity,
    StepTime,
    TableVersion,
)
from experiments.report.page import draw_pictures, render_report
from experiments.report.terminal import build_terminal_tables
from longplay.errors import InputError
from worlds.deploy import Outcomes


def outcomes(survivors: int) -> Outcomes:
    survived = np.arange(300) < survivors
    counts = np.arange(300) % 7 + 1
    return Outcomes("p", counts * 5, counts, counts, counts, counts // 2, np.where(survived, 90, 45), survived)


def verdict(survivors: int = 290):
    arms = {"random": 200, "xgboost-click": 240, "xgboost-return": survivors}
    return reach_verdict({arm: outcomes(number) for arm, number in arms.items()}, 90)


def row(name: str, label: str, click: float, returns: float) -> RankerRow:
    metrics = {"ndcg_at_10_click": click, "ndcg_at_10_return_to_item_14d": returns, "top_coverage_at_1": 0.5}
    bounds = {"ndcg_at_10_click_lo": click - 0.01, "ndcg_at_10_click_hi": click + 0.01}
    return RankerRow(name, name.split("-")[0], label, metrics | bounds)


BARE = ReportInput("A <title>", "a log", "r1", "run1", "2026-01-01T00:00:00Z")


def full() -> ReportInput:
    return ReportInput(
        title="A <title>",
        source="a world",
        release_id="r1",
        run_id="run1",
        created_at="2026-01-01T00:00:00Z",
        facts={"Events": "12"},
        rankers=(
            row("xgboost-click", "click", 0.6, 0.4),
            row("xgboost-return", "return_to_item_14d", 0.5, 0.5),
        ),
        verdict=verdict(),
        ingest=(IngestCount("events", "accepted", 90, 90), IngestCount("events", "duplicate", 12, 10)),
        maturity=(SignalMaturity("click@1", 1000, 2000, 30),),
        steps=(StepTime("ingest", 1.25), StepTime("train", 2.5)),
        tables=(TableVersion("events", 4, 90),),
        definitions=(DefinitionHash("click@1", "abc123"),),
        caveats=("One odd thing.",),
    )


class Page(HTMLParser):
    """Collects what the checks ask for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]


@pytest.fixture(scope="module")
def html() -> str:
    return render_report(full())


def test_answer_comes_before_everything_else(html):
    body = html[html.index("<main>") :]
    assert "XGBoost trained on returns kept more listeners" in body[:400]


def test_page_loads_nothing(html):
    page = Page(html)
    loads = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "data")]
    assert all(value.startswith("#") for value in loads)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "@import" not in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}


def test_ids_are_unique_and_every_reference_has_its_target(html):
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    targets = {value.removeprefix("#") for name, value in page.attributes if name in ("xlink:href", "aria-labelledby")}
    assert targets <= set(page.ids)


def test_pictures_have_words_and_take_the_pages_colours(html):
    assert html.count("<svg") == html.count('<div role="img" aria-label="') == 4
    assert "still listening at the end: random 66.7%; xgboost-click 80.0%" in html.lower()
    svg = html[html.index("<svg") : html.rindex("</svg>")]
    assert "var(--return)" in svg
    assert re.search(r"#0[0-9]0\d0\d\b", svg) is None


def test_tables_have_headers(html):
    page = Page(html)
    assert page.tags.count("table") == page.tags.count("thead") == 8
    assert page.attributes.count(("scope", "row")) > 8


def test_text_is_escaped(html):
    assert "A &lt;title&gt;" in html
    assert "A <title>" not in html


def test_numbers_are_on_the_page(html):
    for text in ("0.600", "0.590 to 0.610", "96.7%", "2,000", "abc123", "3.8", "One odd thing.", "rows read"):
        assert text in html
    assert ">100<" in html  # rows read are the exclusive counts' sum


def test_the_same_input_gives_the_same_bytes(html):
    assert render_report(full()) == html


def test_dict_and_back():
    report = ReportInput.from_dict(json.loads(json.dumps(full().to_dict())))
    assert report == full()


def test_an_unknown_key_is_refused():
    with pytest.raises(InputError, match=r"tables\.0\.rowz"):
        ReportInput.from_dict(BARE.to_dict() | {"tables": [{"table": "t", "version": 1, "rows": 1, "rowz": 2}]})


def test_a_bare_report_says_what_it_leaves_out():
    page = render_report(BARE)
    assert "<svg" not in page
    assert "There is nothing to compare" in page
    assert len(list_absent_sections(BARE)) == 7
    assert all(f"{absent.section}: {absent.reason}." in page for absent in list_absent_sections(BARE))
    assert "simulated" not in page


def test_without_a_deployment_the_headline_stays_offline():
    report = ReportInput.from_dict(full().to_dict() | {"verdict": None})
    assert write_headline(report) == (
        "No ranker was deployed, so this page cannot show which one keeps users. "
        "Offline, xgboost-return ranks returns best: NDCG@10 0.500.",
    )


def test_several_worlds_speak_before_one():
    pooled = pool_families([verdict(), verdict(285)])
    report = ReportInput.from_dict(full().to_dict() | {"pooled": pooled})
    assert "over 2 worlds" in write_headline(report)[0]
    assert "xgboost, 2 worlds" in draw_pictures(report)["forest"].svg


def test_metrics_that_nobody_has_get_no_column():
    assert [key for _, key in select_metric_columns(full())] == [
        "ndcg_at_10_click",
        "ndcg_at_10_return_to_item_14d",
        "top_coverage_at_1",
    ]
    assert read_metric(full().rankers[0], "reciprocal_rank_click") is None


def test_terminal_shows_the_same_numbers():
    console = Console(width=140, record=True, file=io.StringIO())
    for table in build_terminal_tables(full()):
        console.print(table)
    text = console.export_text()
    for part in ("kept more listeners", "0.590 to 0.610", "96.7%", "2,000", "duplicate", "ingest"):
        assert part in text
