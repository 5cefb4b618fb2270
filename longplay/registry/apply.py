"""Applies definitions to a registry, one at a time, so that each is checked against those applied before it.

Planning runs the same code on an in-memory ledger that is then discarded: a plan shows what applying would do.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from longplay.registry.database import Ledger, now
from longplay.registry.layered import LayeredRegistry
from longplay.registry.plan import ChangeTerms, PlanStep, plan_proposal
from longplay.registry.records import Proposal, RegistryVersion
from longplay.registry.statements import (
    put_deprecation,
    put_draft,
    put_head,
    put_owner,
    put_text,
    put_use,
    put_version,
    write_journal,
)

if TYPE_CHECKING:
    from longplay.definitions.reward import Reward
    from longplay.definitions.signal import Definition


def apply_proposals(layers: LayeredRegistry, proposals: Iterable[Proposal], terms: ChangeTerms) -> list[PlanStep]:
    """Plan each definition and write it to the first ledger unless it is refused. Rewards come last."""
    steps = []
    for proposal in sorted(proposals, key=_apply_order):
        step = plan_proposal(layers, proposal, terms)
        if step.refusal is None and step.kind != "unchanged":
            write_step(layers, step, terms)
        steps.append(step)
    return steps


def _apply_order(proposal: Proposal) -> tuple[bool, str, int]:
    """Sort key: rewards follow all signals because they combine them."""
    d = proposal.definition
    return hasattr(d, "parts"), d.name, d.version


def write_step(layers: LayeredRegistry, step: PlanStep, terms: ChangeTerms) -> None:
    """Write one step and its journal entry to the first ledger."""
    ledger, d, by = layers.ledgers[0], step.proposal.definition, (terms.by, now())
    new_version = RegistryVersion.from_proposal(step.proposal, *by)
    base_version = step.base if step.base is not None and step.base.ref == d.ref else None
    if base_version is not None:
        _update_version(ledger, base_version, new_version)
    else:
        put_version(ledger, new_version)
    if step.taken_from:
        _write_takeover(ledger, step, terms.reason, by)
    changes = [[change.key, change.old, change.new, change.effect] for change in step.differences]
    write_journal(
        ledger,
        step.kind,
        (d.name, d.version),
        by,
        hash=new_version.hash,
        text_hash=new_version.text_hash,
        differences=changes,
    )
    was_deprecated = any(change.key == "status" and change.old == "deprecated" for change in step.differences)
    if was_deprecated and base_version is not None:
        put_deprecation(ledger, (d.name, d.version), None, ("", ""), by)
        write_journal(ledger, "withdraw deprecation", (d.name, d.version), by, reason="its file says so")
    for part in getattr(d, "parts", ()) if d.status != "draft" else ():
        put_use(ledger, ("reward", d.ref), part.signal, by[1])
    write_consequences(layers, d, by)


def _write_takeover(ledger: Ledger, step: PlanStep, reason: str, by: tuple[str, str]) -> None:
    """Record that the name of a definition changes owner."""
    d = step.proposal.definition
    put_owner(ledger, d.name, d.owner, reason, by)
    change = {"from": step.taken_from, "to": d.owner, "reason": reason}
    write_journal(ledger, "take over", (d.name, d.version), by, **change)


def _update_version(ledger: Ledger, base: RegistryVersion, new_version: RegistryVersion) -> None:
    """Update an existing version: overwrite a draft, but only add a new text to a published version."""
    if not ledger.rows("SELECT 1 FROM versions WHERE name = ? AND version = ?", new_version.name, new_version.version):
        put_version(ledger, base)
    if base.status == "draft":
        put_draft(ledger, new_version)
    else:
        put_text(ledger, new_version)


def write_consequences(layers: LayeredRegistry, definition: "Definition | Reward", by: tuple[str, str]) -> None:
    """Write what a definition implies: its owner, its entry in listings, and any deprecation declared in its file."""
    ledger, d, newest = layers.ledgers[0], definition, layers.newest(definition.name)
    if not layers.owner(d.name):
        put_owner(ledger, d.name, d.owner, "first version", by)
    if newest is not None and newest.version == d.version:
        put_head(ledger, d)
    if d.status == "deprecated" and d.ref not in layers.deprecations():
        on, replacement = getattr(d, "deprecated_on", None) or by[1][:10], getattr(d, "replaced_by", None) or ""
        put_deprecation(ledger, (d.name, d.version), str(on), (str(replacement), ""), by)
        write_journal(
            ledger, "deprecate", (d.name, d.version), by, on=str(on), replaced_by=str(replacement) or None, reason=""
        )
