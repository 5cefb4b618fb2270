"""An outage in a simulated world: it is found, exactly the labels that rest on it are void, and all others stay."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from ingest.source_config import load_source
from jobs.build_signals import build_signals
from jobs.ingest_log import ingest
from jobs.outages import describe_outages
from jobs.runtime.run_context import RunContext
from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from longplay.delta import read_arrow
from longplay.registry.registry import default_registry
from signals.maturity import Knowledge, OutageFlag
from tables.arrow_store import read_rows
from tables.catalog import OUTAGES
from tests.reference.records import Event, Exposure
from tests.reference.signals_by_hand import read, values_by_hand
from tests.unit.ingest.small_logs import open_run, progress_text
from worlds.log import simulate_log
from worlds.spec import WorldSpec

pytestmark = [pytest.mark.spark, pytest.mark.slow]

SPEC = WorldSpec.from_size("tiny", seed=2, users=200, days=60, dirt=0.0)
FIRST = SPEC.start + 40 * DAY
DARK = (FIRST, FIRST + 3 * DAY)
"""Two thirds of the users leave no trace on three days; somebody says later that the third was a holiday."""
DISMISSED_ON = FIRST + 16 * DAY
BORDERS = [SPEC.start, FIRST + 42 * timedelta(hours=1), FIRST + 10 * DAY, SPEC.end]
"""The first delivery ends before the first dark day can be judged, when labels of that day are mature already."""
HOLIDAY = (
    f"{{from: {FIRST + 2 * DAY:%Y-%m-%d}, to: {DARK[1]:%Y-%m-%d}, known: {DISMISSED_ON:%Y-%m-%d}, "
    "reason: a holiday, dismissed: true}"
)
SIGNALS = ("click", "return_to_item_14d", "return_d7")
ACCEPTED = "quality.accept=[events.volume, events.users]"
"""Somebody has seen that the days with so little are real: else the gate would not let them in."""
SETTINGS = ("signals.shipped=[return_d7]", "quality.outages.wait_days=1", ACCEPTED)
Frames = tuple[pd.DataFrame, pd.DataFrame]


def world() -> tuple[Frames, Frames]:
    """The raw log as it is, with few of its slates, and the same with the outage."""
    raw = simulate_log(SPEC)
    events, shown = raw.events.to_pandas(), raw.exposures.to_pandas()
    shown = shown[shown["request"].map(lambda request: hash_of(request) % 24 == 0)]
    is_lost = events["user"].map(lambda user: hash_of(user) % 3 > 0) & events["ts"].between(*DARK, inclusive="left")
    return (events, shown), (events[~is_lost], shown)


def hash_of(text: str) -> int:
    return sum(ord(letter) * 31**place for place, letter in enumerate(text))


def deliver(folder: Path, frames: Frames, low: datetime, high: datetime) -> Path:
    """What became known in ``[low, high)``, with its word on that."""
    folder.mkdir(parents=True)
    for name, frame in zip(("events", "exposures"), frames, strict=True):
        kept = frame[frame["ingest_ts"].between(low, high, inclusive="left")]
        kept.to_parquet(folder / f"{name}.parquet", index=False, coerce_timestamps="us")
    beat = {"complete_from": low, "complete_until": high, "observed_at": high}
    (folder / "_delivery.json").write_text(json.dumps({k: v.isoformat() for k, v in beat.items()}), encoding="utf-8")
    return folder


def ingest_parts(spark: SparkSession, root: Path, parts: Sequence[Path], *settings: str) -> RunContext:
    world_source = load_source("world")
    events = world_source.events.model_copy(update={"episode": None})
    source = world_source.model_copy(update={"episodes": None, "events": events})
    context = open_run(spark, root, source, *SETTINGS, *settings)
    for part in parts:
        ingest(context, part)
        build_signals(context)
    return context


def by_hand(context: RunContext, knowledge: Knowledge) -> list[tuple[object, ...]]:
    """Every row of the table, from the definitions and the facts as they were ingested, in plain Python."""
    events, exposures = (read_arrow(context.folder / table).to_pandas() for table in ("events", "exposures"))
    own: dict[str, tuple[list[Event], list[Exposure]]] = defaultdict(lambda: ([], []))
    for row in plain(events, Event):
        own[row["user_id"]][0].append(Event(**row))
    for row in plain(exposures, Exposure):
        own[row["user_id"]][1].append(Exposure(**row))
    values = [v for d in definitions() for facts in own.values() for v in values_by_hand(d, *facts, knowledge)]
    return sorted(
        (v.signal, v.user_id, v.item_id or "", v.t0, v.revision, v.state, v.void_reason, v.value, v.known_ts)
        for v in values
    )


def plain(frame: pd.DataFrame, kind: type[Event] | type[Exposure]) -> list[dict]:
    frame = frame[[name for name in kind.__dataclass_fields__ if name in frame]].astype(object)
    rows = frame.where(frame.notna(), None).to_dict("records")
    return [{k: v.to_pydatetime() if isinstance(v, pd.Timestamp) else v for k, v in row.items()} for row in rows]


def definitions() -> list[Definition]:
    return [default_registry().get(name) for name in SIGNALS]


def rows_of(context: RunContext) -> list[tuple[object, ...]]:
    table = read_arrow(context.folder / "signal_values").to_pylist()
    return sorted(
        (r["signal"], r["user_id"], r["item_id"] or "", r["t0"], r["revision"], r["state"], r["void_reason"],
         r["value"], r["known_ts"])
        for r in table
    )  # fmt: skip


def latest(rows: Sequence[tuple[object, ...]]) -> dict[tuple[object, ...], tuple[object, ...]]:
    """State, reason and value of each label as known last."""
    return {row[:4]: row[5:8] for row in rows}


def test_an_outage_voids_exactly_the_labels_that_rest_on_it(spark: SparkSession, tmp_path: Path) -> None:
    complete, dark = world()
    usual = ingest_parts(spark, tmp_path / "usual", [deliver(tmp_path / "all", complete, SPEC.start, SPEC.end)])
    assert read_rows(usual.folder, OUTAGES) == []

    parts = [deliver(tmp_path / f"part-{n}", dark, BORDERS[n], BORDERS[n + 1]) for n in range(3)]
    context = ingest_parts(spark, tmp_path / "dark", parts[:2])
    early = rows_of(context)
    alarm = read_rows(context.folder, OUTAGES)
    assert sorted(row["start"] for row in alarm) == [FIRST, FIRST + DAY, FIRST + 2 * DAY]
    assert "3 d: " in describe_outages(alarm)[0]
    context = ingest_parts(spark, tmp_path / "dark", parts[2:], f"quality.outages.told=[{HOLIDAY}]")
    assert "from scratch" not in progress_text(context)
    assert "void because of outages: " in progress_text(context)

    # What was found, by hand: a day is known to be dark two days later, here when the next delivery said so.
    flags = [
        OutageFlag(FIRST, FIRST + DAY, BORDERS[2]),
        OutageFlag(FIRST + DAY, FIRST + 2 * DAY, BORDERS[2]),
        OutageFlag(FIRST + 2 * DAY, DARK[1], BORDERS[2], SPEC.end),
    ]
    history = [(border, border) for border in BORDERS[1:]]
    knowledge = Knowledge(SPEC.end, SPEC.end, SPEC.start, (), history, flags)
    rows = rows_of(context)
    assert rows == by_hand(context, knowledge)
    # Nothing that was known is taken back: rows were only added, but for those that were open.
    assert {row for row in early if row[5] != "open"} <= set(rows)

    # Void are the labels that rest on the two dark days and nothing settled; one that had been mature was revised.
    before, after, terms = latest(rows_of(usual)), latest(rows), {d.ref: d for d in definitions()}
    touched = {key for key in after if overlaps(terms[key[0]], key[3], FIRST, FIRST + 2 * DAY)}
    void = {key for key, (state, *_) in after.items() if state == "void"}
    assert void <= touched
    assert {after[key][1] for key in void} == {"outage"}
    settled = {key for key in touched - void if after[key][0] == "mature"}
    assert settled
    assert all(terms[key[0]].void.settles == "early" and after[key][2] == 1.0 for key in settled)
    assert {key[0].split("@")[0] for key in void} == set(SIGNALS)
    assert any(row[4] == 1 and row[5] == "void" for row in rows)
    assert any(row[4] >= 1 and row[5] == "mature" and row[8] == SPEC.end for row in rows)

    # All others are what they would have been without the outage, where they do not read what was lost.
    same = {key for key in before.keys() & after.keys() if not overlaps(terms[key[0]], key[3], *DARK)}
    assert len(same) > 0.5 * len(after)
    assert {key: before[key] for key in same} == {key: after[key] for key in same}


def overlaps(definition: Definition, t0: datetime, start: datetime, end: datetime) -> bool:
    first, last = read(definition, t0)
    return first < end and start < last


def test_the_world_is_dark_enough() -> None:
    complete, dark = world()
    counts = [frame[0].groupby(frame[0]["ts"].dt.floor("D"))["user"].nunique() for frame in (complete, dark)]
    days = pd.date_range(DARK[0], periods=3, tz="UTC")
    shares = (counts[1] / counts[0]).loc[days].to_numpy()
    assert np.all((shares > 0.2) & (shares < 0.45))
