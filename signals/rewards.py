"""Values of rewards, computed from the values of their signals as known at a moment. Pure transforms.

Rewards are not stored. A reward as known at T changes only where the values of its signals do, and whatever revises a
signal revises the reward.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add, and_, mul, or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definitions.reward import Composite, RewardPart
from signals.anchors import anchor_hash

REWARD_COLUMNS = (
    "signal",
    "definition_hash",
    "anchor_id",
    "user_id",
    "t0",
    "matures_at",
    "state",
    "void_reason",
    "value",
    "known_ts",
    "revision",
    "ipc_weight",
    "cluster_id",
)
"""Columns of a reward's value; ``signal_values`` has the same."""
_KEYS = ("signal", "definition_hash", "anchor_id", "user_id")
"""Columns in which the values of one signal of an anchor do not differ."""


def compute_reward_values(composite: Composite, values: DataFrame, known_at: Column) -> DataFrame:
    """A reward as known at a moment: mature if all its signals are, void if one is, otherwise open.

    Args:
        composite: the reward and its signals.
        values: values of signals. Grain: signal, anchor_id, revision.
        known_at: T (UTC).

    Returns:
        Grain: anchor_id; ``REWARD_COLUMNS``. ``value`` is null unless the reward is mature. ``known_ts`` is the latest
        of the signals' for a mature or open reward, and that of the first void signal for a void one. ``revision`` is
        the sum and ``ipc_weight`` the product of the signals'. Anchors with one ``cluster_id`` share the outcomes of
        all signals. An anchor without a value of any signal has no row.
    """
    refs, hashes = [d.ref for d in composite.signals], [d.hash for d in composite.signals]
    own = F.col("signal").isin(refs) & F.col("definition_hash").isin(hashes) & (F.col("known_ts") <= known_at)
    columns = F.struct(*[name for name in REWARD_COLUMNS if name not in _KEYS])
    newest = [
        F.max_by(columns, F.when(F.col("signal") == ref, F.struct("known_ts", "revision"))).alias(f"_{number}")
        for number, ref in enumerate(refs)
    ]
    rows = values.where(own).groupBy("user_id", "anchor_id").agg(*newest)
    return rows.withColumns(_reward_columns(composite)).select(*REWARD_COLUMNS)


def append_reward_values(composites: Sequence[Composite], values: DataFrame, known_at: Column) -> DataFrame:
    """Values of signals, followed by rewards as known at a moment. Grain: signal, anchor_id, revision."""
    own = values.select(*REWARD_COLUMNS) if composites else values
    return reduce(
        DataFrame.unionByName, [compute_reward_values(reward, values, known_at) for reward in composites], own
    )


def _reward_columns(composite: Composite) -> dict[str, Column]:
    """The columns of a reward, from one struct a signal; the struct is null if an anchor has no value of it yet."""
    signals = [F.col(f"_{number}") for number in range(len(composite.signals))]
    is_void = reduce(or_, [F.coalesce(signal["state"] == "void", F.lit(False)) for signal in signals])
    is_mature = reduce(and_, [F.coalesce(signal["state"] == "mature", F.lit(False)) for signal in signals])
    first_void = _first_void(signals)
    last_known_ts = _greatest([signal["known_ts"] for signal in signals])
    return {
        "signal": F.lit(composite.ref),
        "definition_hash": F.lit(composite.hash),
        "t0": _greatest([signal["t0"] for signal in signals]),
        "matures_at": _greatest([signal["matures_at"] for signal in signals]),
        "state": F.when(is_void, "void").when(is_mature, "mature").otherwise("open"),
        "void_reason": F.when(is_void, first_void["void_reason"]),
        "value": F.when(is_mature & ~is_void, _combine_parts(composite, [signal["value"] for signal in signals])),
        "known_ts": F.when(is_void, first_void["k"]).otherwise(last_known_ts),
        "revision": reduce(add, [F.coalesce(signal["revision"], F.lit(0)) for signal in signals]).cast("int"),
        "ipc_weight": reduce(mul, [F.coalesce(signal["ipc_weight"], F.lit(0.0)) for signal in signals]),
        "cluster_id": _cluster_id([signal["cluster_id"] for signal in signals]),
    }


def _first_void(signals: Sequence[Column]) -> Column:
    """The void signal that became known first: struct<k, void_reason>; null if there is none."""
    void = [
        F.when(signal["state"] == "void", F.struct(signal["known_ts"].alias("k"), signal["void_reason"]))
        for signal in signals
    ]
    return F.array_min(F.array(*void))  # array_min skips nulls


def _cluster_id(ids: Sequence[Column]) -> Column:
    """The cluster of an anchor: that of its signals if they agree, otherwise one of its own."""
    different = F.array_distinct(F.array_compact(F.array(*ids)))
    return F.when(F.size(different) == 1, different[0]).otherwise(anchor_hash(*ids))


def _combine_parts(composite: Composite, values: Sequence[Column]) -> Column:
    """The weighted sum of the parts, within the reward's bounds."""
    reward = composite.reward
    parts = [_transform(part, value) * part.weight for part, value in zip(reward.parts, values, strict=True)]
    low, high = reward.bounds
    return F.greatest(F.lit(float(low)), F.least(F.lit(float(high)), reduce(add, parts)))


def _transform(part: RewardPart, value: Column) -> Column:
    transform = part.transform
    if transform.low is not None:
        value = F.greatest(F.lit(float(transform.low)), value)
    if transform.high is not None:
        value = F.least(F.lit(float(transform.high)), value)
    value = F.log1p(value) if transform.log1p else value
    return value * transform.scale if transform.scale != 1 else value


def _greatest(columns: Sequence[Column]) -> Column:
    return F.greatest(*columns) if len(columns) > 1 else columns[0]
