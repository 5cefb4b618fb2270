"""Typed records of the registry: proposals, versions, heads, deprecations, consumers."""

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from longplay.errors import StoreError

if TYPE_CHECKING:
    from longplay.definitions.reward import Reward
    from longplay.definitions.signal import Definition


def parse_definition(data: dict[str, Any], where: str) -> "Definition | Reward":
    """Parse a signal or, if it has ``kind: reward``, a reward.

    Raises:
        ConfigError: when it is invalid; names file, line and key of the first fault.
    """
    from longplay.config.strict_model import validate_model

    if data.get("kind") == "reward":
        from longplay.definitions.reward import Reward

        return validate_model(Reward, data, where)
    from longplay.definitions.signal import Definition

    return validate_model(Definition, data, where)


@dataclass(frozen=True)
class Proposal:
    """A definition read from a file, to be applied to a registry.

    Attributes:
        definition: the parsed signal or reward.
        text: the YAML as written.
        where: the file.
    """

    definition: "Definition | Reward"
    text: str
    where: str

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read one definition file.

        Raises:
            ConfigError: when it is missing or malformed.
        """
        from longplay.config.strict_model import read_yaml

        definition = parse_definition(read_yaml(path), str(path))
        return cls(definition, path.read_text(encoding="utf-8"), str(path))


@dataclass(frozen=True)
class RegistryVersion:
    """One version of a signal or reward, with its newest text.

    Attributes:
        name: name of the signal or reward.
        version: the version number.
        status: ``draft`` or ``published``; a published version no longer changes.
        hash: hash of the fields that affect data.
        text_hash: hash of the YAML text.
        owner: the team responsible for it.
        body: the definition as normalised JSON.
        text: the YAML as applied.
        applied_by: who first applied the version.
        applied_at: when that was (UTC, ISO); empty for shipped definitions.
    """

    name: str
    version: int
    status: str
    hash: str
    text_hash: str
    owner: str
    body: str
    text: str
    applied_by: str
    applied_at: str

    @classmethod
    def from_proposal(cls, proposal: Proposal, by: str, at: str) -> Self:
        """Build the version that applying a proposal stores."""
        d = proposal.definition
        body = json.dumps(d.model_dump(mode="json", by_alias=True), sort_keys=True)
        status = "draft" if d.status == "draft" else "published"
        digest = hashlib.sha256(proposal.text.encode()).hexdigest()[:16]
        return cls(d.name, d.version, status, d.hash, digest, d.owner, body, proposal.text, by, at)

    @property
    def ref(self) -> str:
        """The pinned name."""
        return f"{self.name}@{self.version}"

    @property
    def applied(self) -> str:
        """Who applied it and when, as text."""
        return f"applied by {self.applied_by} at {self.applied_at}" if self.applied_at else self.applied_by

    def definition(self, place: str) -> "Definition | Reward":
        """Parse the stored definition.

        Raises:
            StoreError: when this version of Longplay computes a different hash from the one stored.
        """
        definition = parse_definition(json.loads(self.body), f"{place}, {self.ref}")
        if definition.hash != self.hash:
            raise StoreError(
                f"'{self.ref}' means something different in this version of Longplay.",
                where=place,
                got=f"hash {definition.hash}, but it was applied with hash {self.hash}",
                fix="use the version of Longplay that applied it, or apply it as a new version",
            )
        return definition


@dataclass(frozen=True)
class Head:
    """An entry of a listing: the newest published version of a signal or reward, else its newest draft."""

    name: str
    version: int
    owner: str
    status: str
    anchor: str
    title: str
    window: str
    lateness: str
    tags: tuple[str, ...]

    @classmethod
    def from_definition(cls, definition: "Definition | Reward") -> Self:
        """Build the head of a definition. A reward has no window; the column shows how many signals it combines."""
        from longplay.config.duration import format_duration
        from longplay.definitions.signal import Definition

        d = definition
        if isinstance(d, Definition):
            window, lateness = d.window.text(), format_duration(d.lateness)
        else:
            window, lateness = f"reward of {len(d.parts)} signals", ""
        return cls(d.name, d.version, d.owner, d.status, d.anchor, d.title, window, lateness, d.tags)

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Self:
        """Build a head from a row of ``heads``."""
        fields = {key: row[key] for key in row.keys() if key not in ("id", "tags")}  # noqa: SIM118 - a Row iterates values
        return cls(**fields, tags=tuple(json.loads(row["tags"])))

    @property
    def ref(self) -> str:
        """The pinned name."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Deprecation:
    """When a version becomes deprecated, and what to use instead."""

    ref: str
    on_date: str
    replaced_by: str
    reason: str = ""

    def is_in_force(self) -> bool:
        """Whether its day has come (UTC)."""
        return self.on_date <= f"{datetime.now(UTC):%Y-%m-%d}"

    @property
    def warning(self) -> str:
        """The warning for users of the version."""
        status = (
            f"has been deprecated since {self.on_date}"
            if self.is_in_force()
            else f"will be deprecated on {self.on_date}"
        )
        instead = f": use {self.replaced_by}" if self.replaced_by else ""
        why = f" ({self.reason})" if self.reason else ""
        return f"{self.ref} {status if self.on_date else 'is deprecated'}{instead}{why}"


@dataclass(frozen=True)
class Consumer:
    """A use of one version: by whom, under which reference (``asked``), and when first and last (UTC, ISO)."""

    kind: str
    consumer: str
    asked: str
    name: str
    version: int
    first_at: str
    last_at: str

    @property
    def ref(self) -> str:
        """The pinned version that it received."""
        return f"{self.name}@{self.version}"

    @property
    def pinned(self) -> bool:
        """Whether it asked for a version number, so that new versions and aliases do not affect it."""
        return self.asked.rpartition("@")[2].isdigit()

    def as_json(self) -> Mapping[str, Any]:
        """The use as JSON data."""
        return {**vars(self), "signal": self.ref}
