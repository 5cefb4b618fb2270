"""Delay curves pooled over cohorts, on the command line and in the catalogue, without Spark."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from longplay.cli import cli
from longplay.config.duration import DAY
from longplay.lookup import revision_bands
from longplay.lookup.delay_curves import MAX_COHORTS, build_delay_curve, format_delay_curve, load_delay_curve
from longplay.registry.registry import default_registry
from longplay.site.signals.site import CatalogueInputs, write_site
from tables.catalog import SIGNAL_DELAYS
from tests.unit.longplay.small_tables import ARROW, at, open_row, row, write_values

RETURN = default_registry().get("return_to_item_14d")
WEEK = date(2026, 3, 2)


def cohort(week: int, missing: Sequence[float], total: float = 10.0, **changes: Any) -> list[dict[str, Any]]:
    """A cohort's rows at days 1, 2 and so on; at the last, everything is visible."""
    fields = {
        "signal": RETURN.ref, "definition_hash": RETURN.hash, "cohort": WEEK + timedelta(weeks=week), "anchors": 100,
        "sampled": 20, "whole": total, "std_error": 0.01, "usual": None, "tolerance": None, "drifted": False,
        "known_at": at(1),
    }  # fmt: skip
    return [
        fields | {"age_day": age, "missing": left, "seen": 1 - left / total if total else None} | changes
        for age, left in enumerate(missing, 1)
    ]


