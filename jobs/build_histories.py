"""Histories: events to daily tiles and sequences, delivery by delivery."""

from collections.abc import Callable
from functools import partial

from pyspark.sql import DataFrame

from features import histories
from jobs.runtime.command_options import job_command
from jobs.runtime.deliveries import build_first_seen
from jobs.runtime.publisher import IncrementPlan, TableChange
from jobs.runtime.run_context import RunContext

Transform = Callable[[DataFrame], DataFrame]
HISTORIES: dict[str, tuple[str, Transform]] = {
    "user_days": ("events", partial(histories.build_daily_tiles, keys=["user_id"])),
    "item_days": ("events", partial(histories.build_daily_tiles, keys=["item_id"])),
    "user_item_days": ("events", partial(histories.build_daily_tiles, keys=["user_id", "item_id"])),
    "item_exposure_days": ("exposures", histories.build_exposure_tiles),
    "sequences": ("events", histories.select_consumptions),
}
"""By table: the facts that it is made from, and the transform."""


def build_histories(context: RunContext) -> None:
    """Add the tiles and sequences of what was delivered since the last run; published rows never change."""
    build_first_seen(context)
    for table, (facts, transform) in HISTORIES.items():
        plan = context.tables.plan_increment(table, context.tables.versions(facts), {}, context.log.position)
        context.tables.publish_increment(plan, partial(_compute_history, context, plan, facts, transform))


def _compute_history(context: RunContext, plan: IncrementPlan, facts: str, transform: Transform) -> TableChange:
    rows = context.tables.read(plan.inputs, facts).where(f"batch <= {plan.reached.batch}")
    new_rows = rows if plan.checkpoint is None else rows.where(f"batch > {plan.checkpoint.batch}")
    return TableChange(transform(new_rows))


@job_command("build-histories")
def command(context: RunContext) -> None:
    """Build the histories of users, items and pairs: daily tiles by event day and known day, and sequences.

    Each run reads only what was delivered since the last one and only adds rows. The known day of a tile tells what
    was known at any earlier moment. --force rebuilds the tables from scratch.

    Example: longplay build-histories --source world
    """
    with context.progress.step("build-histories"):
        build_histories(context)


if __name__ == "__main__":
    command()
