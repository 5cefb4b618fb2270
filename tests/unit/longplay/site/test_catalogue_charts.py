"""Charts, descriptions and formulas of the catalogue, and the contrast of its colours."""

import re
from collections.abc import Mapping
from datetime import date
from importlib import resources
from typing import Any
from xml.etree import ElementTree

import pytest

from longplay.config.strict_model import read_yaml
from longplay.definitions.signal import Definition
from longplay.registry.registry import default_registry
from longplay.site import formatting
from longplay.site.charts import chart
from longplay.site.charts.axis import Scale, make_day_ticks
from longplay.site.charts.timeline import draw_timeline
from longplay.site.signals.formula import render_formulas
from longplay.site.signals.plain_data import compare_versions, dump_definition, format_yaml
from longplay.site.signals.plain_language import describe_definition

REGISTRY = default_registry()


def bar_positions(fields: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    drawn = draw_timeline(fields)
    assert drawn is not None
    return {bar.css: (bar.x, bar.width) for bar in drawn.bars}


def test_an_elapsed_window_is_drawn_to_scale_from_t0() -> None:
    drawn = draw_timeline(dump_definition(REGISTRY.get("regret@1")))  # 6 h window, 24 h lateness: 30 h wide
    assert drawn is not None
    assert {s.css: (s.x, s.width) for s in drawn.bars} == {
        "anchor": (0.0, 0.8),
        "window": (0.0, 20.0),
        "late": (20.0, 80.0),
        "ripe": (99.2, 0.8),
    }
    assert [s.label for s in drawn.bars] == [
        "Anchor: exposure at t0",
        "Window: t0 to t0 + 6 h",
        "Lateness: 1 d more for late facts",
        "Mature: watermark at t0 + 30 h",
    ]
    ticks = [(t.position, t.label) for t in drawn.ticks]
    assert ticks == [(0.0, "t0"), (20.0, "+6 h"), (40.0, "+12 h"), (60.0, "+18 h"), (80.0, "+1 d"), (100.0, "+30 h")]
    assert (drawn.anchor_x, drawn.mature_x) == (0.0, 100.0)


def test_a_calendar_window_is_drawn_from_the_midnight_of_d0() -> None:
    drawn = draw_timeline(
        dump_definition(REGISTRY.get("return_to_item_14d@1"))
    )  # days 1 to 14, 1 d lateness: 16 d wide
    assert drawn is not None
    placed = {s.css: (s.x, s.width) for s in drawn.bars}
    assert placed["anchor"] == (0.0, 6.25)  # D0, t0 anywhere in it
    assert placed["window"] == (6.25, 87.5)
    assert placed["late"] == (93.75, 6.25)
    assert placed["credit"] == (3.12, 6.26)  # 24 h from noon
    assert [s.label for s in drawn.bars if s.css == "window"] == ["Window: 14 whole UTC days, D0 + 1 d to D0 + 14 d"]
    assert drawn.grid.rows == [
        ["credit", "t0", "t0 + 1 d"],
        ["window", "midnight(D0 + 1 d)", "midnight(D0 + 15 d)"],
        ["lateness", "midnight(D0 + 15 d)", "midnight(D0 + 16 d)"],
        ["mature", "midnight(D0 + 16 d)", "no end"],
    ]


def test_a_look_back_is_set_apart_and_says_so() -> None:
    drawn = draw_timeline(dump_definition(REGISTRY.get("stickiness_59d@1")))
    assert drawn is not None
    assert drawn.bars[0].label == "Look-back: 180 d before t0 (not to scale)"
    assert (drawn.bars[0].x, drawn.bars[0].width) == (0.0, drawn.anchor_x)
    assert next(s for s in drawn.bars if s.css == "window").x == pytest.approx(14 + 86 / 61, abs=0.01)


def test_lateness_in_hours_after_a_calendar_window_and_none_at_all() -> None:
    fields = dump_definition(REGISTRY.get("habit_formed_28d@1").updated(lateness="6 h"))
    drawn = draw_timeline(fields)
    assert drawn is not None
    assert drawn.bars[-1].label == "Mature: watermark at midnight(D0 + 29 d) + 6 h"
    assert "late" not in bar_positions(dump_definition(REGISTRY.get("click@1").updated(lateness="0 s")))


def test_a_window_of_an_unknown_kind_is_not_drawn() -> None:
    assert draw_timeline({**dump_definition(REGISTRY.get("click@1")), "window": {"kind": "sessions", "to": 3}}) is None
    assert draw_timeline({"name": "sum_of_rewards"}) is None


def test_every_field_that_affects_values_is_in_the_sentences() -> None:
    sql = REGISTRY.get("click@1").updated(
        measure={"kind": "sql", "expression": "sum(CASE WHEN amount < 3 THEN 1 ELSE 0 END)", "empty": 2},
        cap={"high": 5},
        filter="surface IN ('home', 'search')",
        needs={"topics": True},
        void={"at_least": 3},
        north_star="days",
    )
    texts = list(describe_definition(sql, "w", "m"))
    assert (
        "Measure",
        "The Spark SQL aggregate sum(CASE WHEN amount < 3 THEN 1 ELSE 0 END) over the events of the same user and item "
        "in the window; 2 where there are none.",
    ) in texts
    assert [text for name, text in texts if name == "Also"] == [
        "filter: surface IN ('home', 'search')",
        "cap.high: 5.0",
        "needs.topics: true",
    ]
    assert "too_few_facts: fewer than 3 facts in the window at maturity" in dict(texts)["Void"]
    value, *_ = render_formulas(sql)
    assert "sum(CASE WHEN amount &lt; 3 THEN 1 ELSE 0 END)" in str(value.math)


def test_credit_in_words() -> None:
    clicked = REGISTRY.get("return_to_item_14d@1")
    assert dict(describe_definition(clicked, "w", "m"))["Credit"] == (
        "only exposures that were clicked within 1 d of being shown; others have the value 0"
    )
    split = {"rule": "last_touch", "within": "2 d"}
    last_touch = REGISTRY.get("stickiness_59d@1").updated(anchor="exposure", credit=split, void={})
    assert dict(describe_definition(last_touch, "w", "m"))["Credit"] == "rule last_touch, within 2 d"


@pytest.mark.parametrize("definition", REGISTRY.newest(), ids=lambda d: d.ref)
def test_formulas_are_well_formed_and_name_their_window(definition: Definition) -> None:
    formulas = list(render_formulas(definition))
    texts = ["".join(ElementTree.fromstring(str(formula.math)).itertext()) for formula in formulas]
    window = next(text for text in texts if text.startswith("w="))
    if definition.window.kind == "calendar":
        assert window == f"w=[midnight(D0+{definition.window.first} d),midnight(D0+{definition.window.last + 1} d))"
    else:
        assert re.match(r"w=\[t0(\+[^,]+)?,t0\+", window)
    assert texts[-1 if definition.credit is None else -2] == "mature atT⟺W(T)≥end(w)+1 d"
    if definition.credit is not None and not definition.credit.is_split:
        assert re.fullmatch(r"y←y·1\[c∈\[t0,t0\+\w+ \w\)\]", texts[-1])
    assert all(formula.description for formula in formulas)


def test_formulas_of_each_measure() -> None:
    def value(name: str) -> str:
        first = next(render_formulas(REGISTRY.get(name)))
        return "".join(ElementTree.fromstring(str(first.math)).itertext())

    assert value("click") == "y=1[∃e∈Eclick:te∈w]"
    assert value("active_days_28d") == "y=|{day(te):e∈Econsumption,te∈w}|"
    assert value("habit_formed_28d") == "y=1[∑k1[dk≥2]≥3],dk=days of week k in w with a consumption"
    assert value("regret") == "y=1[clicked inw∧(rejected∨longest<30 s)]"
    assert value("days_to_inactivity_90d") == "y=min{d≥1:no consumption on days d to d + 13 of w}"
    assert value("season_finished_28d") == "y=1[∃s:|{episodes of s with a consumption in w}|≥episodes ofs]"
    assert value("diversity_gain_14d") == "y=entropy(topic)over the facts inw"


def test_versions_differ_field_by_field() -> None:
    first = REGISTRY.get("return_to_item_14d@1")
    window = {"kind": "calendar", "from": 1, "to": 21}
    second = first.updated(version=2, window=window, credit=None, guardrails=("regret", "click"))
    changes = [(change.field, change.before, change.after) for change in compare_versions(first, second)]
    assert changes == [
        ("window.to", "14", "21"),
        ("guardrails", "[regret]", "[regret, click]"),
        ("credit.rule", "clicked", ""),
        ("credit.within", "1 d", ""),
    ]
    assert list(compare_versions(first, first.updated(version=2))) == []


def test_the_yaml_says_what_the_file_says(tmp_path: Any) -> None:
    for definition in REGISTRY.newest():
        (tmp_path / "definition.yaml").write_text(format_yaml(definition), encoding="utf-8")
        again = Definition.model_validate(read_yaml(tmp_path / "definition.yaml"))
        assert again == definition


def test_axes_end_in_round_numbers() -> None:
    assert Scale.from_values([]) == Scale.from_values([0.0]) == Scale(0.0, 1.0, 1.0)
    assert Scale.from_values([0.0847]).high == pytest.approx(0.1)
    assert Scale.from_values([1.0]).high == pytest.approx(1.0)
    assert Scale.from_values([-3.0, 5.0]) == Scale(-5.0, 5.0, 5.0)
    scale = Scale.from_values([2600])
    assert scale == Scale(0.0, 3000.0, 1000.0)
    ticks = scale.make_ticks()
    assert [(t.position, t.label) for t in ticks] == [(148.0, "0"), (101.33, "1,000"), (54.67, "2,000"), (8.0, "3,000")]
    assert scale.to_pixels(1500) == 78.0


def test_layers_stand_on_each_other() -> None:
    lower, upper = chart.trace_stacked_areas([[1, 2], [1, 0]], Scale(0.0, 2.0, 1.0))
    assert lower == "M0 78 L500 78 L500 8 L1000 8 L1000 148 L500 148 L500 148 L0 148 Z"
    assert upper == "M0 8 L500 8 L500 8 L1000 8 L1000 8 L500 8 L500 78 L0 78 Z"


def test_lines_break_where_nothing_is() -> None:
    points = [(0.25, 1.0), (0.5, None), (0.75, 2.0), (1.0, 0.0)]
    assert chart.trace_line(points, Scale(0.0, 2.0, 1.0)) == "M250 78 M750 8 L1000 148"


def test_dates_on_an_axis() -> None:
    long = make_day_ticks(date(2024, 1, 1), date(2024, 9, 26))
    assert [(t.position, t.label) for t in long] == [
        (0.0, "Jan 2024"),
        (22.22, "Mar 2024"),
        (44.81, "May 2024"),
        (67.41, "Jul 2024"),
    ]
    short = make_day_ticks(date(2026, 1, 1), date(2026, 1, 8))
    assert [(t.position, t.label) for t in short] == [
        (0.0, "1 Jan 2026"),
        (25.0, "3 Jan 2026"),
        (50.0, "5 Jan 2026"),
        (75.0, "7 Jan 2026"),
    ]
    assert [t.label for t in make_day_ticks(date(2026, 1, 1), date(2026, 1, 1))] == ["1 Jan 2026"]


def test_numbers_as_they_are_written() -> None:
    assert [formatting.share(v) for v in (0, 0.0001, 0.5, 0.9999, 1)] == ["0.0%", "<0.1%", "50.0%", ">99.9%", "100.0%"]
    assert [formatting.number(v) for v in (0.072256, 19.2573, 1234.4, 0)] == ["0.07226", "19.26", "1,234", "0"]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_keep_their_contrast(scheme: int) -> None:
    style = resources.files("longplay.site").joinpath("templates/style.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for name in ("ink", "soft", "link"):
        for ground in ("paper", "panel"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    for name in ("edge", "bar", "mature", "open", "void-0", "void-1", "void-2"):
        assert contrast(colours[name], colours["paper"]) >= 3, name


def contrast(colour: str, other: str) -> float:
    """Contrast ratio of WCAG 2.1."""
    light, dark = sorted((luminance(colour), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