def write_delays(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    schema = pa.schema([(column.name, ARROW[column.type]) for column in SIGNAL_DELAYS.columns])
    write_deltalake(str(folder / "signal_delays"), pa.Table.from_pylist(list(rows), schema=schema))


def test_cohorts_are_pooled_by_what_there_was_to_see() -> None:
    """6 of 10 missing and 4 of 30: a quarter of 40. Half is seen at two thirds of the first day."""
    curve = build_delay_curve([*cohort(0, [6, 4, 0]), *cohort(1, [4, 2, 0], total=30.0)])
    assert curve is not None
    assert curve.points == ((1, 0.75), (2, pytest.approx(0.85)), (3, 1.0))
    assert (curve.anchors, curve.sampled, len(curve.cohorts)) == (200, 40, 2)
    assert curve.day_of(0.5) == pytest.approx(2 / 3)
    assert curve.day_of(0.9) == pytest.approx(2 + 1 / 3)


def test_a_share_counts_from_when_it_was_seen_for_good() -> None:
    """Regret may be seen and then taken back: half is seen on day .5, and again, for good, after day 2."""
    curve = build_delay_curve(cohort(0, [0, 8, 0]))
    assert curve is not None
    assert curve.day_of(0.5) == pytest.approx(2 + 3 / 8)
    assert curve.day_of(1.5) is None


def test_the_newest_cohorts_make_the_curve_and_those_with_nothing_to_see_do_not() -> None:
    old, empty = cohort(0, [10, 10, 0]), cohort(20, [0, 0, 0], total=0.0)
    recent = [row for week in range(MAX_COHORTS) for row in cohort(1 + week, [5, 1, 0])]
    curve = build_delay_curve([*recent, *old, *empty])
    assert curve is not None
    assert curve.points[0] == (1, 0.5)
    assert curve.cohorts[0] == WEEK + timedelta(weeks=1)
    assert build_delay_curve(empty) is None
    assert build_delay_curve([]) is None


def test_the_worst_age_of_a_cohort_that_shifted_is_told() -> None:
    late = cohort(3, [9, 5, 0], usual=0.5, tolerance=0.1, drifted=True)
    late[1] |= {"usual": 0.55}
    late[2] |= {"drifted": False}
    curve = build_delay_curve([*cohort(2, [5, 3, 0]), *late])
    assert curve is not None
    (drift,) = curve.drifts
    assert (drift.cohort, drift.age_day, drift.baseline_share) == (WEEK + timedelta(weeks=3), 1, 0.5)
    text = format_delay_curve(curve)
    assert text[0] == "seen: 50% by day 1.7, 90% by day 2.8 (40 of 200 anchors of 2 weeks up to that of 2026-03-23)"
    assert text[1] == f"  day   1  {'#' * 6:<20}  30%"
    assert text[-1] == "warning: in the week of 2026-03-23, 10% was seen by day 1; the baseline is 50%"


def test_the_command_line_shows_the_curve_of_the_signal_that_was_asked_for(tmp_path: Path) -> None:
    others = cohort(0, [1, 0, 0], definition_hash="0" * 16) + cohort(0, [2, 0, 0], signal="click@1")
    write_values(tmp_path / "shop", [row("a", at(1), signal="return_to_item_14d")])
    write_delays(tmp_path / "shop", [*cohort(0, [6, 4, 0]), *others])
    shown = CliRunner().invoke(cli, ["signals", "show", "return_to_item_14d", "--store", str(tmp_path)])
    assert "  shop: seen: 50% by day 1.5, 90% by day 2.8 (20 of 100 anchors" in shown.output
    shown = CliRunner().invoke(cli, ["signals", "show", "return_to_item_14d", "--store", str(tmp_path), "--json"])
    delays = json.loads(shown.output)["delays"]
    assert delays["shop"]["seen_by_day"] == {"1": 0.4, "2": 0.6, "3": 1.0}
    assert delays["shop"]["day_50"] == pytest.approx(1.5)
    reward = CliRunner().invoke(cli, ["signals", "show", "kept_return", "--store", str(tmp_path), "--json"])
    assert json.loads(reward.output)["delays"] == {}
    assert load_delay_curve(tmp_path / "nowhere", RETURN) is None


def test_the_catalogue_follows_anchors_where_there_is_a_curve(tmp_path: Path) -> None:
    write_values(tmp_path / "store" / "shop", [row("a", at(1), signal="return_to_item_14d")])
    write_delays(
        tmp_path / "store" / "shop",
        [*cohort(0, [6, 4, 0]), *cohort(1, [9, 4, 0], usual=0.4, tolerance=0.1, drifted=True)],
    )
    write_site(CatalogueInputs(tmp_path / "store", ()), tmp_path / "site", lambda _: None)
    text = (tmp_path / "site" / "signals" / "return_to_item_14d.v1.html").read_text(encoding="utf-8")
    assert "Share of the final values: 50% by day" in text
    assert "In the week of 2026-03-09, 100.0% was visible by day 3; the baseline is 40.0%." in text
    assert "This curve compares open anchors of different ages" not in text


def test_values_are_counted_by_state_and_revisions_by_how_late_they_were(tmp_path: Path) -> None:
    ages = [0 * DAY, DAY - timedelta(microseconds=1), DAY, 7 * DAY, 29 * DAY, 30 * DAY, 400 * DAY]
    late = [row("a", at(1), revision=n + 1, known_ts=at(2) + age, value=0.0) for n, age in enumerate(ages)]
    first = [
        row("a", at(1)),
        row("b", at(1), value=0.5),
        open_row("c", at(9), at(10)),
        row("d", at(1), signal="regret"),
    ]
    write_values(tmp_path / "shop", [*first, *late])
    shown = CliRunner().invoke(cli, ["signals", "show", "click", "--store", str(tmp_path), "--json"])
    assert json.loads(shown.output)["values"] == {
        "shop": {
            "mature": 2,
            "open": 1,
            "mean": 0.75,
            "revisions": {"under 1 d": 2, "1 to 7 d": 1, "7 to 30 d": 2, "30 d or more": 2},
        }
    }
    none = CliRunner().invoke(cli, ["signals", "show", "kept_return", "--store", str(tmp_path), "--json"])
    assert json.loads(none.output)["values"] == {}
    text = revision_bands.format_revisions({"30 d or more": 2, "under 1 d": 1_000})
    assert text == "1,000 (under 1 d), 2 (30 d or more)"
    assert revision_bands.format_revisions({}) == "none"
