"""Definitions of folders as ledgers in memory, so that they are listed, searched and compared like applied ones."""

from collections.abc import Collection

from longplay.errors import ConfigError
from longplay.registry.apply import write_consequences
from longplay.registry.database import Ledger
from longplay.registry.layered import LayeredRegistry
from longplay.registry.records import Proposal, RegistryVersion
from longplay.registry.statements import put_version


def load_into_memory(proposals: Collection[Proposal], place: str) -> Ledger:
    """A ledger in memory of some definitions, as their files have them."""
    ledger = Ledger.memory(place)
    with ledger.writing():
        for proposal in sorted(proposals, key=lambda p: (p.definition.name, p.definition.version)):
            put_version(ledger, RegistryVersion.from_proposal(proposal, proposal.where, ""))
            write_consequences(LayeredRegistry((ledger,)), proposal.definition, (proposal.where, ""))
    return ledger


def check_agreement(layers: LayeredRegistry) -> None:
    """See that no version means different things in two places; one's own draft may go before another draft.

    Raises:
        ConfigError: naming both places.
    """
    for number, ledger in enumerate(layers.ledgers):
        for later in layers.ledgers[number + 1 :]:
            _agree(ledger, later)


def _agree(first: Ledger, second: Ledger) -> None:
    """Of two ledgers one is small: it is the one in memory, so its versions are looked up in the other."""
    small, large = (first, second) if first.in_memory else (second, first)
    for row in small.rows("SELECT * FROM versions"):
        other_rows = large.rows("SELECT * FROM versions WHERE name = ? AND version = ?", row["name"], row["version"])
        behind = "draft" in {version["status"] for version in (other_rows if large is second else [row])}
        if other_rows and other_rows[0]["hash"] != row["hash"] and not behind:
            own, other = RegistryVersion(**dict(row)), RegistryVersion(**dict(other_rows[0]))
            raise ConfigError(
                f"'{own.ref}' means different things in two places.",
                where=f"{_place(own, small)}, and {_place(other, large)}",
                got=f"hash {own.hash}, and {other.hash}",
                fix=f"give one of them a new version, such as {own.version + 1}",
            )


def _place(version: RegistryVersion, ledger: Ledger) -> str:
    return version.applied if ledger.in_memory else f"{ledger.place} ({version.applied})"
