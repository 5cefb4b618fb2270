"""The specification of a world: its numbers of users, items and days, and how far clicks and utility diverge."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from longplay.errors import ConfigError

_SIZES: dict[str, dict[str, int]] = {
    "tiny": {"users": 150, "items": 60, "topics": 6},
    "small": {"users": 700, "items": 150, "topics": 8},
    "medium": {"users": 10_000, "items": 500, "topics": 16},
    "large": {"users": 100_000, "items": 2_000, "topics": 32},
}


@dataclass(frozen=True)
class WorldSpec:
    """Everything that decides a world; the same spec gives the same bytes.

    Attributes:
        size: name of the size, for reports.
        users: users who join before or during the log.
        items: catalogue size, all kinds together.
        topics: number of topics the items cluster in.
        days: length of the log in days.
        seed: root of every random stream.
        kappa: how much of an item's clickbait is paid back in lost utility.
        g_c: how much clickbait draws clicks (logit units per standard deviation).
        g_pop: how much an item's fame draws clicks (logit units per standard deviation).
        g_q: weight of an item's stickiness in utility.
        corr_qc: correlation of stickiness and clickbait over items.
        h0: base of the daily churn logit.
        h_s: how much satisfaction lowers that logit.
        episode_gate: chance that a show is returned to with no unheard episode out, relative to
            the chance when one is out (1 = episodes do not matter).
        show_share: share of items that are shows.
        dirt: share of extra bad rows in the raw log.
        start: midnight UTC of day 0.
    """

    size: str
    users: int
    items: int
    topics: int
    days: int = 270
    seed: int = 0
    kappa: float = 0.6
    g_c: float = 0.6
    g_pop: float = 0.3
    g_q: float = 0.8
    corr_qc: float = -0.3
    h0: float = -5.3
    h_s: float = 0.5
    episode_gate: float = 0.2
    show_share: float = 0.3
    dirt: float = 0.002
    start: datetime = datetime(2024, 1, 1, tzinfo=UTC)

    @classmethod
    def from_size(
        cls,
        size: str,
        *,
        seed: int = 0,
        null: bool = False,
        kappa: float = 0.6,
        days: int = 270,
        **overrides: float | datetime,
    ) -> Self:
        """A world of a named size.

        Args:
            size: tiny, small, medium or large.
            seed: root of every random stream.
            null: make clicks follow utility alone, so that no target can beat the click.
            kappa: cost of clickbait in utility; 0 in a null world whatever is passed.
            days: length of the log in days.
            **overrides: any other field by name, applied before `null`.

        Raises:
            ConfigError: for an unknown size or field, or fewer than 14 days.
        """
        if size not in _SIZES:
            raise ConfigError("There is no such world size.", where="size", got=size, fix=f"one of {', '.join(_SIZES)}")
        unknown = set(overrides) - set(cls.__dataclass_fields__)
        if unknown:
            raise ConfigError("A world has no such field.", where="WorldSpec", got=", ".join(sorted(unknown)))
        settings: dict[str, Any] = {**_SIZES[size], **overrides, "seed": seed, "kappa": kappa, "days": days}
        spec = cls(size=size, **settings)
        spec.check()
        return spec.as_null() if null else spec

    def as_null(self) -> Self:
        """This world without any difference between clicks and utility."""
        return replace(self, kappa=0.0, g_c=0.0, g_pop=0.0, g_q=0.0, corr_qc=0.0, episode_gate=1.0)

    @property
    def is_null(self) -> bool:
        """Whether clicks follow utility alone."""
        return self == self.as_null()

    @property
    def end(self) -> datetime:
        """Midnight UTC after the log's last day; deployments start here."""
        return self.start + timedelta(days=self.days)

    def check(self) -> None:
        """Check the ranges of the fields.

        Raises:
            ConfigError: a field is out of range.
        """
        if self.days < 14:
            raise ConfigError("A log needs at least 14 days.", where="days", got=str(self.days))
        if self.items < 40 or self.users < 1:
            raise ConfigError(
                "The world is too small: slates draw from 40 candidates.",
                where="items, users",
                got=f"{self.items}, {self.users}",
                fix="at least 40 items and 1 user",
            )
        if not -1.0 <= self.corr_qc <= 1.0:
            raise ConfigError("A correlation must lie in [-1, 1].", where="corr_qc", got=str(self.corr_qc))
