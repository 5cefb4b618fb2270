"""The last value as of a moment: what was known of a key then, corrections included.

For slowly changing facts that are restated, such as an item's price or a user's plan. Of all facts of a key with
``visible_ts < as_of``, the newest ``event_ts`` wins, and of its versions the one known last. The join takes complete
rows: it never mixes values of different facts, and a tie never duplicates a row.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql.types import StructField, StructType

from features.cogrouped_buckets import BUCKETS, apply_by_bucket
from features.packed_order import Longs
from features.point_in_time_join import encode_column, number_keys, read_longs, select_moments
from features.window_kernel import KeyedFacts, PastFacts
from longplay.errors import ConfigError

_TIMES = ("event_ts", "known_ts")


def join_last_values(
    facts: DataFrame, spine: DataFrame, keys: Sequence[str], tie: str | None = None, buckets: int = BUCKETS
) -> DataFrame:
    """The newest fact of each key as known strictly before ``as_of``.

    Args:
        facts: grain: fact. ``keys``, ``event_ts``, ``known_ts``, and the payload: every further column.
        spine: grain: any. ``keys``, ``as_of`` and further columns that share no name with the payload.
        keys: columns of the key, compared one by one (never concatenated).
        tie: payload column that decides between facts of one key with equal times: the largest value wins, nulls come
            last. Without it such facts are assumed to be equal.
        buckets: number of parts into which the keys are hashed; memory holds one at a time.

    Returns:
        Grain of the spine, one row per spine row: its columns, then the payload, null where nothing was known.

    Raises:
        ConfigError: when payload and spine share a column name.
    """
    payload = [name for name in facts.columns if name not in (*keys, *_TIMES)]
    _check_payload(payload, spine)
    payload_fields = [StructField(f.name, f.dataType) for f in facts.schema.fields if f.name in payload]
    schema = StructType([*spine.schema.fields, *payload_fields])
    function = partial(look_up_bucket, tuple(keys), tuple(payload), tie)
    return apply_by_bucket(function, (facts.select(*keys, *_TIMES, *payload), spine), keys, buckets, schema)


def _check_payload(payload: Sequence[str], spine: DataFrame) -> None:
    if shared := set(payload) & set(spine.columns):
        raise ConfigError(
            "Facts and spine share columns that are not keys.",
            got=", ".join(sorted(shared)),
            fix="rename them in one of the two",
        )


def look_up_bucket(
    keys: tuple[str, ...], payload: tuple[str, ...], tie: str | None, facts: pa.Table, spine: pa.Table
) -> pa.Table:
    """The spine of one bucket with the payload of the newest fact."""
    codes = {name: encode_column(facts, spine, name) for name in keys}
    fact_keys, spine_keys, size = number_keys(keys, codes)
    has_moment, moments = select_moments(spine, spine_keys, size)
    sorted_rows, ranks = _rank_facts(facts, tie)
    event_us, known_us = (read_longs(facts, name) for name in _TIMES)
    visible = np.maximum(event_us, known_us)
    rows = fact_keys >= 0
    past = PastFacts(KeyedFacts(fact_keys[rows], event_us[rows], visible[rows], rows[rows], {}, {}, {}), moments)
    newest = np.full(len(spine), -1)
    newest[has_moment] = past.largest(ranks[rows], len(facts))
    at = pa.array(sorted_rows[np.maximum(newest, 0)] if len(facts) else newest, mask=newest < 0)
    newest_facts = facts.select(list(payload)).combine_chunks().take(at)
    joined = spine
    for name in payload:
        joined = joined.append_column(facts.schema.field(name).with_nullable(True), newest_facts.column(name))
    return joined


def _rank_facts(facts: pa.Table, tie: str | None) -> tuple[Longs, Longs]:
    """Row numbers of the facts from oldest to newest, and the rank of each fact in that order, each [facts]."""
    order = [(name, "ascending") for name in (*_TIMES, *([tie] if tie else []))]
    sorted_rows = pc.sort_indices(facts, sort_keys=order, null_placement="at_start").to_numpy()
    ranks = np.empty(len(facts), np.int64)
    ranks[sorted_rows] = np.arange(len(facts))
    return sorted_rows, ranks
