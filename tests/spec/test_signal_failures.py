"""Signals that fail alone: the others are published, the failed ones keep their values until they can be computed."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pyspark.sql import SparkSession

import jobs.build_signals as steps
from jobs.build_delays import build_delays
from jobs.build_signals import build_signals
from jobs.ingest_log import ingest
from jobs.runtime.run_context import RunContext
from longplay.config.duration import DAY
from longplay.definitions.expression import compile_measure
from longplay.definitions.signal import Definition
from longplay.errors import SignalError
from longplay.lookup.signal_failures import read_released_failures, read_signal_failures
from longplay.registry.registry import Registry
from longplay.status.status import load_status
from signals import measure_columns
from tables.catalog import SIGNAL_VALUES
from tables.checksum import checksum
from tables.spark import SPARK_ERRORS
from tests.reference.definitions_beyond import other, sql
from tests.reference.records import at
from tests.unit.ingest.small_logs import build_source, open_run, progress_text, write_csv

pytestmark = pytest.mark.spark

START = at("5 Jan")
USERS, DAYS = 8, 45
WEEK = {"kind": "calendar", "from": 1, "to": 7}
COUNTS = [other(f"active_days_{n}d", anchor="active_day", keys="user", window={**WEEK, "to": n}) for n in (3, 5, 7)]
AMOUNT = other("amount_of_user", owner="team-radio", anchor="active_day", keys="user", window=WEEK,
               measure=sql("sum(amount)", empty=0))  # fmt: skip
AMOUNT_2 = Definition.model_validate(
    AMOUNT.model_dump(mode="json", by_alias=True) | {"version": 2, "measure": sql("sum(amount) + 0", empty=0)}
)
BOUNDED = other("bounded_days", owner="team-tv", anchor="active_day", keys="user", window=WEEK,
                quality={"bounds": [0, 0.5]})  # fmt: skip
SETTINGS = ("training.labels=[]", "signals.shipped=[]", "quality.outages.enabled=false")


def plays(days: Sequence[int]) -> list[str]:
    rng = np.random.default_rng(1)
    noon = timedelta(hours=12)
    return [
        f"u{user},i{user % 3},{START + day * DAY + noon:%Y-%m-%d %H:%M:%S},play,60"
        for day in range(DAYS)
        for user in range(USERS)
        if rng.random() < 0.4 and day in days
    ]


def deliver(spark: SparkSession, folder: Path, days: Sequence[int], *definitions: Definition) -> RunContext:
    """A run over a store that has got the plays of some days; without days, nothing is delivered."""
    folder.mkdir(exist_ok=True)
    context = open_run(spark, folder / "store", build_source(), *SETTINGS)
    if days:
        ingest(context, write_csv(folder / f"plays-{days[0]}.csv", plays(days)))
    context.registry = Registry({definition.ref: definition for definition in definitions})
    return context


def content(context: RunContext, *signals: Definition) -> str:
    values = context.store.read(SIGNAL_VALUES.name).where(f"signal IN {(*(d.ref for d in signals), '')}")
    return checksum(values.drop("batch"), SIGNAL_VALUES.audit)


def compile_failing(expression: str, guard: str) -> SimpleNamespace:
    """Let Spark fail at ``sum(amount)``, when it reads a row and not earlier."""
    if expression == "sum(amount)":
        return SimpleNamespace(sql="sum(if(amount > 0, raise_error('out of luck'), amount))")
    return SimpleNamespace(sql=compile_measure(expression, guard).sql)


def test_a_signal_that_fails_keeps_its_values_while_the_others_go_on(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = (*COUNTS, AMOUNT)
    first = deliver(spark, tmp_path, range(30), *signals)
    build_signals(first)
    before, watermark = content(first, AMOUNT), first.log.frontier
    assert not first.store.exists("signal_failures")
    deliver(spark, tmp_path / "never failed", range(30), *signals)
    expected = deliver(spark, tmp_path / "never failed", range(30, DAYS), *signals)
    build_signals(expected)

    with monkeypatch.context() as failing:
        failing.setattr(measure_columns, "compile_measure", compile_failing)
        run = deliver(spark, tmp_path, range(30, DAYS), *signals)
        with pytest.raises(SignalError, match="1 of 4 signals failed") as caught:
            build_signals(run)
        assert "amount_of_user@1 (owner: team-radio) failed on 2026-02-" in caught.value.got
        assert "out of luck" in caught.value.got
        assert (content(run, *COUNTS), content(run, AMOUNT)) == (content(expected, *COUNTS), before)
        failure = read_signal_failures(run.folder)[AMOUNT.ref]
        assert (failure.definition_hash, failure.owner) == (AMOUNT.hash, "team-radio")
        assert (failure.watermark, failure.failed_at) == (watermark, run.log.known_at())
        check_readers(run)

        # Nothing was delivered since: it is tried alone, and fails again.
        again, versions = deliver(spark, tmp_path, (), *signals), run.tables.versions(*TABLES)
        with pytest.raises(SignalError):
            build_signals(again)
        assert "new: amount_of_user@1; values of the other signals stay" in progress_text(again)
        assert again.tables.versions(*TABLES) == versions

    mended = deliver(spark, tmp_path, (), *signals)
    build_signals(mended)
    assert "from scratch" not in progress_text(mended)
    assert content(mended, *signals) == content(expected, *signals)
    assert read_signal_failures(mended.folder) == {}


TABLES = ("signal_values", "signal_failures")


def check_readers(run: RunContext) -> None:
    """Everybody who could read the stale values is told."""
    build_delays(run)
    assert {row["signal"] for row in run.store.read("signal_delays").select("signal").collect()} == {
        signal.ref for signal in COUNTS
    }
    (failure,) = load_status(run.folder).signal_failures
    assert failure == read_released_failures(run.folder, run.tables.versions("signal_failures"))[AMOUNT.ref]


def test_a_corrected_version_is_computed_alone(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_columns, "compile_measure", compile_failing)
    run = deliver(spark, tmp_path, range(30), *COUNTS, AMOUNT, BOUNDED)
    with pytest.raises(SignalError, match="2 of 5 signals failed") as caught:
        build_signals(run)
    assert "bounds_of_owner: expected values in [0, 0.5]" in caught.value.got
    assert "it has no values" in caught.value.got
    assert content(run, AMOUNT, BOUNDED).startswith("0:")
    counted = content(run, *COUNTS)

    corrected = deliver(spark, tmp_path, (), *COUNTS, AMOUNT_2, BOUNDED)
    with pytest.raises(SignalError, match="1 of 5 signals failed"):
        build_signals(corrected)
    assert "new: amount_of_user@2, bounded_days@1; values of the other signals stay" in progress_text(corrected)
    assert not content(corrected, AMOUNT_2).startswith("0:")
    assert content(corrected, *COUNTS) == counted
    assert list(read_signal_failures(corrected.folder)) == [BOUNDED.ref]
    # The next version replaces the values of the one before, in one commit and without a rebuild.
    monkeypatch.undo()
    third = deliver(spark, tmp_path, (), *COUNTS, AMOUNT)
    build_signals(third)
    assert "from scratch" not in progress_text(third)
    assert content(third, AMOUNT_2).startswith("0:")
    assert not content(third, AMOUNT).startswith("0:")
    assert content(third, *COUNTS) == counted
    assert read_signal_failures(third.folder) == {}


def test_where_every_signal_fails_the_cause_is_reported_and_nothing_published(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_columns, "compile_measure", compile_failing)
    run = deliver(spark, tmp_path, range(10), AMOUNT)
    with pytest.raises(SPARK_ERRORS, match="out of luck"):
        build_signals(run)
    assert not any(run.store.exists(table) for table in TABLES)


def test_a_failing_version_leaves_the_one_before_it_up_to_date(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deliver(spark, tmp_path, range(30), *COUNTS, AMOUNT)
    build_signals(first)
    later = other("amount_of_count", version=1, anchor="active_day", keys="user", window=WEEK,
                  measure=sql("count(amount) + 0", empty=0))  # fmt: skip
    mistake = Definition.model_validate(BOUNDED.model_dump(mode="json", by_alias=True) | {
        "name": AMOUNT.name, "version": 2})  # fmt: skip
    both = deliver(spark, tmp_path, range(30, DAYS), *COUNTS, AMOUNT, mistake, later)
    with pytest.raises(SignalError, match=r"amount_of_user@2 .* failed"):
        build_signals(both)
    expected = deliver(spark, tmp_path / "never failed", range(30), *COUNTS, AMOUNT, later)
    expected = deliver(spark, tmp_path / "never failed", range(30, DAYS), *COUNTS, AMOUNT, later)
    build_signals(expected)
    assert content(both, *COUNTS, AMOUNT, later) == content(expected, *COUNTS, AMOUNT, later)
    assert content(both, mistake).startswith("0:")


def test_a_run_that_ends_before_it_can_say_what_failed(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new signal is computed up to the last run, then breaks its bounds, and the process is killed."""
    limited = other("amount_within_limits", anchor="active_day", keys="user", window=WEEK,
                    measure=sql("max(amount)", empty=0), quality={"bounds": [0, 60]})  # fmt: skip
    first = deliver(spark, tmp_path, range(30), *COUNTS)
    build_signals(first)
    reached = first.log.frontier
    louder = write_csv(tmp_path / "louder.csv", [row.replace(",60", ",90") for row in plays(range(30, DAYS))])
    killed = deliver(spark, tmp_path, (), *COUNTS, limited)
    ingest(killed, louder)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "publish_failures", interrupt)
        with pytest.raises(KeyboardInterrupt):
            build_signals(killed)
    backfilled = content(killed, limited)
    assert not backfilled.startswith("0:")
    assert read_signal_failures(killed.folder) == {}

    again = deliver(spark, tmp_path, (), *COUNTS, limited)
    with pytest.raises(SignalError, match="1 of 4 signals failed"):
        build_signals(again)
    assert content(again, limited) == backfilled
    assert read_signal_failures(again.folder)[limited.ref].watermark == reached
    relaxed = Definition.model_validate(limited.model_dump(mode="json", by_alias=True) | {"quality": {}})
    assert relaxed.hash == limited.hash
    build_signals(deliver(spark, tmp_path, (), *COUNTS, relaxed))
    values = again.store.read(SIGNAL_VALUES.name)
    assert values.groupBy("signal", "anchor_id", "revision").count().where("count > 1").count() == 0
    fresh = deliver(spark, tmp_path / "never failed", range(30), *COUNTS, relaxed)
    ingest(fresh, louder)
    build_signals(fresh)
    assert content(again, *COUNTS, relaxed) == content(fresh, *COUNTS, relaxed)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt
