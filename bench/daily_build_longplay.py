"""Longplay's daily build, as a contender: the next delivery through every table, or what the tables hold."""

import sys
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from bench.contender import serve
from bench.deliveries import Deliveries
from bench.spark_session import AS_JOBS, session
from features.shipped_views import ITEM, OF_USERS

FOLDER = Path(sys.argv[1])
LABELS = ("click", "return_to_item_14d")
spark = session(**AS_JOBS)
waiting = Deliveries(
    spark, "daily_build_source.yaml", FOLDER / "log", FOLDER / "warehouse", [f"signals.shipped=[{', '.join(LABELS)}]"]
)


def compare(request: dict[str, Any]) -> dict[str, float]:
    """Rows and sums of the features of single days, and of the labels that are settled."""
    store, found = waiting.job().store, dict[str, float]()
    first, end, asked, settled = (F.lit(request[n]).cast("date") for n in ("first", "end", "labels", "settled"))
    of_users = [name for view in OF_USERS for name in view.names()]
    for table, names in (("exposure_features", of_users), ("item_features", ITEM.names())):
        rows = store.read(table).where((F.col("as_of_day") >= first) & (F.col("as_of_day") < end))
        sums = [F.sum(name).cast("double").alias(name) for name in names]
        found |= rows.agg(F.count("*").alias(f"rows of {table}"), *sums).collect()[0].asDict()
    values = store.read("signal_values").where((F.col("state") == "mature") & (F.col("t0_day") >= asked))
    for label in LABELS:
        rows = values.where((F.col("signal") == f"{label}@1") & (F.col("t0_day") < settled))
        found |= rows.agg(F.count("*").alias(f"rows of {label}"), F.sum("value").alias(label)).collect()[0].asDict()
    return found


def run(request: dict[str, Any]) -> dict[str, Any]:
    """A day, or the comparison."""
    return waiting.take() if request["do"] == "day" else compare(request)


if __name__ == "__main__":
    serve(run)
