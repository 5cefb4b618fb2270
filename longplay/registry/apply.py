"""Writes what a plan says, one definition after the other, so that each is judged with those before it in place.

To plan is to do this in a ledger in memory that is thrown away. So a plan says what applying does.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from longplay.registry.database import Ledger, now
from longplay.registry.layered import Known
from longplay.registry.plan import Step, Terms, judge
from longplay.registry.records import Proposal, Version
from longplay.registry.statements import (
    note,
    put_deprecation,
    put_draft,
    put_head,
    put_owner,
    put_text,
    put_use,
    put_version,
)

if TYPE_CHECKING:
    from longplay.definitions.reward import Reward
    from longplay.definitions.signal import Definition


def carry_out(known: Known, proposals: Iterable[Proposal], terms: Terms) -> list[Step]:
    """Judge definitions by name and version, rewards last, and write each that may be to the first ledger."""
    steps = []
    for one in sorted(proposals, key=_order):
        step = judge(known, one, terms)
        if step.refusal is None and step.kind != "unchanged":
            write(known, step, terms)
        steps.append(step)
    return steps


def _order(one: Proposal) -> tuple[bool, str, int]:
    """Rewards come after signals, which they may be made of."""
    d = one.definition
    return hasattr(d, "parts"), d.name, d.version


def write(known: Known, step: Step, terms: Terms) -> None:
    """Write one step to the first ledger, with its line in the journal."""
    ledger, d, by = known.ledgers[0], step.proposal.definition, (terms.by, now())
    made = Version.of(step.proposal, *by)
    there = step.base if step.base is not None and step.base.ref == d.ref else None
    if there is not None:
        _change(ledger, there, made)
    else:
        put_version(ledger, made)
    if step.taken_from:
        put_owner(ledger, d.name, d.owner, terms.reason, by)
        moved = {"from": step.taken_from, "to": d.owner, "reason": terms.reason}
        note(ledger, "take over", (d.name, d.version), by, **moved)
    told = [[one.key, one.old, one.new, one.effect] for one in step.differences]
    note(ledger, step.kind, (d.name, d.version), by, hash=made.hash, text_hash=made.text_hash, differences=told)
    if any(one.key == "status" and one.old == "deprecated" for one in step.differences) and there is not None:
        put_deprecation(ledger, (d.name, d.version), None, ("", ""), by)
        note(ledger, "withdraw deprecation", (d.name, d.version), by, reason="its file says so")
    for part in getattr(d, "parts", ()) if d.status != "draft" else ():
        put_use(ledger, ("reward", d.ref), part.signal, by[1])
    follow(known, d, by)


def _change(ledger: Ledger, base: Version, made: Version) -> None:
    """Change a version that is there: a draft itself, a published one only by a further text."""
    if not ledger.rows("SELECT 1 FROM versions WHERE name = ? AND version = ?", made.name, made.version):
        put_version(ledger, base)
    if base.status == "draft":
        put_draft(ledger, made)
    else:
        put_text(ledger, made)


def follow(known: Known, definition: "Definition | Reward", by: tuple[str, str]) -> None:
    """Write what follows from a definition: its owner, its line in lists, and the deprecation that its file states."""
    ledger, d, newest = known.ledgers[0], definition, known.newest(definition.name)
    if not known.owner(d.name):
        put_owner(ledger, d.name, d.owner, "first version", by)
    if newest is not None and newest.version == d.version:
        put_head(ledger, d)
    if d.status == "deprecated" and d.ref not in known.deprecations():
        on, use = getattr(d, "deprecated_on", None) or by[1][:10], getattr(d, "replaced_by", None) or ""
        put_deprecation(ledger, (d.name, d.version), str(on), (str(use), ""), by)
        note(ledger, "deprecate", (d.name, d.version), by, on=str(on), replaced_by=str(use) or None, reason="")
