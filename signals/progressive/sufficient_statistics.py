"""The progressive filter on tables: moments of mature traces, and additive daily sums of all traces. Pure transforms.

``filter.py`` has the mathematics. A trace's contribution is linear in its days. The sums of an item are therefore sums
over (trace, day) pairs, by the day by whose end each pair became known. A late fact adds its change from its day on,
and a superseded trace takes back its contribution. No trace is stored, and none is read twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from longplay.definitions.signal import Definition
from longplay.definitions.windows import CalendarWindow
from signals.maturity import Knowledge
from signals.progressive.filter import TraceFilter
from signals.progressive.prior import Floats, TraceMoments
from signals.progressive.traces import find_active_days, find_traces, observed_day, trace_length
from tables.catalog import PROGRESSIVE_SUMS

MAX_PAST_ITEMS = 2000
"""Most items to learn a prior from, those with the smallest hashes."""
EXACT = "decimal(38,12)"
"""Sums of decimals do not depend on the order of rows, so equal content has an equal checksum."""

_ALIKE = ["item_id", "day0", "anchor_day", "superseded_day"]
"""Traces of an item that start and become known on the same days are observed on the same days."""


@dataclass(frozen=True)
class TraceInputs:
    """What the traces of a signal are computed from.

    Attributes:
        definition: the signal; it has daily traces.
        events: grain: event_id.
        exposures: grain: exposure_id.
        knowledge: T, W(T), the log's start, its outages and the watermark's history.
    """

    definition: Definition
    events: DataFrame
    exposures: DataFrame
    knowledge: Knowledge

    def anchors(self) -> DataFrame:
        """Grain: anchor_id."""
        return find_traces(self.definition, self.events, self.exposures, self.knowledge)

    def active_days(self, anchors: DataFrame) -> DataFrame:
        """Grain: anchor_id, day_offset."""
        return find_active_days(self.definition, anchors, self.events, self.knowledge)

    def observed_day(self, offset: Column) -> Column:
        """The day by whose end a day of a trace was observed, or null."""
        return observed_day(self.definition, self.knowledge, offset)

    @property
    def first(self) -> int:
        """Offset of the first day of a trace."""
        assert isinstance(self.definition.window, CalendarWindow)
        return self.definition.window.first


def sum_mature_traces(inputs: TraceInputs, limit: int = MAX_PAST_ITEMS) -> TraceMoments:
    """Sums over the mature traces of at most ``limit`` past items, those with the smallest hashes.

    Raises:
        InputError: when no trace is mature yet.
    """
    days = trace_length(inputs.definition)
    mature = inputs.anchors().where(F.col("superseded_day").isNull())
    mature = mature.where(inputs.observed_day(F.lit(inputs.first + days - 1)).isNotNull())
    traces_by_item = _count_traces(mature, limit)
    if not traces_by_item:
        return TraceMoments.from_traces([])
    place = {item: n for n, item in enumerate(sorted(traces_by_item))}
    items = mature.sparkSession.createDataFrame([(item,) for item in place], "item_id string")
    sample = mature.join(F.broadcast(items), "item_id", "left_semi")
    active = inputs.active_days(sample).withColumn("_at", F.col("day_offset") - inputs.first)
    sums = np.zeros((len(place), days))
    for row in active.groupBy("item_id", "_at").agg(F.count("*").alias("n")).collect():
        sums[place[row["item_id"]], row["_at"]] = row["n"]
    counts = np.array([float(traces_by_item[item]) for item in sorted(traces_by_item)])
    return TraceMoments(counts, sums, _sum_cross_products(active, days))


def _count_traces(traces: DataFrame, limit: int) -> dict[str, int]:
    """Number of traces of the items with the smallest hashes."""
    counted = traces.groupBy("item_id").agg(F.count("*").alias("traces"))
    counted = counted.orderBy(F.xxhash64("item_id"), "item_id").limit(limit)
    return {row["item_id"]: row["traces"] for row in counted.collect()}


def _sum_cross_products(active: DataFrame, days: int) -> Floats:
    """The sum of z z' over traces, [days, days]."""
    lists = active.groupBy("user_id", "anchor_id").agg(F.collect_set("_at").alias("days")).select("days")
    parts = lists.mapInArrow(partial(_multiply, days), "cross array<double>").collect()
    cross: Floats = np.sum([np.array(row["cross"]) for row in parts], axis=0) if parts else np.zeros(days * days)
    return cross.reshape(days, days)


def _multiply(days: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The sum of z z' over traces, given as lists of their active days; one row, [days * days]."""
    total = np.zeros((days, days))
    for batch in batches:
        lists = batch.column("days")
        z = np.zeros((len(lists), days))
        z[np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy())), lists.flatten().to_numpy()] = 1.0
        total += z.T @ z
    yield pa.record_batch([pa.array([total.ravel()], pa.list_(pa.float64()))], names=["cross"])


