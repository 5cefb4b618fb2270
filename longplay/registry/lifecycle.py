"""Changes to a registry file: applying definitions, moving aliases, deprecating versions. Each is one transaction."""

import re
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longplay.definitions.diff import Difference, find_differences, worst_effect
from longplay.errors import ConfigError
from longplay.registry.apply import apply_proposals
from longplay.registry.database import Ledger, now
from longplay.registry.definition_files import read_proposals
from longplay.registry.layered import LayeredRegistry
from longplay.registry.plan import ChangeTerms, PlanStep, check_owner, raise_refusals
from longplay.registry.records import Consumer, Deprecation, Proposal
from longplay.registry.registry import Registry, build_registry, load_shipped_ledger
from longplay.registry.statements import put_alias, put_deprecation, write_journal

_ALIAS = re.compile(r"^[a-z][a-z0-9_]{1,30}$")


@dataclass(frozen=True)
class DeprecationChange:
    """A deprecation that was declared or withdrawn: the warning, the consumers who get it, and the aliases affected."""

    warning: str
    consumers: tuple[Consumer, ...]
    aliases: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as JSON data."""
        details = {"warning": self.warning or None, "aliases": list(self.aliases)}
        return {**details, "consumers": [consumer.as_json() for consumer in self.consumers]}


@dataclass(frozen=True)
class AliasMove:
    """A moved alias: its old and new version, their differences, and the consumers who follow the alias."""

    alias: str
    old: str
    new: str
    differences: tuple[Difference, ...]
    consumers: tuple[Consumer, ...]
    warning: str

    def as_json(self) -> dict[str, Any]:
        """The result as JSON data."""
        differences = [vars(difference) for difference in self.differences]
        moved = {"alias": self.alias, "from": self.old or None, "to": self.new, "warning": self.warning or None}
        effect = worst_effect(self.differences) if self.differences else None
        return {
            **moved,
            "class": effect,
            "differences": differences,
            "consumers": [c.as_json() for c in self.consumers],
        }


def plan(file: Path | None, paths: Iterable[Path], terms: ChangeTerms) -> list[PlanStep]:
    """Plan what applying some files would do. Changes go to an in-memory ledger over the file and are discarded."""
    proposals = read_proposals(paths).values()
    ledgers = [Ledger.create_in_memory("the plan"), *([Ledger.open(file)] if file else []), load_shipped_ledger()]
    with closing(LayeredRegistry(tuple(ledgers))) as layers, ledgers[0].transaction():
        return apply_proposals(layers, proposals, terms)


def apply(file: Path, proposals: Iterable[Proposal], terms: ChangeTerms) -> list[PlanStep]:
    """Apply definitions to a registry file: all of them, or none.

    The plan is recomputed while the file is locked, so of two concurrent writers the second sees what the first wrote.

    Raises:
        ConfigError: when one is refused: the name has another owner, a published meaning changed, or a version is out
            of order.
        StoreError: when the file cannot be written.
    """
    with open_for_change(file) as layers:
        steps = apply_proposals(layers, proposals, terms)
        raise_refusals(steps)
    return steps


def move_alias(file: Path, alias: str, version: int, terms: ChangeTerms) -> AliasMove:
    """Point ``name@alias`` to a version.

    Raises:
        ConfigError: when the alias is malformed, the version is a draft, or the name belongs to somebody else.
        NotFoundError: when there is no such signal or version.
    """
    name, _, short = alias.partition("@")
    if not _ALIAS.match(short):
        fix = "write NAME@ALIAS in lower-case letters, digits and _, starting with a letter, such as click@champion"
        raise ConfigError("This is not a valid alias.", got=alias, fix=fix)
    with open_for_change(file) as layers:
        registry = build_registry(layers, file)
        definition = registry.find(f"{name}@{version}")
        check_owner(layers, name, terms)
        if definition.status == "draft":
            fix = "publish it first: set 'status: published' and run 'longplay signals apply'"
            raise ConfigError(f"'{definition.ref}' is a draft: an alias must point to a published version.", fix=fix)
        old = registry.aliases.get(alias, "")
        differences = find_differences(registry.find(old), definition) if old else ()
        followers = tuple(consumer for consumer in layers.consumers(name) if consumer.asked == alias)
        if old != definition.ref:
            by = (terms.by, now())
            put_alias(layers.ledgers[0], (name, short, version), terms.reason, by)
            moved = {"alias": alias, "from": old or None, "to": definition.ref, "reason": terms.reason}
            write_journal(layers.ledgers[0], "alias", (name, version), by, **moved)
    return AliasMove(alias, old, definition.ref, differences, followers, registry.warning(definition))


def deprecate(file: Path, name: str, on: str | None, replaced_by: str, terms: ChangeTerms) -> DeprecationChange:
    """Deprecate a version from the day ``on`` (ISO date), or withdraw its deprecation (None). Nothing is deleted.

    Raises:
        ConfigError: when the replacement is the version itself or a draft, there is no deprecation to withdraw, or the
            name belongs to somebody else.
        NotFoundError: when there is no such signal.
    """
    with open_for_change(file) as layers:
        registry = build_registry(layers, file)
        version = registry.find(name)
        if on is not None or layers.shipped_owner(version.name) is None:  # anybody may withdraw that of a shipped name
            check_owner(layers, version.name, terms)
        replacement_ref = _resolve_replacement(registry, version.ref, replaced_by)
        if on is None and version.ref not in registry.deprecations:
            raise ConfigError(
                f"'{version.ref}' is not deprecated.",
                fix="'longplay signals list --status deprecated' lists deprecated versions",
            )
        by, ref = (terms.by, now()), (version.name, version.version)
        put_deprecation(layers.ledgers[0], ref, on, (replacement_ref, terms.reason), by)
        details = {"on": on, "replaced_by": replacement_ref or None, "reason": terms.reason}
        write_journal(layers.ledgers[0], "deprecate" if on else "withdraw deprecation", ref, by, **details)
        users = tuple(consumer for consumer in layers.consumers(version.name) if consumer.version == version.version)
    warning = Deprecation(version.ref, on, replacement_ref, terms.reason).warning if on else ""
    return DeprecationChange(
        warning, users, tuple(alias for alias, ref in registry.aliases.items() if ref == version.ref)
    )


def _resolve_replacement(registry: Registry, ref: str, replaced_by: str) -> str:
    """The pinned name of the version that replaces ``ref``; empty if none was named."""
    if not replaced_by:
        return ""
    replacement = registry.find(replaced_by)
    if replacement.ref == ref or replacement.status == "draft":
        fix = "choose another, published version"
        raise ConfigError(f"'{ref}' cannot be replaced by {replacement.ref}.", got=replacement.status, fix=fix)
    return replacement.ref


@contextmanager
def open_for_change(file: Path) -> Iterator[LayeredRegistry]:
    """Open the registry file as its only writer, layered over the shipped definitions."""
    with Ledger.open_for_writing(file) as ledger:
        yield LayeredRegistry((ledger, load_shipped_ledger()))
