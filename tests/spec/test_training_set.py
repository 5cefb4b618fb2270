"""Training sets: one row an exposure, no label before its time, and parts that do not read each other."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from features.point_in_time_join import LATEST
from features.shipped_views import ITEM, USER, USER_ITEM, USER_TOPIC, VIEWS, feature_names
from jobs.runtime.training_set_audit import check_spine
from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from longplay.errors import InputError, QualityError
from longplay.registry.registry import default_registry
from quality.measure.profile import profile_publication
from rankers.dataset.training_set import SPINE, SplitPlan, join_training_set, select_spine
from signals.compute import compute_signal_values
from signals.maturity import Knowledge
from tables.catalog import TRAINING_SET
from tests.reference.records import TICK, Event, Exposure, at, events_frame, exposures_frame, midnight, utc

CLICK, RETURN = (default_registry().get(name) for name in ("click", "return_to_item_14d"))
LABELS = (CLICK, RETURN)
HORIZON = max(d.horizon for d in LABELS)
LOG_START, WATERMARK = at("1 Jan"), at("1 May")
OUTAGE = (at("20 Mar"), at("21 Mar"))
PLAN = SplitPlan.from_watermark(WATERMARK, HORIZON, (28, 7, 14))


# ---- the split, without Spark


def longest(definition: Definition, lateness: str) -> Definition:
    return Definition.model_validate(definition.model_dump(mode="json", by_alias=True) | {"lateness": lateness})


PLANS = {
    "both labels": (LABELS, at("1 May"), (28, 7, 14)),
    "watermark in the middle of a day": (LABELS, at("1 May 13:37"), (28, 7, 14)),
    "one day each": (LABELS, at("1 May"), (1, 1, 1)),
    "lateness in hours": ((longest(RETURN, "5 h"),), at("1 May"), (28, 7, 14)),
}


@pytest.fixture(params=PLANS, name="case")
def _case(request: pytest.FixtureRequest) -> tuple[SplitPlan, Sequence[Definition], datetime, tuple[int, int, int]]:
    definitions, watermark, days = PLANS[request.param]
    horizon = max(d.horizon for d in definitions)
    return SplitPlan.from_watermark(watermark, horizon, days), definitions, watermark, days


def parts(plan: SplitPlan) -> Iterator[tuple[datetime, datetime]]:
    yield from (
        (plan.train_start, plan.train_end),
        (plan.valid_start, plan.valid_end),
        (plan.test_start, plan.test_end),
    )


def test_the_worked_plan() -> None:
    """Return: D0 + 15 d + 1 d; the newest exposures that are mature on 1 May are those of 15 April."""
    assert SplitPlan.from_watermark(at("1 May"), HORIZON, (28, 7, 14)) == SplitPlan(
        train_start=at("25 Jan"),
        train_end=at("22 Feb"),
        valid_start=at("10 Mar"),
        valid_end=at("17 Mar"),
        test_start=at("2 Apr"),
        test_end=at("16 Apr"),
    )


def test_every_exposure_of_every_part_is_mature_at_the_watermark(case) -> None:
    plan, definitions, watermark, _ = case
    for start, end in parts(plan):
        for moment in (start, end - TICK):
            assert all(d.matures_at(moment) <= watermark for d in definitions)


def test_no_day_is_wasted(case) -> None:
    plan, definitions, watermark, _ = case
    assert any(d.matures_at(plan.test_end) > watermark for d in definitions)


def test_no_label_reads_into_the_next_part(case) -> None:
    plan, definitions, _, _ = case
    for (_, end), (start, _) in zip(list(parts(plan))[:-1], list(parts(plan))[1:], strict=True):
        assert all(d.matures_at(end - TICK) <= start for d in definitions)


def test_parts_are_whole_days_of_the_lengths_asked_for(case) -> None:
    plan, _, _, days = case
    assert [(end - start) // DAY for start, end in parts(plan)] == list(days)
    assert all(border == midnight(border) for border in vars(plan).values())


def test_parts_are_mature_also_where_the_longest_label_is_an_elapsed_window() -> None:
    plan = SplitPlan.from_watermark(WATERMARK, CLICK.horizon, (28, 7, 14))
    assert CLICK.matures_at(plan.test_end - TICK) <= WATERMARK


def test_a_log_that_is_just_long_enough_passes_and_one_that_is_a_day_short_does_not() -> None:
    PLAN.check(PLAN.train_start)
    with pytest.raises(InputError, match="too short") as caught:
        PLAN.check(PLAN.train_start + DAY)
    assert "1 days before the log does (2026-01-26)" in caught.value.got
    assert "training.train_days" in caught.value.fix


# ---- the set, on Spark


@pytest.fixture(scope="module")
def exposures() -> list[Exposure]:
    """Exposures on every border and a tick before it, then exposures that look alike."""
    borders = sorted({b for start, end in parts(PLAN) for b in (start, end)})
    moments = [moment for border in borders for moment in (border - TICK, border)]
    shown = [Exposure(f"x{n}", f"r{n}", "ann", "song", moment, moment) for n, moment in enumerate(moments)]
    test_day = PLAN.test_start + DAY / 3
    for number, (user, item, topic) in enumerate(
        # The same pair at the same moment in two requests; keys that meet when glued; no topic; an unknown user.
        [("ann", "song", "t"), ("ann", "song", "t"), ("a|b", "c", "t"), ("a", "b|c", "t"), ("ann", "odd", None),
         ("nobody", "song", "t"), ("ann", "never", "t")]
    ):  # fmt: skip
        shown.append(Exposure(f"y{number}", f"s{number}", user, item, test_day, test_day, topic, number == 6))
    return shown


@pytest.fixture(scope="module")
def labels(spark: SparkSession, exposures: list[Exposure]) -> DataFrame:
    """Clicks at once, and a return after five days, for every second exposure."""
    events = []
    for n, shown in enumerate(exposures[::2]):
        now, later = shown.as_of + TICK, shown.as_of + 5 * DAY
        common = (shown.user_id, shown.item_id)
        events.append(Event(f"c{n}", *common, now, now, is_click=True, request_id=shown.request_id))
        events.append(Event(f"p{n}", *common, later, later, is_consumption=True))
    frames = events_frame(spark, events), exposures_frame(spark, exposures)
    knowledge = Knowledge(WATERMARK, WATERMARK, LOG_START, [OUTAGE])
    values = compute_signal_values([*LABELS, default_registry().get("regret")], *frames, knowledge)
    return spark.createDataFrame(values.collect(), values.schema)


def features_of(spark: SparkSession, exposures: Sequence[Exposure]) -> tuple[DataFrame, DataFrame]:
    """Feature tables as published: one row a key, none for the user nobody, all values 1; no topic, no topic view."""
    shown = exposures_frame(spark, exposures).where("user_id <> 'nobody'")
    latest = F.col("as_of") - F.expr("INTERVAL 1 HOUR")
    own = {name: F.lit(1.0) for view in (USER, USER_ITEM) for name in view.names()}
    own |= {name: F.when(F.col("topic").isNotNull(), 1.0) for name in USER_TOPIC.names()}
    of_exposures = shown.select("exposure_id", "topic", latest.alias(LATEST)).withColumns(own).drop("topic")
    days = shown.select("item_id", "as_of_day").distinct()
    items = {LATEST: F.col("as_of_day").cast("timestamp") - F.expr("INTERVAL 1 DAY")}
    return of_exposures, days.withColumns({name: F.lit(1.0) for name in ITEM.names()} | items)


@pytest.fixture(scope="module")
def rows(spark: SparkSession, exposures: list[Exposure], labels: DataFrame) -> dict[str, Row]:
    """The set by exposure; every exposure occurs once."""
    spine = select_spine(exposures_frame(spark, exposures), PLAN)
    tables = features_of(spark, exposures)
    # A value of another meaning under the same name is no label of this set.
    foreign = labels.where(f"signal = '{CLICK.ref}'").withColumn("definition_hash", F.lit("0" * 16))
    values = labels.unionByName(foreign)
    built = join_training_set(spine, tables, (LABELS, values), PLAN, WATERMARK).collect()
    inside = [e.exposure_id for e in exposures if PLAN.train_start <= e.as_of < PLAN.test_end]
    assert sorted(row["exposure_id"] for row in built) == sorted(inside)
    return {row["exposure_id"]: row for row in built}


@pytest.mark.spark
def test_one_row_an_exposure_with_just_the_columns_of_the_contract(rows: dict[str, Row]) -> None:
    """The fixture asserts that the set preserves rows, duplicates and gaps included."""
    names = [f"{part}_{d.name}" for d in LABELS for part in ("label", "state", "weight")]
    audit = ["has_features", LATEST, "labels_known_ts", "labels_t0"]
    assert list(rows["y0"].asDict()) == [*SPINE, "split", *audit, *feature_names(), *names]
    assert {"y0", "y1", "y2", "y3"} <= rows.keys()


@pytest.mark.spark
def test_splits_end_exactly_on_their_borders(rows: dict[str, Row]) -> None:
    """``[start, end)``: the border belongs to the part that it begins."""
    expected = {
        "train": [PLAN.train_start, PLAN.train_end - TICK],
        "purged": [PLAN.train_end, PLAN.valid_start - TICK, PLAN.valid_end, PLAN.test_start - TICK],
        "valid": [PLAN.valid_start, PLAN.valid_end - TICK],
        "test": [PLAN.test_start, PLAN.test_end - TICK],
    }
    times_by_split: dict[str, list[datetime]] = {}
    for row in rows.values():
        if row["exposure_id"].startswith("x"):
            times_by_split.setdefault(row["split"], []).append(utc(row["as_of"]))
    assert {split: sorted(moments) for split, moments in times_by_split.items()} == expected


@pytest.mark.spark
def test_missing_features_are_missing_and_cost_no_row(rows: dict[str, Row]) -> None:
    names = {view.name: view.names() for view in VIEWS}

    def missing(exposure: str) -> set[str]:
        return {view for view, columns in names.items() if all(rows[exposure][c] is None for c in columns)}

    assert missing("y0") == set()
    assert missing("y4") == {USER_TOPIC.name}  # its topic is not known
    assert missing("y5") == {USER.name, USER_ITEM.name, USER_TOPIC.name}  # nobody computed this exposure's features
    assert {name for name, row in rows.items() if not row["has_features"]} == {"y5"}


@pytest.mark.spark
def test_a_sampled_row_has_no_exposure_count(rows: dict[str, Row]) -> None:
    assert rows["y6"]["sampled"]
    assert rows["y6"]["f_item_exposures_28d"] is None
    assert rows["y0"]["f_item_exposures_28d"] == 1.0


def labelled(row: Row, definition: Definition) -> tuple[str, Any]:
    return row[f"state_{definition.name}"], row[f"label_{definition.name}"]


@pytest.mark.spark
def test_labels_are_there_if_mature_and_only_then(rows: dict[str, Row]) -> None:
    for row in rows.values():
        for definition in LABELS:
            state, label = labelled(row, definition)
            assert (label is not None) == (state == "mature")
    assert labelled(rows["y0"], RETURN) == ("mature", 1.0)
    assert labelled(rows["y3"], RETURN) == ("mature", 0.0)
    # A click answers one request: the same pair shown at the same moment elsewhere was not clicked.
    assert [labelled(rows[y], CLICK) for y in ("y0", "y1")] == [("mature", 1.0), ("mature", 0.0)]


@pytest.mark.spark
def test_exposures_that_share_an_outcome_share_its_weight(rows: dict[str, Row]) -> None:
    """ann was shown the song three times on 2 April (y0, y1 and at midnight): their windows hold the same returns."""
    weights = {name: rows[name][f"weight_{RETURN.name}"] for name in ("y0", "y1", "y2", "y3", "y4", "y6")}
    assert weights == {"y0": 1 / 3, "y1": 1 / 3, "y2": 1.0, "y3": 1.0, "y4": 1.0, "y6": 1.0}
    (midnight_row,) = (row for row in rows.values() if utc(row["as_of"]) == PLAN.test_start)
    assert midnight_row[f"weight_{RETURN.name}"] == 1 / 3
    for row in rows.values():
        for definition in LABELS:
            assert (row[f"weight_{definition.name}"] > 0) == (row[f"state_{definition.name}"] == "mature")


@pytest.mark.spark
def test_an_outage_makes_the_label_null_and_no_zero(rows: dict[str, Row]) -> None:
    """The windows of the returns of mid-March hold 20 March; those clicked came back, which settles them."""
    touched = [row for row in rows.values() if at("5 Mar") <= utc(row["as_of"]) < at("20 Mar")]
    states = {labelled(row, RETURN) for row in touched}
    assert states == {("void", None), ("mature", 1.0)}
    assert {labelled(row, CLICK)[0] for row in touched} == {"mature"}


@pytest.mark.spark
def test_an_open_label_is_null_and_no_zero(spark: SparkSession, exposures: list[Exposure], labels: DataFrame) -> None:
    """As known on the last day of the test part: its clicks are known, its returns are not yet."""
    cut_off = PLAN.test_end + timedelta(hours=30)
    knowledge = Knowledge(cut_off, cut_off, LOG_START)
    last = [e for e in exposures if e.as_of == PLAN.test_end - TICK]
    spine = exposures_frame(spark, last)
    early = compute_signal_values(LABELS, events_frame(spark, []), spine, knowledge)
    # The second set reads today's values as known then: there was no value yet, which is open as well.
    for values in (early, labels):
        built = join_training_set(spine, features_of(spark, last), (LABELS, values), PLAN, cut_off)
        (row,) = built.collect()
        assert labelled(row, RETURN) == ("open", None)
        assert labelled(row, CLICK)[0] == "mature"


def moved(frame: DataFrame, column: str, value: Column, where: Column) -> DataFrame:
    """A table with another value in some rows."""
    return frame.withColumn(column, F.when(where, value).otherwise(F.col(column)))


@pytest.mark.spark
def test_a_leak_on_either_side_is_found_by_the_rules_of_the_set(
    spark: SparkSession, exposures: list[Exposure], labels: DataFrame
) -> None:
    """A fault in one input breaks one rule of the set's contract; without a fault no rule is broken."""
    spine = select_spine(exposures_frame(spark, exposures), PLAN).where("user_id <> 'nobody'")
    own, items = features_of(spark, exposures)
    is_y0, day = F.col("exposure_id") == "y0", F.expr("INTERVAL 1 DAY")
    shown = exposures_frame(spark, exposures).select("exposure_id", "as_of")
    at_as_of = own.join(shown, "exposure_id")
    is_click = (F.col("signal") == CLICK.ref) & (F.col("anchor_id") == "y0")

    def broken(features: tuple[DataFrame, DataFrame], values: DataFrame) -> dict[str, int]:
        frame = join_training_set(spine, features, (LABELS, values), PLAN, WATERMARK)
        return {name: n for name, n in profile_publication(frame, TRAINING_SET).violations.items() if n}

    assert broken((own, items), labels) == {}
    leak = moved(at_as_of, LATEST, F.col("as_of"), is_y0).drop("as_of")
    assert broken((leak, items), labels) == {"features_from_the_past": 1}
    at_midnight = items.withColumn(LATEST, F.col("as_of_day").cast("timestamp") + day)
    assert broken((own, at_midnight), labels).keys() == {"features_from_the_past"}
    # Another label that looks from the exposure on does not hide it.
    before = moved(labels, "t0", F.col("t0") - F.expr("INTERVAL 1 MICROSECOND"), is_click)
    assert broken((own, items), before) == {"labels_from_the_future": 1}
    assert broken((own.where(~is_y0), items), labels) == {"features_are_there": 1}


@pytest.mark.spark
def test_a_row_that_is_lost_or_doubled_and_a_label_known_too_late_are_refused(
    spark: SparkSession, exposures: list[Exposure], labels: DataFrame
) -> None:
    spine = select_spine(exposures_frame(spark, exposures), PLAN)
    own, items = features_of(spark, exposures)

    def audited(features: DataFrame = own) -> int:
        frame = join_training_set(spine, (features, items), (LABELS, labels), PLAN, WATERMARK)
        return check_spine(frame, spine.count(), frame.count(), WATERMARK)

    rows = audited()
    assert rows == spine.count()
    doubled = own.unionByName(own.where("exposure_id = 'y0'"))
    with pytest.raises(QualityError, match="does not preserve its spine") as caught:
        audited(features=doubled)
    assert caught.value.got == f"{rows:,} in, {rows + 1:,} out"
    late = labels.withColumn("known_ts", F.lit(WATERMARK + TICK))
    frame = join_training_set(spine, (own, items), (LABELS, late), PLAN, WATERMARK + DAY)
    with pytest.raises(QualityError, match="not known at its cut-off"):
        check_spine(frame, rows, rows, WATERMARK)
