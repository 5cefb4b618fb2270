"""Contender: trailing sums on Spark, by ``longplay`` or ``range``."""

import sys
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from bench.contender import serve
from bench.spark_session import session
from bench.windowed_sums import WINDOWS
from features.feature_view import Feature, View
from features.point_in_time_join import as_of_join
from longplay.config.duration import DAY_US

VIEW = View("sums", ("user_id",), "event", tuple(Feature(f"s{w}", "sum", "x0", w) for w in WINDOWS))
spark = session()


def longplay(facts: DataFrame, spine: DataFrame) -> DataFrame:
    """Sum by Longplay's point-in-time join."""
    visible = F.greatest("event_ts", "known_ts").alias("visible_ts")
    visible_facts = facts.select("user_id", "event_ts", visible, F.lit(True).alias("consumed"), "x0")
    return as_of_join([VIEW], visible_facts, spine)


def ranges(facts: DataFrame, spine: DataFrame) -> DataFrame:
    """Sum by RANGE windows over facts and spine together."""
    no_id = F.lit(None).cast("bigint").alias("row_id")
    both = facts.select("user_id", F.unix_micros("event_ts").alias("t"), "x0", no_id)
    questions = spine.select(
        "user_id", F.unix_micros("as_of").alias("t"), F.lit(None).cast("double").alias("x0"), "row_id"
    )
    ordered = both.unionByName(questions)
    by = Window.partitionBy("user_id").orderBy("t")
    sums = [F.coalesce(F.sum("x0").over(by.rangeBetween(-w * DAY_US, -1)), F.lit(0.0)).alias(f"s{w}") for w in WINDOWS]
    return ordered.select("row_id", *sums).where(F.col("row_id").isNotNull())


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Compute all sums, and aggregate so that every row is computed."""
    facts = spark.read.parquet(request["folder"] + "/facts.parquet")
    spine = spark.read.parquet(request["folder"] + "/spine.parquet")
    summed = {"longplay": longplay, "range": ranges}[sys.argv[1]](facts, spine)
    row = summed.agg(F.count("*").alias("rows"), *[F.sum(f"s{w}").alias(f"s{w}") for w in WINDOWS]).first()
    assert row is not None
    return dict(row.asDict())


if __name__ == "__main__":
    serve(run)
