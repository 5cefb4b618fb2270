"""The progressive filter on tables: moments of mature traces, and additive daily sums of all. Pure transforms.

``filter.py`` has the mathematics. What a trace gives is linear in its days, so the sums of an item are
sums over (trace, day) pairs, told apart by the day by whose end each pair was known: a late fact adds what it changes
from its day on, and a trace that is superseded takes back what it gave. No trace is kept, and none is read twice.
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

PAST_ITEMS = 2000
"""Items that a prior is learnt from at most; which, their hashes say."""
EXACT = "decimal(38,12)"
"""Sums of decimals do not depend on the order of rows, so equal content has an equal checksum."""

_ALIKE = ["item_id", "day0", "anchor_day", "superseded_day"]
"""Traces of an item that begin and are known alike are seen alike."""


@dataclass(frozen=True)
class TraceInputs:
    """What traces are read from.

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

    def active(self, anchors: DataFrame) -> DataFrame:
        """Grain: anchor_id, day_offset."""
        return find_active_days(self.definition, anchors, self.events, self.knowledge)

    def seen_day(self, offset: Column) -> Column:
        """By the end of which day a day of a trace was seen, or null."""
        return observed_day(self.definition, self.knowledge, offset)

    @property
    def first(self) -> int:
        """Offset of the first day of a trace."""
        assert isinstance(self.definition.window, CalendarWindow)
        return self.definition.window.first


def sum_mature_traces(log: TraceInputs, most: int = PAST_ITEMS) -> TraceMoments:
    """The whole traces of past items, added up: at most ``most`` items, in the order of their hashes.

    Raises:
        InputError: when no trace is whole yet.
    """
    days = trace_length(log.definition)
    whole = log.anchors().where(F.col("superseded_day").isNull())
    whole = whole.where(log.seen_day(F.lit(log.first + days - 1)).isNotNull())
    counted = whole.groupBy("item_id").agg(F.count("*").alias("traces"))
    counted = counted.orderBy(F.xxhash64("item_id"), "item_id").limit(most)
    rows = {row["item_id"]: row["traces"] for row in counted.collect()}
    if not rows:
        return TraceMoments.from_traces([])
    place = {item: n for n, item in enumerate(sorted(rows))}
    items = whole.sparkSession.createDataFrame([(item,) for item in place], "item_id string")
    kept = whole.join(F.broadcast(items), "item_id", "left_semi")
    hit = log.active(kept).withColumn("_at", F.col("day_offset") - log.first)
    sums = np.zeros((len(place), days))
    for row in hit.groupBy("item_id", "_at").agg(F.count("*").alias("n")).collect():
        sums[place[row["item_id"]], row["_at"]] = row["n"]
    lists = hit.groupBy("user_id", "anchor_id").agg(F.collect_set("_at").alias("days")).select("days")
    parts = lists.mapInArrow(partial(_cross, days), "cross array<double>").collect()
    cross: Floats = np.sum([np.array(row["cross"]) for row in parts], axis=0) if parts else np.zeros(days * days)
    counts = np.array([float(rows[item]) for item in sorted(rows)])
    return TraceMoments(counts, sums, cross.reshape(days, days))


def _cross(days: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The sum of z z' over traces that come as lists of their active days; one row, [days * days]."""
    total = np.zeros((days, days))
    for batch in batches:
        lists = batch.column("days")
        z = np.zeros((len(lists), days))
        z[np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy())), lists.flatten().to_numpy()] = 1.0
        total += z.T @ z
    yield pa.record_batch([pa.array([total.ravel()], pa.list_(pa.float64()))], names=["cross"])


def compute_daily_sums(log: TraceInputs, whitened: TraceFilter) -> DataFrame:
    """N and s of the filter by the day by whose end they were known; the sums at T are those of all days until then.

    Returns:
        Grain: signal, item_id, day_offset, known_day; the columns of ``progressive_sums``. A row adds to what was known
        before it, or takes from it.
    """
    anchors = log.anchors()
    given = _begun(log, anchors).unionByName(_gave(log, anchors, whitened))
    return _added_up(given, log.definition)


