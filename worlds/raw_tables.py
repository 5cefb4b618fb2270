"""From codes to the raw log's Arrow tables: string ids, ingest delays, and a little dirt."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from longplay.config.duration import DAY_US
from worlds.policy import KIND_NAMES, SURFACES, Ints
from worlds.recorder import ORGANIC_REQUEST, RawEvents, RawExposures
from worlds.world import World

_SECOND_US, _HOUR_US = 1_000_000, 3_600_000_000
EPISODES_PER_SEASON = 4
_LATE_SHARE = 0.02
_STAMP = pa.timestamp("us", tz="UTC")
_DIRT = ("duplicate", "null user", "future", "negative seconds")
_DIRT_SHARES = (0.5, 0.2, 0.15, 0.15)


def event_table(world: World, rows: RawEvents, first_id: int, rng: np.random.Generator) -> pa.Table:
    """Clean events, with ids from `first_id` on in order of time."""
    items = world.catalogue
    return pa.table(
        {
            "event_id": pa.array(np.arange(first_id, first_id + len(rows.ts))),
            "user": _numbered("u", rows.user, 6),
            "item": _pick(items.item_ids.tolist(), rows.item),
            "topic": _pick(world.topics, rows.item),
            "episode": _episode(world, rows),
            "kind": _pick(KIND_NAMES, rows.kind),
            "ts": pa.array(rows.ts, _STAMP),
            "ingest_ts": pa.array(rows.ts + ingest_delay(len(rows.ts), rng), _STAMP),
            "seconds": pa.array(rows.seconds, mask=np.isnan(rows.seconds)),
            "request": _numbered("r", rows.request, 10, absent=ORGANIC_REQUEST),
            "surface": _pick(SURFACES, rows.surface),
        }
    )


def exposure_table(world: World, rows: RawExposures, policy: str, rng: np.random.Generator) -> pa.Table:
    """Clean exposures; a slate's rows are ingested together."""
    slates, slate = np.unique(rows.request, return_inverse=True)
    return pa.table(
        {
            "request": _numbered("r", rows.request, 10),
            "user": _numbered("u", rows.user, 6),
            "item": _pick(world.item_ids, rows.item),
            "topic": _pick(world.topics, rows.item),
            "ts": pa.array(rows.ts, _STAMP),
            "ingest_ts": pa.array(rows.ts + ingest_delay(len(slates), rng)[slate], _STAMP),
            "position": pa.array(rows.position.astype(np.int32)),
            "surface": _pick(SURFACES, rows.surface),
            "policy": _pick([f"{policy}-{name}" for name in SURFACES], rows.surface),
            "log_propensity": pa.array(rows.log_propensity),
            "candidates": pa.array(rows.candidates.astype(np.int32)),
        }
    )


def item_table(world: World) -> pa.Table:
    """The public catalogue."""
    items, start = world.catalogue, int(world.spec.start.timestamp()) * _SECOND_US
    return pa.table(
        {
            "item": pa.array(world.item_ids),
            "topic": pa.array(world.topics),
            "kind": _pick(("track", "show"), items.is_show.astype(np.int64)),
            "released_at": pa.array(start + items.released_day * DAY_US, _STAMP),
        }
    )


def episode_table(world: World) -> pa.Table:
    """Every episode released before the log ends, known at its release; four make a season."""
    items, start = world.catalogue, int(world.spec.start.timestamp()) * _SECOND_US
    released = items.episodes(world.spec.days - 1)
    show = np.repeat(np.arange(len(released)), released)
    number = np.arange(len(show)) - np.repeat(np.cumsum(released) - released, released) + 1
    season = (number - 1) // EPISODES_PER_SEASON + 1
    day = items.released_day[show] + (number - 1) * items.period[show]
    names = pa.array(world.item_ids).take(pa.array(show))
    return pa.table(
        {
            "item": names,
            "episode": _named(names, number, "-e", 3),
            "season": _named(names, season, "-s", 2),
            "season_episodes": pa.array(np.full(len(show), EPISODES_PER_SEASON, np.int32)),
            "released_at": pa.array(start + day * DAY_US, _STAMP),
        }
    )


