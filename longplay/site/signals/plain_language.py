"""What a definition means in plain words, a sentence a part. Parts of kinds that are not known here are spelled out."""

from collections.abc import Iterator, Mapping
from typing import Any

from longplay.site.signals.plain_data import flat

ANCHORS = {
    "exposure": "every exposure, at the moment it was shown (t0)",
    "discovery": "every discovery: the first consumption of an item after an absence (t0)",
    "session": "every end of a session, at its last consumption (t0)",
    "active_day": "every active day of a user, at its first consumption (t0)",
}
KEYS = {"user": "the same user", "user_item": "the same user and item"}
FLAGS = {"consumption": "consumption", "click": "click", "negative": "rejection"}
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
_TOLD = frozenset(["anchor", "keys", "window", "lateness", "measure", "credit", "void"])
_MEASURES = {
    "any": "1 if at least one {of} of {whose} falls into the window, else 0.",
    "days": "The number of distinct UTC days in the window with a {of} of {whose}.",
    "weeks": "1 if at least {weeks} of the window's weeks have {days} or more days with a {of} of {whose}, else 0.",
    "inactivity": "Days until the first of {gap} days in a row without a {of} of {whose}, counted from 1.",
    "season": "1 if {whose} has a {of} of as many episodes of one season as that season has, else 0.",
    "regret": "1 if clicked and, from then on, rejected or never consumed for {below} {unit} or more; else 0.",
}
_PARAMETERS = {
    "inactivity": ("of", "gap"),
    "any": ("of",),
    "days": ("of",),
    "weeks": ("of", "weeks", "days"),
    "season": ("of",),
    "regret": ("below", "unit"),
}
DIRECTIONS = {"higher_is_better": "more is better", "lower_is_better": "less is better"}


def sentences(plain: Mapping[str, Any], window: str, matures: str) -> Iterator[tuple[str, str]]:
    """A name and a sentence for each part of a definition.

    Args:
        plain: the definition as plain data.
        window: the window as an interval, or nothing where there is none.
        matures: when a value is final, in words.
    """
    anchor = str(plain.get("anchor", ""))
    yield "Begins with", ANCHORS.get(anchor, anchor.replace("_", " ")) or "nothing of its own"
    if plain.get("measure"):
        yield "Counts", measure(plain)
    if window:
        yield "Looks at", window
        yield "Is final", matures
    if plain.get("credit"):
        yield "Credit", credit(plain["credit"])
    yield "Is void", "; ".join(_void(plain.get("void") or {})) or "never"
    for field, value in further(plain):
        yield "Also", f"{field}: {value}"
    direction = str(plain.get("direction", ""))
    yield "Unit", f"{plain.get('unit', '')} ({DIRECTIONS.get(direction, direction.replace('_', ' '))})"


def measure(plain: Mapping[str, Any]) -> str:
    """The measure in a sentence."""
    told = plain["measure"]
    kind = str(told.get("kind", ""))
    if kind not in _MEASURES:
        return f"a measure of kind {kind or 'unknown'} over events of {whose(plain)}: {_spelled(told)}."
    names = {**told, "of": FLAGS.get(told.get("of", ""), told.get("of", "")), "whose": whose(plain)}
    return _MEASURES[kind].format(**{k: f"{v:g}" if isinstance(v, float) else v for k, v in names.items()})


def credit(told: Mapping[str, Any]) -> str:
    """The credit rule in a sentence."""
    if told.get("rule") == "clicked" and set(told) <= {"rule", "within"}:
        return f"only exposures that were clicked within {told['within']} of being shown; others have the value 0"
    return _spelled(told)


def whose(plain: Mapping[str, Any]) -> str:
    """Whose events are read."""
    keys = str(plain.get("keys", ""))
    return KEYS.get(keys, keys.replace("_", " and ") or "the anchor")


def further(plain: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Fields that affect values and that no sentence tells: by path, their values as YAML."""
    for key, value in plain.items():
        if key not in _TOLD | READERS:
            yield from ((path, text) for path, text in flat(value, key) if text and text != "false")
    told = plain.get("measure") or {}
    if told.get("kind") in _PARAMETERS:
        extra = {name: held for name, held in told.items() if name not in ("kind", *_PARAMETERS[told["kind"]])}
        yield from ((path, text) for path, text in flat(extra, "measure") if text)


def _void(void: Mapping[str, Any]) -> Iterator[str]:
    if void.get("look_back"):
        yield f"left_truncated: the log begins less than {void['look_back']} before t0"
    if void.get("outage"):
        early = ", unless an event inside the window settles it before" if void.get("settles") == "early" else ""
        yield f"outage: a flagged outage overlaps the window{early}"
    extra = {key: held for key, held in void.items() if key not in ("look_back", "outage", "settles")}
    yield from (f"{path}: {text}" for path, text in flat(extra) if text)


def _spelled(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {text}" for path, text in flat(told) if text and path != "kind")
