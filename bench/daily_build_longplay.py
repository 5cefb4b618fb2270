"""Contender: Longplay's daily build, one delivery per request through every table, and the contents of the tables."""

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
deliveries = Deliveries(
    spark, "daily_build_source.yaml", FOLDER / "log", FOLDER / "warehouse", [f"signals.shipped=[{', '.join(LABELS)}]"]
)


def compare(request: dict[str, Any]) -> dict[str, float]:
    """Count rows and sum the features of single days and the settled labels."""
    store, sums_by_name = deliveries.job().store, dict[str, float]()
    first, end, labels_from, settled = (F.lit(request[n]).cast("date") for n in ("first", "end", "labels", "settled"))
    of_users = [name for view in OF_USERS for name in view.names()]
    for table, names in (("exposure_features", of_users), ("item_features", ITEM.names())):
        rows = store.read(table).where((F.col("as_of_day") >= first) & (F.col("as_of_day") < end))
        sums = [F.sum(name).cast("double").alias(name) for name in names]
        sums_by_name |= rows.agg(F.count("*").alias(f"rows of {table}"), *sums).collect()[0].asDict()
    values = store.read("signal_values").where((F.col("state") == "mature") & (F.col("t0_day") >= labels_from))
    for label in LABELS:
        rows = values.where((F.col("signal") == f"{label}@1") & (F.col("t0_day") < settled))
        sums_by_name |= (
            rows.agg(F.count("*").alias(f"rows of {label}"), F.sum("value").alias(label)).collect()[0].asDict()
        )
    return sums_by_name


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Take the next day, or compare."""
    return deliveries.take() if request["do"] == "day" else compare(request)


if __name__ == "__main__":
    serve(run)
