"""The Spark that every contender on Spark gets: two cores, the same memory, few shuffle partitions."""

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
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:+UseParallelGC",
}


def session(**more: str) -> SparkSession:
    """A session on two cores."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    built = SparkSession.builder.master("local[2]").appName("bench").config(map={**OPTIONS, **more}).getOrCreate()
    built.sparkContext.setLogLevel("ERROR")
    return built
