"""A training set from facts alone: every feature and label in one plan that reads no derived table. Pure transforms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import feature_facts, histories
from features.point_in_time_join import BUCKETS, as_of_join
from features.shipped_views import ITEM, LOOK_BACK_DAYS, OF_USERS
from longplay.definitions.reward import Label, signals_of
from rankers.dataset.training_set import SplitPlan, spine_of, training_set
from signals.compute import compute_signal_values
from signals.maturity import Knowledge


@dataclass(frozen=True)
class Whole:
    """All facts that a set may rest on.

    Attributes:
        events: grain: event_id.
        exposures: grain: exposure_id.
        firsts: since when users and items are known; grain: kind, key, visible_ts.
        buckets: into how many parts users, and items, are dealt.
        episodes: when episodes were released, where labels ask for it; grain: item_id, episode.
    """

    events: DataFrame
    exposures: DataFrame
    firsts: DataFrame
    buckets: int = BUCKETS
    episodes: DataFrame | None = None


def set_from_facts(
    whole: Whole, definitions: Sequence[Label], plan: SplitPlan, known_at: datetime, knowledge: Knowledge
) -> DataFrame:
    """The training set of some exposures.

    Args:
        whole: the facts.
        definitions: the labels, signals and rewards.
        plan: the global time split; says which exposures.
        known_at: the set's cut-off: exposures and labels are read as known then (UTC).
        knowledge: what is known by now, from which labels are computed.

    Returns:
        Grain: exposure_id.
    """
    spine = spine_of(whole.exposures.where(F.col("known_ts") <= F.lit(known_at)), plan)
    near = F.lit(plan.train_start.date()) - F.make_dt_interval(F.lit(LOOK_BACK_DAYS))
    recent = whole.events.where(F.col("event_day") >= near)
    known = feature_facts.build_user_facts(recent, whole.firsts)
    of_exposures = as_of_join(OF_USERS, known, spine, whole.buckets, audited=True)
    # The view of items tells users apart and does not count their events, so these need not be added up to tiles.
    consumed = recent.where("is_consumption").withColumn("consumptions", F.lit(1))
    shown = histories.build_exposure_tiles(whole.exposures.where(F.col("as_of_day") >= near))
    days = spine.select("item_id", "as_of_day", F.col("as_of_day").cast("timestamp").alias("as_of")).distinct()
    of_days = feature_facts.build_item_day_facts(
        histories.build_daily_tiles(recent, ["item_id"]), consumed, shown, whole.firsts
    )
    of_items = as_of_join([ITEM], of_days, days, whole.buckets, audited=True)
    # Labels look from exposures on.
    after = whole.events.where(F.col("event_day") >= F.lit(plan.train_start.date()))
    values = compute_signal_values(signals_of(definitions), after, spine, knowledge, episodes=whole.episodes)
    return training_set(spine, (of_exposures, of_items), (definitions, values), plan, known_at)
