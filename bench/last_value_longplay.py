"""Contender: Longplay's last value as of a moment."""

from typing import Any

from pyspark.sql import functions as F

from bench.contender import serve
from bench.spark_session import session
from features.last_value import join_last_values

spark = session()


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Join, and aggregate so that every row is computed."""
    facts = spark.read.parquet(request["folder"] + "/facts.parquet")
    spine = spark.read.parquet(request["folder"] + "/spine.parquet")
    joined = join_last_values(facts, spine, ["user_id"])
    row = joined.agg(F.count("*"), F.count("x0"), F.sum("x0"), *[F.max(f"x{n}") for n in range(1, 5)]).first()
    assert row is not None
    return {"rows": row[0], "found": row[1], "sum": row[2]}


if __name__ == "__main__":
    serve(run)
