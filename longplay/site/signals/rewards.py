"""The content of the page of a reward version. A reward has no values of its own to draw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from longplay.definitions.reward import Reward, format_part
from longplay.registry.registry import Registry
from longplay.site.signals.plain_data import format_yaml
from longplay.site.signals.plain_language import ANCHOR_DESCRIPTIONS, DIRECTION_DESCRIPTIONS
from longplay.site.signals.registry_records import RegistryRecords, VersionRecord
from longplay.site.signals.snippets import Snippet, build_label_setting
from longplay.site.signals.versions import VersionEntry, href, list_versions


@dataclass(frozen=True)
class RewardPage:
    """The content of the page of a reward version. ``newest`` is the version that the bare name stands for."""

    reward: Reward
    newest: Reward
    href: str
    terms: Sequence[tuple[str, str]]
    sentences: Sequence[tuple[str, str]]
    versions: Sequence[VersionEntry]
    record: VersionRecord
    snippet: Snippet
    yaml: str

    @property
    def status(self) -> str:
        """Its status, or ``deprecated`` once its deprecation date has passed."""
        return self.record.effective_status(self.reward)


def build_reward_pages(records: RegistryRecords, day: date | None) -> list[RewardPage]:
    """Build a page for every version of every reward, by name and version, as of a day."""
    rewards = sorted(records.registry.rewards.values(), key=lambda reward: (reward.name, reward.version))
    return [_build_page(reward, records.registry, records.select_version(reward, day)) for reward in rewards]


def _build_page(reward: Reward, registry: Registry, record: VersionRecord) -> RewardPage:
    newest = registry.find(reward.name)
    assert isinstance(newest, Reward), "signals and rewards share their names"
    return RewardPage(
        reward=reward,
        newest=newest,
        href=href(reward),
        terms=tuple((part.signal, format_part(part)) for part in reward.parts),
        sentences=tuple(_sentences(reward)),
        versions=tuple(list_versions(reward.name, registry.rewards.values())),
        record=record,
        snippet=build_label_setting(reward.name),
        yaml=format_yaml(reward),
    )


def _sentences(reward: Reward) -> Iterator[tuple[str, str]]:
    low, high = reward.bounds
    yield "Anchor", ANCHOR_DESCRIPTIONS[reward.anchor]
    yield "Value", f"the weighted sum of its signals, limited to the range {low:g} to {high:g}"
    yield "Final", "when all of its signals are mature; a revision of a signal revises the reward"
    yield "Void", "if one of its signals is void"
    yield "Storage", "none: training sets compute the reward from its signals when they are built"
    yield "Unit", f"{reward.unit} ({DIRECTION_DESCRIPTIONS[reward.direction]})"
    if reward.source:
        yield "Source", reward.source
