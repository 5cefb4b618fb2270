"""What is done to a registry file: definitions applied, aliases moved, versions deprecated. Each in one transaction."""

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
from longplay.registry.plan import ChangeTerms, PlanStep, raise_refusals
from longplay.registry.records import Consumer, Deprecation, Proposal
from longplay.registry.registry import build_registry, load_shipped_ledger
from longplay.registry.statements import put_alias, put_deprecation, write_journal

_ALIAS = re.compile(r"^[a-z][a-z0-9_]{1,30}$")


@dataclass(frozen=True)
class DeprecationChange:
    """A version that was deprecated (or no longer is): what its users are told, who they are, what points to it."""

    warning: str
    consumers: tuple[Consumer, ...]
    aliases: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        details = {"warning": self.warning or None, "aliases": list(self.aliases)}
        return {**details, "consumers": [consumer.as_json() for consumer in self.consumers]}


@dataclass(frozen=True)
class AliasMove:
    """An alias that was moved: from where to where, what differs, and whose values change with it."""

    alias: str
    old: str
    new: str
    differences: tuple[Difference, ...]
    consumers: tuple[Consumer, ...]
    warning: str

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
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
    """What applying some files would do. Nothing is written: it is done to a ledger in memory over the file."""
    new_proposals = read_proposals(paths).values()
    ledgers = [Ledger.memory("the plan"), *([Ledger.open(file)] if file else []), load_shipped_ledger()]
    with closing(LayeredRegistry(tuple(ledgers))) as layers, ledgers[0].writing():
        return apply_proposals(layers, new_proposals, terms)


def apply(file: Path, given: Iterable[Proposal], terms: ChangeTerms) -> list[PlanStep]:
    """Apply definitions to a registry file: all of them, or none.

    The plan is made again under the file's lock, so of two who apply at one moment the second sees the first.

    Raises:
        ConfigError: when one is refused: another owner's name, a changed meaning, a version out of order.
        StoreError: when the file cannot be written.
    """
    with open_for_change(file) as layers:
        steps = apply_proposals(layers, given, terms)
        raise_refusals(steps)
    return steps


def move_alias(file: Path, alias: str, version: int, terms: ChangeTerms) -> AliasMove:
    """Point ``name@alias`` to a version.

    Raises:
        ConfigError: when the alias is none, or the version is a draft.
        NotFoundError: when there is no such signal or version.
    """
    name, _, short = alias.partition("@")
    if not _ALIAS.match(short):
        fix = "write NAME@ALIAS: lower case letters, digits and _, beginning with a letter, such as click@champion"
        raise ConfigError("This is no alias.", got=alias, fix=fix)
    with open_for_change(file) as layers:
        registry = build_registry(layers, file)
        definition = registry.find(f"{name}@{version}")
        if definition.status == "draft":
            fix = "publish it first: status: published, then 'longplay signals apply'"
            raise ConfigError(f"'{definition.ref}' is a draft: an alias points to what is published.", fix=fix)
        old = registry.aliases.get(alias, "")
        changes = find_differences(registry.find(old), definition) if old else ()
        following = tuple(consumer for consumer in layers.consumers(name) if consumer.asked == alias)
        if old != definition.ref:
            by = (terms.by, now())
            put_alias(layers.ledgers[0], (name, short, version), terms.reason, by)
            moved = {"alias": alias, "from": old or None, "to": definition.ref, "reason": terms.reason}
            write_journal(layers.ledgers[0], "alias", (name, version), by, **moved)
    return AliasMove(alias, old, definition.ref, changes, following, registry.warning(definition))


def deprecate(file: Path, name: str, on: str | None, replaced_by: str, terms: ChangeTerms) -> DeprecationChange:
    """Deprecate a version from a day on (``on``, ISO), or take a deprecation back (None). Nothing is deleted.

    Raises:
        ConfigError: when it would be replaced by itself or by a draft, or there is nothing to take back.
        NotFoundError: when there is no such signal.
    """
    with open_for_change(file) as layers:
        registry = build_registry(layers, file)
        version = registry.find(name)
        use = registry.find(replaced_by) if replaced_by else None
        if use is not None and (use.ref == version.ref or use.status == "draft"):
            fix = "name another version, one that is published"
            raise ConfigError(f"'{version.ref}' cannot be replaced by {use.ref}.", got=use.status, fix=fix)
        if on is None and version.ref not in registry.deprecations:
            raise ConfigError(f"'{version.ref}' is not deprecated.", fix="'longplay signals show' says what is")
        instead, by, ref = (use.ref if use else ""), (terms.by, now()), (version.name, version.version)
        put_deprecation(layers.ledgers[0], ref, on, (instead, terms.reason), by)
        details = {"on": on, "replaced_by": instead or None, "reason": terms.reason}
        write_journal(layers.ledgers[0], "deprecate" if on else "withdraw deprecation", ref, by, **details)
        users = tuple(consumer for consumer in layers.consumers(version.name) if consumer.version == version.version)
    warning = Deprecation(version.ref, on, instead, terms.reason).warning if on else ""
    return DeprecationChange(
        warning, users, tuple(alias for alias, ref in registry.aliases.items() if ref == version.ref)
    )


@contextmanager
def open_for_change(file: Path) -> Iterator[LayeredRegistry]:
    """What is known, with the registry file first, open as its only writer."""
    with Ledger.changing(file) as ledger:
        yield LayeredRegistry((ledger, load_shipped_ledger()))
