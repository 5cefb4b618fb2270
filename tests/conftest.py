"""What tests share: one Spark session for the whole run, started only when a test asks for it."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from jobs.session import start
from jobs.settings import SparkSettings

INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    settings = SparkSettings(master="local[2]", shuffle_partitions=2, driver_memory="2g", log_level="ERROR")
    session = start(settings, "tests")
    # Tables of a few rows: compiling a query costs more than running it. The command line tests run as users do.
    for key, value in INTERPRETED.items():
        session.conf.set(key, value)
    yield session
    session.stop()
