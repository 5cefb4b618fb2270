"""The registry of definitions. Needs no Spark.

It holds those shipped with Longplay, those applied to a registry file, and those in the user's own folders.

A version that has two different meanings is refused, wherever the two come from.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from longplay.definitions.reward import Composite, Label, Reward, find_part_problem
from longplay.definitions.signal import Definition
from longplay.errors import ConfigError, NotFoundError
from longplay.registry.database import Ledger
from longplay.registry.definition_files import read_proposals, shipped_definitions, shipped_folder, shipped_rewards
from longplay.registry.in_memory import check_agreement, check_names, load_into_memory
from longplay.registry.layered import LayeredRegistry
from longplay.registry.name_index import NameIndex
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

DefinitionT = TypeVar("DefinitionT", Definition, Reward)


@dataclass(frozen=True)
class Registry:
    """Definitions by pinned name (``return_to_item_14d@1``).

    Attributes:
        by_ref: every version of every signal; may be loaded lazily.
        aliases: where each alias points, ``name@alias`` to ``name@version``.
        deprecations: those in force or announced, by pinned name.
        file: the registry file in which uses are recorded; None: uses are not recorded.
        rewards: every version of every reward, by pinned name. Signals and rewards share one namespace.
    """

    by_ref: Mapping[str, Definition]
    aliases: Mapping[str, str] = field(default_factory=dict)
    deprecations: Mapping[str, Deprecation] = field(default_factory=dict)
    file: Path | None = None
    rewards: Mapping[str, Reward] = field(default_factory=dict)

    def get(self, name: str) -> Definition:
        """Look up a signal by ``name@version``, ``name@alias`` or bare name.

        A bare name refers to the newest version that is not a draft, else to the newest draft.

        Raises:
            NotFoundError: when there is none; suggests the nearest name or, for a reward, how to use it.
        """
        if (ref := self._ref(name, self.by_ref, self._signal_names)) is not None:
            return self.by_ref[ref]
        if (ref := self._ref(name, self.rewards, self._reward_names)) is not None:
            signals = ", ".join(part.signal for part in self.rewards[ref].parts)
            raise NotFoundError(
                f"'{ref}' is a reward: its values are computed from its signals on read.",
                where=name,
                got=f"reward of {signals}",
                fix=f"look its signals up, or train on it with --set 'training.labels=[click, {name}]'",
            )
        raise self._signal_names.unknown("signal", name)

    def reward(self, name: str) -> Reward:
        """Look up a reward, like ``get``.

        Raises:
            NotFoundError: when there is none; suggests the nearest name.
        """
        if (ref := self._ref(name, self.rewards, self._reward_names)) is not None:
            return self.rewards[ref]
        raise self._reward_names.unknown("reward", name)

    def find(self, name: str) -> Definition | Reward:
        """Look up a signal or a reward, like ``get``.

        Raises:
            NotFoundError: when there is none; suggests the nearest name.
        """
        if (ref := self._ref(name, self.by_ref, self._signal_names)) is not None:
            return self.by_ref[ref]
        if (ref := self._ref(name, self.rewards, self._reward_names)) is not None:
            return self.rewards[ref]
        raise NameIndex((*self.by_ref, *self.rewards), self.aliases).unknown("signal or reward", name)

    def label(self, name: str) -> Label:
        """Look up a label: either a signal, or a reward together with its signals.

        Raises:
            NotFoundError: when there is none; suggests the nearest name.
            ConfigError: when a reward does not fit its signals.
        """
        definition = self.find(name)
        if isinstance(definition, Definition):
            return definition
        if key_problem := find_part_problem(definition, self.by_ref.get):
            key, problem = key_problem
            raise ConfigError(f"Wrong value for '{key}': {problem}.", where=f"reward {definition.ref}, key {key}")
        return Composite(definition, tuple(self.by_ref[part.signal] for part in definition.parts))

    @cached_property
    def _signal_names(self) -> NameIndex:
        return NameIndex(self.by_ref, (alias for alias, ref in self.aliases.items() if ref in self.by_ref))

    @cached_property
    def _reward_names(self) -> NameIndex:
        return NameIndex(self.rewards, (alias for alias, ref in self.aliases.items() if ref in self.rewards))

    def _ref(self, name: str, group: Mapping[str, Definition] | Mapping[str, Reward], names: NameIndex) -> str | None:
        pinned = self.aliases.get(name, name)
        if pinned in group:
            return pinned
        versions = names.versions.get(name)
        return self._newest(versions, group).ref if versions else None

    def newest(self) -> list[Definition]:
        """The version that each signal's bare name refers to, sorted by name."""
        return self._newest_of(self.by_ref, self._signal_names)

    def newest_rewards(self) -> list[Reward]:
        """The version that each reward's bare name refers to, sorted by name."""
        return self._newest_of(self.rewards, self._reward_names)

    def _newest_of(self, group: Mapping[str, DefinitionT], names: NameIndex) -> list[DefinitionT]:
        return [group[self._newest(refs, group).ref] for _, refs in sorted(names.versions.items())]

    def current(self) -> list[Definition]:
        """Signals that can be reached without a version number: the newest of each name, and targets of aliases."""
        newest = {d.ref: d for d in self.newest()}
        return [*newest.values(), *(self.by_ref[ref] for ref in sorted(self._alias_targets() - set(newest)))]

    def _alias_targets(self) -> set[str]:
        """Pinned names of signals that aliases point to."""
        return {ref for ref in self.aliases.values() if ref in self.by_ref}

    def warning(self, definition: Definition | Reward) -> str:
        """The deprecation warning for users of a definition; empty if there is none."""
        deprecation = self.deprecations.get(definition.ref)
        return deprecation.warning if deprecation else ""

    def _newest(
        self, refs: Iterable[str], group: Mapping[str, Definition] | Mapping[str, Reward]
    ) -> Definition | Reward:
        refs_newest_first = sorted(refs, key=lambda ref: int(ref.partition("@")[2]), reverse=True)
        newest_first: Iterator[Definition | Reward] = (group[ref] for ref in refs_newest_first)
        return next((d for d in newest_first if d.status != "draft"), group[refs_newest_first[0]])


