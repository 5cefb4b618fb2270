"""A log of released episodes: read beside events, told once, each fault with its reason."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.build_signals import build_signals
from jobs.ingest_log import ingest
from jobs.runtime.run_context import RunContext
from longplay.config.strict_model import validate_model
from longplay.errors import ConfigError
from longplay.registry.registry import default_registry
from tests.unit.ingest.small_logs import (
    EPISODES,
    OBSERVED_AT,
    RADIO,
    SHOWN,
    build_source,
    open_run,
    progress_text,
    write_csv,
)
from tests.unit.longplay.signal_files import write

EVENTS = RADIO["events"] | {"episode": "episode"}
CHANGES = {"episodes": EPISODES, "events": EVENTS}
NAMED = ("what", "episode", "season", "size", "when")
FIRST = [
    "news,n1,s1,2,2026-05-01T08:00:00",
    "news,n2,s1,2,2026-05-05T08:00:00",
    "news,n2,s1,2,2026-05-06T08:00:00",  # duplicate: told again, with another time
    "jazz,n1,,,2026-05-02T08:00:00",  # of no season
    "news,,s1,2,2026-05-03T08:00:00",  # null_episode
    "news,n3,s2,few,2026-05-03T08:00:00",  # bad_season
    "news,n4,s2,0,2026-05-03T08:00:00",  # bad_season
    "news,n9,s2,2,2027-05-03T08:00:00",  # future_time
]
SECOND = ["news,n1,s1,3,2026-04-01T08:00:00", "news,n5,s3,1,2026-05-05T09:00:00"]  # the first was told before


def deliver(folder: Path, episodes: list[str], plays: list[str], shown_on: str = "2026-05-05") -> Path:
    folder.mkdir()
    write_csv(folder / "events.csv", plays, ("who", "what", "when", "how", "much", "episode"))
    shown = [f"ann,news,{shown_on}T09:00:00,{folder.name},home,1,best,0.5"]
    write_csv(folder / "shown.csv", shown, SHOWN)
    write_csv(folder / "out.csv", episodes, NAMED)
    return folder


@pytest.mark.spark
def test_releases_are_read_once_and_faults_are_set_aside(spark: SparkSession, tmp_path: Path) -> None:
    run = open_run(
        spark, tmp_path / "warehouse", build_source(RADIO, **CHANGES), "signals.shipped=[season_finished_28d]"
    )
    plays = ["ann,news,2026-05-05T10:00:00,play,60,n2", "ann,jazz,2026-05-06T10:00:00,play,60,"]
    ingest(run, deliver(tmp_path / "first", FIRST, plays), OBSERVED_AT)
    later = ["ann,news,2026-05-07T10:00:00,play,60,n1", "bob,news,2026-05-08T10:00:00,play,60,n5"]
    ingest(run, deliver(tmp_path / "second", SECOND, later), OBSERVED_AT)
    ingest(run, deliver(tmp_path / "third", [], ["ann,jazz,2026-05-09T10:00:00,play,60,"]), OBSERVED_AT)
    rows = run.store.read("episodes").collect()
    released_rows = {(r["item_id"], r["episode"]): (r["season"], r["season_episodes"], r["batch"]) for r in rows}
    assert released_rows == {
        ("news", "n1"): ("s1", 2, 1),
        ("news", "n2"): ("s1", 2, 1),
        ("jazz", "n1"): (None, None, 1),
        ("news", "n5"): ("s3", 1, 2),
    }
    n2 = next(r for r in rows if r["episode"] == "n2")
    assert n2["released_ts"].replace(tzinfo=UTC) == datetime(2026, 5, 5, 8, tzinfo=UTC)
    assert n2["known_ts"].replace(tzinfo=UTC) == datetime(2026, 5, 5, 10, tzinfo=UTC)
    quarantined = run.store.read("quarantine").where("log = 'episodes'").collect()
    assert sorted((r["reason"], r["user_id"]) for r in quarantined) == [
        ("bad_season", None), ("bad_season", None), ("duplicate", None), ("future_time", None), ("null_episode", None),
    ]  # fmt: skip
    heard = {(r["user_id"], r["event_day"].day): r["episode"] for r in run.store.read("events").collect()}
    assert heard == {("ann", 5): "n2", ("ann", 6): None, ("ann", 7): "n1", ("bob", 8): "n5", ("ann", 9): None}


@pytest.mark.spark
def test_a_source_without_episodes_says_that_the_signal_cannot_be_had(spark: SparkSession, tmp_path: Path) -> None:
    run = open_run(spark, tmp_path / "warehouse", build_source(), "signals.shipped=[season_finished_28d, click]")
    ingest(run, write_csv(tmp_path / "plays.csv", ["ann,song,2026-05-04T10:00:00,tap,"]), OBSERVED_AT)
    build_signals(run)
    assert "season_finished_28d@1: not eligible here: this source has no episodes" in progress_text(run)
    assert {row["signal"] for row in run.store.read("signal_values").select("signal").collect()} <= {
        d.ref for d in default_registry().newest() if not d.needs.episodes
    }


@pytest.mark.spark
def test_a_late_release_is_made_good_by_an_increment(spark: SparkSession, tmp_path: Path) -> None:
    """Ann heard both episodes of a season of two; that the second was out, one learns after the value was mature."""
    write(
        tmp_path / "mine", name="a_season", measure={"kind": "season", "of": "consumption"}, needs={"episodes": True},
        window={"kind": "elapsed", "from": "0 s", "to": "7 d"},
    )  # fmt: skip
    known_column = {"episodes": EPISODES | {"known": {"column": "told"}}, "events": EVENTS}
    run = open_run(spark, tmp_path / "warehouse", build_source(RADIO, **known_column), "signals.shipped=[click]")
    run.registry = default_registry([tmp_path / "mine"])
    plays = ["ann,news,2026-05-05T10:00:00,play,60,n1", "ann,news,2026-05-06T10:00:00,play,60,n2"]
    early = ["news,n1,s1,2,2026-05-01T08:00:00,2026-05-01T08:00:00"]
    late = ["news,n2,s1,2,2026-05-05T08:00:00,2026-05-20T08:00:00"]
    first, second = (tmp_path / "first", tmp_path / "second")
    deliver(first, [], [*plays, "bob,jazz,2026-05-15T10:00:00,play,60,"])
    write_csv(first / "out.csv", early, (*NAMED, "told"))
    ingest(run, first, datetime(2026, 5, 16, tzinfo=UTC))
    build_signals(run)
    assert seasons(run) == [(0, "mature", 0.0, 13)]
    deliver(second, [], ["bob,jazz,2026-05-22T10:00:00,play,60,"], shown_on="2026-05-22")
    write_csv(second / "out.csv", late, (*NAMED, "told"))
    ingest(run, second, datetime(2026, 5, 23, tzinfo=UTC))
    build_signals(run)
    grown = seasons(run)
    assert grown == [(0, "mature", 0.0, 13), (1, "mature", 1.0, 20)]
    assert "from scratch" not in progress_text(run)
    build_signals(replace(run, force=True))
    assert seasons(run) == grown


def seasons(run: RunContext) -> list[tuple[int, str, float, int]]:
    """Revision, state, value and day of knowing of the exposure of the first delivery."""
    rows = run.store.read("signal_values").where("signal = 'a_season@1' AND t0_day = '2026-05-05'").collect()
    mine = [r for r in rows if r["user_id"] == "ann" and r["state"] != "open"]
    return sorted({(r["revision"], r["state"], r["value"], r["known_ts"].day) for r in mine})


def test_a_log_of_episodes_and_the_column_that_names_them_go_together() -> None:
    with pytest.raises(ConfigError, match="give both or neither"):
        validate_model(type(build_source()), {**RADIO, "episodes": EPISODES}, "radio.yaml")
    with pytest.raises(ConfigError, match="give both or neither"):
        validate_model(type(build_source()), {**RADIO, "events": EVENTS}, "radio.yaml")
