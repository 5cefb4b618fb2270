"""Estimates of open labels: what the traces of an item say of its mean value before they are mature."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce

import click
import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.build_signals import knowledge_of
from jobs.outages import find_outages
from jobs.runtime.command_options import date_option, job_command
from jobs.runtime.run_context import RunContext
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


def build_progressive(context: RunContext, signals: Sequence[str] = (), date: datetime | None = None) -> None:
    """Fit the prior of each signal on past items, add up all traces, and estimate every item, as known at T.

    Raises:
        ConfigError: when a named signal has no daily traces.
        NotFoundError: when none has.
        InputError: when no signal has enough whole traces for a prior.
    """
    definitions = wanted(context, signals)
    find_outages(context)
    knowledge = with_current_outages(knowledge_of(context, context.known_at(date)))
    about = {
        "definitions": {d.ref: d.hash for d in definitions},
        "known_at": knowledge.known_at.isoformat(),
        "watermark": knowledge.watermark.isoformat(),
        "log_start": context.log_start.isoformat(),
        "outages": repr(knowledge.outages),
    }
    facts = context.versions(*_FACTS)
    context.publish(
        "progressive_priors", facts, about, lambda: _priors(context, _logs(context, facts, definitions, knowledge))
    )
    with_prior = {**facts, **context.versions("progressive_priors")}
    priors = read_priors(context.read(with_prior, "progressive_priors"))
    logs = [log for log in _logs(context, facts, definitions, knowledge) if log.definition.ref in priors]
    filters = {ref: TraceFilter.from_prior(prior, np.ones(len(prior.mean))) for ref, prior in priors.items()}

    def sums() -> DataFrame:
        return _together([compute_daily_sums(log, filters[log.definition.ref]) for log in logs])

    context.publish("progressive_sums", with_prior, about, sums)
    inputs = {**with_prior, **context.versions("progressive_sums")}

    def estimated() -> DataFrame:
        added, items = context.read(inputs, "progressive_sums"), items_of(context, facts, knowledge)
        return _together(
            [estimate_items(added.where(_is(log)), items, log, filters[log.definition.ref]) for log in logs]
        )

    context.publish("progressive_estimates", inputs, about, estimated)


def wanted(context: RunContext, names: Sequence[str]) -> list[Definition]:
    """The named signals, or all published ones that have daily traces.

    Raises:
        ConfigError: when a named one has no daily traces.
        NotFoundError: when none has.
    """
    asked = [context.registry.get(name) for name in names]
    if without := [d.ref for d in asked if not has_traces(d)]:
        raise ConfigError(
            "These signals have no daily traces.",
            where="--signal",
            got=", ".join(without),
            fix="estimates are for calendar windows, a measure in days and keys user_item, without credit",
        )
    found = asked or [d for d in context.registry.newest() if has_traces(d) and d.status != "draft"]
    if not found:
        raise NotFoundError("No signal has daily traces.", fix="define one: a calendar window, measured in days")
    return list({d.ref: d for d in found}.values())


def items_of(context: RunContext, versions: dict[str, int], knowledge: Knowledge) -> DataFrame:
    """Every item that was shown or acted on, as known at T. Grain: item_id."""
    known = F.col("known_ts") <= F.lit(knowledge.known_at)
    parts = [context.delivered(versions, table).where(known).select("item_id") for table in _FACTS]
    return _together(parts).where(F.col("item_id").isNotNull()).distinct()


def _logs(
    context: RunContext, versions: dict[str, int], definitions: Sequence[Definition], knowledge: Knowledge
) -> list[TraceInputs]:
    events, exposures = (context.delivered(versions, table) for table in _FACTS)
    return [TraceInputs(definition, events, exposures, knowledge) for definition in definitions]


def _priors(context: RunContext, logs: Sequence[TraceInputs]) -> DataFrame:
    found = []
    for log in logs:
        try:
            learnt = sum_mature_traces(log)
            found.append(prior_rows(context.spark, log, learnt, fit_prior(learnt)))
        except InputError as error:
            context.progress.say(f"{log.definition.ref}: no estimates yet: {error.what} {error.got}".rstrip())
    if not found:
        raise InputError(
            "No signal has enough whole traces for a prior.",
            where=f"what was known at {logs[0].knowledge.known_at:%Y-%m-%d %H:%M} UTC",
            fix="wait until traces of two items are mature: 'longplay signals show NAME' says when that is",
        )
    return _together(found)


def prior_rows(spark: SparkSession, log: TraceInputs, learnt: TraceMoments, prior: Prior) -> DataFrame:
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
            "items": [len(learnt.counts)] * days,
            "traces": [int(learnt.counts.sum())] * days,
            "known_at": pa.array([log.knowledge.known_at] * days, pa.timestamp("us", "UTC")),
        }
    )
    return spark.createDataFrame(rows).select(*catalog.get("progressive_priors").column_names())


def read_priors(table: DataFrame) -> dict[str, Prior]:
    """The priors of ``progressive_priors`` by signal."""
    rows = sorted(table.collect(), key=lambda row: (row["signal"], row["day_offset"]))
    return {
        ref: Prior(*[np.array([row[name] for row in rows if row["signal"] == ref]) for name in _PRIOR])
        for ref in {row["signal"] for row in rows}
    }


_PRIOR = ("mean", "within", "between")


def _is(log: TraceInputs) -> Column:
    return F.col("signal") == log.definition.ref


def _together(frames: Sequence[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)


@job_command("build-progressive", short_help="Estimates of items while their traces are open.")
@click.option("--signal", "signals", multiple=True, help="A signal with daily traces. Repeatable. [all that have]")
@date_option
def command(context: RunContext, signals: tuple[str, ...], date: datetime | None) -> None:
    """Estimate the mean value of a signal for every item from all traces, open ones too.

    For signals that count the days of a calendar window on which listeners came back, such as stickiness_59d. The prior
    is learnt from whole traces of past items, so some must be mature. Estimates have a table of their own and are never
    values of a signal: labels stay open until they are mature. The tables hold the signals of the last run.

    Example: longplay build-progressive --source world --signal stickiness_59d
    """
    with context.progress.step("build-progressive"):
        build_progressive(context, signals, date)


if __name__ == "__main__":
    command()
