"""Contender: Feast's Spark offline store (feast 0.67.0)."""

from typing import Any

from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from pyspark.sql import functions as F

from bench.contender import serve
from bench.peers.feast_store import store
from bench.spark_session import session

spark = session()
COLUMNS = [f"x{n}" for n in range(5)]
stores: dict[str, Any] = {}


def run(request: dict[str, Any]) -> dict[str, Any]:
    folder = request["folder"]
    if folder not in stores:
        source = SparkSource(
            name="facts", path=f"{folder}/facts.parquet", file_format="parquet", timestamp_field="event_ts"
        )
        stores[folder] = store(folder, {"type": "spark"}, source, COLUMNS)
    spine = spark.read.parquet(folder + "/spine.parquet").withColumnRenamed("as_of", "event_timestamp")
    spine.createOrReplaceTempView("spine")
    job = stores[folder].get_historical_features("SELECT * FROM spine", [f"facts:{c}" for c in COLUMNS])
    features = job.to_spark_df()
    row = features.agg(F.count("*"), F.count("x0"), F.sum("x0"), *[F.max(f"x{n}") for n in range(1, 5)]).first()
    return {"rows": row[0], "found": row[1], "sum": row[2]}


if __name__ == "__main__":
    serve(run)
