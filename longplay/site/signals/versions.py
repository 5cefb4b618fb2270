"""Versions of a signal or a reward: their pages, and what changed from one to the next."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.site.signals.plain_data import FieldChange, compare_versions


@dataclass(frozen=True)
class VersionEntry:
    """A version and its differences from the previous version; ``changes`` is None for the first version."""

    definition: Definition | Reward
    href: str
    changes: Sequence[FieldChange] | None
    same_meaning: bool


def href(definition: Definition | Reward) -> str:
    """The file name of a version's page. Signals and rewards share a namespace."""
    return f"{definition.name}.v{definition.version}.html"


def list_versions(name: str, definitions: Iterable[Definition | Reward]) -> Iterator[VersionEntry]:
    """List the versions of a name, oldest first."""
    previous: Definition | Reward | None = None
    versions = (definition for definition in definitions if definition.name == name)
    for current in sorted(versions, key=lambda definition: definition.version):
        changes = None if previous is None else compare_versions(previous, current)
        has_same_meaning = previous is not None and previous.hash == current.hash
        yield VersionEntry(current, href(current), changes, has_same_meaning)
        previous = current
