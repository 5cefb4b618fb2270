"""Labels rebuilt from the facts around a plan's exposures are those that the full log gives, on random logs."""

from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from longplay.registry.registry import default_registry
from rankers.dataset.from_facts import TrainingFacts, compute_label_values
from rankers.dataset.training_set import SplitPlan, select_spine
from signals.compute import compute_signal_values
from signals.maturity import Knowledge
from tests.generative.random_logs import LOG_START, random_log
from tests.reference.definitions_beyond import other, sql
from tests.reference.records import at, events_frame, exposures_frame

pytestmark = pytest.mark.spark

LABELS = {
    "a baseline": other("gain", keys="user", measure=sql("sum(amount)", empty=0), baseline="14 d"),
    "shared credit": default_registry().get("credited_return_28d"),
}
PLAN = SplitPlan(at("12 Feb"), at("1 Mar"), at("3 Mar"), at("10 Mar"), at("12 Mar"), at("20 Mar"))
KNOWLEDGE = Knowledge(at("1 Oct"), at("1 Oct"), LOG_START)


@pytest.mark.parametrize("reach", LABELS)
def test_labels_from_facts_equal_those_of_the_full_log(spark: SparkSession, reach: str) -> None:
    log, labels = random_log(3, exposures=150, events=600), [LABELS[reach]]
    events, exposures = events_frame(spark, log.events), exposures_frame(spark, log.exposures)
    spine = {row[0] for row in select_spine(exposures, PLAN).select("exposure_id").collect()}
    full = rows_of(compute_signal_values(labels, events, exposures, KNOWLEDGE), spine)
    facts = TrainingFacts(events, exposures, events)
    assert rows_of(compute_label_values(facts, labels, PLAN, KNOWLEDGE.known_at, KNOWLEDGE), spine) == full
    # Facts of the plan's days alone would not do.
    of_plan = exposures.where(F.col("exposure_id").isin(sorted(spine)))
    events_of_plan = events.where(F.col("event_day") >= F.lit(PLAN.train_start.date()))
    assert rows_of(compute_signal_values(labels, events_of_plan, of_plan, KNOWLEDGE), spine) != full


def rows_of(values: DataFrame, spine: set[str]) -> list[dict[str, Any]]:
    """The values of the spine's exposures, in a fixed order."""
    rows = values.where(F.col("anchor_id").isin(sorted(spine))).orderBy("signal", "anchor_id", "revision").collect()
    return [row.asDict() for row in rows]
