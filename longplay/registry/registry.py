"""The registry of signal definitions, without Spark: what ships, what was applied to a registry file, own folders.

A published definition whose meaning changed under the same version is refused, wherever its two forms come from.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from longplay.definitions.reward import Composite, Label, Reward, find_part_problem
from longplay.definitions.signal import Definition
from longplay.errors import ConfigError, NotFoundError, nearest
from longplay.registry.database import Ledger
from longplay.registry.definition_files import read_proposals, shipped_definitions, shipped_folder, shipped_rewards
from longplay.registry.in_memory import check_agreement, load_into_memory
from longplay.registry.layered import LayeredRegistry
from longplay.registry.records import Deprecation

__all__ = [
    "Registry",
    "StoredDefinitions",
    "build_registry",
    "default_registry",
    "load",
    "load_shipped_ledger",
    "open_layers",
    "shipped_definitions",
]

MadeT = TypeVar("MadeT", Definition, Reward)


@dataclass(frozen=True)
class Registry:
    """Definitions by pinned name (``return_to_item_14d@1``).

    Attributes:
        by_ref: every version; those of a registry file are read when they are asked for.
        aliases: where each alias points, ``name@alias`` to ``name@version``.
        deprecations: by ref, those in force and those announced.
        file: the registry file that it was read from, where there is one.
        rewards: every version of every reward, by ref. Signals and rewards share their names.
    """

    by_ref: Mapping[str, Definition]
    aliases: Mapping[str, str] = field(default_factory=dict)
    deprecations: Mapping[str, Deprecation] = field(default_factory=dict)
    file: Path | None = None
    rewards: Mapping[str, Reward] = field(default_factory=dict)

    def get(self, name: str) -> Definition:
        """Look one signal up, by ``name@version``, ``name@alias``, or by name alone.

        A name alone is its newest version that is no draft; the newest draft where there is no other.

        Raises:
            NotFoundError: with the nearest known name; for the name of a reward, saying how its values are had.
        """
        if (ref := self._ref(name, self.by_ref)) is not None:
            return self.by_ref[ref]
        if (ref := self._ref(name, self.rewards)) is not None:
            signals = ", ".join(part.signal for part in self.rewards[ref].parts)
            raise NotFoundError(
                f"'{ref}' is a reward: its values are made of those of its signals when they are read.",
                where=name,
                got=f"reward of {signals}",
                fix=f"look its signals up; or learn from it: --set 'training.labels=[click, {name}]'",
            )
        raise self._missing(name, "signal", self.by_ref)

    def reward(self, name: str) -> Reward:
        """Look one reward up, as ``get`` does a signal.

        Raises:
            NotFoundError: with the nearest known name.
        """
        if (ref := self._ref(name, self.rewards)) is not None:
            return self.rewards[ref]
        raise self._missing(name, "reward", self.rewards)

    def find(self, name: str) -> Definition | Reward:
        """Look a signal or a reward up, as ``get`` does.

        Raises:
            NotFoundError: with the nearest known name.
        """
        for group in (self.by_ref, self.rewards):
            if (ref := self._ref(name, group)) is not None:
                return group[ref]
        raise self._missing(name, "signal", (*self.by_ref, *self.rewards))

    def label(self, name: str) -> Label:
        """Look a signal up, or a reward with its signals.

        Raises:
            NotFoundError: with the nearest known name.
            ConfigError: when a reward does not fit its signals.
        """
        definition = self.find(name)
        if isinstance(definition, Definition):
            return definition
        if fault := find_part_problem(definition, self.by_ref.get):
            key, problem = fault
            raise ConfigError(f"Wrong value for '{key}': {problem}.", where=f"reward {definition.ref}, key {key}")
        return Composite(definition, tuple(self.by_ref[part.signal] for part in definition.parts))

    def _ref(self, name: str, group: Mapping[str, Definition] | Mapping[str, Reward]) -> str | None:
        pinned = self.aliases.get(name, name)
        if pinned in group:
            return pinned
        versions = [ref for ref in group if ref.partition("@")[0] == name]
        return self._newest(versions, group).ref if versions else None

    def _missing(self, name: str, what: str, refs: Collection[str]) -> NotFoundError:
        names = {ref.partition("@")[0] for ref in refs}
        if name.partition("@")[0] in names:
            names = {ref for ref in (*refs, *self.aliases) if ref.partition("@")[0] == name.partition("@")[0]}
        return NotFoundError(f"There is no {what} '{name}'.", fix=nearest(name, names))

    def newest(self) -> list[Definition]:
        """What the bare name of every signal stands for, by name."""
        return self._newest_of(self.by_ref)

    def newest_rewards(self) -> list[Reward]:
        """What the bare name of every reward stands for, by name."""
        return self._newest_of(self.rewards)

    def _newest_of(self, group: Mapping[str, MadeT]) -> list[MadeT]:
        versions: dict[str, list[str]] = {}
        for ref in group:
            versions.setdefault(ref.partition("@")[0], []).append(ref)
        return [group[self._newest(versions[name], group).ref] for name in sorted(versions)]

    def current(self) -> list[Definition]:
        """What may be asked for without a version: the newest of every signal, and what aliases point to."""
        newest = {d.ref: d for d in self.newest()}
        return [*newest.values(), *(self.by_ref[ref] for ref in sorted(self._aliased() - set(newest)))]

    def _aliased(self) -> set[str]:
        """Signals that aliases point to."""
        return {ref for ref in self.aliases.values() if ref in self.by_ref}

    def warning(self, definition: Definition | Reward) -> str:
        """What who uses a definition should be told; empty where there is nothing."""
        deprecation = self.deprecations.get(definition.ref)
        return deprecation.warning if deprecation else ""

    def _newest(
        self, refs: Iterable[str], group: Mapping[str, Definition] | Mapping[str, Reward]
    ) -> Definition | Reward:
        downward = sorted(refs, key=lambda ref: int(ref.partition("@")[2]), reverse=True)
        newest_first: Iterator[Definition | Reward] = (group[ref] for ref in downward)
        return next((d for d in newest_first if d.status != "draft"), group[downward[0]])


class StoredDefinitions(Mapping[str, MadeT]):
    """Definitions of one kind of some ledgers by ref, each read and checked when it is first asked for.

    Which versions there are is settled at the start: one that is applied later is not seen, so that the steps of a run
    agree.
    """

    def __init__(self, layers: LayeredRegistry, kind: type[MadeT]) -> None:
        self._layers = layers
        self._kind: type[MadeT] = kind
        self._read: dict[str, MadeT] = {}
        self._refs = dict.fromkeys(layers.refs(rewards=kind is Reward))

    def __getitem__(self, ref: str) -> MadeT:
        if ref not in self._refs:
            raise KeyError(ref)
        if ref not in self._read:
            name, _, version = ref.partition("@")
            stored = self._layers.version(name, int(version))
            assert stored is not None, "a version is never deleted"
            made = stored.definition(self._layers.place)
            assert isinstance(made, self._kind), "what is read is of the kind that was listed"
            self._read[ref] = made
        return self._read[ref]

    def __iter__(self) -> Iterator[str]:
        return iter(self._refs)

    def __len__(self) -> int:
        return len(self._refs)


def load(folders: Iterable[Path]) -> Registry:
    """Read every definition of some folders.

    Raises:
        ConfigError: on a malformed file, two files for one version, or a changed published version.
    """
    definitions_by_ref = {ref: proposal.definition for ref, proposal in read_proposals(folders).items()}
    signals = {ref: d for ref, d in definitions_by_ref.items() if isinstance(d, Definition)}
    return Registry(signals, rewards={ref: d for ref, d in definitions_by_ref.items() if isinstance(d, Reward)})


def open_layers(file: Path | None = None, extra: Iterable[Path] = ()) -> LayeredRegistry:
    """What is known: folders of one's own, a registry file, and what ships; each goes before the next.

    Raises:
        ConfigError: when one version means different things in two of them.
        NotFoundError: when there is none of them.
    """
    own, shipped = list(extra), shipped_folder()
    if not own and file is None:
        shipped = shipped_definitions()
    ledgers = [load_into_memory(read_proposals(own).values(), "--definitions")] if own else []
    ledgers += [Ledger.open(file)] if file else []
    ledgers += [load_shipped_ledger()] if shipped else []
    layers = LayeredRegistry(tuple(ledgers))
    check_agreement(layers)
    return layers


def load_shipped_ledger() -> Ledger:
    """What ships with the application, as a ledger in memory; empty where it is not installed."""
    shipped = shipped_folder()
    return load_into_memory(
        read_proposals([shipped, *shipped_rewards()] if shipped else []).values(),
        "the definitions that ship with Longplay",
    )


def default_registry(extra: Iterable[Path] = (), file: Path | None = None) -> Registry:
    """The shipped definitions, those applied to a registry file, and those of ``extra`` folders."""
    return build_registry(open_layers(file, extra), file)


def build_registry(layers: LayeredRegistry, file: Path | None) -> Registry:
    """A registry over what is known."""
    stored, rewards = StoredDefinitions(layers, Definition), StoredDefinitions(layers, Reward)
    return Registry(stored, layers.aliases(), layers.deprecations(), file, rewards)
