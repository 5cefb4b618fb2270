"""Day by day, all at once, or in any order of arrival: the same facts make the same tables."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from features.histories import merge_tiles
from ingest.fact_tables import keep_earliest
from ingest.source_config import Source
from jobs.build_features import build_features
from jobs.build_histories import build_histories
from jobs.build_signals import build_signals
from jobs.build_training_set import build_training_set
from jobs.ingest_log import ingest
from jobs.read import At, read
from jobs.release import release
from jobs.runtime.run_context import RunContext
from jobs.verify import rebuild, verify
from longplay.config.duration import DAY
from longplay.config.strict_model import validate_model
from longplay.delta import open_table, read_commits
from rankers.dataset.manifest import read_manifest
from tables import catalog
from tables.catalog import TRAINING_SET
from tables.checksum import checksum
from tests.reference.records import at
from tests.unit.ingest.small_logs import open_run, progress_text

pytestmark = [pytest.mark.spark, pytest.mark.slow]

START, DAYS, PARTS = at("1 Jan"), 60, 3
BORDERS = [0, 41, 59, 60]
KEYS = {
    "user_days": ["user_id"],
    "item_days": ["item_id"],
    "user_item_days": ["user_id", "item_id"],
    "item_exposure_days": ["item_id"],
}
BUILT = ("first_seen", "sequences", "exposure_features", "item_features", "signal_values", *KEYS)
SOURCE = {
    "name": "late",
    "about": "A log with real lateness, delivered by the day on which rows became known.",
    "format": {"type": "parquet"},
    "events": {
        "path": "events.parquet",
        "user": "who",
        "item": "what",
        "topic": "sort",
        "time": {"column": "happened"},
        "known": {"column": "known"},
        "key": ["id"],
        "kind": {"column": "kind"},
        "kinds": ["play", "tap", "skip"],
        "amount": {"column": "seconds", "unit": "s"},
        "consumption": {"kinds": ["play"], "min_amount": 30},
        "click": {"kinds": ["tap"]},
        "negative": {"kinds": ["skip"]},
    },
    "candidates": {"per_request": 3, "uniform_share": 0.5, "popularity_days": 14, "seed": 7},
    "completeness": {"heartbeat": "beat.json", "begins": "2026-01-01"},
    "quarantine_limit": 0.2,
}


def late_log(seed: int = 3, rows: int = 1_600) -> pd.DataFrame:
    """Most rows are known at once, some hours or days later, a few weeks later, and a few before they happened."""
    rng = np.random.default_rng(seed)
    delay = rng.choice([0, 1 / 24, 1, 9, 25, -1], rows, p=[0.62, 0.2, 0.09, 0.05, 0.03, 0.01])
    happened = [START + timedelta(seconds=int(s)) for s in rng.integers(0, DAYS * 86_400, rows)]
    items = rng.integers(12, size=rows)
    return pd.DataFrame(
        {
            "id": [f"e{n}" for n in range(rows)],
            "who": [f"u{n}" for n in rng.integers(9, size=rows)],
            "what": [f"i{n}" for n in items],
            "sort": [None if n == 11 else f"t{n % 3}" for n in items],
            "happened": happened,
            "known": [when + float(d) * DAY for when, d in zip(happened, delay, strict=True)],
            "kind": rng.choice(["play", "tap", "skip"], rows, p=[0.6, 0.3, 0.1]),
            "seconds": rng.integers(0, 300, rows).astype(float),
        }
    )


def deliveries(folder: Path, log: pd.DataFrame) -> list[Path]:
    """The log in parts by known time, each with its word on what it holds; the second repeats rows of the first."""
    folders = []
    for number, (low, high) in enumerate(itertools.pairwise(BORDERS)):
        start, end = START + low * DAY, START + high * DAY
        inside = log[(log["known"] >= start) & (log["known"] < end)] if number else log[log["known"] < end]
        if number == 1:
            inside = pd.concat([inside, read_events(folders[0]).head(40)])
        part = folder / f"part-{number}"
        part.mkdir(parents=True)
        write(inside, part)
        beat = {"complete_from": start, "complete_until": end, "observed_at": end}
        (part / "beat.json").write_text(json.dumps({k: v.isoformat() for k, v in beat.items()}), encoding="utf-8")
        folders.append(part)
    return folders


def write(rows: pd.DataFrame, part: Path) -> None:
    rows.to_parquet(part / "events.parquet", index=False, coerce_timestamps="us")


def read_events(part: Path) -> pd.DataFrame:
    return pd.read_parquet(part / "events.parquet")


def bring_up(context: RunContext) -> None:
    build_histories(context)
    build_features(context)
    build_signals(context)


def arrival(spark: SparkSession, root: Path, order: Sequence[Path | None]) -> RunContext:
    """A warehouse into which parts came in an order; None stands for bringing the tables up to date."""
    source = validate_model(Source, SOURCE, "the test")
    context = open_run(spark, root, source)
    for part in order:
        if part is None:
            bring_up(context)
        else:
            ingest(context, part)
    return context


def contents(context: RunContext) -> dict[str, str]:
    """Content of every table without what says how rows came here; tiles whatever delivery they came with.

    A first sight that came after an even earlier one tells nothing; whether it is there depends on who came first.
    """
    checksums = {}
    for table in ("events", "exposures", "quarantine", *BUILT):
        checksums[table] = content(context.store.read(table), table)
    return checksums


def content(frame: DataFrame, table: str) -> str:
    """Checksum of rows of a table in its canonical form."""
    if table in KEYS:
        frame = merge_tiles(frame, KEYS[table])
    elif table == "first_seen":
        frame = keep_earliest(frame)
    return checksum(frame, [name for name in catalog.get(table).audit if name in frame.columns])


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return deliveries(tmp_path_factory.mktemp("late"), late_log())


@dataclass(frozen=True)
class Days:
    """A warehouse that was brought up to date after each part, and the Spark executions that the last part took."""

    context: RunContext
    last_executions: int


def count_executions(spark: SparkSession) -> int:
    """Spark executions since the session began."""
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    return int(spark._jsparkSession.sharedState().statusStore().executionsList().last().executionId()) + 1


@pytest.fixture(scope="module")
def days(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, parts: list[Path]) -> Days:
    root, order = tmp_path_factory.mktemp("day-by-day"), [step for part in parts for step in (part, None)]
    arrival(spark, root, order[:-2])
    before = count_executions(spark)
    context = arrival(spark, root, order[-2:])
    return Days(context, count_executions(spark) - before)


@pytest.fixture(scope="module")
def day_by_day(days: Days) -> RunContext:
    return days.context


def test_a_small_day_takes_few_spark_executions(days: Days) -> None:
    """Each costs a tenth of a second, however few its rows. 188 were taken before small tables did without Delta."""
    assert 0 < days.last_executions <= 70


def test_the_log_is_late_enough_to_matter(day_by_day: RunContext) -> None:
    """Late facts revised values and superseded discoveries; requests and tiles were added delivery by delivery."""
    values = day_by_day.store.read("signal_values")
    row = values.agg(
        F.max("revision").alias("revision"),
        F.count_if(F.col("void_reason") == "left_truncated").alias("void"),
        F.count_if(F.col("state") == "open").alias("open"),
        F.count_if(F.col("state") == "mature").alias("mature"),
    ).first()
    assert row is not None
    assert row["revision"] >= 1
    assert min(row["void"], row["open"], row["mature"]) > 0
    batches = day_by_day.store.read("user_days").select("batch").distinct().count()
    assert batches == PARTS
    assert day_by_day.log.frontier == START + DAYS * DAY


def test_all_at_once_is_the_same(
    spark: SparkSession, tmp_path: Path, parts: list[Path], day_by_day: RunContext
) -> None:
    backfill = arrival(spark, tmp_path, [*parts, None])
    assert contents(backfill) == contents(day_by_day)


def test_any_order_of_arrival_is_the_same(
    spark: SparkSession, tmp_path: Path, parts: list[Path], day_by_day: RunContext
) -> None:
    """The third part comes first: nothing is complete until those before it are there, and builds say so."""
    early = arrival(spark, tmp_path, [parts[2], None])
    assert early.log.frontier == early.log.log_start == START
    assert {table: early.store.read(table).count() for table in ("exposure_features", "signal_values")} == {
        "exposure_features": 0,
        "signal_values": 0,
    }
    shuffled = arrival(spark, tmp_path, [parts[0], None, parts[1], None])
    assert "behind the watermark" not in progress_text(shuffled)
    # Late events of the third part happened weeks after the log begins: they are not its beginning.
    assert shuffled.log.log_start == day_by_day.log.log_start == START
    assert contents(shuffled) == contents(day_by_day)


def test_what_was_known_at_a_moment_can_be_read_off_later(
    spark: SparkSession, tmp_path: Path, parts: list[Path], day_by_day: RunContext
) -> None:
    """The tables as a trainer saw them after the first delivery, and as they say now that they were."""
    then = arrival(spark, tmp_path, [parts[0], None])
    at = At(known_at=then.log.frontier)
    tables = [table for table in ("events", "exposures", *BUILT) if catalog.get(table).known]
    assert len(tables) == 2 + len(BUILT)
    for table in tables:
        original, reconstructed = (read(context, table, at) for context in (then, day_by_day))
        if table == "item_features":  # what was asked for later of an earlier day is there too
            reconstructed = reconstructed.join(
                original.select("item_id", "as_of_day"), ["item_id", "as_of_day"], "left_semi"
            )
        assert content(original, table) == content(reconstructed, table), table
        if table not in ("first_seen", "item_exposure_days"):  # all were seen early; nothing was logged as shown
            assert read(day_by_day, table, at).count() < day_by_day.store.read(table).count()


def test_a_build_of_what_is_there_changes_nothing(day_by_day: RunContext, spark: SparkSession) -> None:
    again = open_run(spark, day_by_day.root, day_by_day.source)
    versions = again.tables.versions(*BUILT)
    bring_up(again)
    assert again.tables.versions(*BUILT) == versions
    assert progress_text(again).count("nothing was delivered since") == len(BUILT)


def test_a_signal_that_is_added_has_the_values_of_one_that_was_always_there(
    spark: SparkSession, tmp_path: Path, parts: list[Path], day_by_day: RunContext
) -> None:
    """Three signals at first; the others come with the third delivery, which revises and settles values of both."""
    few = "signals.shipped=[click, active_days_28d, return_to_item_14d]"
    root, source = tmp_path / "warehouse", day_by_day.source
    for part in parts[:2]:
        context = open_run(spark, root, source, few)
        ingest(context, part)
        build_signals(context)
    first = context.store.commit_metadata("signal_values")
    all_signals = open_run(spark, root, source)
    ingest(all_signals, parts[2])
    build_signals(all_signals)
    assert contents_of_signals(all_signals) == contents_of_signals(day_by_day)
    assert "values of the other signals stay as they are" in progress_text(all_signals)
    (_, increment), (entry, added), (_, before) = read_commits(open_table(all_signals.store.path("signal_values")), 3)
    assert before["fingerprint"] == first["fingerprint"]
    assert entry["operationParameters"]["mode"] == "Append"
    assert (added["facts"]["batch"], increment["facts"]["batch"]) == (2, 3)
    assert set(increment["audit"]["signals"]) == set(added["audit"]["signals"]) > set(before["audit"]["signals"])
    # The other way round everything is made anew: values of a signal that nobody asks for go.
    again = open_run(spark, root, source, few)
    build_signals(again)
    assert {row["signal"] for row in again.store.read("signal_values").select("signal").distinct().collect()} == {
        "click@1", "active_days_28d@1", "return_to_item_14d@1",
    }  # fmt: skip


def contents_of_signals(context: RunContext) -> str:
    return content(context.store.read("signal_values"), "signal_values")


def test_rows_behind_the_watermark_are_made_good(
    spark: SparkSession, tmp_path: Path, parts: list[Path], day_by_day: RunContext
) -> None:
    """A part that said it was whole was not: what it lacked comes later, under its own known time."""
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    rows = read_events(parts[1])
    write(rows.iloc[::2], lacking)
    (lacking / "beat.json").write_text((parts[1] / "beat.json").read_text(encoding="utf-8"), encoding="utf-8")
    root = tmp_path / "warehouse"
    digest = trained_on(arrival(spark, root, [parts[0], lacking, None]))
    mended = arrival(spark, root, [parts[1], parts[2], None])
    assert "behind the watermark" in progress_text(mended)
    checksums, expected = contents(mended), contents(day_by_day)
    # A request keeps the candidates that it was given: those are facts, and nothing is drawn again.
    kept = ("exposures", "exposure_features", "item_features", "item_exposure_days", "signal_values")
    assert {k: v for k, v in checksums.items() if k not in kept} == {k: v for k, v in expected.items() if k not in kept}
    # A set that was made before ignores what came later, also behind the watermark; with a later batch it would not.
    assert verify(mended, digest) == digest
    manifest, _ = read_manifest(mended.folder, digest)
    later = replace(manifest, batch=mended.log.position.batch)
    assert checksum(rebuild(mended, later), TRAINING_SET.audit) != digest
    # What was made good is what is made anew from the same facts.
    bring_up(replace(mended, force=True))
    assert contents(mended) == checksums


def trained_on(context: RunContext) -> str:
    """A training set of what has come so far; gives its checksum."""
    settings = ("training.labels=[click]", "training.train_days=20", "training.valid_days=5", "training.test_days=5")
    training_run = open_run(context.spark, context.root, context.source, *settings)
    release(training_run)
    build_training_set(training_run)
    return str(training_run.store.commit_metadata("training_set")["audit"]["checksum"])


def disproved_log() -> list[pd.DataFrame]:
    """A discovery that has long been mature, and a play five days before it that becomes known ten weeks later."""
    plays = [
        ("first", "2026-01-02", "2026-01-02", "i1"),
        ("found", "2026-07-20", "2026-07-20", "i2"),
        ("again", "2026-07-25", "2026-07-25", "i2"),
        ("later", "2026-09-27", "2026-09-27", "i1"),
        ("late", "2026-07-15", "2026-09-28", "i2"),
        ("last", "2026-09-28", "2026-09-28", "i1"),
    ]
    rows = pd.DataFrame(plays, columns=["id", "happened", "known", "what"])
    for name in ("happened", "known"):
        rows[name] = pd.to_datetime(rows[name], utc=True) + pd.Timedelta(hours=12)
    rows = rows.assign(who="u1", sort="t1", kind="play", seconds=60.0)
    until = pd.Timestamp("2026-09-28", tz="UTC")
    return [rows[rows["known"] < until], rows[rows["known"] >= until]]


def test_a_late_fact_disproves_a_discovery_that_came_after_it(spark: SparkSession, tmp_path: Path) -> None:
    """The discovery was mature, and its day lies after that of the late fact: it is superseded all the same."""
    borders = ["2026-01-01", "2026-09-28", "2026-09-29"]
    parts = []
    for number, rows in enumerate(disproved_log()):
        part = tmp_path / f"part-{number}"
        part.mkdir()
        write(rows, part)
        low, high = (f"{border}T00:00:00+00:00" for border in borders[number : number + 2])
        beat = {"complete_from": low, "complete_until": high, "observed_at": high}
        (part / "beat.json").write_text(json.dumps(beat), encoding="utf-8")
        parts.append(part)
    checksums = []
    for number, order in enumerate(([parts[0], None, parts[1], None], [*parts, None])):
        context = open_run(spark, tmp_path / f"warehouse-{number}", validate_model(Source, SOURCE, "the test"))
        for part in order:
            if part is None:
                build_signals(context)
            else:
                ingest(context, part)
        values = context.store.read("signal_values")
        checksums.append(checksum(values, catalog.get("signal_values").audit))
        ends = values.where("signal = 'stickiness_59d@1' AND void_reason = 'superseded'")
        assert [row["t0"].strftime("%d %b") for row in ends.collect()] == ["20 Jul"]
    assert checksums[0] == checksums[1]
