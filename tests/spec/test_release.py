"""Releases: tables of one state, the newest of them found whatever files were written anew, and no row beyond."""

from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal
from pyspark.sql import SparkSession

from jobs.build_features import build_features
from jobs.build_histories import build_histories
from jobs.build_signals import build_signals
from jobs.build_training_set import build_training_set
from jobs.ingest_log import ingest
from jobs.read import At, read, read_first_rows
from jobs.release import release
from jobs.runtime.published_signals import PublishedSignals
from jobs.runtime.releases import open_release
from jobs.runtime.run_context import RunContext
from jobs.runtime.signal_failures import publish_failures
from longplay.errors import SignalError, StoreError
from tests.unit.ingest.small_logs import OBSERVED_AT, build_source, open_run, progress_text, write_csv

pytestmark = pytest.mark.spark


def day(number: int) -> list[str]:
    return [f"u{n},song,2026-05-{number:02d}T10:00:{n:02d},{kind}," for n in range(3) for kind in ("tap", "skip")]


def deliver(spark: SparkSession, folder: Path, *numbers: int) -> RunContext:
    context = open_run(spark, folder / "warehouse", build_source())
    rows = [row for number in numbers for row in day(number)]
    ingest(context, write_csv(folder / f"{numbers[-1]}.csv", rows), OBSERVED_AT)
    return context


def test_only_tables_of_one_state_are_tied(spark: SparkSession, tmp_path: Path) -> None:
    context = deliver(spark, tmp_path, 4, 5, 6)
    with pytest.raises(StoreError, match="Not all tables hold the same deliveries") as caught:
        release(context)
    assert "user_days does not exist" in caught.value.got
    build_histories(context)
    build_features(context)
    build_signals(context)
    first = release(context)
    assert open_release(context)["release_id"] == first

    two = deliver(spark, tmp_path, 6, 7, 8)
    build_histories(two)
    build_features(two)
    with pytest.raises(StoreError) as caught:
        release(two)
    assert "deliveries up to 2" in caught.value.got
    assert "signal_values holds delivery 1" in caught.value.got
    assert "user_days" not in caught.value.got
    assert caught.value.fix == "run longplay build-signals again"
    build_signals(two)
    second = release(two)
    assert open_release(two)["release_id"] == second

    # Of two of one moment the later stays the newest, whatever files were written anew, and each ends where it ends.
    for table in ("releases", "events"):
        spark.sql(f"OPTIMIZE delta.`{two.store.path(table)}`")
    third = release(two)
    assert open_release(two)["known_at"] == open_release(two, second)["known_at"]
    spark.sql(f"OPTIMIZE delta.`{two.store.path('releases')}`")
    assert open_release(two)["release_id"] == third != second
    assert read(two, "events", At(release=first)).count() == 18
    assert read(two, "events", At(release=third)).count() == 30
    two.store.read("events").limit(1).selectExpr("* EXCEPT (event_id, batch)", "'cut off' event_id", "3L batch").select(
        two.store.read("events").columns
    ).write.format("delta").mode("append").save(str(two.store.path("events")))
    fourth = release(two)
    assert two.store.read("events").count() == len(read_first_rows(two, "events", At(), 99)) == 31
    assert read(two, "events", At(release=fourth)).count() == 30
    without_spark = read_first_rows(two, "events", At(release=fourth), 99).sort_values("event_id", ignore_index=True)
    by_spark = read(two, "events", At(release=fourth)).toPandas().sort_values("event_id", ignore_index=True)
    assert_frame_equal(without_spark, by_spark, check_dtype=False)
    assert len(read_first_rows(two, "events", At(version=0), 7)) == 7

    # A release says which signals failed before it, and no training set rests on them.
    click = two.registry.get("click")
    with pytest.raises(SignalError, match="1 of 1 signals failed"):
        publish_failures(two, [click], {click.ref: "numbers ran out"}, PublishedSignals.read(two))
    fifth = release(two)
    assert "warning: stale in this release: click@1 (owner: longplay) failed on 2026-05-" in progress_text(two)
    assert open_release(two, fifth)["versions"]["signal_failures"] == 0
    with pytest.raises(StoreError, match="A training set cannot use signals that failed") as caught:
        build_training_set(two, fifth)
    assert "numbers ran out" in caught.value.got
