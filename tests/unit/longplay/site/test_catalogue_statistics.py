"""Statistics of the catalogue: each anchor counts once, in its current state, however rows are spread over files."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from longplay.definitions.signal import Definition
from longplay.errors import StoreError
from longplay.registry.registry import default_registry
from longplay.site.charts.histogram import compute_distribution
from longplay.site.charts.value_charts import draw_open_anchor_delay
from longplay.site.signals.aggregates import MAX_DISTINCT_VALUES
from longplay.site.signals.scan import aggregate_values
from longplay.site.signals.statistics import SignalStatistics, compute_statistics, find_undefined_values
from tests.unit.longplay.site.value_tables import Row, day, table, write

CLICK = default_registry().get("click@1")
RETURN = default_registry().get("return_to_item_14d@1")
DAYS = default_registry().get("active_days_28d@1")
H = timedelta(hours=1)


def write_and_compute(store: Path, definition: Definition, *parts: Sequence[Row]) -> SignalStatistics:
    folder = write(store, "shop", *(table(definition, part) for part in parts))
    statistics = compute_statistics(aggregate_values(folder, lambda _: None), definition.ref, definition.hash)
    assert statistics is not None
    return statistics


def test_every_anchor_counts_once_as_it_stands_now(tmp_path: Path) -> None:
    statistics = write_and_compute(
        tmp_path,
        DAYS,
        [Row("a", day(1), value=4.0), Row("b", day(1), value=10.0), Row("c", day(3), value=1.0)],
        [Row("b", day(1), value=12.0, revision=1, late=3 * H), Row("b", day(1), value=11.0, revision=2, late=80 * H)],
        [Row("c", day(3), "void", reason="superseded", revision=1, late=30 * H)],
        [Row("d", day(50), "open", prefix=2.0), Row("e", day(3), "void", reason="outage")],
    )
    assert (statistics.mature, statistics.open, dict(statistics.void)) == (2, 1, {"outage": 1, "superseded": 1})
    assert (statistics.anchors, statistics.share) == (5, 0.4)
    assert (statistics.mean, statistics.low, statistics.high, statistics.deviation) == (7.5, 4.0, 11.0, 3.5)
    assert statistics.value_counts == ((4.0, 1), (11.0, 1))
    by_day = {counts.day: counts for counts in statistics.days}
    assert len(by_day) == 50
    assert (by_day[date(2026, 1, 1)].mature, by_day[date(2026, 1, 1)].value_sum) == (2, 15.0)
    assert dict(by_day[date(2026, 1, 3)].void) == {"outage": 1, "superseded": 1}
    assert by_day[date(2026, 1, 2)].anchors == 0


def test_revisions_by_age_and_what_they_did(tmp_path: Path) -> None:
    statistics = write_and_compute(
        tmp_path,
        DAYS,
        [Row("a", day(1), value=4.0), Row("b", day(1), value=10.0), Row("c", day(3), value=1.0)],
        [Row("b", day(1), value=12.0, revision=1, late=3 * H), Row("b", day(1), value=11.0, revision=2, late=80 * H)],
        [Row("c", day(3), "void", reason="superseded", revision=1, late=30 * H)],
        [Row("d", day(3), "void", reason="superseded")],
    )
    revisions = statistics.revisions
    assert (revisions.matured, revisions.changed) == (3, 2)
    assert (revisions.mean_at_maturity, revisions.current_mean) == (5.5, 11.0)
    assert revisions.by_age == ((0, {"raised": 1}), (1, {"void": 1}), (2, {"lowered": 1}))


def test_an_outage_that_was_withdrawn_gives_values_back(tmp_path: Path) -> None:
    """One was mature, then void, then mature again; one was void at first; one is void still."""
    statistics = write_and_compute(
        tmp_path,
        DAYS,
        [Row("a", day(1), value=4.0), Row("b", day(1), "void", reason="outage"), Row("c", day(1), value=2.0)],
        [Row("a", day(1), "void", reason="outage", revision=1, late=25 * H)],
        [Row("a", day(1), value=5.0, revision=2, late=80 * H), Row("b", day(1), value=3.0, revision=1, late=80 * H)],
        [Row("c", day(1), "void", reason="outage", revision=1, late=25 * H)],
    )
    revisions = statistics.revisions
    assert (statistics.mature, dict(statistics.void)) == (2, {"outage": 1})
    assert (revisions.matured, revisions.changed) == (3, 3)
    assert revisions.by_age == ((1, {"void": 2}), (2, {"restored": 2}))


def test_anchors_shared_by_signals_keep_their_own_revisions(tmp_path: Path) -> None:
    clicks = table(CLICK, [Row("x", day(1), value=0.0), Row("x", day(1), value=1.0, revision=1, late=2 * H)])
    returns = table(RETURN, [Row("x", day(1), value=0.0), Row("y", day(1), value=0.0)])
    aggregates = aggregate_values(write(tmp_path, "shop", clicks, returns), lambda _: None)
    click, back = (compute_statistics(aggregates, d.ref, d.hash) for d in (CLICK, RETURN))
    assert click is not None
    assert back is not None
    assert (click.mature, click.mean, click.revisions.changed) == (1, 1.0, 1)
    assert (back.mature, back.mean, back.revisions.changed) == (2, 0.0, 0)


def test_values_under_another_hash_are_told_apart(tmp_path: Path) -> None:
    drafted = CLICK.updated(lateness="2 d")
    folder = write(
        tmp_path, "shop", table(CLICK, [Row("a", day(1), value=1.0)]), table(drafted, [Row("a", day(1), value=0.0)])
    )
    aggregates = aggregate_values(folder, lambda _: None)
    statistics = compute_statistics(aggregates, CLICK.ref, CLICK.hash)
    assert statistics is not None
    assert (statistics.mature, statistics.mean) == (1, 1.0)
    assert list(find_undefined_values(aggregates, {CLICK.ref: CLICK.hash})) == [("click@1", drafted.hash, 1)]
    assert compute_statistics(aggregates, RETURN.ref, RETURN.hash) is None


def test_random_rows_agree_with_a_plain_search_however_they_lie(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows, last = [], {}
    for number in range(400):
        for revision in range(int(rng.integers(1, 4)) if number % 7 == 0 else 1):
            value = float(rng.integers(0, 29))
            row = Row(f"a{number}", day(1 + number % 20), value=value, revision=revision, late=revision * 20 * H)
            rows.append(row)
            last[row.anchor] = value
    order = rng.permutation(len(rows))
    shuffled = [rows[i] for i in order]
    single = write_and_compute(tmp_path / "single", DAYS, shuffled)
    many = write_and_compute(tmp_path / "many", DAYS, *(shuffled[i : i + 9] for i in range(0, len(rows), 9)))
    assert single.days == many.days
    assert single.value_counts == many.value_counts
    assert single.revisions == many.revisions
    assert single.mature == 400
    assert single.mean == pytest.approx(np.mean(list(last.values())))
    assert single.deviation == pytest.approx(np.std(list(last.values())))
    assert dict(single.value_counts) == {v: list(last.values()).count(v) for v in set(last.values())}


def test_values_that_are_too_many_become_ranges(tmp_path: Path) -> None:
    rows = [Row(f"a{i}", day(1 + i % 5), value=i / 10) for i in range(4 * MAX_DISTINCT_VALUES)]
    rows += [Row("a7", day(3), value=5000.0, revision=1, late=H)]
    folder = write(tmp_path, "shop", *(table(DAYS, rows[i::3]) for i in range(3)))
    aggregates = aggregate_values(folder, lambda _: None)
    statistics = compute_statistics(aggregates, DAYS.ref, DAYS.hash)
    assert statistics is not None
    assert statistics.value_counts == ()
    distribution = compute_distribution(statistics, aggregates, DAYS.ref, DAYS.hash)
    assert distribution is not None
    assert not distribution.exact
    assert sum(values_in_range.anchors for values_in_range in distribution.ranges) == 4 * MAX_DISTINCT_VALUES
    values = sorted([5000.0, *(i / 10 for i in range(4 * MAX_DISTINCT_VALUES) if i != 7)])
    assert distribution.median == values[(len(values) - 1) // 2]
    above = distribution.ranges[-1]
    assert above.low == pytest.approx(values[int(np.ceil(0.99 * len(values))) - 1])
    assert (above.high, above.anchors) == (5000.0, sum(v > above.low for v in values))


def test_counts_keep_the_whole_numbers_in_between(tmp_path: Path) -> None:
    rows = [Row(f"a{i}", day(1), value=float(v)) for i, v in enumerate([0, 0, 0, 1, *range(3, 15)])]
    folder = write(tmp_path, "shop", table(DAYS, rows))
    aggregates = aggregate_values(folder, lambda _: None)
    statistics = compute_statistics(aggregates, DAYS.ref, DAYS.hash)
    assert statistics is not None
    distribution = compute_distribution(statistics, aggregates, DAYS.ref, DAYS.hash)
    assert distribution is not None
    assert [(values_in_range.low, values_in_range.anchors) for values_in_range in distribution.ranges[:4]] == [
        (0.0, 3),
        (1.0, 1),
        (2.0, 0),
        (3.0, 1),
    ]
    assert (len(distribution.ranges), distribution.median, distribution.exact) == (15, 6.0, True)


def test_delay_is_what_open_anchors_showed_over_the_mature_mean(tmp_path: Path) -> None:
    mature = [Row("a", day(1), value=1.0), Row("b", day(1), value=0.0)]  # mean 0.5
    young = [Row(f"y{i}", day(59), "open", prefix=float(i == 0)) for i in range(8)]  # 28 February: 12 h old at KNOWN_AT
    older = [Row(f"o{i}", day(54), "open", prefix=float(i < 2)) for i in range(5)]  # 5.5 days old
    statistics = write_and_compute(tmp_path, RETURN, mature, young, older)
    chart = draw_open_anchor_delay(statistics, 24)
    assert chart is not None
    assert chart.grid.rows == [["0 to 1 d", "8", "25.0%"], ["5 to 6 d", "5", "80.0%"]]
    assert draw_open_anchor_delay(write_and_compute(tmp_path / "none", RETURN, mature), 24) is None


def test_an_empty_table_has_no_figures(tmp_path: Path) -> None:
    aggregates = aggregate_values(write(tmp_path, "shop", table(CLICK, [])), lambda _: None)
    assert compute_statistics(aggregates, CLICK.ref, CLICK.hash) is None


def test_a_table_without_a_column_says_which(tmp_path: Path) -> None:
    folder = write(tmp_path, "shop", table(CLICK, [Row("a", day(1), value=1.0)]).drop_columns(["prefix", "t0"]))
    with pytest.raises(StoreError, match="no prefix, t0") as failed:
        aggregate_values(folder, lambda _: None)
    assert str(folder) in failed.value.where
