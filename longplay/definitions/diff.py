"""What differs between two definitions, key by key, and what each difference does to those who use the signal.

- ``breaking``: code that reads the signal would trip over it, or take it for something else: another moment or key to
  join on (``anchor``, ``keys``), another kind of number (``measure.kind``, ``unit``), the wrong way round
  (``direction``).
- ``data``: the values differ, their meaning for code does not: whatever else is in the definition's hash.
- ``text``: no value differs.

Under one version only texts may change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from longplay.definitions.reward import Reward
    from longplay.definitions.signal import Definition

Effect = Literal["breaking", "data", "text"]
EFFECTS: tuple[Effect, ...] = ("breaking", "data", "text")
"""From the worst on."""
BREAKING = ("anchor", "keys", "direction", "unit", "measure.kind")
"""Keys whose change breaks code that reads the signal."""
_NOT_COMPARED = {"name", "version"}


@dataclass(frozen=True)
class Difference:
    """One key that differs; ``None`` stands for a key that is not there."""

    key: str
    old: Any
    new: Any
    effect: Effect

    def __str__(self) -> str:
        return f"{self.key}: {_shown(self.old)} -> {_shown(self.new)}"


def find_differences(old: "Definition | Reward", new: "Definition | Reward") -> tuple[Difference, ...]:
    """Every key in which two definitions differ, dotted, by name. Name and version are not compared."""
    before, after = flatten_definition(old), flatten_definition(new)
    keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    of_data = {field for field in {key.partition(".")[0] for key in keys} if _moves_hash(field, old, new)}
    return tuple(Difference(key, before.get(key), after.get(key), _effect(key, of_data)) for key in keys)


def worst_effect(values_by_key: Iterable[Difference]) -> Effect:
    """The gravest effect among some differences; ``text`` where there is none."""
    return min((difference.effect for difference in values_by_key), key=EFFECTS.index, default="text")


def flatten_definition(definition: "Definition | Reward") -> dict[str, Any]:
    """A definition as dotted keys; lists stay whole."""
    values_by_key: dict[str, Any] = {}

    def walk(data: Mapping[str, Any], prefix: str) -> None:
        for key, value in data.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            elif value is not None:
                values_by_key[f"{prefix}{key}"] = value

    walk(definition.model_dump(mode="json", by_alias=True), "")
    return {key: value for key, value in values_by_key.items() if key not in _NOT_COMPARED}


def _effect(key: str, of_data: set[str]) -> Effect:
    if key in BREAKING:
        return "breaking"
    return "data" if key.partition(".")[0] in of_data else "text"


def _moves_hash(key: str, old: "Definition | Reward", new: "Definition | Reward") -> bool:
    """Whether a key of the top level belongs to the hash: the old definition with the new one's value tells."""
    fields = type(old).model_fields
    name = next((name for name, field in fields.items() if key in (name, field.alias)), key)
    return old.model_copy(update={name: getattr(new, name)}).hash != old.hash


def _shown(value: object) -> str:
    text = "(none)" if value is None else " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
