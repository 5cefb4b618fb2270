"""Compares two definitions key by key, and classifies how each difference affects users of the signal.

- ``breaking``: code that reads the signal may fail or misread its values, because the join keys (``anchor``,
  ``keys``), the kind of number (``measure.kind``, ``unit``) or the ``direction`` changed.
- ``data``: values change, but code can read them as before. This covers all other fields in the definition's hash.
- ``text``: no value changes.

Only ``text`` changes are allowed within a published version.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from longplay.definitions.reward import Reward
    from longplay.definitions.signal import Definition

Effect = Literal["breaking", "data", "text"]
EFFECTS: tuple[Effect, ...] = ("breaking", "data", "text")
"""Worst first."""
BREAKING = ("anchor", "keys", "direction", "unit", "measure.kind")
"""Keys whose change may break code that reads the signal."""
_NOT_COMPARED = {"name", "version"}


@dataclass(frozen=True)
class Difference:
    """One key that differs; ``None`` stands for a missing key."""

    key: str
    old: Any
    new: Any
    effect: Effect

    def __str__(self) -> str:
        return f"{self.key}: {_shorten(self.old)} -> {_shorten(self.new)}"


def find_differences(old: "Definition | Reward", new: "Definition | Reward") -> tuple[Difference, ...]:
    """Find every key that differs, as dotted keys in alphabetical order. Name and version are not compared."""
    before, after = flatten_definition(old), flatten_definition(new)
    keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    hashed_fields = {field for field in {key.partition(".")[0] for key in keys} if _affects_hash(field, old, new)}
    return tuple(Difference(key, before.get(key), after.get(key), _classify_effect(key, hashed_fields)) for key in keys)


def worst_effect(differences: Iterable[Difference]) -> Effect:
    """The worst effect of some differences; ``text`` if there are none."""
    return min((difference.effect for difference in differences), key=EFFECTS.index, default="text")


def flatten_definition(definition: "Definition | Reward") -> dict[str, Any]:
    """Flatten a definition into dotted keys. Lists are not flattened."""
    values_by_key: dict[str, Any] = {}

    def walk(data: Mapping[str, Any], prefix: str) -> None:
        for key, value in data.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            elif value is not None:
                values_by_key[f"{prefix}{key}"] = value

    walk(definition.model_dump(mode="json", by_alias=True), "")
    return {key: value for key, value in values_by_key.items() if key not in _NOT_COMPARED}


def _classify_effect(key: str, hashed_fields: set[str]) -> Effect:
    if key in BREAKING:
        return "breaking"
    return "data" if key.partition(".")[0] in hashed_fields else "text"


def _affects_hash(key: str, old: "Definition | Reward", new: "Definition | Reward") -> bool:
    """Whether a top-level key affects the hash: put its new value into the old definition and compare hashes."""
    fields = type(old).model_fields
    name = next((name for name, field in fields.items() if key in (name, field.alias)), key)
    return old.model_copy(update={name: getattr(new, name)}).hash != old.hash


def _shorten(value: object) -> str:
    text = "(none)" if value is None else " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
