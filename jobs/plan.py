"""The split that a logical date and the settings imply."""

from datetime import datetime

from jobs.context import Job
from longplay.definition import Definition
from longplay.errors import ConfigError
from longplay.registry import load, shipped_definitions
from longplay.uses import Kind, User, record
from rankers.training_set import SplitPlan


def computed(job: Job) -> list[Definition]:
    """The definitions that are computed: those of teams, the chosen ones of what ships, and labels.

    Raises:
        NotFoundError: when a chosen one does not ship, with the nearest name.
    """
    shipped, chosen = load([shipped_definitions()]), job.settings.signals.shipped
    wanted = {d.ref for d in (shipped.newest() if chosen == "all" else map(shipped.get, chosen))}
    found = [d for d in job.registry.current() if d.ref in wanted or d.ref not in shipped.by_ref]
    return list({d.ref: d for d in [*found, *label_definitions(job)]}.values())


def label_definitions(job: Job) -> list[Definition]:
    """The definitions that the settings name as labels: ``name`` (the newest), ``name@2`` or ``name@champion``.

    Raises:
        ConfigError: when one is no label of an exposure, or two have one name.
    """
    found = [job.registry.get(name) for name in job.settings.training.labels]
    for definition in found:
        if definition.anchor != "exposure":
            raise ConfigError(
                f"'{definition.ref}' cannot be a label: it is anchored at {definition.anchor}, not at exposures.",
                where="training.labels",
                fix="name a signal with anchor 'exposure'; 'longplay signals list' shows the anchors",
            )
    if len({definition.name for definition in found}) < len(found):
        raise ConfigError("Two labels have one name.", where="training.labels", got=", ".join(d.ref for d in found))
    return found


def label_names(job: Job) -> list[str]:
    """Names of the labels, as the training set's columns carry them."""
    return [definition.name for definition in label_definitions(job)]


def use_labels(job: Job, kind: Kind, name: str) -> None:
    """Record in the registry who learns from the labels, and say what it warns of."""
    for warning in record(job.registry, User(kind, name), job.settings.training.labels):
        job.progress.say(f"warning: {warning}")


def split_plan(job: Job, known_at: datetime) -> SplitPlan:
    """The global time split of a training set with cut-off ``known_at``."""
    training = job.settings.training
    horizon = max(definition.horizon for definition in label_definitions(job))
    days = (training.train_days, training.valid_days, training.test_days)
    plan = SplitPlan.before(job.watermark(known_at), horizon, days)
    plan.check(job.log_start)
    return plan
