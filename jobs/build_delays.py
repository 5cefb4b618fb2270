"""Delay curves: how much of the final values of signals is seen by age, and whether that has shifted."""

from collections.abc import Sequence

from pyspark.sql import DataFrame

from jobs.build_signals import eligible, knowledge_of
from jobs.runtime.command_options import job_command
from jobs.runtime.incremental import Change, increment
from jobs.runtime.labels import computed
from jobs.runtime.run_context import RunContext
from longplay.delta import read_arrow
from quality.signal_values.delay_curves import Rows, alarms, curves, judged
from signals.delay_curves.cohorts import Cohort, list_due_cohorts
from signals.delay_curves.curves import SignalFacts, compute_delay_curves, select_tracked_anchors
from signals.maturity import Knowledge
from tables.catalog import SIGNAL_DELAYS
from tables.checkpoint import Checkpoint

_TABLE = SIGNAL_DELAYS.name


def build_delays(context: RunContext) -> None:
    """Add the curves of the cohorts that have matured since, and warn where one has shifted."""
    definitions = [d for d in computed(context) if eligible(context, d)]
    knowledge = knowledge_of(context, context.known_at(None))
    reads_episodes = any(d.needs.episodes for d in definitions)
    tables = ("events", "exposures", "signal_values", *(["episodes"] if reads_episodes else []))
    inputs = context.versions(*tables)
    about = {"definitions": {d.ref: d.hash for d in definitions}, "log_start": context.log_start.isoformat()}
    shifted: list[str] = []

    def build(done: Checkpoint | None) -> Change:
        cohorts = list_due_cohorts(
            definitions, knowledge.log_start, knowledge.watermark, done.frontier if done else None
        )
        found = _measured(context, inputs, cohorts, knowledge) if cohorts else []
        earlier = read_arrow(context.store.path(_TABLE)).to_pylist() if done else []
        rows = judged(found, curves(earlier))
        shifted.extend(alarms(rows))
        return Change(_frame(context, rows, knowledge))

    increment(context, _TABLE, inputs, about, build)
    for text in shifted:
        context.progress.say(f"warning: {text}")


def _measured(context: RunContext, inputs: dict[str, int], cohorts: Sequence[Cohort], knowledge: Knowledge) -> Rows:
    """The curves of some cohorts, as rows; there are few."""
    episodes = context.delivered(inputs, "episodes") if "episodes" in inputs else None
    facts = SignalFacts(context.delivered(inputs, "events"), context.delivered(inputs, "exposures"), episodes)
    followed = select_tracked_anchors(cohorts, context.read(inputs, "signal_values")).persist()
    found = [row.asDict() for row in compute_delay_curves(cohorts, followed, facts, knowledge).collect()]
    followed.unpersist()
    return found


def _frame(context: RunContext, rows: Rows, knowledge: Knowledge) -> DataFrame:
    """Rows as the table has them."""
    names = SIGNAL_DELAYS.column_names()
    ordered = sorted(rows, key=lambda row: (row["signal"], row["cohort"], row["age_day"]))
    schema = ", ".join(f"{column.name} {column.type}" for column in SIGNAL_DELAYS.columns)
    table = [tuple({**row, "known_at": knowledge.known_at}[name] for name in names) for row in ordered]
    return context.spark.createDataFrame(table, schema)


@job_command("build-delays", short_help="How much of a signal is seen by age, and whether that has shifted.")
def command(context: RunContext) -> None:
    """Add the delay curves of the weeks of anchors that have matured since the last time, for every signal.

    A curve says which share of the final values was seen by age, in a week whose anchors are all mature or void. Where
    it leaves that of the weeks before it, a warning says so, and the table keeps it (drifted).
    'longplay signals show NAME' reads the curves.

    Example: longplay build-delays --source world
    """
    with context.progress.step("build-delays"):
        build_delays(context)


if __name__ == "__main__":
    command()
