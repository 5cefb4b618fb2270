"""What tests share: one Spark session for the whole run, started only when a test asks for it.

``LONGPLAY_TEST_MASTER`` names another Spark, such as ``sc://127.0.0.1:15002``; see docs/how-to/engines.md.
"""

import os
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from jobs.runtime.settings import SparkSettings
from jobs.runtime.spark_session import start

MASTER = os.environ.get("LONGPLAY_TEST_MASTER", "local[2]")
INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    settings = SparkSettings(master=MASTER, shuffle_partitions=2, driver_memory="4g", log_level="ERROR")
    # One JVM runs hundreds of tests: what Spark keeps of finished queries (1,000 of them, with their plans) fills it.
    os.environ["PYSPARK_SUBMIT_ARGS"] = "--conf spark.sql.ui.retainedExecutions=20 pyspark-shell"
    session = start(settings, "tests")
    del os.environ["PYSPARK_SUBMIT_ARGS"]
    # Tables of a few rows: compiling a query costs more than running it. The command line tests run as users do.
    for key, value in INTERPRETED.items():
        session.conf.set(key, value)
    yield session
    session.stop()
