"""Plans what applying a definition would do: add it, publish it, change its text, or be refused, with the reason."""

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
    """Who changes the registry, why, and which names may change owner.

    Attributes:
        by: name of the user.
        take_over: names that may be taken from their owners.
        reason: why the change is made; kept in the history.
        owner: the team for which the user moves aliases and deprecates; empty: for nobody but themselves.
    """

    by: str
    take_over: frozenset[str] = frozenset()
    reason: str = ""
    owner: str = ""


@dataclass(frozen=True)
class PlanStep:
    """The planned change for one definition.

    Attributes:
        proposal: the definition as proposed.
        kind: the kind of change.
        base: the version that it is compared with, if any.
        differences: what changed compared with ``base``.
        consumers: who uses the signal.
        taken_from: the owner from whom the name would be taken; empty if it stays.
        refusal: why it cannot be applied; None if it can.
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
        """The worst effect of its differences."""
        return worst_effect(self.differences)

    def as_json(self) -> dict[str, Any]:
        """The step as JSON data."""
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


def check_owner(layers: LayeredRegistry, name: str, terms: ChangeTerms) -> None:
    """Check that a name belongs to the user who changes its aliases or deprecates it, or to their team.

    Raises:
        ConfigError: when it belongs to somebody else, or ships with Longplay.
    """
    owner = layers.owner(name)
    if layers.shipped_owner(name) is not None:
        fix = "copy it under a name of your own: 'longplay signals new NAME --from REF'"
        raise ConfigError(f"'{name}' ships with Longplay: it has no aliases and is not deprecated here.", fix=fix)
    if owner not in (terms.owner, terms.by):
        got = f"acting for {terms.owner or terms.by}"
        fix = f"ask {owner}; or, if you belong to that team, pass --owner {owner}"
        raise ConfigError(f"'{name}' belongs to {owner}.", got=got, fix=fix)


def raise_refusals(steps: Sequence[PlanStep]) -> None:
    """Raise if any definition was refused.

    Raises:
        ConfigError: the refusal; several are joined into one error.
    """
    refused = [step.refusal for step in steps if step.refusal]
    if len(refused) == 1:
        raise refused[0]
    if refused:
        reasons = "\n".join(refusal.render() for refusal in refused)
        raise ConfigError(f"{len(refused)} of {len(steps)} definitions cannot be applied; none was applied.\n{reasons}")


def plan_proposal(layers: LayeredRegistry, proposal: Proposal, terms: ChangeTerms) -> PlanStep:
    """Compare one definition with the registered ones, and decide whether it can be applied."""
    d, versions = proposal.definition, layers.versions(proposal.definition.name)
    existing = next((v for v in versions if v.version == d.version), None)
    base, owner = existing or layers.newest(d.name), layers.owner(d.name)
    step = PlanStep(
        proposal, _kind(proposal, existing, base), base, taken_from=owner if owner not in ("", d.owner) else ""
    )
    if base is not None:
        before = base.definition(layers.place)
        if type(before) is not type(d):
            fix = "choose another name: signals and rewards share one namespace"
            refusal = ConfigError(
                f"The name '{d.name}' is already taken.", where=proposal.where, got=base.applied, fix=fix
            )
            return replace(step, kind="refused", refusal=refusal)
        differences = find_differences(before, d)
        users = sorted(layers.consumers(d.name), key=lambda c: (c.kind, c.consumer, c.asked, c.version))
        step = replace(step, differences=differences, consumers=tuple(users))
    if step.kind == "unchanged":
        return replace(step, taken_from="")
    problem = (
        _shipped_refusal(layers, proposal)
        or _version_refusal(step, existing, versions[-1] if versions else None, terms)
        or _reward_refusal(layers, proposal)
    )
    return replace(step, kind="refused", refusal=problem) if problem else step


def _shipped_refusal(layers: LayeredRegistry, proposal: Proposal) -> ConfigError | None:
    """Why a name that ships with Longplay cannot be taken; None for another name."""
    d, owner = proposal.definition, layers.shipped_owner(proposal.definition.name)
    if owner is None:
        return None
    return shipped_name_error(d.name, proposal.where, f"{d.ref}, owner: {d.owner}; the name belongs to {owner}")


def shipped_name_error(name: str, where: str, got: str) -> ConfigError:
    """The refusal of a definition under a name that ships with Longplay."""
    return ConfigError(
        f"'{name}' ships with Longplay: its name cannot be taken.",
        where=where,
        got=got,
        fix="choose another name; 'longplay signals new NAME --from REF' starts from a copy",
    )


def _reward_refusal(layers: LayeredRegistry, proposal: Proposal) -> ConfigError | None:
    """Why a reward does not fit the registered signals; None if it does, and for a signal."""
    from longplay.definitions.reward import find_part_problem
    from longplay.definitions.signal import Definition

    d = proposal.definition
    if isinstance(d, Definition):
        return None

    def find(ref: str) -> Definition | None:
        name, _, version = ref.partition("@")
        existing = layers.version(name, int(version))
        part = existing.definition(layers.place) if existing else None
        return part if isinstance(part, Definition) else None

    if not (key_problem := find_part_problem(d, find)):
        return None
    key, problem = key_problem
    fix = "correct the reward, or apply its signals first or together with it"
    return ConfigError(f"Wrong value for '{key}': {problem}.", where=f"{proposal.where}, key {key}", fix=fix)


def _kind(proposal: Proposal, existing: RegistryVersion | None, base: RegistryVersion | None) -> StepKind:
    if existing is None:
        return "new version" if base else "new"
    if existing.text == proposal.text:
        return "unchanged"
    if existing.status == "published":
        return "text change"
    return "draft change" if proposal.definition.status == "draft" else "publish"


def _version_refusal(
    step: PlanStep, existing: RegistryVersion | None, last: RegistryVersion | None, terms: ChangeTerms
) -> ConfigError | None:
    d, where = step.proposal.definition, step.proposal.where
    if step.taken_from and d.name not in terms.take_over and step.base:
        got = f"owner: {d.owner}; {step.base.ref} was {step.base.applied}"
        fix = f"ask {step.taken_from}; or take it over, and record the reason: --take-over {d.name} --reason '...'"
        return ConfigError(f"The signal '{d.name}' belongs to {step.taken_from}.", where=where, got=got, fix=fix)
    if existing is None:
        if last is None or d.version > last.version:
            return None
        fix = f"make it version {last.version + 1}"
        return ConfigError(
            f"'{d.ref}' is lower than the latest version, {last.ref}: version numbers must increase.",
            where=where,
            fix=fix,
        )
    if existing.status == "draft":
        return None
    if d.status == "draft":
        fix = f"keep it published, or write a draft of version {(last or existing).version + 1} in a new file"
        return ConfigError(
            f"'{d.ref}' is published and cannot become a draft again.", where=where, got=existing.applied, fix=fix
        )
    changed = [str(difference) for difference in step.differences if difference.effect != "text"]
    if not changed and existing.hash == d.hash:
        return None
    got = f"{'; '.join(changed) or 'different hash'}; {existing.ref} belongs to {existing.owner}, {existing.applied}"
    fix = f"undo the change, or apply it as version {(last or existing).version + 1} in a new file"
    return ConfigError(f"The published signal '{d.ref}' has changed in meaning.", where=where, got=got, fix=fix)
