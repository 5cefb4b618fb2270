"""Histories: events to daily tiles and sequences."""

from datetime import datetime

from pyspark.sql import functions as F

from features import histories
from features.facts import known_by
from jobs.context import Job
from jobs.options import date_option, job_command


def build_histories(job: Job, date: datetime | None = None) -> None:
    """Publish the tiles per user, item and user-item, the exposure tiles and the sequences, as known at ``date``."""
    known_at = job.known_at(date)
    inputs = job.versions("events", "exposures")
    facts = {"known_at": known_at}
    events = known_by(job.read(inputs, "events"), known_at)
    for table, keys in {
        "user_days": ["user_id"],
        "item_days": ["item_id"],
        "user_item_days": ["user_id", "item_id"],
    }.items():
        job.publish(table, inputs, facts, lambda keys=keys: histories.daily_tiles(events, keys))  # type: ignore[misc]
    exposures = job.read(inputs, "exposures").where(F.col("known_ts") <= F.lit(known_at))
    job.publish("item_exposure_days", inputs, facts, lambda: histories.exposure_tiles(exposures))
    job.publish("sequences", inputs, facts, lambda: histories.sequences(events))


@job_command("build-histories", short_help="Events to daily tiles and sequences.")
@date_option
def command(job: Job, date: datetime | None) -> None:
    """Build the histories of users, items and pairs: daily tiles by event day and known day, and sequences.

    Example: longplay build-histories --source world --date 2024-09-27
    """
    with job.progress.step("build-histories"):
        build_histories(job, date)


if __name__ == "__main__":
    command()
