"""Describes a definition in plain language, a sentence a part. Fields without a sentence are listed as YAML."""

from collections.abc import Iterator

from longplay.config.duration import format_duration
from longplay.definitions.signal import Definition
from longplay.definitions.signal_fields import Credit, VoidRules
from longplay.site.signals.plain_data import dump_definition, flatten_fields

ANCHOR_DESCRIPTIONS = {
    "exposure": "every exposure, at the moment it was shown (t0)",
    "discovery": "every discovery: the first consumption of an item after an absence (t0)",
    "session": "every end of a session, at its last consumption (t0)",
    "active_day": "every active day of a user, at its first consumption (t0)",
}
KEY_DESCRIPTIONS = {"user": "the same user", "user_item": "the same user and item"}
DIRECTION_DESCRIPTIONS = {"higher_is_better": "more is better", "lower_is_better": "less is better"}
DESCRIPTIVE_KEYS = frozenset(
    [
        "name",
        "version",
        "title",
        "description",
        "owner",
        "status",
        "direction",
        "unit",
        "guardrails",
        "source",
        "tags",
        "quality",
        "covariates",
        "north_star",
        "replaced_by",
        "deprecated_on",
    ]
)
"""Keys that inform readers and affect no value."""
_KEYS_IN_SENTENCES = frozenset(["anchor", "keys", "window", "lateness", "measure", "credit", "void"])


def describe_definition(definition: Definition, window: str, maturity: str) -> Iterator[tuple[str, str]]:
    """Yield a name and a sentence for each part of a definition.

    Args:
        definition: the definition.
        window: the window as an interval.
        maturity: when a value is final.
    """
    yield "Anchor", ANCHOR_DESCRIPTIONS[definition.anchor]
    yield "Measure", definition.measure.sentence(KEY_DESCRIPTIONS[definition.keys])
    yield "Window", window
    yield "Final", maturity
    if definition.credit is not None:
        yield "Credit", describe_credit(definition.credit, definition.measure.uncredited_value)
    yield "Void", "; ".join(_void_reasons(definition.void)) or "never"
    for path, text in _other_fields(definition):
        yield "Also", f"{path}: {text}"
    yield "Unit", f"{definition.unit} ({DIRECTION_DESCRIPTIONS[definition.direction]})"


def describe_credit(credit: Credit, uncredited_value: float) -> str:
    """Describe the credit rule.

    Args:
        credit: the rule.
        uncredited_value: the value of an exposure without credit.
    """
    if credit.is_split:
        return ", ".join(f"{path} {text}" for path, text in flatten_fields(credit.model_dump(mode="json")) if text)
    response = {"click": "clicked", "consumption": "consumed"}[credit.earned_by]
    credited = f"only exposures that were {response} within {format_duration(credit.within)} of being shown"
    return f"{credited}; others have the value {uncredited_value:g}"


def _other_fields(definition: Definition) -> Iterator[tuple[str, str]]:
    """Fields that affect values and have no sentence, as path and YAML."""
    for key, value in dump_definition(definition).items():
        if key not in _KEYS_IN_SENTENCES | DESCRIPTIVE_KEYS:
            yield from ((path, text) for path, text in flatten_fields(value, key) if text and text != "false")


def _void_reasons(void: VoidRules) -> Iterator[str]:
    if void.look_back is not None:
        yield f"left_truncated: the log begins less than {format_duration(void.look_back)} before t0"
    if void.outage:
        early = ", unless an event inside the window settles the value first" if void.settles == "early" else ""
        yield f"outage: a flagged outage overlaps the window{early}"
    if void.at_least is not None:
        yield f"too_few_facts: fewer than {void.at_least} facts in the window at maturity"
