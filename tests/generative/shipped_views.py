"""The shipped views of a log, built as the jobs build them, as plain rows."""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from features.feature_facts import build_item_day_facts, build_user_facts, select_known_facts
from features.feature_view import View
from features.histories import build_daily_tiles, build_exposure_tiles
from features.point_in_time_join import as_of_join
from features.shipped_views import VIEWS
from ingest.fact_tables import build_first_seen
from tests.generative.random_logs import Log
from tests.reference.features_by_hand import Row
from tests.reference.records import at, events_frame, exposures_frame, utc

Features = dict[str, dict[tuple, Row]]
LATER = at("1 Jan", year=2028)


def known_features(
    spark: SparkSession, log: Log, views: Sequence[View] = VIEWS, known_at: datetime = LATER
) -> Features:
    """Rows of each view by key and moment, for every exposure of a log, built at ``known_at``."""
    events = select_known_facts(events_frame(spark, log.events), known_at)
    exposures = exposures_frame(spark, log.exposures)
    return {view.name: _rows(view, _joined(view, events, exposures)) for view in views}


def _joined(view: View, events: DataFrame, exposures: DataFrame) -> DataFrame:
    if view.resolution == "day":
        tiles = [build_daily_tiles(events, ["item_id"]), build_daily_tiles(events, ["user_id", "item_id"])]
        facts = build_item_day_facts(
            tiles[0], tiles[1].drop("amount"), build_exposure_tiles(exposures), build_first_seen(events)
        )
        days = exposures.select("item_id", F.to_date("as_of").cast("timestamp").alias("as_of")).distinct()
        return as_of_join([view], facts, days)
    keys = list(view.keys)
    spine = exposures.select(*keys, "as_of").dropna(subset=keys).distinct()
    return as_of_join([view], build_user_facts(events, build_first_seen(events)), spine)


def _rows(view: View, frame: DataFrame) -> dict[tuple, Row]:
    collected = frame.collect()
    rows = {
        (*(row[key] for key in view.keys), utc(row["as_of"])): {name: row[name] for name in view.names()}
        for row in collected
    }
    assert len(rows) == len(collected), f"{view.name} has two rows for one key"
    return rows
