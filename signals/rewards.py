"""Values of rewards, made of those of their signals as known at a moment. Pure transforms.

Nothing of a reward is stored: its signals' values say all, and which of them were known when. So a reward as known at T
never changes where theirs do not, and what revises a signal revises the reward.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add, mul

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definitions.reward import Composite, Part
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
"""What is told of a reward's value: columns of ``signal_values``, by the same names."""
_OF_ALL = ("signal", "definition_hash", "anchor_id", "user_id")
"""Those that do not differ among the values of one signal of an anchor."""


def compute_reward_values(composite: Composite, values: DataFrame, known_at: Column) -> DataFrame:
    """A reward as known at a moment: mature where all of its signals are, void where one is, else open.

    Args:
        composite: the reward and its signals.
        values: of signals. Grain: signal, anchor_id, revision.
        known_at: T (UTC).

    Returns:
        Grain: anchor_id; ``REWARD_COLUMNS``. ``value`` is null unless the reward is mature. ``known_ts`` is the latest
        of the signals' for a mature or open reward, and that of the first void signal for a void one. ``revision`` is
        the sum and ``ipc_weight`` the product of the signals'. Anchors with one ``cluster_id`` share the outcomes of
        all signals. An anchor without a value of any signal has no row.
    """
    refs, hashes = [d.ref for d in composite.signals], [d.hash for d in composite.signals]
    own = F.col("signal").isin(refs) & F.col("definition_hash").isin(hashes) & (F.col("known_ts") <= known_at)
    told = F.struct(*[name for name in REWARD_COLUMNS if name not in _OF_ALL])
    newest = [
        F.max_by(told, F.when(F.col("signal") == ref, F.struct("known_ts", "revision"))).alias(f"_{number}")
        for number, ref in enumerate(refs)
    ]
    rows = values.where(own).groupBy("user_id", "anchor_id").agg(*newest)
    return rows.withColumns(_told(composite)).select(*REWARD_COLUMNS)


def append_reward_values(composites: Sequence[Composite], values: DataFrame, known_at: Column) -> DataFrame:
    """Values of signals, and below them those of rewards as known at a moment. Grain: signal, anchor_id, revision."""
    own = values.select(*REWARD_COLUMNS) if composites else values
    return reduce(DataFrame.unionByName, [compute_reward_values(one, values, known_at) for one in composites], own)


def _told(composite: Composite) -> dict[str, Column]:
    """The columns of a reward, from one struct a signal; null where an anchor has no value of it yet."""
    of = [F.col(f"_{number}") for number in range(len(composite.signals))]
    is_void = reduce(lambda a, b: a | b, [F.coalesce(one["state"] == "void", F.lit(False)) for one in of])
    is_mature = reduce(lambda a, b: a & b, [F.coalesce(one["state"] == "mature", F.lit(False)) for one in of])
    void = [F.when(one["state"] == "void", F.struct(one["known_ts"].alias("k"), one["void_reason"])) for one in of]
    first_void = F.array_min(F.array(*void))  # array_min passes nulls over
    last = _greatest([one["known_ts"] for one in of])
    return {
        "signal": F.lit(composite.ref),
        "definition_hash": F.lit(composite.hash),
        "t0": _greatest([one["t0"] for one in of]),
        "matures_at": _greatest([one["matures_at"] for one in of]),
        "state": F.when(is_void, "void").when(is_mature, "mature").otherwise("open"),
        "void_reason": F.when(is_void, first_void["void_reason"]),
        "value": F.when(is_mature & ~is_void, _combined(composite, [one["value"] for one in of])),
        "known_ts": F.when(is_void, first_void["k"]).otherwise(last),
        "revision": reduce(add, [F.coalesce(one["revision"], F.lit(0)) for one in of]).cast("int"),
        "ipc_weight": reduce(mul, [F.coalesce(one["ipc_weight"], F.lit(0.0)) for one in of]),
        "cluster_id": _cluster([one["cluster_id"] for one in of]),
    }


def _cluster(ids: Sequence[Column]) -> Column:
    """The cluster of an anchor in which all of its signals have theirs."""
    different = F.array_distinct(F.array_compact(F.array(*ids)))
    return F.when(F.size(different) == 1, different[0]).otherwise(anchor_hash(*ids))


def _combined(composite: Composite, values: Sequence[Column]) -> Column:
    """The weighted sum of the parts, within the reward's bounds."""
    reward = composite.reward
    parts = [_transformed(part, value) * part.weight for part, value in zip(reward.parts, values, strict=True)]
    low, high = reward.bounds
    return F.greatest(F.lit(float(low)), F.least(F.lit(float(high)), reduce(add, parts)))


def _transformed(part: Part, value: Column) -> Column:
    transform = part.transform
    if transform.low is not None:
        value = F.greatest(F.lit(float(transform.low)), value)
    if transform.high is not None:
        value = F.least(F.lit(float(transform.high)), value)
    value = F.log1p(value) if transform.log1p else value
    return value * transform.scale if transform.scale != 1 else value


def _greatest(columns: Sequence[Column]) -> Column:
    return F.greatest(*columns) if len(columns) > 1 else columns[0]
