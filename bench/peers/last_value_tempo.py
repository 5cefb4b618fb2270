"""Contender: tempo's as-of join (dbl-tempo 0.1.30), with complete rows (skipNulls=False)."""

from typing import Any

from pyspark.sql import functions as F
from tempo import TSDF

from bench.contender import serve
from bench.spark_session import session

spark = session()


def run(request: dict[str, Any]) -> dict[str, Any]:
    facts = spark.read.parquet(request["folder"] + "/facts.parquet").drop("known_ts")
    spine = spark.read.parquet(request["folder"] + "/spine.parquet").withColumnRenamed("as_of", "event_ts")
    left = TSDF(spine, ts_col="event_ts", partition_cols=["user_id"])
    right = TSDF(facts, ts_col="event_ts", partition_cols=["user_id"])
    joined = left.asofJoin(right, right_prefix="r", skipNulls=False, suppress_null_warning=True).df
    row = joined.agg(F.count("*"), F.count("r_x0"), F.sum("r_x0"), *[F.max(f"r_x{n}") for n in range(1, 5)]).first()
    return {"rows": row[0], "found": row[1], "sum": row[2]}


if __name__ == "__main__":
    serve(run)
