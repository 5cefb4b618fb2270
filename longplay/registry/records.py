"""What the registry holds, as typed rows: proposals, versions, heads, deprecations, consumers."""

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
    """A definition or, where it says ``kind: reward``, a reward.

    Raises:
        ConfigError: naming file, line and key of the first fault.
    """
    from longplay.config.strict_model import validate_model

    if data.get("kind") == "reward":
        from longplay.definitions.reward import Reward

        return validate_model(Reward, data, where)
    from longplay.definitions.signal import Definition

    return validate_model(Definition, data, where)


@dataclass(frozen=True)
class Proposal:
    """A definition as a file holds it.

    Attributes:
        definition: what it says.
        text: its YAML, as written.
        where: the file.
    """

    definition: "Definition | Reward"
    text: str
    where: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read one definition file.

        Raises:
            ConfigError: when it is missing or malformed.
        """
        from longplay.config.strict_model import read_yaml

        definition = parse_definition(read_yaml(path), str(path))
        return cls(definition, path.read_text(encoding="utf-8"), str(path))


@dataclass(frozen=True)
class RegistryVersion:
    """One version of one signal, with the newest of its texts.

    Attributes:
        name: the signal.
        version: its number.
        status: ``draft`` while it may change, ``published`` once it may not.
        hash: hash of what affects data.
        text_hash: hash of the YAML text.
        owner: who answers for it.
        body: the definition as normalised JSON.
        text: the YAML as applied.
        applied_by: who applied the version first.
        applied_at: when (UTC, ISO); empty for what ships with Longplay.
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
        """A proposal as the registry keeps it."""
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
        """Who applied it and when, in words."""
        return f"applied by {self.applied_by} at {self.applied_at}" if self.applied_at else self.applied_by

    def definition(self, place: str) -> "Definition | Reward":
        """The typed definition, of a signal or a reward.

        Raises:
            StoreError: when this Longplay gives it another meaning than the one that was applied.
        """
        made = parse_definition(json.loads(self.body), f"{place}, {self.ref}")
        if made.hash != self.hash:
            raise StoreError(
                f"'{self.ref}' has another meaning here than where it was applied.",
                where=place,
                got=f"hash {made.hash}, applied as {self.hash}",
                fix="use the Longplay that it was applied with, or apply it as a new version",
            )
        return made


@dataclass(frozen=True)
class Head:
    """A signal in a list: its newest published version, or its newest draft where none is published."""

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
        """The head that a definition makes; a reward has no window of its own, and says of how many signals it is."""
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
        """A head as the ledger keeps it."""
        fields = {key: row[key] for key in row.keys() if key not in ("id", "tags")}  # noqa: SIM118 - a Row iterates values
        return cls(**fields, tags=tuple(json.loads(row["tags"])))

    @property
    def ref(self) -> str:
        """The pinned name."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Deprecation:
    """From when on a version should no longer be used, and what to use instead."""

    ref: str
    on_date: str
    replaced_by: str
    reason: str = ""

    def over(self) -> bool:
        """Whether the day has come (UTC)."""
        return self.on_date <= f"{datetime.now(UTC):%Y-%m-%d}"

    @property
    def warning(self) -> str:
        """What a user of the version is told."""
        since = f"is deprecated since {self.on_date}" if self.over() else f"will be deprecated on {self.on_date}"
        use = f": use {self.replaced_by}" if self.replaced_by else ""
        why = f" ({self.reason})" if self.reason else ""
        return f"{self.ref} {since if self.on_date else 'is deprecated'}{use}{why}"


@dataclass(frozen=True)
class Consumer:
    """Who used which version, as what, and when first and last (UTC, ISO)."""

    kind: str
    consumer: str
    asked: str
    name: str
    version: int
    first_at: str
    last_at: str

    @property
    def ref(self) -> str:
        """The version it got."""
        return f"{self.name}@{self.version}"

    @property
    def pinned(self) -> bool:
        """Whether it named a version, and so does not move with the newest one or an alias."""
        return self.asked.rpartition("@")[2].isdigit()

    def as_json(self) -> Mapping[str, Any]:
        """Plain data."""
        return {**vars(self), "signal": self.ref}
