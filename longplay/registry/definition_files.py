"""Folders of definitions: one file per version, and ``published.yaml`` with the hash of every published version."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from longplay.config.strict_model import read_yaml
from longplay.errors import ConfigError, NotFoundError
from longplay.registry.records import Proposal

PUBLISHED = "published.yaml"


def shipped_definitions() -> Path:
    """The folder of signal definitions that ship with Longplay.

    Raises:
        NotFoundError: when the installation has none.
    """
    folder = shipped_folder()
    if folder is None:
        raise NotFoundError("No signal definitions are installed.", fix="pass --definitions FOLDER")
    return folder


def shipped_folder() -> Path | None:
    """The folder of signal definitions that ship with Longplay; None if the installation has none."""
    return _shipped("signals", "signals/definitions")


def shipped_rewards() -> list[Path]:
    """The folder of rewards that ship with Longplay; an empty list if the installation has none."""
    folder = _shipped("rewards", "conf/rewards")
    return [folder] if folder else []


def _shipped(kind: str, in_repository: str) -> Path | None:
    """Find a shipped folder: package data of an installation, or the source folder of a checkout."""
    package = Path(str(files("longplay")))
    candidates = (package / "shipped" / kind, package.parent / in_repository)
    return next((folder for folder in candidates if folder.is_dir()), None)


def read_proposals(paths: Iterable[Path]) -> dict[str, Proposal]:
    """Read every definition in some files and folders, by pinned name.

    Raises:
        ConfigError: on a malformed file, two files that define one version, or a changed published version.
    """
    proposals_by_ref: dict[str, Proposal] = {}
    for path in paths:
        if not path.exists():
            what = "file" if path.suffix in (".yaml", ".yml") else "folder of definitions"
            raise ConfigError(f"No such {what}.", where=str(path), fix="check the path")
        published_hashes = _read_published_hashes(path if path.is_dir() else path.parent)
        for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
            if file.name != PUBLISHED:
                _add_proposal(proposals_by_ref, Proposal.from_file(file), published_hashes)
    return proposals_by_ref


def _read_published_hashes(folder: Path) -> Mapping[str, str]:
    path = folder / PUBLISHED
    return {str(k): str(v) for k, v in read_yaml(path).items()} if path.exists() else {}


def _add_proposal(
    proposals_by_ref: dict[str, Proposal], proposal: Proposal, published_hashes: Mapping[str, str]
) -> None:
    definition = proposal.definition
    if definition.ref in proposals_by_ref:
        raise ConfigError(
            f"'{definition.ref}' is defined twice.", where=proposal.where, fix="give one of them a new version"
        )
    expected = published_hashes.get(definition.ref)
    if expected is not None and expected != definition.hash:
        raise ConfigError(
            f"The published {getattr(definition, 'kind', 'signal')} '{definition.ref}' has changed in meaning.",
            where=proposal.where,
            got=f"hash {definition.hash}, published as {expected}",
            fix=f"undo the change, or publish it as version {definition.version + 1} in a new file",
        )
    proposals_by_ref[definition.ref] = proposal
