"""A definition as plain data: what it holds, its YAML, and the fields in which two versions differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition

TEXTS = ("name", "version", "title", "description")
"""Keys that a page says at its top."""


LONG = 80
"""Characters above which a text is folded over lines."""


class _Folding(yaml.SafeDumper):
    """Writes long texts over several lines, as people do."""


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=">" if len(data) > LONG else None)


_Folding.add_representer(str, _text)


@dataclass(frozen=True)
class Change:
    """One field that differs between two versions, in YAML; an absent field is an empty text."""

    field: str
    before: str
    after: str


def plain(definition: Definition | Reward) -> dict[str, Any]:
    """Every key of a definition with its value, defaults included, as JSON holds it."""
    return definition.model_dump(mode="json", by_alias=True)


def written(definition: Definition | Reward) -> str:
    """The definition as YAML, with the keys that its file has, in the order of the reference."""
    data = definition.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return yaml.dump(data, Dumper=_Folding, sort_keys=False, allow_unicode=True, width=88)


def flat(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every field by its dotted path, its value as YAML; lists are one field."""
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield from flat(held, f"{path}.{key}" if path else str(key))
    else:
        yield path, scalar(value)


def scalar(value: object) -> str:
    """A value in a line of text: ``true``, ``14``, ``[a, b]``; nothing for what is not set."""
    if value is None or value in ([], {}, ""):
        return ""
    if isinstance(value, str):
        return value.strip()
    return yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).removesuffix("...\n").strip()


def changes(before: Definition | Reward, after: Definition | Reward) -> Sequence[Change]:
    """The fields in which a version differs from the one before, by path; their order is that of the later one."""
    old, new = dict(flat(plain(before))), dict(flat(plain(after)))
    paths = [*new, *(path for path in old if path not in new)]
    found = [Change(path, old.get(path, ""), new.get(path, "")) for path in paths if path != "version"]
    return [change for change in found if change.before != change.after]