def _begun(log: TraceInputs, anchors: DataFrame) -> DataFrame:
    """How many traces are seen for how long. Grain: _ALIKE, day_offset; ``known_day`` is null where not seen yet."""
    offset = F.explode(F.sequence(F.lit(log.first), F.lit(log.first + trace_length(log.definition) - 1)))
    alike = anchors.groupBy(*_ALIKE).agg(F.count("*").alias("n")).select("*", offset.alias("day_offset"))
    seen = alike.withColumn("known_day", log.seen_day(F.col("day_offset")))
    return seen.withColumn("s", F.lit(0).cast(EXACT))


def _gave(log: TraceInputs, anchors: DataFrame, whitened: TraceFilter) -> DataFrame:
    """What days on which users came back give to that entry and later ones. Columns as of ``_begun``."""
    came = log.active(anchors).groupBy(*_ALIKE, "day_offset", "fact_day").agg(F.count("*").alias("_times"))
    to = came.join(F.broadcast(_weights(anchors, log, whitened)), "day_offset").drop("day_offset")
    to = to.select(*_ALIKE, "fact_day", "_times", F.explode("_weights").alias("_to"))
    to = to.select(*_ALIKE, "fact_day", "_times", F.col("_to.day").alias("day_offset"), F.col("_to.h").alias("_h"))
    seen = log.seen_day(F.col("day_offset"))
    # greatest leaves nulls out, so whether it is seen at all is asked first.
    known = F.when(seen.isNotNull(), F.greatest(seen, "fact_day"))
    given = (F.col("_times").cast("decimal(12,0)") * F.col("_h")).cast(EXACT)
    none = F.lit(0).cast("bigint")
    return to.select(*_ALIKE, none.alias("n"), "day_offset", known.alias("known_day"), given.alias("s"))


def _weights(like: DataFrame, log: TraceInputs, whitened: TraceFilter) -> DataFrame:
    """What a hit on a day gives to the whitened entries of that day and later ones. Grain: day_offset."""
    h, first = whitened.whitener, log.first
    rows = [(first + day, [(first + on, f"{h[on, day]:.12f}") for on in range(day, len(h))]) for day in range(len(h))]
    frame = like.sparkSession.createDataFrame(rows, "day_offset int, _texts array<struct<day:int,h:string>>")
    weights = F.transform("_texts", lambda w: F.struct(w["day"].alias("day"), w["h"].cast("decimal(20,12)").alias("h")))
    return frame.select("day_offset", weights.alias("_weights"))


def _added_up(given: DataFrame, definition: Definition) -> DataFrame:
    """What traces give and, once superseded, take back, added up by item, day and known day."""
    superseded = F.col("superseded_day")
    counts = F.col("known_day").isNotNull() & (superseded.isNull() | (F.col("known_day") < superseded))
    gives = F.struct(F.col("known_day").alias("day"), F.lit(False).alias("back"))
    takes = F.struct(superseded.alias("day"), F.lit(True).alias("back"))
    both = F.when(superseded.isNull(), F.array(gives)).otherwise(F.array(gives, takes))
    rows = given.where(counts).select("item_id", "day_offset", "n", "s", F.explode(both).alias("_step"))
    sums = rows.groupBy("item_id", "day_offset", F.col("_step.day").alias("known_day")).agg(
        F.sum(F.when(F.col("_step.back"), -F.col("n")).otherwise(F.col("n"))).alias("n"),
        F.sum(F.when(F.col("_step.back"), -F.col("s")).otherwise(F.col("s"))).cast("double").alias("s"),
    )
    named = sums.where((F.col("n") != 0) | (F.col("s") != 0)).withColumn("signal", F.lit(definition.ref))
    return named.select(*PROGRESSIVE_SUMS.column_names())
