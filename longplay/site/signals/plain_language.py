"""A definition in plain words, a sentence a part. Fields without a sentence are listed with their values."""

from collections.abc import Iterator

from longplay.config.duration import format_duration
from longplay.definitions.signal import Definition
from longplay.definitions.signal_fields import Credit, VoidRules
from longplay.site.signals.plain_data import flat, plain

ANCHORS = {
    "exposure": "every exposure, at the moment it was shown (t0)",
    "discovery": "every discovery: the first consumption of an item after an absence (t0)",
    "session": "every end of a session, at its last consumption (t0)",
    "active_day": "every active day of a user, at its first consumption (t0)",
}
KEYS = {"user": "the same user", "user_item": "the same user and item"}
READERS = frozenset(
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
"""Keys that are for readers: they change no value."""
_IN_SENTENCES = frozenset(["anchor", "keys", "window", "lateness", "measure", "credit", "void"])
DIRECTIONS = {"higher_is_better": "more is better", "lower_is_better": "less is better"}


def sentences(definition: Definition, window: str, matures: str) -> Iterator[tuple[str, str]]:
    """A name and a sentence for each part of a definition.

    Args:
        definition: the definition.
        window: the window as an interval.
        matures: when a value is final, in words.
    """
    yield "Begins with", ANCHORS[definition.anchor]
    yield "Counts", definition.measure.sentence(KEYS[definition.keys])
    yield "Looks at", window
    yield "Is final", matures
    if definition.credit is not None:
        yield "Credit", credit_sentence(definition.credit, definition.measure.uncredited_value)
    yield "Is void", "; ".join(_void_reasons(definition.void)) or "never"
    for path, value in _other_fields(definition):
        yield "Also", f"{path}: {value}"
    yield "Unit", f"{definition.unit} ({DIRECTIONS[definition.direction]})"


def credit_sentence(credit: Credit, uncredited_value: float) -> str:
    """The credit rule in words.

    Args:
        credit: the rule.
        uncredited_value: the value of an exposure without credit.
    """
    if credit.is_split:
        return ", ".join(f"{path} {text}" for path, text in flat(credit.model_dump(mode="json")) if text)
    response = {"click": "clicked", "consumption": "consumed"}[credit.earned_by]
    credited = f"only exposures that were {response} within {format_duration(credit.within)} of being shown"
    return f"{credited}; others have the value {uncredited_value:g}"


def _other_fields(definition: Definition) -> Iterator[tuple[str, str]]:
    """Fields that affect values and have no sentence: by path, their values as YAML."""
    for key, value in plain(definition).items():
        if key not in _IN_SENTENCES | READERS:
            yield from ((path, text) for path, text in flat(value, key) if text and text != "false")


def _void_reasons(void: VoidRules) -> Iterator[str]:
    if void.look_back is not None:
        yield f"left_truncated: the log begins less than {format_duration(void.look_back)} before t0"
    if void.outage:
        early = ", unless an event inside the window settles it before" if void.settles == "early" else ""
        yield f"outage: a flagged outage overlaps the window{early}"
    if void.at_least is not None:
        yield f"too_few_facts: fewer than {void.at_least} facts in the window at maturity"
