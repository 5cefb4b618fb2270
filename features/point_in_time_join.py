"""The point-in-time join: every feature of every view that shares a key, in one pass over the facts.

Facts and spine are put into buckets of the shared key, and numpy answers a bucket at a time, handed over as
Arrow (``window_kernel.py``). So there is one shuffle of the facts and one of the spine, whatever the number of views,
windows and features, and a key with a million facts is one bucket's sort and not one row's loop.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial, reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField, StructType, TimestampType

from features.feature_view import AMOUNTS, CODED, DERIVED, View
from features.packed_order import Flags, Longs
from features.window_kernel import MILLIONTHS, NEVER, AsOfMoments, CodedColumn, KeyedFacts, PastFacts, compute_features
from longplay.errors import ConfigError, InputError

BUCKETS = 32
LATEST = "latest_fact_ts"
_BUCKET = "_bucket"
_MANY = 2**36


def as_of_join(
    views: Sequence[View], facts: DataFrame, spine: DataFrame, buckets: int = BUCKETS, audited: bool = False
) -> DataFrame:
    """The features of some views for every row of a spine.

    Args:
        views: what to compute; they share at least one key column.
        facts: grain: fact. The views' keys, ``event_ts``, ``visible_ts``, ``consumed``, and the columns that features
            name: whole numbers that counts add up (never null), amounts, or values to tell apart.
        spine: grain: any, with the views' keys and ``as_of``; further columns are passed on.
        buckets: into how many parts the keys are dealt; each is held in memory at once, facts and spine.
        audited: whether to say for each row when the newest fact that it rests on became visible (``latest_fact_ts``).

    Returns:
        Grain of the spine, one row a spine row: its columns, then the features as doubles. The features of a view are
        null where one of its keys or ``as_of`` is.

    Raises:
        ConfigError: when the views share no key.
    """
    shared = [key for key in views[0].keys if all(key in view.keys for view in views)]
    if not shared:
        raise ConfigError("These views share no key.", got=", ".join(f"{v.name} by {v.keys}" for v in views))
    bucket = F.pmod(F.xxhash64(*shared), F.lit(buckets)).cast("int").alias(_BUCKET)
    left = facts.select(bucket, *_needed(views)).groupBy(_BUCKET)
    right = spine.select(bucket, *spine.columns).groupBy(_BUCKET)
    features = [StructField(name, DoubleType()) for view in views for name in view.names()]
    newest = [StructField(LATEST, TimestampType())] if audited else []
    schema = StructType([*spine.schema.fields, *features, *newest])
    return left.cogroup(right).applyInArrow(partial(join_bucket, tuple(views), audited=audited), schema)


def union_facts(frames: Iterable[DataFrame], measures: Sequence[str]) -> DataFrame:
    """Facts from several tables as one: measures that a table lacks are 0, other columns null."""
    whole = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), frames)
    return whole.fillna(0, subset=list(measures))


def _needed(views: Sequence[View]) -> list[str]:
    keys = [key for view in views for key in view.keys]
    of = [f.of for view in views for f in view.features if f.kind not in DERIVED]
    means = ["consumptions"] if any(f.kind == "mean" for view in views for f in view.features) else []
    return list(dict.fromkeys([*keys, "event_ts", "visible_ts", "consumed", *of, *means]))


def join_bucket(views: Sequence[View], facts: pa.Table, spine: pa.Table, *, audited: bool = False) -> pa.Table:
    """The spine of one bucket with its features.

    Args:
        views: what to compute.
        facts: the bucket's facts.
        spine: the bucket's asking moments.
        audited: whether to add when the newest fact of each row became visible.

    Returns:
        The spine's columns (without the bucket's number) and the features, in the order of the views.
    """
    kept = spine.drop_columns([_BUCKET]) if _BUCKET in spine.column_names else spine
    names = {key for view in views for key in view.keys} | {f.of for v in views for f in v.features if f.kind in CODED}
    codes = {name: encode_column(facts, spine, name) for name in names}
    latest = np.full(len(spine), NEVER)
    for view in views:
        found, newest = _view(view, facts, spine, codes)
        latest = np.maximum(latest, newest)
        for name, values in found.items():
            kept = kept.append_column(name, values)
    if not audited:
        return kept
    moments = pa.array(latest, pa.int64(), mask=latest == NEVER).cast(pa.timestamp("us", "UTC"))
    return kept.append_column(LATEST, moments)


def encode_column(facts: pa.Table, spine: pa.Table, name: str) -> tuple[Longs, Longs, int]:
    """A column of facts and spine as one set of numbers: [facts], [spine] and how many; -1 for null.

    Raises:
        InputError: when facts and spine have it in different types.
    """
    parts = [table.column(name).combine_chunks() for table in (facts, spine) if name in table.column_names]
    if len({part.type for part in parts}) > 1:
        raise InputError(
            f"Facts and spine have '{name}' in different types.",
            got=" and ".join(str(part.type) for part in parts),
            fix="cast one to the type of the other",
        )
    whole = pa.concat_arrays(parts).dictionary_encode()
    numbers = pc.fill_null(whole.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers[: len(facts)], numbers[len(facts) :], len(whole.dictionary)


def _view(
    view: View, facts: pa.Table, spine: pa.Table, codes: Mapping[str, tuple[Longs, Longs, int]]
) -> tuple[dict[str, pa.Array], Longs]:
    """The features of a view, and when the newest fact of each row became visible (microseconds)."""
    fact_keys, asked_keys, size = number_keys(view.keys, codes)
    asks, asked = select_moments(spine, asked_keys, size)
    features = {f.name: f for f in view.features if f.kind not in DERIVED}
    of = {f.of for f in features.values() if f.kind not in CODED | AMOUNTS}
    of |= {"consumptions"} if any(f.kind == "mean" for f in features.values()) else set()
    facts_of_view = KeyedFacts(
        fact_keys,
        read_longs(facts, "event_ts"),
        read_longs(facts, "visible_ts"),
        facts.column("consumed").to_numpy(),
        {name: read_longs(facts, name) for name in of},
        {f.of: _millionths(facts, f.of) for f in features.values() if f.kind in AMOUNTS},
        {f.of: CodedColumn(codes[f.of][0], codes[f.of][2]) for f in features.values() if f.kind in CODED},
    ).where(fact_keys >= 0)
    past = PastFacts(facts_of_view, asked)
    found = {}
    for name, values in compute_features(view, past).items():
        whole = np.full(len(asks), np.nan)
        whole[asks] = values
        found[name] = pa.array(whole, mask=np.isnan(whole))
    latest = np.full(len(asks), NEVER)
    latest[asks] = past.latest()
    return found, latest


def number_keys(names: Sequence[str], codes: Mapping[str, tuple[Longs, Longs, int]]) -> tuple[Longs, Longs, int]:
    """Keys of several columns as one number: of facts, of the spine, how many there may be; -1 where one is null."""
    facts, asked, size = codes[names[0]]
    for name in names[1:]:
        own_facts, own_asked, own_size = codes[name]
        facts = np.where((facts < 0) | (own_facts < 0), -1, facts * own_size + own_facts)
        asked = np.where((asked < 0) | (own_asked < 0), -1, asked * own_size + own_asked)
        size *= own_size
        if size > _MANY:  # only those that occur keep a number
            found, numbers = np.unique(np.concatenate([facts, asked]), return_inverse=True)
            numbers -= int(found[0] < 0) if len(found) else 0
            facts, asked, size = numbers[: len(facts)], numbers[len(facts) :], len(found)
    return facts, asked, size


def select_moments(spine: pa.Table, keys: Longs, size: int) -> tuple[Flags, AsOfMoments]:
    """Which rows of a spine ask, for they have a key [rows] and ``as_of``, and what they ask of ``size`` keys."""
    asks: Flags = (keys >= 0) & pc.is_valid(spine.column("as_of")).to_numpy()
    moments = read_longs(spine.select(["as_of"]).filter(pa.array(asks)), "as_of")
    return asks, AsOfMoments(keys[asks], moments, size)


def read_longs(table: pa.Table, name: str) -> Longs:
    """A column of whole numbers or moments [rows]; moments in microseconds.

    Raises:
        InputError: when there are nulls among them.
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
    whole: Longs = column.cast(pa.int64()).to_numpy()
    return whole


def _millionths(table: pa.Table, name: str) -> Longs:
    amounts = pc.fill_null(table.column(name).cast(pa.float64()), 0.0).to_numpy()
    whole: Longs = np.rint(amounts * MILLIONTHS).astype(np.int64)
    return whole
