"""Features: the views of users, items and pairs at the moment of every exposure of the training span."""

from datetime import datetime

import click
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import facts, views
from features.as_of import as_of_join
from jobs.context import Job
from jobs.options import DATE, date_option, job_command, utc
from jobs.plan import split_plan
from rankers.training_set import SplitPlan

_INPUTS = ("events", "exposures", "item_days", "user_item_days", "item_exposure_days")


def build_features(
    job: Job, date: datetime | None = None, start: datetime | None = None, end: datetime | None = None
) -> None:
    """Publish every feature view for the exposures in ``[start, end)`` (default: the span of the training set)."""
    known_at = job.known_at(date)
    plan: SplitPlan = split_plan(job, known_at)
    span = (start or plan.train_start, end or plan.test_end)
    inputs = job.versions(*_INPUTS)
    about = {"known_at": known_at, "start": span[0], "end": span[1]}
    exposures = job.read(inputs, "exposures").where(
        (F.col("as_of") >= F.lit(span[0])) & (F.col("as_of") < F.lit(span[1])) & (F.col("known_ts") <= F.lit(known_at))
    )
    events = facts.event_facts(facts.known_by(job.read(inputs, "events"), known_at))
    for view in (views.USER, views.USER_ITEM, views.USER_TOPIC):
        spine = exposures.select(*view.keys, "as_of").dropna(subset=list(view.keys)).distinct()
        own = events.dropna(subset=list(view.keys))
        job.publish(
            view.name,
            inputs,
            about,
            lambda view=view, own=own, spine=spine: as_of_join([view], own, spine),  # type: ignore[misc]
        )
    job.publish(views.ITEM.name, inputs, about, lambda: _items(job, inputs, exposures))


def _items(job: Job, inputs: dict[str, int], exposures: DataFrame) -> DataFrame:
    tiles = facts.item_day_facts(*[job.read(inputs, name) for name in _INPUTS[2:]])
    days = exposures.select("item_id", F.to_date("as_of").cast("timestamp").alias("as_of")).distinct()
    found = as_of_join([views.ITEM], tiles, days)
    return found.select("item_id", F.to_date("as_of").alias("as_of_day"), *views.ITEM.names())


@job_command("build-features", short_help="Histories to point-in-time features.")
@date_option
@click.option("--from", "start", type=DATE, help="First day of exposures (UTC). [the training span's]")
@click.option("--to", "end", type=DATE, help="Day after the last (UTC). [the training span's]")
def command(job: Job, date: datetime | None, start: datetime | None, end: datetime | None) -> None:
    """Build the feature views as of every exposure, from what was visible strictly before it.

    Windows are trailing: [as_of - w, as_of) for users and pairs, [day(as_of) - w, day(as_of)) for items.

    Example: longplay build-features --source world --from 2024-06-01 --to 2024-07-01
    """
    with job.progress.step("build-features"):
        build_features(job, date, utc(start), utc(end))


if __name__ == "__main__":
    command()
