"""The registry of signal definitions, without Spark: what ships, what was applied to a registry file, own folders.

A published definition whose meaning changed under the same version is refused, wherever its two forms come from.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from longplay.definition import Definition
from longplay.errors import NotFoundError, nearest
from longplay.folders import proposals, shipped_definitions, shipped_folder
from longplay.known import Known
from longplay.ledger import Ledger
from longplay.loose import agree, loose
from longplay.records import Deprecation

__all__ = [
    "Registry",
    "Stored",
    "default_registry",
    "load",
    "read_known",
    "registry_of",
    "shipped_definitions",
    "shipped_ledger",
]


@dataclass(frozen=True)
class Registry:
    """Definitions by pinned name (``return_to_item_14d@1``).

    Attributes:
        by_ref: every version; those of a registry file are read when they are asked for.
        aliases: where each alias points, ``name@alias`` to ``name@version``.
        deprecations: by ref, those in force and those announced.
        file: the registry file that it was read from, where there is one.
    """

    by_ref: Mapping[str, Definition]
    aliases: Mapping[str, str] = field(default_factory=dict)
    deprecations: Mapping[str, Deprecation] = field(default_factory=dict)
    file: Path | None = None

    def get(self, name: str) -> Definition:
        """Look one definition up, by ``name@version``, ``name@alias``, or by name alone.

        A name alone is its newest version that is no draft; the newest draft where there is no other.

        Raises:
            NotFoundError: with the nearest known name.
        """
        pinned = self.aliases.get(name, name)
        if pinned in self.by_ref:
            return self.by_ref[pinned]
        if versions := [ref for ref in self.by_ref if ref.partition("@")[0] == name]:
            return self._newest(versions)
        known = {ref.partition("@")[0] for ref in self.by_ref}
        if name.partition("@")[0] in known:
            known = {ref for ref in (*self.by_ref, *self.aliases) if ref.partition("@")[0] == name.partition("@")[0]}
        raise NotFoundError(f"There is no signal '{name}'.", fix=nearest(name, known))

    def newest(self) -> list[Definition]:
        """What the bare name of every signal stands for, by name."""
        versions: dict[str, list[str]] = {}
        for ref in self.by_ref:
            versions.setdefault(ref.partition("@")[0], []).append(ref)
        return [self._newest(versions[name]) for name in sorted(versions)]

    def current(self) -> list[Definition]:
        """What may be asked for without a version: the newest of every signal, and what aliases point to."""
        found = {d.ref: d for d in self.newest()}
        return [*found.values(), *(self.by_ref[ref] for ref in sorted(set(self.aliases.values()) - set(found)))]

    def warning(self, definition: Definition) -> str:
        """What who uses a definition should be told; empty where there is nothing."""
        found = self.deprecations.get(definition.ref)
        return found.warning if found else ""

    def _newest(self, refs: Iterable[str]) -> Definition:
        downward = sorted(refs, key=lambda ref: int(ref.partition("@")[2]), reverse=True)
        found = (self.by_ref[ref] for ref in downward)
        return next((d for d in found if d.status != "draft"), self.by_ref[downward[0]])


class Stored(Mapping[str, Definition]):
    """Definitions of some ledgers by ref, each read and checked when it is first asked for.

    Which versions there are is settled at the start: one that is applied later is not seen, so that the steps of a run
    agree.
    """

    def __init__(self, known: Known) -> None:
        self._known, self._refs, self._read = known, dict.fromkeys(known.refs()), dict[str, Definition]()

    def __getitem__(self, ref: str) -> Definition:
        if ref not in self._refs:
            raise KeyError(ref)
        if ref not in self._read:
            name, _, version = ref.partition("@")
            found = self._known.version(name, int(version))
            assert found is not None, "a version is never deleted"
            self._read[ref] = found.definition(self._known.place)
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
    return Registry({ref: one.definition for ref, one in proposals(folders).items()})


def read_known(file: Path | None = None, extra: Iterable[Path] = ()) -> Known:
    """What is known: folders of one's own, a registry file, and what ships; each goes before the next.

    Raises:
        ConfigError: when one version means different things in two of them.
        NotFoundError: when there is none of them.
    """
    own, shipped = list(extra), shipped_folder()
    if not own and file is None:
        shipped = shipped_definitions()
    ledgers = [loose(proposals(own).values(), "--definitions")] if own else []
    ledgers += [Ledger.open(file)] if file else []
    ledgers += [shipped_ledger()] if shipped else []
    known = Known(tuple(ledgers))
    agree(known)
    return known


def shipped_ledger() -> Ledger:
    """What ships with the application, as a ledger in memory; empty where it is not installed."""
    shipped = shipped_folder()
    return loose(proposals([shipped] if shipped else []).values(), "the definitions that ship with Longplay")


def default_registry(extra: Iterable[Path] = (), file: Path | None = None) -> Registry:
    """The shipped definitions, those applied to a registry file, and those of ``extra`` folders."""
    return registry_of(read_known(file, extra), file)


def registry_of(known: Known, file: Path | None) -> Registry:
    """A registry over what is known."""
    return Registry(Stored(known), known.aliases(), known.deprecations(), file)
