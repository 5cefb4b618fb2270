"""Longplay's transforms on Spark, or on pysail where its program is given, as a contender."""

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


def asked(program: str) -> SparkSession:
    """A session on a server of pysail with two threads; it lives as long as this process."""
    port = free_port()
    told = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]]), "TOKIO_WORKER_THREADS": "2"}
    server = subprocess.Popen([program, "spark", "server", "--port", str(port)], env=told, stdout=2)
    wait_for(port, server)
    return SparkSession.builder.remote(f"sc://127.0.0.1:{port}").config(map=CONNECT).getOrCreate()


spark = asked(sys.argv[1]) if sys.argv[1] else session()


def summed(case: str, folder: str) -> DataFrame:
    """One row that needs every row of the transform."""
    if case == "last value":
        facts, spine = (spark.read.parquet(f"{folder}/{case}/{name}.parquet") for name in ("facts", "spine"))
        found = join_last_values(facts, spine, ["user_id"])
        return found.agg(F.count("*").alias("rows"), F.round(F.sum("x0"), 6).alias("sum"))
    events = spark.read.parquet(f"{folder}/log/events")
    if case == "tiles":
        tiles = build_daily_tiles(events, ["user_id", "item_id"])
        return tiles.agg(F.count("*").alias("rows"), F.sum("amount").alias("sum"))
    return events.agg(F.count("*").alias("rows"), F.sum(row_hash(events).cast("decimal(38,0)")).alias("sum"))


def run(request: dict[str, Any]) -> dict[str, Any]:
    """The transform, summed up."""
    row = summed(request["case"], request["folder"]).first()
    assert row is not None
    return {"rows": row["rows"], "sum": str(row["sum"])}


if __name__ == "__main__":
    serve(run)
