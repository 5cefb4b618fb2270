"""Some corruptions of the catalogue are delivered for real: refused with a reason, and nothing published."""

import math

import pytest
from pyspark.sql import SparkSession

from tests.chaos.corruptions.__main__ import run
from tests.chaos.corruptions.catalogue import everything
from tests.chaos.corruptions.deliveries import Deliveries
from tests.chaos.corruptions.history import History
from tests.chaos.corruptions.signs import Signs
from worlds.spec import WorldSpec

pytestmark = pytest.mark.spark

REFUSED = {
    "a_truncated_file": "cannot be read",
    "a_column_renamed": "Column 'user' is missing",
    "a_partition_twice": "duplicate",
    "surfaces_null": "exposures.surface_not_null",
}


@pytest.fixture(scope="module")
def history(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[History, list[Signs]]:
    """A warehouse of two weeks."""
    out = tmp_path_factory.mktemp("corruptions")
    days = Deliveries(WorldSpec.from_size("tiny", seed=7, days=16, users=200), out / "world")
    grown = History(spark, days, out, first=14, clean=0)
    return grown, grown.grow(build_every=0, until=math.inf)


def test_good_days_raise_no_alarm(history: tuple[History, list[Signs]]) -> None:
    grown, first = history
    assert [(signs.how, signs.by) for signs in first] == [("", [])]
    assert grown.open_run(grown.root).log.deliveries()[-1]["counts"]["events/clean"] > 1_000


@pytest.mark.parametrize("name", REFUSED)
def test_a_corruption_is_refused(history: tuple[History, list[Signs]], name: str) -> None:
    grown, _ = history
    signs = run(grown, everything()[name])
    assert signs.how == "error"
    assert any(REFUSED[name] in reason for reason in signs.by), signs.by
