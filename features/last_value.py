"""The last value as of a moment: what was known of a key then, corrections included.

For slowly changing facts (an item's price, a user's plan) that are restated: of all facts of a key with
``visible_ts < as_of``, the one with the newest ``event_ts``, and of its versions the one known last. Whole rows are
taken, so values of different facts are never mixed, and a row is never doubled by a tie.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from features.point_in_time_join import BUCKETS, encode_column, number_keys, read_longs, select_moments
from features.window_kernel import KeyedFacts, PastFacts
from longplay.errors import ConfigError

_BUCKET, _KNOWN = "_bucket", "known_ts"
_TIMES = ("event_ts", _KNOWN)


def join_last_values(
    facts: DataFrame, spine: DataFrame, keys: Sequence[str], tie: str | None = None, buckets: int = BUCKETS
) -> DataFrame:
    """The newest fact of each key as known strictly before ``as_of``.

    Args:
        facts: grain: fact. ``keys``, ``event_ts``, ``known_ts``, and the payload: every further column.
        spine: grain: any. ``keys``, ``as_of`` and any further columns, none called like one of the payload's.
        keys: columns that name a key, compared one by one (never glued together).
        tie: payload column that decides between facts of one key with equal times: the largest value wins, and any
            before null. Without it such facts are taken to be the same.
        buckets: into how many parts the keys are dealt; each is held in memory at once.

    Returns:
        Grain of the spine, one row a spine row: its columns, then the payload, null where nothing was known.

    Raises:
        ConfigError: when a payload column is called like one of the spine's.
    """
    payload = [name for name in facts.columns if name not in (*keys, *_TIMES)]
    if both := set(payload) & set(spine.columns):
        raise ConfigError(
            "Facts and spine share columns that are no keys.",
            got=", ".join(sorted(both)),
            fix="rename them in one of the two",
        )
    bucket = F.pmod(F.xxhash64(*keys), F.lit(buckets)).cast("int").alias(_BUCKET)
    left = facts.select(bucket, *keys, *_TIMES, *payload).groupBy(_BUCKET)
    right = spine.select(bucket, *spine.columns).groupBy(_BUCKET)
    found = [StructField(f.name, f.dataType) for f in facts.schema.fields if f.name in payload]
    schema = StructType([*spine.schema.fields, *found])
    return left.cogroup(right).applyInArrow(partial(look_up_bucket, tuple(keys), tuple(payload), tie), schema)


def look_up_bucket(
    keys: tuple[str, ...], payload: tuple[str, ...], tie: str | None, facts: pa.Table, spine: pa.Table
) -> pa.Table:
    """The spine of one bucket with the payload of the newest fact."""
    codes = {name: encode_column(facts, spine, name) for name in keys}
    fact_keys, asked_keys, size = number_keys(keys, codes)
    order = [(name, "ascending") for name in (*_TIMES, *([tie] if tie else []))]
    sorted_rows = pc.sort_indices(facts, sort_keys=order, null_placement="at_start").to_numpy()
    ranks = np.empty(len(facts), np.int64)
    ranks[sorted_rows] = np.arange(len(facts))
    event, known = (read_longs(facts, name) for name in _TIMES)
    rows = fact_keys >= 0
    asks, asked = select_moments(spine, asked_keys, size)
    visible = np.maximum(event, known)
    past = PastFacts(
        KeyedFacts(fact_keys[rows], event[rows], visible[rows], rows[rows], {}, {}, {}),
        asked,
    )
    newest = np.full(len(asks), -1)
    newest[asks] = past.largest(ranks[rows], len(facts))
    at = pa.array(sorted_rows[np.maximum(newest, 0)] if len(facts) else newest, mask=newest < 0)
    found = facts.select(list(payload)).combine_chunks().take(at)
    kept = spine.drop_columns([_BUCKET]) if _BUCKET in spine.column_names else spine
    for name in payload:
        kept = kept.append_column(facts.schema.field(name).with_nullable(True), found.column(name))
    return kept
