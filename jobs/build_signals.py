"""Signals: what followed each anchor, with its state."""

from datetime import UTC, datetime

from pyspark.sql import DataFrame

from ingest.watermark import watermark_at
from jobs.context import Job
from jobs.options import date_option, job_command
from jobs.plan import label_definitions
from longplay.definition import Definition, RegretMeasure
from signals.compile import signal_values
from signals.horizons import Knowledge


def build_signals(job: Job, date: datetime | None = None) -> None:
    """Publish the values of every definition, as known at ``date``."""
    known_at, delivery = job.known_at(date), job.delivery()
    inputs = job.versions("events", "exposures")
    wanted = {d.ref: d for d in [*job.registry.newest(), *label_definitions(job)]}
    definitions = [d for d in wanted.values() if eligible(job, d)]
    knowledge = Knowledge(
        known_at,
        watermark_at(known_at, delivery["watermark"]),
        delivery["log_start"],
        [(_time(outage.start), _time(outage.end)) for outage in job.source.outages],
    )
    about = {"knowledge": repr(knowledge), "definitions": {d.ref: d.hash for d in definitions}}

    def build() -> DataFrame:
        events, exposures = job.read(inputs, "events"), job.read(inputs, "exposures")
        return signal_values(definitions, events, exposures, knowledge)

    job.publish("signal_values", inputs, about, build)


def eligible(job: Job, definition: Definition) -> bool:
    """Whether a source can have this signal; said when it cannot."""
    measure, unit = definition.measure, job.source.events.amount.unit
    if isinstance(measure, RegretMeasure) and measure.unit != unit:
        job.progress.say(f"{definition.ref}: not eligible here: it measures {measure.unit}, this source {unit}")
        return False
    return definition.status != "draft"


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@job_command("build-signals", short_help="What followed each anchor: open, mature or void.")
@date_option
def command(job: Job, date: datetime | None) -> None:
    """Compute every signal for every anchor, as known at the logical date.

    A value is mature once the watermark has passed its window and lateness allowance; before that it is open and
    only its prefix is kept; it is void if it will never be known.

    Example: longplay build-signals --source world --date 2024-09-27
    """
    with job.progress.step("build-signals"):
        build_signals(job, date)


if __name__ == "__main__":
    command()
