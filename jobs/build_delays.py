"""Delay curves: which share of a signal's final values is seen by age, and whether that has shifted."""

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame

from jobs.runtime.command_options import job_command
from jobs.runtime.labels import computed_definitions
from jobs.runtime.publisher import IncrementPlan, TableChange
from jobs.runtime.run_context import RunContext
from jobs.runtime.signal_inputs import SignalInputs, is_eligible, read_signal_inputs
from longplay.delta import read_arrow
from longplay.lookup.signal_failures import read_signal_failures
from quality.signal_values.delay_curves import CurveRows, compare_with_baselines, curves_from_rows, describe_shifts
from signals.delay_curves.cohorts import Cohort, list_due_cohorts
from signals.delay_curves.curves import compute_delay_curves, select_tracked_anchors
from signals.signal_groups import SignalFacts
from tables.catalog import SIGNAL_DELAYS, SIGNAL_VALUES


def build_delays(context: RunContext) -> None:
    """Add the curves of the cohorts that have matured since the last run, and warn of curves that have shifted."""
    failures = read_signal_failures(context.folder)
    candidates = [definition for definition in computed_definitions(context) if definition.ref not in failures]
    definitions = [definition for definition in candidates if is_eligible(context, definition)]
    inputs = read_signal_inputs(context, context.log, definitions)
    versions = {**inputs.versions, **context.tables.versions(SIGNAL_VALUES.name)}
    recipe = {key: inputs.recipe[key] for key in ("definitions", "log_start")}
    plan = context.tables.plan_increment(SIGNAL_DELAYS.name, versions, recipe, context.log.position)
    rows = [] if plan.is_current else _compute_curves(context, plan, inputs)
    context.tables.publish_increment(plan, lambda: TableChange(_to_frame(context, rows, inputs)))
    for alarm in describe_shifts(rows):
        context.progress.say(f"warning: {alarm}")


def _compute_curves(context: RunContext, plan: IncrementPlan, inputs: SignalInputs) -> CurveRows:
    """The curves of the cohorts that have matured, compared with those of the cohorts before them."""
    knowledge, checkpoint = inputs.knowledge, plan.checkpoint
    reached = checkpoint.frontier if checkpoint else None
    cohorts = list_due_cohorts(inputs.definitions, knowledge.log_start, knowledge.watermark, reached)
    rows = _measure_cohorts(context, plan.inputs, cohorts, inputs) if cohorts else []
    published = read_arrow(context.store.path(SIGNAL_DELAYS.name)).to_pylist() if checkpoint else []
    return compare_with_baselines(rows, curves_from_rows(published))


def _measure_cohorts(
    context: RunContext, versions: Mapping[str, int], cohorts: Sequence[Cohort], inputs: SignalInputs
) -> CurveRows:
    """The curves of some cohorts, collected: they are few. Grain: signal, cohort, age_day."""
    facts = inputs.read_facts(context)
    anchors = select_tracked_anchors(cohorts, context.tables.read(versions, SIGNAL_VALUES.name)).persist()
    delay_facts = SignalFacts(facts["events"], facts["exposures"], facts.get("episodes"))
    rows = [row.asDict() for row in compute_delay_curves(cohorts, anchors, delay_facts, inputs.knowledge).collect()]
    anchors.unpersist()
    return rows


def _to_frame(context: RunContext, rows: CurveRows, inputs: SignalInputs) -> DataFrame:
    """Rows as the table holds them."""
    ordered = sorted(rows, key=lambda row: (row["signal"], row["cohort"], row["age_day"]))
    dated = [{**row, "known_at": inputs.knowledge.known_at} for row in ordered]
    return context.spark.createDataFrame(
        [tuple(row[name] for name in SIGNAL_DELAYS.column_names()) for row in dated], SIGNAL_DELAYS.ddl()
    )


@job_command("build-delays")
def command(context: RunContext) -> None:
    """Add the delay curves of the weeks of anchors that have matured since the last run, for every signal.

    A curve tells which share of the final values was seen by age, for a week whose anchors are all mature or void. A
    curve that departs from those of the weeks before triggers a warning and is marked in the table (drifted).
    'longplay signals show NAME' prints the curves.

    Example: longplay build-delays --source world
    """
    with context.progress.step("build-delays"):
        build_delays(context)


if __name__ == "__main__":
    command()
