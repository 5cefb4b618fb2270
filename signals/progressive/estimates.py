"""Estimates of items from their open and mature traces, as a table. A pure transform.

Estimates are not labels. They have a table of their own, and no signal value ever comes from it.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from signals.progressive.filter import TraceFilter, TraceSums, infer_rewards
from signals.progressive.sufficient_statistics import EXACT, TraceInputs
from tables.catalog import PROGRESSIVE_ESTIMATES

_DECIMALS = 9


def estimate_items(sums: DataFrame, items: DataFrame, inputs: TraceInputs, trace_filter: TraceFilter) -> DataFrame:
    """Estimates the mean value of each item from its open and mature traces.

    Args:
        sums: the signal's rows of ``progressive_sums`` that were known at T.
        items: the items to estimate. Grain: item_id.
        inputs: the signal and T.
        trace_filter: the filter that the sums were computed with.

    Returns:
        Grain: signal, item_id; the columns of ``progressive_estimates``.
    """
    beliefs = (
        items.select("item_id")
        .join(_list_days(sums, inputs.first), "item_id", "left")
        .mapInArrow(
            partial(_infer_items, trace_filter),
            "item_id string, mean double, variance double, traces double, mature double",
        )
    )
    return _format_estimates(beliefs, inputs)


def _format_estimates(beliefs: DataFrame, inputs: TraceInputs) -> DataFrame:
    """Rows of the table ``progressive_estimates``."""
    traces = F.col("traces").cast("bigint")
    return beliefs.select(
        F.lit(inputs.definition.ref).alias("signal"),
        F.lit(inputs.definition.hash).alias("definition_hash"),
        "item_id",
        F.round("mean", _DECIMALS).alias("estimated_mean"),
        F.round("variance", _DECIMALS).alias("estimated_variance"),
        traces.alias("traces"),
        (F.col("mature") / F.greatest("traces", F.lit(1.0))).alias("mature_share"),
        (traces == 0).alias("prior_only"),
        F.lit(True).alias("is_estimate"),
        F.lit(inputs.knowledge.known_at).alias("known_at"),
    ).select(*PROGRESSIVE_ESTIMATES.column_names())


def _list_days(sums: DataFrame, first_day: int) -> DataFrame:
    """The n and s of each item's days, in order: array<struct<at, n, s>>. Grain: item_id."""
    totals = sums.groupBy("item_id", "day_offset").agg(
        F.sum("n").alias("n"), F.sum(F.col("s").cast(EXACT)).cast("double").alias("s")
    )
    entry = F.struct((F.col("day_offset") - first_day).alias("at"), F.col("n").cast("double").alias("n"), "s")
    return totals.groupBy("item_id").agg(F.array_sort(F.collect_list(entry)).alias("days"))


def _infer_items(trace_filter: TraceFilter, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Posterior of each item's reward from its list of days with n and s; no list: the prior."""
    for batch in batches:
        lists = batch.column("days")
        entries = lists.flatten()
        rows = np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy())) if len(lists) else np.array([], int)
        sums = TraceSums.zeros(len(lists), len(trace_filter.mean))
        at = entries.field("at").to_numpy()
        sums.n[rows, at] = entries.field("n").to_numpy()
        sums.s[rows, at] = entries.field("s").to_numpy()
        beliefs = infer_rewards(trace_filter, sums)
        columns = [beliefs.mean, beliefs.variance, sums.n[:, 0], sums.n[:, -1]]
        names = ["item_id", "mean", "variance", "traces", "mature"]
        yield pa.record_batch([batch.column("item_id"), *[pa.array(c) for c in columns]], names=names)