def ingest_delay(n: int, rng: np.random.Generator) -> Ints:
    """Microseconds from event to ingest: mostly seconds to minutes, one in fifty 1 hour to 3 days."""
    prompt = rng.lognormal(np.log(20.0), 1.0, n) * _SECOND_US
    late = np.exp(rng.uniform(0.0, np.log(72.0), n)) * _HOUR_US
    return np.where(rng.random(n) < _LATE_SHARE, late, prompt).astype(np.int64)


def with_dirt(table: pa.Table, share: float, id_column: str, rng: np.random.Generator) -> pa.Table:
    """Add `share` bad rows to a raw table and order it by arrival.

    All bad rows are extra, so cleaning restores the original log. They are exact duplicates, and copies under
    a new id without a user, with a time far ahead, or with negative seconds.
    """
    count = round(share * table.num_rows)
    picks, faults = (
        rng.integers(0, max(table.num_rows, 1), count),
        rng.choice(len(_DIRT), count, p=_DIRT_SHARES),
    )
    bad = table.take(pa.array(picks))
    fault = {name: pa.array(faults == code) for code, name in enumerate(_DIRT)}
    bad = _replace(bad, id_column, _new_ids(table, bad, id_column, faults == 0))
    bad = _replace(bad, "user", pc.if_else(fault["null user"], pa.scalar(None, pa.string()), bad["user"]))
    ahead = pc.add(bad["ts"], pa.scalar(400 * DAY_US, pa.duration("us")))
    bad = _replace(bad, "ts", pc.if_else(fault["future"], ahead, bad["ts"]))
    if "seconds" in bad.column_names:
        negative = pc.negate(pc.add(pc.fill_null(bad["seconds"], 0.0), 1.0))
        bad = _replace(bad, "seconds", pc.if_else(fault["negative seconds"], negative, bad["seconds"]))
    both = pa.concat_tables([table, bad])
    order = np.argsort(both["ingest_ts"].cast(pa.int64()).to_numpy(), kind="stable")
    return both.take(pa.array(order)).combine_chunks()


def _new_ids(table: pa.Table, bad: pa.Table, id_column: str, keeps_id: NDArray[np.bool_]) -> pa.ChunkedArray:
    ids = table[id_column]
    if pa.types.is_integer(ids.type):
        first = pc.max(ids).as_py() + 1 if len(ids) else 0
        fresh = pa.array(np.arange(first, first + bad.num_rows))
    else:
        fresh = pc.binary_join_element_wise(bad[id_column], _numbered("x", np.arange(bad.num_rows), 6), "")
    return pc.if_else(pa.array(keeps_id), bad[id_column], fresh)


def _replace(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


def _pick(names: tuple[str, ...] | list[str], codes: NDArray[Any]) -> pa.Array:
    return pa.array(list(names)).take(pa.array(codes.astype(np.int64)))


def _numbered(prefix: str, numbers: Ints, width: int, absent: int | None = None) -> pa.Array:
    distinct, codes = np.unique(numbers, return_inverse=True)
    digits = pc.utf8_lpad(pa.array(distinct).cast(pa.string()), width, "0")
    names = pc.binary_join_element_wise(prefix, digits, "")
    return names.take(pa.array(codes, mask=None if absent is None else numbers == absent))


def _episode(world: World, rows: RawEvents) -> pa.Array:
    names = _named(_pick(world.item_ids, rows.item), rows.episode, "-e", 3)
    return pc.if_else(pa.array(rows.episode > 0), names, pa.scalar(None, pa.string()))


def _named(items: pa.Array, numbers: Ints, mark: str, width: int) -> pa.Array:
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(items, digits, mark)
