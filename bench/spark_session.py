"""The Spark session of every contender on Spark: two cores, the same memory, few shuffle partitions."""

import os
import sys

from pyspark.sql import SparkSession

OPTIONS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "4",
    "spark.driver.memory": "6g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.hadoop.parquet.hadoop.vectored.io.enabled": "false",  # so that bytes read are counted
    "spark.ui.retainedStages": "100000",
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:+UseParallelGC",
}
AS_JOBS = {
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.hadoop.parquet.block.size": str(4 << 20),
    "spark.buffer.pageSize": "4m",
}
"""Further options, as jobs set them."""


def session(**more: str) -> SparkSession:
    """Start a session on two cores."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    built = SparkSession.builder.master("local[2]").appName("bench").config(map={**OPTIONS, **more}).getOrCreate()
    built.sparkContext.setLogLevel("ERROR")
    return built
