"""Builds a training set from facts alone, in one plan that reads no derived table. Pure transforms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features import feature_facts, histories
from features.cogrouped_buckets import BUCKETS
from features.point_in_time_join import as_of_join
from features.shipped_views import ITEM, LOOK_BACK_DAYS, OF_USERS
from longplay.definitions.reward import Label, list_label_signals
from longplay.definitions.signal import Definition
from rankers.dataset.training_set import SplitPlan, join_training_set, select_spine
from signals.compute import compute_signal_values
from signals.maturity import Knowledge
from signals.recompute import baseline_span, shared_credit_span


@dataclass(frozen=True)
class TrainingFacts:
    """All facts that a training set may rest on.

    Attributes:
        events: grain: event_id.
        exposures: grain: exposure_id.
        firsts: when users and items were first seen; grain: kind, key, visible_ts.
        buckets: number of partitions, used for user keys and for item keys alike.
        episodes: release times of episodes, if a label reads them; grain: item_id, episode.
    """

    events: DataFrame
    exposures: DataFrame
    firsts: DataFrame
    buckets: int = BUCKETS
    episodes: DataFrame | None = None


def build_from_facts(
    facts: TrainingFacts, definitions: Sequence[Label], plan: SplitPlan, known_at: datetime, knowledge: Knowledge
) -> DataFrame:
    """The training set of the exposures that the plan covers.

    Args:
        facts: events, exposures and what belongs to them.
        definitions: the labels; each is a signal or a reward.
        plan: the global time split, which also selects the exposures.
        known_at: the set's cut-off (UTC): exposures and labels are read as known then.
        knowledge: watermark and outages, from which label states are computed.

    Returns:
        Grain: exposure_id.
    """
    spine = select_spine(facts.exposures.where(F.col("known_ts") <= F.lit(known_at)), plan)
    features = _user_features(facts, spine, plan), _item_features(facts, spine, plan)
    values = compute_label_values(facts, list_label_signals(definitions), plan, known_at, knowledge)
    return join_training_set(spine, features, (definitions, values), plan, known_at)


def compute_label_values(
    facts: TrainingFacts, signals: Sequence[Definition], plan: SplitPlan, known_at: datetime, knowledge: Knowledge
) -> DataFrame:
    """Values of the signals behind the labels, from the days that decide those of the plan's exposures.

    Other exposures on these days have values too, which may lack what came before. Grain: signal, anchor_id, revision.
    """
    # Exposures before and after those of the plan may share the credit for an outcome.
    shared_credit = shared_credit_span(signals)
    first_exposure, last_exposure = plan.train_start - shared_credit, plan.test_end + shared_credit
    first_event = first_exposure - baseline_span(signals)
    exposures = facts.exposures.where(
        (F.col("known_ts") <= F.lit(known_at))
        & (F.col("as_of") >= F.lit(first_exposure))
        & (F.col("as_of") < F.lit(last_exposure))
    )
    events = facts.events.where(F.col("event_day") >= F.lit(first_event.date()))
    return compute_signal_values(signals, events, exposures, knowledge, episodes=facts.episodes)


def _user_features(facts: TrainingFacts, spine: DataFrame, plan: SplitPlan) -> DataFrame:
    """Features of users, and of users with items and topics, as of each exposure. Grain: exposure_id."""
    user_facts = feature_facts.build_user_facts(_recent_events(facts, plan), facts.firsts)
    return as_of_join(OF_USERS, user_facts, spine, facts.buckets, audited=True)


def _item_features(facts: TrainingFacts, spine: DataFrame, plan: SplitPlan) -> DataFrame:
    """Features of items at the beginning of each day with an exposure. Grain: item_id, as_of_day."""
    events = _recent_events(facts, plan)
    # The item view counts distinct users, so it takes single consumptions here instead of user-item tiles.
    consumptions = events.where("is_consumption").withColumn("consumptions", F.lit(1))
    exposures = histories.build_exposure_tiles(facts.exposures.where(F.col("as_of_day") >= _look_back_start(plan)))
    item_tiles = histories.build_daily_tiles(events, ["item_id"])
    item_facts = feature_facts.build_item_day_facts(item_tiles, consumptions, exposures, facts.firsts)
    days = spine.select("item_id", "as_of_day", F.col("as_of_day").cast("timestamp").alias("as_of")).distinct()
    return as_of_join([ITEM], item_facts, days, facts.buckets, audited=True)


def _recent_events(facts: TrainingFacts, plan: SplitPlan) -> DataFrame:
    """Events that a feature of the training set can read."""
    return facts.events.where(F.col("event_day") >= _look_back_start(plan))


def _look_back_start(plan: SplitPlan) -> Column:
    return F.lit(plan.train_start.date()) - F.make_dt_interval(F.lit(LOOK_BACK_DAYS))
