"""Contender: Longplay's transforms on Spark, or on pysail if its program is given."""

import os
import subprocess
import sys
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from bench.contender import serve
from bench.spark_session import session
from features.histories import build_daily_tiles
from features.last_value import join_last_values
from tables.checksum import row_hash
from tests.over_connect import ROOT, free_port, wait_for

CONNECT = {"spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "4"}


def start_sail_session(program: str) -> SparkSession:
    """Start a pysail server with two threads for the life of this process; open a session on it."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]]), "TOKIO_WORKER_THREADS": "2"}
    server = subprocess.Popen([program, "spark", "server", "--port", str(port)], env=environment, stdout=2)
    wait_for(port, server)
    return SparkSession.builder.remote(f"sc://127.0.0.1:{port}").config(map=CONNECT).getOrCreate()


spark = start_sail_session(sys.argv[1]) if sys.argv[1] else session()


def summarise(case: str, folder: str) -> DataFrame:
    """Aggregate a transform into one row that depends on all of its rows."""
    if case == "last value":
        facts, spine = (spark.read.parquet(f"{folder}/{case}/{name}.parquet") for name in ("facts", "spine"))
        joined = join_last_values(facts, spine, ["user_id"])
        return joined.agg(F.count("*").alias("rows"), F.round(F.sum("x0"), 6).alias("sum"))
    events = spark.read.parquet(f"{folder}/log/events")
    if case == "tiles":
        tiles = build_daily_tiles(events, ["user_id", "item_id"])
        return tiles.agg(F.count("*").alias("rows"), F.sum("amount").alias("sum"))
    return events.agg(F.count("*").alias("rows"), F.sum(F.expr(row_hash(events)).cast("decimal(38,0)")).alias("sum"))


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run a transform and return its aggregate."""
    row = summarise(request["case"], request["folder"]).first()
    assert row is not None
    return {"rows": row["rows"], "sum": str(row["sum"])}


if __name__ == "__main__":
    serve(run)
