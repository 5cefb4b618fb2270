"""The split that a logical date and the settings imply."""

from datetime import datetime

from ingest.watermark import watermark_at
from jobs.context import Job
from longplay.definition import Definition
from rankers.training_set import SplitPlan


def label_definitions(job: Job) -> list[Definition]:
    """The definitions that the settings name as labels."""
    return [job.registry.get(name) for name in job.settings.training.labels]


def split_plan(job: Job, known_at: datetime) -> SplitPlan:
    """The global time split of a training set with cut-off ``known_at``."""
    delivery = job.delivery()
    training = job.settings.training
    horizon = max(definition.horizon for definition in label_definitions(job))
    days = (training.train_days, training.valid_days, training.test_days)
    plan = SplitPlan.before(watermark_at(known_at, delivery["watermark"]), horizon, days)
    plan.check(delivery["log_start"])
    return plan
