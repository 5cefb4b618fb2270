"""What the registry file records of a signal beside its definition: aliases, deprecations, uses."""

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
class Recorded:
    """What is recorded of one version.

    Attributes:
        aliases: names that stand for it now.
        deprecation: from when on it should no longer be used; None where that was never said.
        over: whether that day had come at the date of the site.
        consumers: its recorded uses, the latest first.
    """

    aliases: Sequence[str]
    deprecation: Deprecation | None
    over: bool
    consumers: Sequence[Consumer]

    def status(self, definition: Definition | Reward) -> str:
        """The status of the version, deprecation taken in."""
        return "deprecated" if self.over else definition.status


@dataclass(frozen=True)
class Records:
    """A registry, and the uses that it records."""

    registry: Registry
    consumers: Sequence[Consumer]

    def of(self, definition: Definition | Reward, at: date | None) -> Recorded:
        """What is recorded of a version, on a day; without a day nothing is over."""
        told = self.registry.deprecations.get(definition.ref)
        return Recorded(
            aliases=sorted(alias for alias, ref in self.registry.aliases.items() if ref == definition.ref),
            deprecation=told,
            over=told is not None and at is not None and told.on_date <= at.isoformat(),
            consumers=[one for one in self.consumers if one.ref == definition.ref],
        )


@contextmanager
def records(folders: Sequence[Path], file: Path | None) -> Iterator[Records]:
    """Open everything that is known of signals: own folders, a registry file, what ships."""
    with closing(open_layers(file, folders)) as known:
        yield Records(build_registry(known, file), known.consumers())
