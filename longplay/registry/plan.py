"""What a definition would be to the registry: new, a new version, another text, or refused and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from longplay.definitions.diff import Difference, Effect, find_differences, worst_effect
from longplay.errors import ConfigError
from longplay.registry.layered import LayeredRegistry
from longplay.registry.records import Consumer, Proposal, RegistryVersion

StepKind = Literal["new", "new version", "publish", "draft change", "text change", "unchanged", "refused"]


@dataclass(frozen=True)
class ChangeTerms:
    """On whose word something is done.

    Attributes:
        by: who does it.
        take_over: names that may change hands, each named on purpose.
        reason: why.
    """

    by: str
    take_over: frozenset[str] = frozenset()
    reason: str = ""


@dataclass(frozen=True)
class PlanStep:
    """What becomes of one definition.

    Attributes:
        proposal: the definition as proposed.
        kind: what it is to the registry.
        base: the version that it is compared with, where there is one.
        differences: from ``base``.
        consumers: who uses the signal.
        taken_from: the owner who loses the name.
        refusal: why it cannot be applied.
    """

    proposal: Proposal
    kind: StepKind
    base: RegistryVersion | None = None
    differences: tuple[Difference, ...] = ()
    consumers: tuple[Consumer, ...] = field(default=())
    taken_from: str = ""
    refusal: ConfigError | None = None

    @property
    def effect(self) -> Effect:
        """The gravest effect of its differences."""
        return worst_effect(self.differences)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "signal": self.proposal.definition.ref,
            "file": self.proposal.where,
            "kind": self.kind,
            "compared_with": self.base.ref if self.base else None,
            "class": self.effect if self.differences else None,
            "differences": [vars(difference) for difference in self.differences],
            "consumers": [consumer.as_json() for consumer in self.consumers],
            "taken_from": self.taken_from or None,
            "refused": self.refusal.render() if self.refusal else None,
        }


def raise_refusals(steps: Sequence[PlanStep]) -> None:
    """End where a definition cannot be applied.

    Raises:
        ConfigError: the refusal, or all of them.
    """
    refused = [step.refusal for step in steps if step.refusal]
    if len(refused) == 1:
        raise refused[0]
    if refused:
        reasons = "\n".join(refusal.render() for refusal in refused)
        raise ConfigError(f"{len(refused)} of {len(steps)} definitions cannot be applied; nothing was.\n{reasons}")


def plan_proposal(layers: LayeredRegistry, proposal: Proposal, terms: ChangeTerms) -> PlanStep:
    """What one definition is to what is known."""
    d, versions = proposal.definition, layers.versions(proposal.definition.name)
    existing = next((v for v in versions if v.version == d.version), None)
    base, owner = existing or layers.newest(d.name), layers.owner(d.name)
    step = PlanStep(
        proposal, _kind(proposal, existing, base), base, taken_from=owner if owner not in ("", d.owner) else ""
    )
    if base is not None:
        before = base.definition(layers.place)
        if type(before) is not type(d):
            fix = "give it a name of its own: signals and rewards share their names"
            taken = ConfigError(f"The name '{d.name}' is not free.", where=proposal.where, got=base.applied, fix=fix)
            return replace(step, kind="refused", refusal=taken)
        differences = find_differences(before, d)
        users = sorted(layers.consumers(d.name), key=lambda c: (c.kind, c.consumer, c.asked, c.version))
        step = replace(step, differences=differences, consumers=tuple(users))
    if step.kind == "unchanged":
        return replace(step, taken_from="")
    refusal = _refusal(step, existing, versions[-1] if versions else None, terms) or _parts(layers, proposal)
    return replace(step, kind="refused", refusal=refusal) if refusal else step


def _parts(layers: LayeredRegistry, proposal: Proposal) -> ConfigError | None:
    """Why a reward cannot be applied beside the signals that are known; None for a signal."""
    from longplay.definitions.reward import find_part_problem
    from longplay.definitions.signal import Definition

    d = proposal.definition
    if isinstance(d, Definition):
        return None

    def find(ref: str) -> Definition | None:
        name, _, version = ref.partition("@")
        existing = layers.version(name, int(version))
        made = existing.definition(layers.place) if existing else None
        return made if isinstance(made, Definition) else None

    if not (fault := find_part_problem(d, find)):
        return None
    key, problem = fault
    fix = "correct the reward, or apply its signals first or with it"
    return ConfigError(f"Wrong value for '{key}': {problem}.", where=f"{proposal.where}, key {key}", fix=fix)


def _kind(proposal: Proposal, existing: RegistryVersion | None, base: RegistryVersion | None) -> StepKind:
    if existing is None:
        return "new version" if base else "new"
    if existing.text == proposal.text:
        return "unchanged"
    if existing.status == "published":
        return "text change"
    return "draft change" if proposal.definition.status == "draft" else "publish"


def _refusal(
    step: PlanStep, existing: RegistryVersion | None, last: RegistryVersion | None, terms: ChangeTerms
) -> ConfigError | None:
    d, where = step.proposal.definition, step.proposal.where
    if step.taken_from and d.name not in terms.take_over and step.base:
        got = f"owner: {d.owner}; {step.base.ref} was {step.base.applied}"
        fix = f"ask {step.taken_from}; or take it over, with the reason on record: --take-over {d.name} --reason '...'"
        return ConfigError(f"The signal '{d.name}' belongs to {step.taken_from}.", where=where, got=got, fix=fix)
    if existing is None:
        if last is None or d.version > last.version:
            return None
        fix = f"make it version {last.version + 1}"
        return ConfigError(f"'{d.ref}' comes after {last.ref}: versions only grow.", where=where, fix=fix)
    if existing.status == "draft":
        return None
    if d.status == "draft":
        fix = f"leave its status, or write a draft of version {(last or existing).version + 1} in a new file"
        return ConfigError(
            f"'{d.ref}' is published and cannot be a draft again.", where=where, got=existing.applied, fix=fix
        )
    changed = [str(difference) for difference in step.differences if difference.effect != "text"]
    if not changed and existing.hash == d.hash:
        return None
    got = f"{'; '.join(changed) or 'another hash'}; {existing.ref} belongs to {existing.owner}, {existing.applied}"
    fix = f"undo the change, or apply it as version {(last or existing).version + 1} in a new file"
    return ConfigError(f"The published signal '{d.ref}' has changed its meaning.", where=where, got=got, fix=fix)