class StoredDefinitions(Mapping[str, DefinitionT]):
    """The signals, or the rewards, of a layered registry, by pinned name. Each is parsed and checked on first access.

    The set of versions is fixed on construction: versions applied later stay invisible, so that all steps of a run
    agree.
    """

    def __init__(self, layers: LayeredRegistry, kind: type[DefinitionT]) -> None:
        self._layers = layers
        self._kind: type[DefinitionT] = kind
        self._loaded: dict[str, DefinitionT] = {}
        self._refs = dict.fromkeys(layers.refs(rewards=kind is Reward))

    def __getitem__(self, ref: str) -> DefinitionT:
        if ref not in self._refs:
            raise KeyError(ref)
        if ref not in self._loaded:
            name, _, version = ref.partition("@")
            stored = self._layers.version(name, int(version))
            assert stored is not None, "a version is never deleted"
            definition = stored.definition(self._layers.place)
            assert isinstance(definition, self._kind), "the listing and the stored body agree on the kind"
            self._loaded[ref] = definition
        return self._loaded[ref]

    def __iter__(self) -> Iterator[str]:
        return iter(self._refs)

    def __len__(self) -> int:
        return len(self._refs)


def load(folders: Iterable[Path]) -> Registry:
    """Load every definition in the given folders.

    Raises:
        ConfigError: on a malformed file, two files that define one version, or a changed published version.
    """
    definitions_by_ref = {ref: proposal.definition for ref, proposal in read_proposals(folders).items()}
    signals = {ref: d for ref, d in definitions_by_ref.items() if isinstance(d, Definition)}
    return Registry(signals, rewards={ref: d for ref, d in definitions_by_ref.items() if isinstance(d, Reward)})


def open_layers(file: Path | None = None, extra: Iterable[Path] = ()) -> LayeredRegistry:
    """Open the layers, highest precedence first: the user's folders, the registry file, the shipped definitions.

    Raises:
        ConfigError: when two layers give one version different meanings.
        NotFoundError: when there is no layer at all.
    """
    own, shipped = list(extra), shipped_folder()
    if not own and file is None:
        shipped = shipped_definitions()
    ledgers = [load_into_memory(read_proposals(own).values(), "--definitions")] if own else []
    ledgers += [Ledger.open(file)] if file else []
    ledgers += [load_shipped_ledger()] if shipped else []
    layers = LayeredRegistry(tuple(ledgers))
    check_agreement(layers)
    if own and shipped:
        check_names(layers.ledgers[0], layers.ledgers[-1])
    return layers


def load_shipped_ledger() -> Ledger:
    """Load the shipped definitions into an in-memory ledger; empty if none are installed."""
    shipped = shipped_folder()
    return load_into_memory(
        read_proposals([shipped, *shipped_rewards()] if shipped else []).values(),
        "the definitions that ship with Longplay",
    )


def default_registry(extra: Iterable[Path] = (), file: Path | None = None) -> Registry:
    """Build the registry of the shipped definitions, a registry file and ``extra`` folders."""
    return build_registry(open_layers(file, extra), file)


def build_registry(layers: LayeredRegistry, file: Path | None) -> Registry:
    """Build a registry over layers; ``file`` is where uses are recorded."""
    stored, rewards = StoredDefinitions(layers, Definition), StoredDefinitions(layers, Reward)
    return Registry(stored, layers.aliases(), layers.deprecations(), file, rewards)
