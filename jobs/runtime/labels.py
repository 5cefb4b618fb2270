"""Signals that are computed, labels that rankers learn from, and the split of training sets, as settings name them."""

from datetime import datetime

from ingest.log_state import LogState
from jobs.runtime.run_context import RunContext
from longplay.definitions.reward import Composite, Label, Reward, list_label_signals
from longplay.definitions.signal import Definition
from longplay.errors import ConfigError
from longplay.registry.registry import load, shipped_definitions
from longplay.registry.usage import ConsumerKind, SignalUser, record_use
from rankers.dataset.training_set import SplitPlan


def computed_definitions(context: RunContext) -> list[Definition]:
    """The definitions that are computed: those of teams, the chosen shipped ones, and labels.

    Raises:
        NotFoundError: when a chosen one does not ship, with the nearest name.
    """
    shipped, chosen = load([shipped_definitions()]), context.settings.signals.shipped
    chosen_refs = {d.ref for d in (shipped.newest() if chosen == "all" else map(shipped.get, chosen))}
    definitions = [d for d in context.registry.current() if d.ref in chosen_refs or d.ref not in shipped.by_ref]
    return list({d.ref: d for d in [*definitions, *list_label_signals(label_definitions(context))]}.values())


def label_definitions(context: RunContext) -> list[Label]:
    """The signals and rewards that the settings name as labels: ``name`` (the newest), ``name@2`` or ``name@champion``.

    Raises:
        ConfigError: when one is not anchored at exposures, a reward leaves [0, 1], or two share a name.
    """
    labels = [context.registry.label(name) for name in context.settings.training.labels]
    for definition in labels:
        if definition.anchor != "exposure":
            raise ConfigError(
                f"'{definition.ref}' cannot be a label: it is anchored at {definition.anchor}, not at exposures.",
                where="training.labels",
                fix="name a signal with anchor 'exposure'; 'longplay signals list' shows the anchors",
            )
        if isinstance(definition, Composite):
            _check_reward(definition.reward)
    if len({definition.name for definition in labels}) < len(labels):
        raise ConfigError("Two labels share a name.", where="training.labels", got=", ".join(d.ref for d in labels))
    return labels


def _check_reward(reward: Reward) -> None:
    """Check that a ranker can learn from a reward.

    Raises:
        ConfigError: when it cannot.
    """
    if reward.status == "draft":
        raise ConfigError(
            f"'{reward.ref}' is a draft: its meaning may still change.",
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


def record_label_use(context: RunContext, kind: ConsumerKind, name: str) -> None:
    """Record in the registry who learns from the labels, and report its warnings."""
    warnings = record_use(context.registry, SignalUser(kind, name), context.settings.training.labels)
    for label in label_definitions(context):
        if isinstance(label, Composite):
            warnings += record_use(
                context.registry, SignalUser("reward", label.ref), [signal.ref for signal in label.signals]
            )
    for warning in dict.fromkeys(warnings):
        context.progress.say(f"warning: {warning}")


def plan_split(context: RunContext, log: LogState, known_at: datetime) -> SplitPlan:
    """The global time split of a training set with cut-off ``known_at`` (UTC), by the deliveries of ``log``."""
    training = context.settings.training
    horizon = max(definition.horizon for definition in label_definitions(context))
    days = (training.train_days, training.valid_days, training.test_days)
    plan = SplitPlan.from_watermark(log.watermark(known_at), horizon, days)
    plan.check(log.log_start)
    return plan
