"""What the registry records of a version besides its definition: aliases, deprecation and uses."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.registry.records import Consumer, Deprecation
from longplay.registry.registry import Registry, build_registry, open_layers


@dataclass(frozen=True)
class VersionRecord:
    """The registry's record of one version.

    Attributes:
        aliases: names that currently point to it.
        deprecation: when it is deprecated, and its replacement; None if no date is recorded.
        is_deprecated: whether that date has passed on the date of the site.
        consumers: its recorded uses, newest first.
    """

    aliases: Sequence[str]
    deprecation: Deprecation | None
    is_deprecated: bool
    consumers: Sequence[Consumer]

    def effective_status(self, definition: Definition | Reward) -> str:
        """The status of the version, or ``deprecated`` once its deprecation date has passed."""
        return "deprecated" if self.is_deprecated else definition.status


@dataclass(frozen=True)
class RegistryRecords:
    """A registry and the uses it records."""

    registry: Registry
    consumers: Sequence[Consumer]

    def select_version(self, definition: Definition | Reward, day: date | None) -> VersionRecord:
        """Select the record of a version as of a day; without a day, no deprecation counts."""
        deprecation = self.registry.deprecations.get(definition.ref)
        return VersionRecord(
            aliases=sorted(alias for alias, ref in self.registry.aliases.items() if ref == definition.ref),
            deprecation=deprecation,
            is_deprecated=deprecation is not None and day is not None and deprecation.on_date <= day.isoformat(),
            consumers=[consumer for consumer in self.consumers if consumer.ref == definition.ref],
        )


@contextmanager
def open_records(folders: Sequence[Path], registry_file: Path | None) -> Iterator[RegistryRecords]:
    """Open the registry: the given folders, a registry file, and the definitions that ship with Longplay."""
    with closing(open_layers(registry_file, folders)) as layers:
        yield RegistryRecords(build_registry(layers, registry_file), layers.consumers())
