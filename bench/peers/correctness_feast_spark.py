"""Contender: Feast's Spark offline store on the hard cases (feast 0.67.0)."""

from typing import Any

import pyarrow.parquet as pq
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource

from bench.contender import serve
from bench.peers.feast_store import store
from bench.spark_session import session

spark = session(**{"spark.driver.memory": "2g"})


def run(request: dict[str, Any]) -> dict[str, Any]:
    folder, columns = request["folder"], [f"x{n}" for n in range(request["columns"])]
    source = SparkSource(
        name="facts",
        path=f"{folder}/facts.parquet",
        file_format="parquet",
        timestamp_field="event_ts",
        created_timestamp_column="known_ts",
    )
    feature_store = store(folder, {"type": "spark"}, source, columns, request["keys"])
    spine = spark.read.parquet(folder + "/spine.parquet").withColumnRenamed("as_of", "event_timestamp")
    spine.createOrReplaceTempView("spine")
    job = feature_store.get_historical_features(
        "SELECT * FROM spine", [f"facts:{c}" for c in columns], **request["options"]
    )
    joined = job.to_spark_df().withColumnRenamed("event_timestamp", "as_of")
    pq.write_table(joined.toArrow(), request["answer"])
    return {}


if __name__ == "__main__":
    serve(run)
