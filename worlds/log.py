"""The raw log of a world: simulated in blocks of users, written atomically alongside its hidden truth."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worlds.logging_policy import LOG_RANDOMNESS, LoggingPolicy
from worlds.policy import KINDS
from worlds.raw_tables import episode_table, event_table, exposure_table, item_table, with_dirt
from worlds.recorder import RawEvents, Recorder
from worlds.service import Service
from worlds.spec import WorldSpec
from worlds.truth_tables import item_truth, user_truth, world_truth
from worlds.users import draw_join_days, draw_traits
from worlds.world import World, build_world

EPISODES = "episodes.parquet"
Progress = Callable[[float, str], None]
_BLOCK = 5_000  # users simulated at a time, which bounds memory
_LOG_STREAM = 2


@dataclass(frozen=True)
class RawLog:
    """Some users' raw log and truth.

    Attributes:
        events: raw rows, dirt included.
        exposures: raw rows, dirt included.
        users: hidden truth of the users.
        clean_events: rows before dirt.
        clean_exposures: rows before dirt.
        clicks: clicks before dirt.
    """

    events: pa.Table
    exposures: pa.Table
    users: pa.Table
    clean_events: int
    clean_exposures: int
    clicks: int


@dataclass(frozen=True)
class LogSummary:
    """Totals of a written log.

    Attributes:
        users: users who ever joined.
        items: catalogue size.
        days: length of the log.
        events: event rows, dirt included.
        exposures: exposure rows, dirt included.
        dirt: bad rows in both.
        churned_share: share of users who left for good before the end of the log.
        ctr: clicks per exposure.
    """

    users: int
    items: int
    days: int
    events: int
    exposures: int
    dirt: int
    churned_share: float
    ctr: float


def simulate_log(spec: WorldSpec, progress: Progress | None = None) -> RawLog:
    """The whole log in memory; for large worlds use `write_log`."""
    blocks = list(_blocks(build_world(spec), progress))
    return RawLog(
        events=pa.concat_tables([block.events for block in blocks]),
        exposures=pa.concat_tables([block.exposures for block in blocks]),
        users=pa.concat_tables([block.users for block in blocks]),
        clean_events=sum(block.clean_events for block in blocks),
        clean_exposures=sum(block.clean_exposures for block in blocks),
        clicks=sum(block.clicks for block in blocks),
    )


def write_log(spec: WorldSpec, out: Path, progress: Progress | None = None) -> LogSummary:
    """Write `out/log` (which the pipeline reads) and `out/truth` (which it must never read).

    Both folders appear complete or not at all, and replace earlier ones. Deterministic in the spec.

    Args:
        spec: the world.
        out: folder to write into; made if missing.
        progress: called with the share done and the current activity.
    """
    world = build_world(spec)
    out.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=out))
    try:
        summary = _write(world, staging, progress)
        _swap(staging, out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return summary


def _blocks(world: World, progress: Progress | None) -> Iterator[RawLog]:
    spec, first_id = world.spec, 0
    starts = range(0, spec.users, _BLOCK)
    for number, offset in enumerate(starts):
        size = min(_BLOCK, spec.users - offset)
        rng = np.random.default_rng(np.random.SeedSequence([spec.seed, _LOG_STREAM, number]))
        report = _scaled(progress, number, len(starts))
        block = _simulate(world, Recorder(offset, spec.users), size, first_id, rng, report)
        first_id += block.events.num_rows
        yield block


def _simulate(
    world: World, recorder: Recorder, size: int, first_id: int, rng: np.random.Generator, progress: Progress
) -> RawLog:
    spec, traits = world.spec, draw_traits(world, size, rng)
    traits = replace(traits, join_day=draw_join_days(size, spec.days, rng))
    service = Service(world, traits, LoggingPolicy(world, traits), LOG_RANDOMNESS, rng, recorder)
    for day in range(spec.days):
        service.run_day(day)
        progress((day + 1) / spec.days, f"day {day + 1} of {spec.days}")
    events, exposures = _cut(recorder.events(), spec), recorder.exposures()
    event_rows = event_table(world, events, first_id, rng)
    exposure_rows = exposure_table(world, exposures, LoggingPolicy.name, rng)
    return RawLog(
        events=with_dirt(event_rows, spec.dirt, "event_id", rng),
        exposures=with_dirt(exposure_rows, spec.dirt, "request", rng),
        users=user_truth(traits, service.state, recorder.offset),
        clean_events=event_rows.num_rows,
        clean_exposures=exposure_rows.num_rows,
        clicks=int((events.kind == KINDS["click"]).sum()),
    )


def _cut(rows: RawEvents, spec: WorldSpec) -> RawEvents:
    """The events before the end of the log; those of the last evening may run past it."""
    is_inside = rows.ts < int(spec.end.timestamp()) * 1_000_000
    return RawEvents(**{name: column[is_inside] for name, column in vars(rows).items()})


def _scaled(progress: Progress | None, number: int, blocks: int) -> Progress:
    def report(share: float, text: str) -> None:
        if progress is not None:
            progress((number + share) / blocks, text)

    return report


def _write(world: World, staging: Path, progress: Progress | None) -> LogSummary:
    log, truth = staging / "log", staging / "truth"
    log.mkdir()
    truth.mkdir()
    pq.write_table(item_table(world), log / "items.parquet")
    pq.write_table(episode_table(world), log / EPISODES)
    pq.write_table(item_truth(world), truth / "items.parquet")
    summary = _write_blocks(world, staging, progress)
    # Rows may come three days late, so the log is delivered on the fourth day. Rows dated later lie in the future.
    times = {"complete_until": world.spec.end, "observed_at": world.spec.end + timedelta(days=4)}
    heartbeat = {name: time.strftime("%Y-%m-%dT%H:%M:%SZ") for name, time in times.items()}
    (log / "_delivery.json").write_text(json.dumps(heartbeat) + "\n")
    content = world_truth(world) | {"log": asdict(summary)}
    (truth / "world.json").write_text(json.dumps(content, indent=1) + "\n")
    return summary


def _write_blocks(world: World, staging: Path, progress: Progress | None) -> LogSummary:
    names = {"events": "log/events", "exposures": "log/exposures", "users": "truth/users"}
    writers: dict[str, pq.ParquetWriter] = {}
    rows, churned, clean, clicks, shown = dict.fromkeys(names, 0), 0, 0, 0, 0
    try:
        for block in _blocks(world, progress):
            for name, path in names.items():
                table = getattr(block, name)
                if name not in writers:
                    writers[name] = pq.ParquetWriter(staging / f"{path}.parquet", table.schema)
                writers[name].write_table(table)
                rows[name] += table.num_rows
            churned += block.users.num_rows - block.users["churn_day"].null_count
            clean += block.clean_events + block.clean_exposures
            clicks, shown = clicks + block.clicks, shown + block.clean_exposures
    finally:
        for writer in writers.values():
            writer.close()
    return LogSummary(
        users=rows["users"],
        items=world.spec.items,
        days=world.spec.days,
        events=rows["events"],
        exposures=rows["exposures"],
        dirt=rows["events"] + rows["exposures"] - clean,
        churned_share=churned / rows["users"],
        ctr=clicks / max(shown, 1),
    )


def _swap(staging: Path, out: Path) -> None:
    for name in ("truth", "log"):  # the log last, so that its truth exists before it does
        if (out / name).exists():
            os.rename(out / name, staging / f"old-{name}")
        os.rename(staging / name, out / name)
