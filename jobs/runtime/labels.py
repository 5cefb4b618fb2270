"""The split that a logical date and the settings imply."""

from datetime import datetime

from jobs.runtime.run_context import RunContext
from longplay.definitions.reward import Composite, Label, Reward, signals_of
from longplay.definitions.signal import Definition
from longplay.errors import ConfigError
from longplay.registry.registry import load, shipped_definitions
from longplay.registry.usage import Kind, User, record
from rankers.dataset.training_set import SplitPlan


def computed(context: RunContext) -> list[Definition]:
    """The definitions that are computed: those of teams, the chosen ones of what ships, and labels.

    Raises:
        NotFoundError: when a chosen one does not ship, with the nearest name.
    """
    shipped, chosen = load([shipped_definitions()]), context.settings.signals.shipped
    wanted = {d.ref for d in (shipped.newest() if chosen == "all" else map(shipped.get, chosen))}
    found = [d for d in context.registry.current() if d.ref in wanted or d.ref not in shipped.by_ref]
    return list({d.ref: d for d in [*found, *signals_of(label_definitions(context))]}.values())


def label_definitions(context: RunContext) -> list[Label]:
    """The signals and rewards that the settings name as labels: ``name`` (the newest), ``name@2`` or ``name@champion``.

    Raises:
        ConfigError: when one is no label of an exposure, a reward leaves [0, 1], or two have one name.
    """
    found = [context.registry.label(name) for name in context.settings.training.labels]
    for definition in found:
        if definition.anchor != "exposure":
            raise ConfigError(
                f"'{definition.ref}' cannot be a label: it is anchored at {definition.anchor}, not at exposures.",
                where="training.labels",
                fix="name a signal with anchor 'exposure'; 'longplay signals list' shows the anchors",
            )
        if isinstance(definition, Composite):
            _check_reward(definition.reward)
    if len({definition.name for definition in found}) < len(found):
        raise ConfigError("Two labels have one name.", where="training.labels", got=", ".join(d.ref for d in found))
    return found


def _check_reward(reward: Reward) -> None:
    """See that a ranker can learn from a reward.

    Raises:
        ConfigError: when it cannot.
    """
    if reward.status == "draft":
        raise ConfigError(
            f"'{reward.ref}' is a draft: what it means may still change.",
            where="training.labels",
            fix="set its status to published",
        )
    if reward.bounds[0] < 0 or reward.bounds[1] > 1:
        raise ConfigError(
            f"'{reward.ref}' cannot be a label: rankers learn values from 0 to 1.",
            where="training.labels",
            got=f"bounds {list(reward.bounds)}",
            fix="scale its weights, and write the next version with bounds: [0, 1]",
        )


def label_names(context: RunContext) -> list[str]:
    """Names of the labels, as the training set's columns carry them."""
    return [definition.name for definition in label_definitions(context)]


def use_labels(context: RunContext, kind: Kind, name: str) -> None:
    """Record in the registry who learns from the labels, and say what it warns of."""
    warnings = record(context.registry, User(kind, name), context.settings.training.labels)
    for label in label_definitions(context):
        if isinstance(label, Composite):
            warnings += record(context.registry, User("reward", label.ref), [signal.ref for signal in label.signals])
    for warning in dict.fromkeys(warnings):
        context.progress.say(f"warning: {warning}")


def split_plan(context: RunContext, known_at: datetime) -> SplitPlan:
    """The global time split of a training set with cut-off ``known_at``."""
    training = context.settings.training
    horizon = max(definition.horizon for definition in label_definitions(context))
    days = (training.train_days, training.valid_days, training.test_days)
    plan = SplitPlan.from_watermark(context.watermark(known_at), horizon, days)
    plan.check(context.log_start)
    return plan
