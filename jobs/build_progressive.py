"""Estimates of open values: the mean value of an item, predicted from its traces before they are mature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

import click
import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.runtime.command_options import date_option, job_command
from jobs.runtime.outages import update_outages
from jobs.runtime.run_context import RunContext
from jobs.runtime.signal_inputs import read_knowledge
from longplay.definitions.signal import Definition
from longplay.errors import ConfigError, InputError, NotFoundError
from signals.maturity import Knowledge
from signals.outage_voids import with_current_outages
from signals.progressive.estimates import estimate_items
from signals.progressive.filter import TraceFilter
from signals.progressive.prior import Prior, TraceMoments, fit_prior
from signals.progressive.sufficient_statistics import TraceInputs, compute_daily_sums, sum_mature_traces
from signals.progressive.traces import has_traces
from tables import catalog

_FACTS = ("events", "exposures")
_PRIOR_COLUMNS = ("mean", "within", "between")


@dataclass(frozen=True)
class ProgressiveInputs:
    """What estimates of open values rest on.

    Attributes:
        definitions: the signals.
        knowledge: T, watermarks and outages; outages found later count as if they had always been known.
        facts: versions of events and exposures.
        recipe: what the estimates depend on besides facts, source file and code.
    """

    definitions: Sequence[Definition]
    knowledge: Knowledge
    facts: Mapping[str, int]
    recipe: Mapping[str, Any]


def build_progressive(context: RunContext, signals: Sequence[str] = (), date: datetime | None = None) -> None:
    """Fit the prior of each signal on past items, sum up all traces, and estimate every item, as of T.

    Raises:
        ConfigError: when a named signal has no daily traces.
        NotFoundError: when no signal has.
        InputError: when no signal has enough complete traces for a prior.
    """
    inputs = _read_inputs(context, select_definitions(context, signals), date)
    tables, recipe, logs = context.tables, inputs.recipe, _read_logs(context, inputs)
    tables.publish("progressive_priors", inputs.facts, recipe, lambda: _fit_priors(context, logs))
    with_priors = {**inputs.facts, **tables.versions("progressive_priors")}
    filters = _read_filters(tables.read(with_priors, "progressive_priors"))
    usable_logs = [log for log in logs if log.definition.ref in filters]
    tables.publish("progressive_sums", with_priors, recipe, lambda: _sum_traces(usable_logs, filters))
    with_sums = {**with_priors, **tables.versions("progressive_sums")}

    def estimate_all_items() -> DataFrame:
        sums, items = tables.read(with_sums, "progressive_sums"), _select_items(context, inputs)
        return _union(
            [estimate_items(sums.where(_is_of(log)), items, log, filters[log.definition.ref]) for log in usable_logs]
        )

    tables.publish("progressive_estimates", with_sums, recipe, estimate_all_items)


def _read_inputs(context: RunContext, definitions: Sequence[Definition], date: datetime | None) -> ProgressiveInputs:
    update_outages(context)
    knowledge = with_current_outages(read_knowledge(context, context.log, context.log.known_at(date)))
    recipe = {
        "definitions": {definition.ref: definition.hash for definition in definitions},
        "known_at": knowledge.known_at.isoformat(),
        "watermark": knowledge.watermark.isoformat(),
        "log_start": context.log.log_start.isoformat(),
        "outages": repr(knowledge.outages),
    }
    return ProgressiveInputs(definitions, knowledge, context.tables.versions(*_FACTS), recipe)


def select_definitions(context: RunContext, names: Sequence[str]) -> list[Definition]:
    """The named signals, or all published ones that have daily traces.

    Raises:
        ConfigError: when a named one has no daily traces.
        NotFoundError: when none has.
    """
    named = [context.registry.get(name) for name in names]
    if without_traces := [definition.ref for definition in named if not has_traces(definition)]:
        raise ConfigError(
            "These signals have no daily traces.",
            where="--signal",
            got=", ".join(without_traces),
            fix="name signals with a calendar window, a measure in days and keys user_item, without credit",
        )
    definitions = named or [d for d in context.registry.newest() if has_traces(d) and d.status != "draft"]
    if not definitions:
        raise NotFoundError("No signal has daily traces.", fix="define one: a calendar window, measured in days")
    return list({definition.ref: definition for definition in definitions}.values())


def _select_items(context: RunContext, inputs: ProgressiveInputs) -> DataFrame:
    """Every item that was shown or acted on, as known at T. Grain: item_id."""
    is_known = F.col("known_ts") <= F.lit(inputs.knowledge.known_at)
    facts = [context.tables.read_delivered(inputs.facts, table, context.log) for table in _FACTS]
    items = _union([rows.where(is_known).select("item_id") for rows in facts])
    return items.where(F.col("item_id").isNotNull()).distinct()


def _read_logs(context: RunContext, inputs: ProgressiveInputs) -> list[TraceInputs]:
    events, exposures = (context.tables.read_delivered(inputs.facts, table, context.log) for table in _FACTS)
    return [TraceInputs(definition, events, exposures, inputs.knowledge) for definition in inputs.definitions]


def _read_filters(priors: DataFrame) -> dict[str, TraceFilter]:
    """By signal: the filter that its prior implies."""
    return {ref: TraceFilter.from_prior(prior, np.ones(len(prior.mean))) for ref, prior in read_priors(priors).items()}


def _sum_traces(logs: Sequence[TraceInputs], filters: Mapping[str, TraceFilter]) -> DataFrame:
    return _union([compute_daily_sums(log, filters[log.definition.ref]) for log in logs])


def _fit_priors(context: RunContext, logs: Sequence[TraceInputs]) -> DataFrame:
    """The priors of all signals that have enough complete traces. Grain: signal, day_offset."""
    priors = []
    for log in logs:
        try:
            trace_moments = sum_mature_traces(log)
            priors.append(prior_rows(context.spark, log, trace_moments, fit_prior(trace_moments)))
        except InputError as error:
            context.progress.say(f"{log.definition.ref}: no estimates yet: {error.what} {error.got}".rstrip())
    if not priors:
        raise InputError(
            "No signal has enough complete traces for a prior.",
            where=f"what was known at {logs[0].knowledge.known_at:%Y-%m-%d %H:%M} UTC",
            fix="wait until traces of two items are mature: 'longplay signals show NAME' tells when",
        )
    return _union(priors)


def prior_rows(spark: SparkSession, log: TraceInputs, trace_moments: TraceMoments, prior: Prior) -> DataFrame:
    """A prior as rows of ``progressive_priors``. Grain: signal, day_offset."""
    days = len(prior.mean)
    rows = pa.table(
        {
            "signal": [log.definition.ref] * days,
            "definition_hash": [log.definition.hash] * days,
            "day_offset": pa.array(range(log.first, log.first + days), pa.int32()),
            "mean": prior.mean,
            "within": prior.within.tolist(),
            "between": prior.between.tolist(),
            "items": [len(trace_moments.counts)] * days,
            "traces": [int(trace_moments.counts.sum())] * days,
            "known_at": pa.array([log.knowledge.known_at] * days, pa.timestamp("us", "UTC")),
        }
    )
    return spark.createDataFrame(rows).select(*catalog.get("progressive_priors").column_names())


def read_priors(table: DataFrame) -> dict[str, Prior]:
    """The priors of ``progressive_priors`` by signal."""
    rows = sorted(table.collect(), key=lambda row: (row["signal"], row["day_offset"]))
    return {
        ref: Prior(*[np.array([row[name] for row in rows if row["signal"] == ref]) for name in _PRIOR_COLUMNS])
        for ref in {row["signal"] for row in rows}
    }


def _is_of(log: TraceInputs) -> Column:
    return F.col("signal") == log.definition.ref


def _union(frames: Sequence[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)


@job_command("build-progressive")
@click.option("--signal", "signals", multiple=True, help="A signal with daily traces. Repeatable. [all that have them]")
@date_option
def command(context: RunContext, signals: tuple[str, ...], date: datetime | None) -> None:
    """Estimate the mean value of a signal for every item from all its traces, including open ones.

    For signals that count the days of a calendar window on which listeners came back, such as stickiness_59d. The prior
    is fitted on complete traces of past items, so some must be mature. Estimates have their own tables and are never
    values of a signal: labels stay open until they are mature. The tables hold the signals of the last run only.

    Example: longplay build-progressive --source world --signal stickiness_59d
    """
    with context.progress.step("build-progressive"):
        build_progressive(context, signals, date)


if __name__ == "__main__":
    command()
