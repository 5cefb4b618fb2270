"""The registry of signal definitions: read from YAML files, without Spark.

A folder of definitions holds one file a version and ``published.yaml``, the hash of every published version.
A published definition whose meaning changed under the same version is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from longplay.closed import build, read_yaml
from longplay.definition import Definition
from longplay.errors import ConfigError, NotFoundError, nearest

PUBLISHED = "published.yaml"


@dataclass(frozen=True)
class Registry:
    """Definitions by pinned name (``return_to_item_14d@1``)."""

    by_ref: Mapping[str, Definition]

    def get(self, name: str) -> Definition:
        """Look one definition up, by ``name@version`` or by name alone (its newest version).

        Raises:
            NotFoundError: with the nearest known name.
        """
        if name in self.by_ref:
            return self.by_ref[name]
        versions = [d for d in self.by_ref.values() if d.name == name]
        if versions:
            return max(versions, key=lambda d: d.version)
        known = {d.name for d in self.by_ref.values()} if "@" not in name else set(self.by_ref)
        raise NotFoundError(f"There is no signal '{name}'.", fix=nearest(name, known))

    def newest(self) -> list[Definition]:
        """The newest version of every signal, by name."""
        return [self.get(name) for name in sorted({d.name for d in self.by_ref.values()})]


def shipped_definitions() -> Path:
    """The folder of definitions that ships with the application (found without importing it).

    Raises:
        NotFoundError: when the application is not installed.
    """
    folder = _shipped()
    if folder is None:
        raise NotFoundError("No signal definitions are installed.", fix="pass --definitions FOLDER")
    return folder


def _shipped() -> Path | None:
    spec = find_spec("signals")
    folders = [Path(place) / "definitions" for place in (spec.submodule_search_locations or [])] if spec else []
    return next((folder for folder in folders if folder.is_dir()), None)


def load(folders: Iterable[Path]) -> Registry:
    """Read every definition of some folders.

    Raises:
        ConfigError: on a malformed file, two files for one version, or a changed published version.
    """
    found: dict[str, Definition] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError("No such folder of definitions.", where=str(folder))
        published = _published(folder)
        for path in sorted(folder.glob("*.yaml")):
            if path.name != PUBLISHED:
                _add(found, path, published)
    return Registry(found)


def default_registry(extra: Iterable[Path] = ()) -> Registry:
    """The shipped definitions and those of ``extra`` folders."""
    own, shipped = list(extra), _shipped()
    return load([shipped_definitions()] if not own else [*filter(None, [shipped]), *own])


def _published(folder: Path) -> Mapping[str, str]:
    path = folder / PUBLISHED
    return {str(k): str(v) for k, v in read_yaml(path).items()} if path.exists() else {}


def _add(found: dict[str, Definition], path: Path, published: Mapping[str, str]) -> None:
    definition = build(Definition, read_yaml(path), str(path))
    if definition.ref in found:
        raise ConfigError(f"'{definition.ref}' is defined twice.", where=str(path), fix="give one a new version")
    expected = published.get(definition.ref)
    if expected is not None and expected != definition.hash:
        raise ConfigError(
            f"The published signal '{definition.ref}' has changed its meaning.",
            where=str(path),
            got=f"hash {definition.hash}, published as {expected}",
            fix=f"undo the change, or publish it as version {definition.version + 1} in a new file",
        )
    found[definition.ref] = definition
