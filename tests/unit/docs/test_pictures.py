"""The pictures of the README are plain SVG, and are drawn from pages of the report and the catalogue."""

import xml.etree.ElementTree as ElementTree

import pytest

from longplay.errors import NotFoundError
from tests.unit.docs.pages import ROOT
from tools.make_pictures import draw_report, draw_signal

HEAD = "<style>:root { --paper: #ffffff; --ink: #000000; --soft: #111111; --grid: #222222; --edge: #333333; \
--panel: #444444; --bar: #555555; --mature: #666666; --open: #777777; --void-0: #888888; --void-1: #999999; }\
 @media {}</style>"
TIMELINE = '<svg id="timeline" width="100%" height="206"><text>Window</text></svg>'
AXIS = '<svg width="40" height="168"><text>0%</text></svg>'
CURVE = '<svg id="s1-delay" width="100%"><title id="t">Seen by age, world</title><desc id="d">50% by day 4.</desc>\
<svg viewBox="0 0 1000 148"><path class="line" d="M0 0"/></svg></svg>'


@pytest.mark.parametrize("name", ["report.svg", "signal.svg"])
def test_a_picture_of_the_readme_is_plain_svg(name: str) -> None:
    text = (ROOT / "docs" / "pictures" / name).read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in text
    assert "<script" not in text
    assert f"docs/pictures/{name}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_signal_is_drawn_with_its_timeline_and_its_delay_curve() -> None:
    text = draw_signal(HEAD + TIMELINE + AXIS + CURVE, "world")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    for part in ("Window", "0%", "50% by day 4.", 'class="line"', "#ffffff"):
        assert part in text


def test_a_report_takes_the_light_colours_of_its_page() -> None:
    text = draw_report(HEAD + '<svg viewBox="0 0 1 1"><g id="survival-1" style="stroke: var(--grid)"/></svg>')
    assert "stroke: #222222" in text


def test_a_page_without_its_chart_is_refused() -> None:
    with pytest.raises(NotFoundError):
        draw_report(HEAD)
    with pytest.raises(NotFoundError):
        draw_signal(HEAD + TIMELINE + AXIS + CURVE, "online_retail")
