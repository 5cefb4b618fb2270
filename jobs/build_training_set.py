"""Training sets: exposures x features as of x mature signals, from one release."""

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.views import VIEWS
from jobs.context import Job
from jobs.options import job_command
from jobs.plan import label_definitions, split_plan
from jobs.release import open_release, release_option
from longplay.errors import QualityError
from rankers.training_set import SplitPlan, spine_of, training_set


def build_training_set(job: Job, release_id: str | None = None) -> None:
    """Publish the training set of a release, with the manifest that pins both of its sides."""
    opened = open_release(job, release_id)
    versions, known_at = opened["versions"], opened["known_at"]
    definitions, plan = label_definitions(job), split_plan(job, known_at)
    tables = ["exposures", "signal_values", "sequences", *(view.name for view in VIEWS)]
    inputs = {name: versions[name] for name in tables}
    manifest = {
        "release_id": opened["release_id"],
        "known_at": known_at,
        "labels": {d.ref: d.hash for d in definitions},
        "split": {name: f"{border:%Y-%m-%d}" for name, border in vars(plan).items()},
    }

    def build() -> DataFrame:
        exposures = job.read(inputs, "exposures").where(F.col("known_ts") <= F.lit(known_at))
        spine = spine_of(exposures, plan)
        features = {view.name: job.read(inputs, view.name) for view in VIEWS}
        values = job.read(inputs, "signal_values")
        return training_set(spine, features, [(d, values) for d in definitions], plan, known_at)

    done = job.publish("training_set", inputs, manifest, build)
    if done.written:
        _check_rows(job, inputs, plan, known_at, done.rows)
        say_labels(job)


def _check_rows(job: Job, inputs: dict[str, int], plan: SplitPlan, known_at: datetime, rows: int) -> None:
    exposures = job.read(inputs, "exposures").where(F.col("known_ts") <= F.lit(known_at))
    spine = spine_of(exposures, plan).count()
    if spine != rows:
        raise QualityError(
            "The training set does not preserve its spine.", where="training_set", got=f"{spine:,} in, {rows:,} out"
        )
    job.progress.say(f"row-preserving: {spine:,} exposures in, {rows:,} rows out")


def say_labels(job: Job) -> None:
    """Say, per split and label, how many values are mature and their mean."""
    frame = job.store.read("training_set")
    names = [c.removeprefix("state_") for c in frame.columns if c.startswith("state_")]
    columns = [F.count("*").alias("rows")]
    for name in names:
        columns += [F.count(f"label_{name}").alias(f"n_{name}"), F.avg(f"label_{name}").alias(f"mean_{name}")]
    for row in sorted(frame.groupBy("split").agg(*columns).collect(), key=lambda r: str(r["split"])):
        labels = ", ".join(f"{n}: {row[f'n_{n}']:,} mature, mean {row[f'mean_{n}'] or 0:.4f}" for n in names)
        job.progress.say(f"{row['split']}: {row['rows']:,} rows; {labels}")
    job.progress.say(f"checksum {job.store.commit('training_set')['audit']['checksum']}")


@job_command("build-training-set", short_help="Exposures x features as of x mature signals.")
@release_option
def command(job: Job, release_id: str | None) -> None:
    """Join exposures with features as of and mature signals, pinned to one release, split by global time.

    Every exposure is one row. A label is null unless its signal is mature; an open label is never a 0.

    Example: longplay build-training-set --source world
    """
    with job.progress.step("build-training-set"):
        build_training_set(job, release_id)


if __name__ == "__main__":
    command()
