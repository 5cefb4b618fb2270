"""Estimates of items from their open and mature traces, as a table. A pure transform.

They are no labels: they have a table of their own, and nothing of it is ever the value of a signal.
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

_DIGITS = 9


def estimate_items(sums: DataFrame, items: DataFrame, log: TraceInputs, whitened: TraceFilter) -> DataFrame:
    """What the open and mature traces of every item say of its mean value.

    Args:
        sums: rows of ``progressive_sums`` of the signal, all that were known at T.
        items: the items asked for. Grain: item_id.
        log: the signal and T.
        whitened: the filter that the sums were made with.

    Returns:
        Grain: signal, item_id; the columns of ``progressive_estimates``.
    """
    totals = sums.groupBy("item_id", "day_offset").agg(
        F.sum("n").alias("n"), F.sum(F.col("s").cast(EXACT)).cast("double").alias("s")
    )
    entry = F.struct((F.col("day_offset") - log.first).alias("at"), F.col("n").cast("double").alias("n"), "s")
    of_items = totals.groupBy("item_id").agg(F.array_sort(F.collect_list(entry)).alias("days"))
    asked = items.select("item_id").join(of_items, "item_id", "left")
    found = asked.mapInArrow(
        partial(_beliefs, whitened), "item_id string, mean double, variance double, traces double, whole double"
    )
    traces = F.col("traces").cast("bigint")
    return found.select(
        F.lit(log.definition.ref).alias("signal"),
        F.lit(log.definition.hash).alias("definition_hash"),
        "item_id",
        F.round("mean", _DIGITS).alias("estimated_mean"),
        F.round("variance", _DIGITS).alias("estimated_variance"),
        traces.alias("traces"),
        (F.col("whole") / F.greatest("traces", F.lit(1.0))).alias("mature_share"),
        (traces == 0).alias("prior_only"),
        F.lit(True).alias("is_estimate"),
        F.lit(log.knowledge.known_at).alias("known_at"),
    ).select(*PROGRESSIVE_ESTIMATES.column_names())


def _beliefs(whitened: TraceFilter, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Posterior of each item's reward from its list of days with n and s; no list: the prior."""
    for batch in batches:
        lists = batch.column("days")
        entries = lists.flatten()
        rows = np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy())) if len(lists) else np.array([], int)
        sums = TraceSums.zeros(len(lists), len(whitened.mean))
        at = entries.field("at").to_numpy()
        sums.n[rows, at] = entries.field("n").to_numpy()
        sums.s[rows, at] = entries.field("s").to_numpy()
        found = infer_rewards(whitened, sums)
        columns = [found.mean, found.variance, sums.n[:, 0], sums.n[:, -1]]
        names = ["item_id", "mean", "variance", "traces", "whole"]
        yield pa.record_batch([batch.column("item_id"), *[pa.array(c) for c in columns]], names=names)
