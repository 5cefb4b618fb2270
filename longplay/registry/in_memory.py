"""Loads definitions from folders into in-memory ledgers, so that they are listed and searched like applied ones."""

from collections.abc import Collection

from longplay.errors import ConfigError
from longplay.registry.apply import write_consequences
from longplay.registry.database import Ledger
from longplay.registry.layered import LayeredRegistry
from longplay.registry.plan import shipped_name_error
from longplay.registry.records import Proposal, RegistryVersion
from longplay.registry.statements import put_version


def load_into_memory(proposals: Collection[Proposal], place: str) -> Ledger:
    """Load definitions into a new in-memory ledger, with the status and owner stated in their files."""
    ledger = Ledger.create_in_memory(place)
    with ledger.transaction():
        for proposal in sorted(proposals, key=lambda p: (p.definition.name, p.definition.version)):
            put_version(ledger, RegistryVersion.from_proposal(proposal, proposal.where, ""))
            write_consequences(LayeredRegistry((ledger,)), proposal.definition, (proposal.where, ""))
    return ledger


def check_agreement(layers: LayeredRegistry) -> None:
    """Check that a version has the same meaning in every ledger. Only a draft may be overridden by an earlier ledger.

    Raises:
        ConfigError: when two ledgers disagree; names both.
    """
    for number, ledger in enumerate(layers.ledgers):
        for later in layers.ledgers[number + 1 :]:
            _check_pair(ledger, later)


def check_names(own: Ledger, shipped: Ledger) -> None:
    """Check that folders define no further version of a name that ships with Longplay: its bare name would mean that.

    Raises:
        ConfigError: naming the version and its file.
    """
    shipped_refs = {(row["name"], row["version"]) for row in shipped.rows("SELECT name, version FROM versions")}
    names = {name for name, _ in shipped_refs}
    for row in own.rows("SELECT * FROM versions"):
        if row["name"] in names and (row["name"], row["version"]) not in shipped_refs:
            got = f"{row['name']}@{row['version']}, owner: {row['owner']}"
            raise shipped_name_error(row["name"], row["applied_by"], got)


def _check_pair(first: Ledger, second: Ledger) -> None:
    """Look up the versions of the smaller, in-memory ledger in the other one, and compare their hashes."""
    small, large = (first, second) if first.in_memory else (second, first)
    for row in small.rows("SELECT * FROM versions"):
        other_rows = large.rows("SELECT * FROM versions WHERE name = ? AND version = ?", row["name"], row["version"])
        overrides_draft = "draft" in {version["status"] for version in (other_rows if large is second else [row])}
        if other_rows and other_rows[0]["hash"] != row["hash"] and not overrides_draft:
            own, other = RegistryVersion(**dict(row)), RegistryVersion(**dict(other_rows[0]))
            raise ConfigError(
                f"'{own.ref}' has different meanings in two places.",
                where=f"{_describe_origin(own, small)}, and {_describe_origin(other, large)}",
                got=f"hash {own.hash}, and {other.hash}",
                fix=f"give one of them a new version, such as {own.version + 1}",
            )


def _describe_origin(version: RegistryVersion, ledger: Ledger) -> str:
    return version.applied if ledger.in_memory else f"{ledger.place} ({version.applied})"
