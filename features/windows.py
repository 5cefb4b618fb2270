"""The point-in-time operator: exact trailing windows for any number of features in one pass over a key.

Every fact becomes a step up when it becomes visible and, per window, a step down when it leaves the window. The
steps and the spine are ordered by time, the spine first at ties (so that the past is strictly before ``as_of``),
and a running sum over them is the feature. One shuffle a grain, linear in facts, exact for facts that were known
late: a fact counts from ``visible_ts`` on, for as long as ``event_ts >= as_of - w``.
"""

from collections.abc import Iterable, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from features.view import Feature, View

_AT, _SPINE = "_at", "_is_spine"
SECONDS_A_DAY = 86400.0


def as_of_join(view: View, facts: DataFrame, spine: DataFrame) -> DataFrame:
    """The features of a view for every row of a spine.

    Args:
        view: what to compute.
        facts: grain: fact. The view's keys, ``event_ts``, ``visible_ts``, and the columns that features name
            (whole numbers for counts; for ``distinct`` the column counted, in facts that are ``consumed``).
        spine: grain: the view's keys and ``as_of``, distinct.

    Returns:
        Grain of the spine, one row a spine row: keys, ``as_of`` and the features as doubles.
    """
    sums = [f for f in view.features if f.kind in ("count", "distinct")]
    steps = _count_steps(view, facts, [f for f in sums if f.kind == "count"])
    for feature in (f for f in sums if f.kind == "distinct"):
        steps = steps.unionByName(_distinct_steps(view, facts, feature), allowMissingColumns=True)
    marked = spine.select(*view.keys, F.col("as_of").alias(_AT), F.lit(True).alias(_SPINE))
    rows = steps.unionByName(marked, allowMissingColumns=True)
    past = (
        Window.partitionBy(*view.keys)
        .orderBy(F.col(_AT), F.col(_SPINE).desc())
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    running = [F.coalesce(F.sum(f.name).over(past), F.lit(0)).cast("double").alias(f.name) for f in sums]
    times = [_age(f, past) for f in view.features if f.kind in ("recency", "age")]
    wide = rows.select(*view.keys, _AT, _SPINE, *running, *times).where(F.col(_SPINE))
    return _finish(view, wide)


def _count_steps(view: View, facts: DataFrame, features: Sequence[Feature]) -> DataFrame:
    """Steps of the counts, and the times from which recency and age are taken. Grain: fact x (1 + windows)."""
    windows = sorted({f.window for f in features if f.window is not None})
    up = F.struct(F.col("visible_ts").alias(_AT), F.lit(None).cast("int").alias("w"))
    downs = [F.struct(_leaves(F.col("event_ts"), w).alias(_AT), F.lit(w).alias("w")) for w in windows]
    times = [f for f in view.features if f.kind in ("recency", "age")]
    exploded = facts.select("*", F.explode(F.array(up, *downs)).alias("_step"))
    is_up = F.col("_step.w").isNull()
    steps = [
        F.when(is_up, F.col(f.of)).when(F.col("_step.w") == F.lit(f.window), -F.col(f.of)).otherwise(0).cast("bigint")
        for f in features
    ]
    seen = [F.when(is_up & _marks(f), F.col("event_ts")).alias(f"_time_{f.name}") for f in times]
    return exploded.select(
        *view.keys,
        F.col(f"_step.{_AT}").alias(_AT),
        F.lit(False).alias(_SPINE),
        *[step.alias(f.name) for step, f in zip(steps, features, strict=True)],
        *seen,
    )


def _distinct_steps(view: View, facts: DataFrame, feature: Feature) -> DataFrame:
    """Steps of a distinct count: up when a value enters the window, down when its newest visible fact leaves it."""
    assert feature.window is not None
    consumed = facts.where(F.col("consumed") & F.col(feature.of).isNotNull())
    order = Window.partitionBy(*view.keys, feature.of).orderBy("visible_ts", "event_ts")
    newest = F.max("event_ts").over(order.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    before = F.max("event_ts").over(order.rowsBetween(Window.unboundedPreceding, -1))
    pairs = consumed.select(
        *view.keys,
        "visible_ts",
        newest.alias("_newest"),
        before.alias("_before"),
        F.lead("visible_ts").over(order).alias("_next"),
    )
    enters = F.col("_before").isNull() | (_later(F.col("_before"), feature.window) <= F.col("visible_ts"))
    out = _later(F.col("_newest"), feature.window)
    leaves = F.col("_next").isNull() | (out <= F.col("_next"))
    up = F.when(enters, F.struct(F.col("visible_ts").alias(_AT), F.lit(1).cast("bigint").alias("_n")))
    down = F.when(leaves, F.struct(F.greatest(out, "visible_ts").alias(_AT), F.lit(-1).cast("bigint").alias("_n")))
    steps = pairs.select(*view.keys, F.explode(F.array_compact(F.array(up, down))).alias("_step"))
    return steps.select(
        *view.keys,
        F.col(f"_step.{_AT}").alias(_AT),
        F.lit(False).alias(_SPINE),
        F.col("_step._n").alias(feature.name),
    )


def _later(moment: Column, days: int) -> Column:
    return moment + F.make_dt_interval(F.lit(days))


def _leaves(event_ts: Column, days: int) -> Column:
    return F.greatest(_later(event_ts, days), F.col("visible_ts"))


def _marks(feature: Feature) -> Column:
    return F.col(feature.of) > 0


def _age(feature: Feature, past: WindowSpec) -> Column:
    column = F.col(f"_time_{feature.name}")
    edge = F.max(column) if feature.kind == "recency" else F.min(column)
    return edge.over(past).alias(feature.name)


def _finish(view: View, wide: DataFrame) -> DataFrame:
    """Turn times into ages in days, make the ratios, and select the contract."""
    for feature in view.features:
        if feature.kind in ("recency", "age"):
            micros = F.unix_micros(F.col(_AT)) - F.unix_micros(F.col(feature.name))
            wide = wide.withColumn(feature.name, micros / F.lit(SECONDS_A_DAY * 1e6))
    ratios = {f.name: _ratio(f) for f in view.features if f.kind == "ratio"}
    done = wide.withColumns(ratios) if ratios else wide
    return done.select(*view.keys, F.col(_AT).alias("as_of"), *view.names())


def _ratio(feature: Feature) -> Column:
    divisor = reduce(lambda a, b: a + b, (F.col(name) for name in feature.per))
    return F.when(divisor > 0, F.col(feature.of) / divisor)


def union_facts(frames: Iterable[DataFrame], measures: Sequence[str]) -> DataFrame:
    """Facts from several tables as one: measures that a table lacks are 0, other columns null."""
    whole = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), frames)
    return whole.fillna(0, subset=list(measures))
