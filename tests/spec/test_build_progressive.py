"""The job: priors, sums and estimates are published through the gate; labels are left as they are."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from jobs.build_progressive import build_progressive, read_priors, select_definitions
from jobs.ingest_log import ingest
from jobs.runtime.run_context import RunContext
from longplay.config.duration import DAY
from longplay.errors import ConfigError, InputError
from longplay.registry.registry import Registry, default_registry
from tests.reference.records import at, utc
from tests.spec.test_progressive_sums import STICKY, K
from tests.unit.ingest.small_logs import build_source, open_run, progress_text, write_csv

pytestmark = pytest.mark.spark

START, DAYS, ITEMS = at("1 Jan"), 60, 8


def plays(seed: int = 1) -> list[str]:
    """Listeners who discover items and come back more or less often, by the item; one item is new at the end."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(60):
        for item in range(ITEMS):
            begin = int(rng.integers(12, DAYS - 1))
            days = [begin, *(begin + 1 + np.flatnonzero(rng.random(20) < 0.1 + 0.08 * item))]
            rows += [(f"u{user}", f"i{item}", day) for day in days if day < DAYS]
    rows += [("u0", "early", 0), ("u1", "new", DAYS - 2), ("u1", "i0", DAYS - 1)]
    noon = timedelta(hours=12)
    return [f"{user},{item},{START + day * DAY + noon:%Y-%m-%d %H:%M:%S},play,60" for user, item, day in rows]


@pytest.fixture(scope="module")
def built(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    folder = tmp_path_factory.mktemp("progressive")
    run = open_run(spark, folder / "store", build_source())
    run.registry = Registry({STICKY.ref: STICKY, "click@1": default_registry().get("click")})
    ingest(run, write_csv(folder / "plays.csv", plays()))
    build_progressive(run)
    return run


def test_three_tables_pass_the_gate_and_no_label_is_written(built: RunContext) -> None:
    assert not built.store.exists("signal_values")
    for table in ("progressive_priors", "progressive_sums", "progressive_estimates"):
        assert built.store.commit_metadata(table)["audit"]["checks"] > 5


def test_every_item_has_an_estimate_that_says_what_it_rests_on(built: RunContext) -> None:
    rows = {row["item_id"]: row for row in built.store.read("progressive_estimates").collect()}
    assert set(rows) == {*(f"i{n}" for n in range(ITEMS)), "early", "new"}
    assert {row["signal"] for row in rows.values()} == {"sticky@1"}
    assert all(row["is_estimate"] for row in rows.values())
    means = [rows[f"i{n}"]["estimated_mean"] for n in range(ITEMS)]
    truth = [K * (0.1 + 0.08 * n) for n in range(ITEMS)]
    assert np.corrcoef(means, truth)[0, 1] > 0.97
    assert np.abs(np.array(means) - truth).max() < 0.7
    prior = read_priors(built.store.read("progressive_priors"))["sticky@1"]
    for item in ("early", "new"):  # void: too close to the log's beginning; and its first day is not over
        assert rows[item]["prior_only"] is True
        assert rows[item]["traces"] == 0
        assert rows[item]["estimated_mean"] == pytest.approx(prior.mean.sum(), abs=1e-8)
    assert all(0.5 < rows[f"i{n}"]["mature_share"] < 1 for n in range(ITEMS))
    assert all(rows[f"i{n}"]["estimated_variance"] < rows["new"]["estimated_variance"] for n in range(ITEMS))


def test_what_has_not_changed_is_left_and_an_earlier_date_sees_less(built: RunContext) -> None:
    before = built.store.version("progressive_estimates")
    build_progressive(built)
    assert built.store.version("progressive_estimates") == before
    now = {r["item_id"]: r["traces"] for r in built.store.read("progressive_estimates").collect()}
    build_progressive(built, date=at("5 Feb"))
    rows = {r["item_id"]: r for r in built.store.read("progressive_estimates").collect()}
    assert "new" not in rows
    assert {utc(r["known_at"]) for r in rows.values()} == {at("5 Feb")}
    assert all(0 < rows[f"i{n}"]["traces"] < now[f"i{n}"] for n in range(ITEMS))


def test_a_young_log_has_no_prior_yet(built: RunContext) -> None:
    with pytest.raises(InputError, match="No signal has enough complete traces"):
        build_progressive(built, date=at("15 Jan"))
    assert "sticky@1: no estimates yet" in progress_text(built)


def test_a_signal_without_daily_traces_is_refused(built: RunContext, tmp_path: Path) -> None:
    assert [d.ref for d in select_definitions(built, [])] == ["sticky@1"]
    with pytest.raises(ConfigError, match="no daily traces") as caught:
        select_definitions(built, ["click"])
    assert caught.value.got == "click@1"
