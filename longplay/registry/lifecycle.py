"""What is done to a registry file: definitions applied, aliases moved, versions deprecated. Each in one transaction."""

import re
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longplay.definitions.diff import Difference, differences, worst
from longplay.errors import ConfigError
from longplay.registry.apply import carry_out
from longplay.registry.database import Ledger, now
from longplay.registry.definition_files import proposals
from longplay.registry.layered import Known
from longplay.registry.plan import Step, Terms, refuse
from longplay.registry.records import Consumer, Deprecation, Proposal
from longplay.registry.registry import registry_of, shipped_ledger
from longplay.registry.statements import note, put_alias, put_deprecation

_ALIAS = re.compile(r"^[a-z][a-z0-9_]{1,30}$")


@dataclass(frozen=True)
class Retired:
    """A version that was deprecated (or no longer is): what its users are told, who they are, what points to it."""

    warning: str
    consumers: tuple[Consumer, ...]
    aliases: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        told = {"warning": self.warning or None, "aliases": list(self.aliases)}
        return {**told, "consumers": [one.as_json() for one in self.consumers]}


@dataclass(frozen=True)
class Move:
    """An alias that was moved: from where to where, what differs, and whose values change with it."""

    alias: str
    old: str
    new: str
    differences: tuple[Difference, ...]
    consumers: tuple[Consumer, ...]
    warning: str

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        told = [vars(one) for one in self.differences]
        moved = {"alias": self.alias, "from": self.old or None, "to": self.new, "warning": self.warning or None}
        effect = worst(self.differences) if self.differences else None
        return {**moved, "class": effect, "differences": told, "consumers": [c.as_json() for c in self.consumers]}


def plan(file: Path | None, paths: Iterable[Path], terms: Terms) -> list[Step]:
    """What applying some files would do. Nothing is written: it is done to a ledger in memory over the file."""
    found = proposals(paths).values()
    ledgers = [Ledger.memory("the plan"), *([Ledger.open(file)] if file else []), shipped_ledger()]
    with closing(Known(tuple(ledgers))) as known, ledgers[0].writing():
        return carry_out(known, found, terms)


def apply(file: Path, given: Iterable[Proposal], terms: Terms) -> list[Step]:
    """Apply definitions to a registry file: all of them, or none.

    The plan is made again under the file's lock, so of two who apply at one moment the second sees the first.

    Raises:
        ConfigError: when one is refused: another owner's name, a changed meaning, a version out of order.
        StoreError: when the file cannot be written.
    """
    with changing(file) as known:
        steps = carry_out(known, given, terms)
        refuse(steps)
    return steps


def move_alias(file: Path, alias: str, version: int, terms: Terms) -> Move:
    """Point ``name@alias`` to a version.

    Raises:
        ConfigError: when the alias is none, or the version is a draft.
        NotFoundError: when there is no such signal or version.
    """
    name, _, short = alias.partition("@")
    if not _ALIAS.match(short):
        fix = "write NAME@ALIAS: lower case letters, digits and _, beginning with a letter, such as click@champion"
        raise ConfigError("This is no alias.", got=alias, fix=fix)
    with changing(file) as known:
        registry = registry_of(known, file)
        definition = registry.find(f"{name}@{version}")
        if definition.status == "draft":
            fix = "publish it first: status: published, then 'longplay signals apply'"
            raise ConfigError(f"'{definition.ref}' is a draft: an alias points to what is published.", fix=fix)
        old = registry.aliases.get(alias, "")
        told = differences(registry.find(old), definition) if old else ()
        following = tuple(one for one in known.consumers(name) if one.asked == alias)
        if old != definition.ref:
            by = (terms.by, now())
            put_alias(known.ledgers[0], (name, short, version), terms.reason, by)
            moved = {"alias": alias, "from": old or None, "to": definition.ref, "reason": terms.reason}
            note(known.ledgers[0], "alias", (name, version), by, **moved)
    return Move(alias, old, definition.ref, told, following, registry.warning(definition))


def deprecate(file: Path, name: str, on: str | None, replaced_by: str, terms: Terms) -> Retired:
    """Deprecate a version from a day on (``on``, ISO), or take a deprecation back (None). Nothing is deleted.

    Raises:
        ConfigError: when it would be replaced by itself or by a draft, or there is nothing to take back.
        NotFoundError: when there is no such signal.
    """
    with changing(file) as known:
        registry = registry_of(known, file)
        version = registry.find(name)
        use = registry.find(replaced_by) if replaced_by else None
        if use is not None and (use.ref == version.ref or use.status == "draft"):
            fix = "name another version, one that is published"
            raise ConfigError(f"'{version.ref}' cannot be replaced by {use.ref}.", got=use.status, fix=fix)
        if on is None and version.ref not in registry.deprecations:
            raise ConfigError(f"'{version.ref}' is not deprecated.", fix="'longplay signals show' says what is")
        instead, by, ref = (use.ref if use else ""), (terms.by, now()), (version.name, version.version)
        put_deprecation(known.ledgers[0], ref, on, (instead, terms.reason), by)
        told = {"on": on, "replaced_by": instead or None, "reason": terms.reason}
        note(known.ledgers[0], "deprecate" if on else "withdraw deprecation", ref, by, **told)
        users = tuple(one for one in known.consumers(version.name) if one.version == version.version)
    warning = Deprecation(version.ref, on, instead, terms.reason).warning if on else ""
    return Retired(warning, users, tuple(alias for alias, ref in registry.aliases.items() if ref == version.ref))


@contextmanager
def changing(file: Path) -> Iterator[Known]:
    """What is known, with the registry file first, open as its only writer."""
    with Ledger.changing(file) as ledger:
        yield Known((ledger, shipped_ledger()))
