"""The point-in-time join: every feature of every view that shares a key, in one pass over the facts.

Spark hashes facts and spine into buckets of the shared key and hands each bucket to numpy as Arrow
(``window_kernel.py``). Facts and spine are shuffled once each, whatever the number of views, windows and features. A
key with a million facts costs one sort, not a loop over rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql.types import DoubleType, StructField, StructType, TimestampType

from features.cogrouped_buckets import BUCKETS, apply_by_bucket
from features.feature_view import AMOUNTS, CODED, DERIVED, View
from features.packed_order import Flags, Longs
from features.window_kernel import MILLIONTHS, NEVER, AsOfMoments, CodedColumn, KeyedFacts, PastFacts, compute_features
from longplay.errors import ConfigError, InputError
from tables.frame_union import union_by_name

LATEST = "latest_fact_ts"
_MAX_SPARSE_KEYS = 2**36
"""Combined keys beyond this number are renumbered densely."""


def as_of_join(
    views: Sequence[View], facts: DataFrame, spine: DataFrame, buckets: int = BUCKETS, audited: bool = False
) -> DataFrame:
    """The features of some views for every row of a spine.

    Args:
        views: what to compute; they share at least one key column.
        facts: the views' keys, ``event_ts``, ``visible_ts``, ``consumed``, and the columns that the features aggregate:
            whole numbers (never null), amounts, or categories. Grain: fact.
        spine: grain: any, with the views' keys and ``as_of``; further columns are passed on.
        buckets: number of parts into which the keys are hashed; a task holds the facts and spine of one in memory.
        audited: whether to add ``latest_fact_ts``: when the newest fact behind each row became visible.

    Returns:
        Grain of the spine, one row per spine row: its columns, then the features as doubles. The features of a view are
        null where one of its keys or ``as_of`` is.

    Raises:
        ConfigError: when the views share no key.
    """
    shared = [key for key in views[0].keys if all(key in view.keys for view in views)]
    if not shared:
        raise ConfigError("These views share no key.", got=", ".join(f"{v.name} by {v.keys}" for v in views))
    features = [StructField(name, DoubleType()) for view in views for name in view.names()]
    newest = [StructField(LATEST, TimestampType())] if audited else []
    schema = StructType([*spine.schema.fields, *features, *newest])
    function = partial(join_bucket, tuple(views), audited=audited)
    return apply_by_bucket(function, (facts.select(*_fact_columns(views)), spine), shared, buckets, schema)


def union_facts(frames: Iterable[DataFrame], measures: Sequence[str]) -> DataFrame:
    """Facts of several tables in one; measures that a table lacks are 0, its other missing columns null."""
    return union_by_name(frames).fillna(0, subset=list(measures))


def _fact_columns(views: Sequence[View]) -> list[str]:
    """Columns of the facts that the views read."""
    keys = [key for view in views for key in view.keys]
    aggregated = [f.of for view in views for f in view.features if f.kind not in DERIVED]
    counts = ["consumptions"] if any(f.kind == "mean" for view in views for f in view.features) else []
    return list(dict.fromkeys([*keys, "event_ts", "visible_ts", "consumed", *aggregated, *counts]))


def join_bucket(views: Sequence[View], facts: pa.Table, spine: pa.Table, *, audited: bool = False) -> pa.Table:
    """The spine of one bucket with its features.

    Args:
        views: what to compute.
        facts: the bucket's facts.
        spine: the bucket's spine.
        audited: whether to add when the newest fact of each row became visible.

    Returns:
        The spine's columns and the features, in the order of the views.
    """
    joined, latest = spine, np.full(len(spine), NEVER)
    names = {key for view in views for key in view.keys} | {f.of for v in views for f in v.features if f.kind in CODED}
    codes = {name: encode_column(facts, spine, name) for name in names}
    for view in views:
        features, newest = _compute_view(view, facts, spine, codes)
        latest = np.maximum(latest, newest)
        for name, values in features.items():
            joined = joined.append_column(name, values)
    if not audited:
        return joined
    moments = pa.array(latest, pa.int64(), mask=latest == NEVER).cast(pa.timestamp("us", "UTC"))
    return joined.append_column(LATEST, moments)


def encode_column(facts: pa.Table, spine: pa.Table, name: str) -> tuple[Longs, Longs, int]:
    """Codes of a column, shared by facts and spine: [facts], [spine], and how many codes there are; null is -1.

    Raises:
        InputError: when its types in facts and spine differ.
    """
    parts = [table.column(name).combine_chunks() for table in (facts, spine) if name in table.column_names]
    if len({part.type for part in parts}) > 1:
        raise InputError(
            f"The types of '{name}' in facts and spine differ.",
            got=" and ".join(str(part.type) for part in parts),
            fix="cast one to the type of the other",
        )
    encoded = pa.concat_arrays(parts).dictionary_encode()
    numbers = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers[: len(facts)], numbers[len(facts) :], len(encoded.dictionary)


def _compute_view(
    view: View, facts: pa.Table, spine: pa.Table, codes: Mapping[str, tuple[Longs, Longs, int]]
) -> tuple[dict[str, pa.Array], Longs]:
    """The features of a view, and when the newest fact of each row became visible (microseconds)."""
    fact_keys, spine_keys, size = number_keys(view.keys, codes)
    has_moment, moments = select_moments(spine, spine_keys, size)
    past = PastFacts(_read_facts(view, facts, fact_keys, codes), moments)
    columns = {}
    for name, values in compute_features(view, past).items():
        column = np.full(len(spine), np.nan)
        column[has_moment] = values
        columns[name] = pa.array(column, mask=np.isnan(column))
    latest = np.full(len(spine), NEVER)
    latest[has_moment] = past.latest_visible()
    return columns, latest


def _read_facts(view: View, facts: pa.Table, keys: Longs, codes: Mapping[str, tuple[Longs, Longs, int]]) -> KeyedFacts:
    """What a view reads of the facts that have a key."""
    features = [f for f in view.features if f.kind not in DERIVED]
    summed = {f.of for f in features if f.kind not in CODED | AMOUNTS}
    summed |= {"consumptions"} if any(f.kind == "mean" for f in features) else set()
    return KeyedFacts(
        keys,
        read_longs(facts, "event_ts"),
        read_longs(facts, "visible_ts"),
        facts.column("consumed").to_numpy(),
        {name: read_longs(facts, name) for name in summed},
        {f.of: _read_millionths(facts, f.of) for f in features if f.kind in AMOUNTS},
        {f.of: CodedColumn(codes[f.of][0], codes[f.of][2]) for f in features if f.kind in CODED},
    ).where(keys >= 0)


def number_keys(names: Sequence[str], codes: Mapping[str, tuple[Longs, Longs, int]]) -> tuple[Longs, Longs, int]:
    """One number per combined key: [facts], [spine], and a bound above all numbers; -1 if any key column is null."""
    facts, spine, size = codes[names[0]]
    for name in names[1:]:
        facts_codes, spine_codes, codes_size = codes[name]
        facts = np.where((facts < 0) | (facts_codes < 0), -1, facts * codes_size + facts_codes)
        spine = np.where((spine < 0) | (spine_codes < 0), -1, spine * codes_size + spine_codes)
        size *= codes_size
        if size > _MAX_SPARSE_KEYS:
            distinct, numbers = np.unique(np.concatenate([facts, spine]), return_inverse=True)
            numbers -= int(distinct[0] < 0) if len(distinct) else 0
            facts, spine, size = numbers[: len(facts)], numbers[len(facts) :], len(distinct)
    return facts, spine, size


def select_moments(spine: pa.Table, keys: Longs, size: int) -> tuple[Flags, AsOfMoments]:
    """Which spine rows have a key and ``as_of`` [rows], and the moments of these rows for ``size`` keys."""
    has_moment: Flags = (keys >= 0) & pc.is_valid(spine.column("as_of")).to_numpy()
    moments = read_longs(spine.select(["as_of"]).filter(pa.array(has_moment)), "as_of")
    return has_moment, AsOfMoments(keys[has_moment], moments, size)


def read_longs(table: pa.Table, name: str) -> Longs:
    """A column of whole numbers or moments [rows]; moments in microseconds.

    Raises:
        InputError: when the column holds nulls.
    """
    column = table.column(name)
    if column.null_count:
        raise InputError(
            f"The point-in-time join needs a value of '{name}' in every row.",
            got=f"{column.null_count:,} nulls among {len(column):,} rows of a bucket",
            fix="leave such rows out, or give them a value",
        )
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz))
    numbers: Longs = column.cast(pa.int64()).to_numpy()
    return numbers


def _read_millionths(table: pa.Table, name: str) -> Longs:
    amounts = pc.fill_null(table.column(name).cast(pa.float64()), 0.0).to_numpy()
    millionths: Longs = np.rint(amounts * MILLIONTHS).astype(np.int64)
    return millionths
