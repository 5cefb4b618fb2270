"""What Spark is asked to do: how often data are shuffled, and that nothing is ever crossed with everything."""

import re

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from features.feature_facts import build_item_day_facts, build_user_facts
from features.histories import build_daily_tiles, build_exposure_tiles
from features.point_in_time_join import as_of_join
from features.shipped_views import ITEM, USER, USER_ITEM, USER_TOPIC
from ingest.fact_tables import build_first_seen
from longplay.registry.registry import default_registry
from signals.compute import compute_signal_values, select_values_known_at
from signals.maturity import Knowledge
from tests.reference.records import Event, Exposure, at, episodes_frame, events_frame, exposures_frame
from tests.spec.main_queries import PAGE, main_queries, nothing_is_small, page
from tests.spec.main_queries import shuffles as main_shuffles

pytestmark = pytest.mark.spark

CROSSED = ("CartesianProduct", "BroadcastNestedLoopJoin")
NOW = at("1 May")


@pytest.fixture(scope="module")
def tables(spark: SparkSession) -> tuple[DataFrame, DataFrame]:
    events = events_frame(spark, [Event("e", "ann", "song", NOW, NOW, is_consumption=True, is_click=True)])
    return events, exposures_frame(spark, [Exposure("x", "r", "ann", "song", NOW, NOW)])


def plan_of(frame: DataFrame, capsys: pytest.CaptureFixture[str]) -> str:
    """The physical plan as text; nothing is run."""
    capsys.readouterr()
    frame.explain(mode="simple")
    plan = capsys.readouterr().out
    assert "== Physical Plan ==" in plan
    return plan


def shuffles(plan: str) -> list[str]:
    """The columns of every shuffle (a broadcast is none)."""
    return re.findall(r"(?<!Reused)Exchange hashpartitioning\(([^)]*)\)", plan)


def spark_rows(frame: DataFrame) -> DataFrame:
    """A frame as a table gives it, without the plan that made it."""
    return frame.sparkSession.createDataFrame(frame.collect(), frame.schema)


def test_all_views_of_a_user_are_one_shuffle_of_the_facts_and_one_of_the_spine(
    tables: tuple[DataFrame, DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    events, exposures = tables
    first_rows = spark_rows(build_first_seen(events))
    plan = plan_of(as_of_join([USER, USER_ITEM, USER_TOPIC], build_user_facts(events, first_rows), exposures), capsys)
    assert [re.sub(r"#\d+", "", columns).split(",")[0] for columns in shuffles(plan)] == ["_bucket", "_bucket"]
    assert plan.count("Exchange") == 2
    assert plan.count("FlatMapCoGroupsInArrow") == 1
    assert "Join" not in plan


def test_the_view_of_items_joins_nothing(
    tables: tuple[DataFrame, DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    events, exposures = tables
    tiles = [build_daily_tiles(events, ["item_id"]), build_daily_tiles(events, ["user_id", "item_id"])]
    facts = build_item_day_facts(tiles[0], tiles[1], build_exposure_tiles(exposures), build_first_seen(events))
    days = exposures.select("item_id", F.to_date("as_of").cast("timestamp").alias("as_of"))
    assert "Join" not in plan_of(as_of_join([ITEM], facts, days), capsys)


def test_signals_cross_nothing_with_everything(
    spark: SparkSession, tables: tuple[DataFrame, DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    values = compute_signal_values(
        default_registry().newest(), *tables, Knowledge(NOW, NOW, at("1 Jan")), None, episodes_frame(spark, [])
    )
    plan = plan_of(select_values_known_at(values, F.lit(NOW)), capsys)
    assert "Join" in plan
    for word in CROSSED:
        assert word not in plan


def test_control_a_crossing_would_be_seen(
    tables: tuple[DataFrame, DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    events, exposures = tables
    crossed = events.join(exposures, F.col("event_ts") >= F.col("as_of"))
    assert any(word in plan_of(crossed, capsys) for word in CROSSED)


def test_the_page_of_the_main_queries_says_what_is_so(spark: SparkSession) -> None:
    """And none shuffles more often than was found to be needed."""
    with nothing_is_small(spark):
        queries = main_queries(spark)
        assert {query.title: len(main_shuffles(query.frame)) for query in queries} == {
            query.title: query.shuffles for query in queries
        }
        assert PAGE.read_text(encoding="utf-8") == page(spark)