def compute_daily_sums(inputs: TraceInputs, trace_filter: TraceFilter) -> DataFrame:
    """The filter's n and s by the day by whose end they became known; the sums at T add up all days until then.

    Returns: Grain: signal, item_id, day_offset, known_day; the columns of ``progressive_sums``. A row adds to the sums
        of the days before it, or subtracts from them.
    """
    anchors = inputs.anchors()
    contributions = _count_observed_days(inputs, anchors).unionByName(_weigh_active_days(inputs, anchors, trace_filter))
    return _aggregate_contributions(contributions, inputs.definition)


def _count_observed_days(inputs: TraceInputs, anchors: DataFrame) -> DataFrame:
    """Number of traces by day of the trace. Grain: _ALIKE, day_offset; ``known_day`` is null if not observed yet."""
    last = inputs.first + trace_length(inputs.definition) - 1
    offset = F.explode(F.sequence(F.lit(inputs.first), F.lit(last)))
    alike = anchors.groupBy(*_ALIKE).agg(F.count("*").alias("n")).select("*", offset.alias("day_offset"))
    observed = alike.withColumn("known_day", inputs.observed_day(F.col("day_offset")))
    return observed.withColumn("s", F.lit(0).cast(EXACT))


def _weigh_active_days(inputs: TraceInputs, anchors: DataFrame, trace_filter: TraceFilter) -> DataFrame:
    """What each active day adds to its own entry and later ones. Columns of ``_count_observed_days``."""
    active = inputs.active_days(anchors).groupBy(*_ALIKE, "day_offset", "fact_day").agg(F.count("*").alias("_times"))
    to = active.join(F.broadcast(_weights(anchors, inputs.first, trace_filter)), "day_offset").drop("day_offset")
    to = to.select(*_ALIKE, "fact_day", "_times", F.explode("_weights").alias("_to"))
    to = to.select(*_ALIKE, "fact_day", "_times", F.col("_to.day").alias("day_offset"), F.col("_to.h").alias("_h"))
    observed = inputs.observed_day(F.col("day_offset"))
    # greatest skips nulls, so check first whether the day is observed.
    known_day = F.when(observed.isNotNull(), F.greatest(observed, "fact_day"))
    contribution = (F.col("_times").cast("decimal(12,0)") * F.col("_h")).cast(EXACT)
    none = F.lit(0).cast("bigint")
    return to.select(*_ALIKE, none.alias("n"), "day_offset", known_day.alias("known_day"), contribution.alias("s"))


def _weights(anchors: DataFrame, first: int, trace_filter: TraceFilter) -> DataFrame:
    """What an active day adds to the whitened entries of that day and later ones. Grain: day_offset."""
    h = trace_filter.whitener
    rows = [(first + day, [(first + on, f"{h[on, day]:.12f}") for on in range(day, len(h))]) for day in range(len(h))]
    frame = anchors.sparkSession.createDataFrame(rows, "day_offset int, _texts array<struct<day:int,h:string>>")
    weights = F.transform("_texts", lambda w: F.struct(w["day"].alias("day"), w["h"].cast("decimal(20,12)").alias("h")))
    return frame.select("day_offset", weights.alias("_weights"))


def _aggregate_contributions(contributions: DataFrame, definition: Definition) -> DataFrame:
    """Sums of what traces add and, once superseded, take back. Grain: item_id, day_offset, known_day."""
    superseded = F.col("superseded_day")
    counts = F.col("known_day").isNotNull() & (superseded.isNull() | (F.col("known_day") < superseded))
    adds = F.struct(F.col("known_day").alias("day"), F.lit(False).alias("back"))
    takes_back = F.struct(superseded.alias("day"), F.lit(True).alias("back"))
    steps = F.when(superseded.isNull(), F.array(adds)).otherwise(F.array(adds, takes_back))
    rows = contributions.where(counts).select("item_id", "day_offset", "n", "s", F.explode(steps).alias("_step"))
    sums = rows.groupBy("item_id", "day_offset", F.col("_step.day").alias("known_day")).agg(
        F.sum(F.when(F.col("_step.back"), -F.col("n")).otherwise(F.col("n"))).alias("n"),
        F.sum(F.when(F.col("_step.back"), -F.col("s")).otherwise(F.col("s"))).cast("double").alias("s"),
    )
    with_signal = sums.where((F.col("n") != 0) | (F.col("s") != 0)).withColumn("signal", F.lit(definition.ref))
    return with_signal.select(*PROGRESSIVE_SUMS.column_names())
