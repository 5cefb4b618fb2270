"""What tests share: one Spark session for the whole run, started only when a test asks for it."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from jobs.session import start
from jobs.settings import SparkSettings


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    settings = SparkSettings(master="local[2]", shuffle_partitions=2, driver_memory="2g", log_level="ERROR")
    session = start(settings, "tests")
    yield session
    session.stop()
