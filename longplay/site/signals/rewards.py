"""What the page of one reward version says, before it is rendered. A reward has no values of its own to draw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from longplay.definitions.reward import Reward, format_part
from longplay.registry.registry import Registry
from longplay.site.signals.page import Step, href, versions
from longplay.site.signals.plain_data import written
from longplay.site.signals.plain_language import ANCHORS, DIRECTIONS
from longplay.site.signals.registry_records import Recorded, Records
from longplay.site.signals.snippets import Snippet, learned_from


@dataclass(frozen=True)
class RewardPage:
    """Everything that the page of a reward version is made of. ``newest`` is what its bare name stands for."""

    reward: Reward
    newest: Reward
    href: str
    terms: Sequence[tuple[str, str]]
    sentences: Sequence[tuple[str, str]]
    versions: Sequence[Step]
    recorded: Recorded
    snippet: Snippet
    yaml: str

    @property
    def status(self) -> str:
        """Its status, deprecation taken in."""
        return self.recorded.status(self.reward)


def reward_page(reward: Reward, registry: Registry, recorded: Recorded) -> RewardPage:
    """Everything there is to say about a version of a reward."""
    newest = registry.find(reward.name)
    assert isinstance(newest, Reward), "signals and rewards share their names"
    return RewardPage(
        reward=reward,
        newest=newest,
        href=href(reward),
        terms=tuple((part.signal, format_part(part)) for part in reward.parts),
        sentences=tuple(_sentences(reward)),
        versions=tuple(versions(reward.name, registry.rewards.values())),
        recorded=recorded,
        snippet=learned_from(reward.name),
        yaml=written(reward),
    )


def reward_pages(told: Records, at: date | None) -> list[RewardPage]:
    """A page for every version of every reward, by name and version, as recorded on a day."""
    ordered = sorted(told.registry.rewards.values(), key=lambda reward: (reward.name, reward.version))
    return [reward_page(one, told.registry, told.of(one, at)) for one in ordered]


def _sentences(reward: Reward) -> Iterator[tuple[str, str]]:
    low, high = reward.bounds
    yield "Begins with", ANCHORS[reward.anchor]
    yield "Is", f"the sum of what its signals weigh, kept between {low:g} and {high:g}"
    yield "Is final", "when all of its signals are mature; a revision of one of them revises it"
    yield "Is void", "once one of its signals is"
    yield "Values", "are made of those of its signals when a training set is built; no table holds them"
    yield "Unit", f"{reward.unit} ({DIRECTIONS[reward.direction]})"
    if reward.source:
        yield "Source", reward.source
