"""Features: the views of users, items and pairs as of every exposure."""

from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import feature_facts
from features.point_in_time_join import as_of_join
from features.shipped_views import ITEM, LOOK_BACK_DAYS, OF_USERS
from jobs.runtime.command_options import job_command
from jobs.runtime.publisher import IncrementPlan, TableChange
from jobs.runtime.run_context import RunContext
from tables.catalog import EXPOSURE_FEATURES, ITEM_FEATURES
from tables.checkpoint import Checkpoint

_FACTS = ("events", "exposures", "first_seen")
_SPINE = ("user_id", "item_id", "topic", "as_of", "as_of_day", "known_ts", "batch")
_TILES = ("item_days", "user_item_days", "item_exposure_days")


@dataclass(frozen=True)
class FeatureSpine:
    """Exposures whose features are computed.

    Attributes:
        exposures: the exposures. Grain: exposure_id.
        first_day: their earliest day (UTC); None if there are no exposures.
        replace_from: published features from this day on (UTC) are replaced; None: no features are replaced.
    """

    exposures: DataFrame
    first_day: date | None
    replace_from: date | None

    @property
    def replaced_rows(self) -> str | None:
        """SQL for the published rows that are replaced; None: no row."""
        return f"as_of_day >= DATE'{self.replace_from:%Y-%m-%d}'" if self.replace_from else None

    @property
    def read_from(self) -> date:
        """Facts from this day on (UTC) decide the features."""
        return self.first_day - timedelta(days=LOOK_BACK_DAYS) if self.first_day else date.max


def build_features(context: RunContext) -> None:
    """Add the features of exposures that became complete since the last run.

    An exposure is complete when everything known before it has been delivered. Its features then never change, unless
    rows arrive behind the watermark after all: these cause all features from their day on to be recomputed.
    """
    tables, position = context.tables, context.log.position
    facts = tables.versions(*_FACTS)
    user_plan = tables.plan_increment(EXPOSURE_FEATURES.name, facts, {}, position)
    tables.publish_increment(user_plan, lambda: _compute_exposure_features(context, user_plan))
    item_plan = tables.plan_increment(ITEM.name, {**facts, **tables.versions(*_TILES)}, {}, position)
    tables.publish_increment(item_plan, lambda: _compute_item_features(context, item_plan))


def _compute_exposure_features(context: RunContext, plan: IncrementPlan) -> TableChange:
    spine = _select_spine(context, plan)
    events = context.tables.read_delivered(plan.inputs, "events", context.log)
    recent_events = events.where(F.col("event_day") >= F.lit(spine.read_from))
    facts = feature_facts.build_user_facts(recent_events, context.tables.read(plan.inputs, "first_seen"))
    buckets = context.store.bucket_count({"events": spine.read_from, "exposures": spine.first_day})
    rows = as_of_join(OF_USERS, facts, spine.exposures.select("exposure_id", *_SPINE), buckets, audited=True)
    names = [name for view in OF_USERS for name in view.names()]
    return TableChange(rows.select(*EXPOSURE_FEATURES.column_names(), *names), spine.replaced_rows)


def _compute_item_features(context: RunContext, plan: IncrementPlan) -> TableChange:
    spine = _select_spine(context, plan)
    item_days = _select_item_days(context, plan, spine).withColumn("as_of", F.col("as_of_day").cast("timestamp"))
    is_read = F.col("event_day") >= F.lit(spine.read_from)
    item_tiles, pair_tiles, exposure_tiles = (context.tables.read(plan.inputs, name).where(is_read) for name in _TILES)
    first_seen = context.tables.read(plan.inputs, "first_seen")
    facts = feature_facts.build_item_day_facts(item_tiles, pair_tiles, exposure_tiles, first_seen)
    buckets = context.store.bucket_count({"item_days": spine.read_from, "user_item_days": spine.read_from})
    rows = as_of_join([ITEM], facts, item_days, buckets, audited=True)
    return TableChange(rows.select(*ITEM_FEATURES.column_names(), *ITEM.names()), spine.replaced_rows)


def _select_item_days(context: RunContext, plan: IncrementPlan, spine: FeatureSpine) -> DataFrame:
    """Days on which items were shown and whose features are computed. Grain: item_id, as_of_day."""
    days = spine.exposures.select("item_id", "as_of_day").distinct()
    if plan.checkpoint is None or spine.first_day is None:
        return days
    published = context.store.read(ITEM.name).where(F.col("as_of_day") >= F.lit(spine.first_day))
    if spine.replace_from is not None:
        published = published.where(F.col("as_of_day") < F.lit(spine.replace_from))
    return days.join(published.select("item_id", "as_of_day"), ["item_id", "as_of_day"], "left_anti")


def _select_spine(context: RunContext, plan: IncrementPlan) -> FeatureSpine:
    """Select new exposures; if rows arrived behind the watermark, also all exposures from their day on."""
    exposures, checkpoint = context.tables.read_delivered(plan.inputs, "exposures", context.log), plan.checkpoint
    if checkpoint is None:
        return FeatureSpine(exposures, _find_first_day(exposures), None)
    behind_day = _find_day_behind_watermark(context, plan, checkpoint)
    if behind_day is None:
        new_exposures = exposures.where(checkpoint.is_new())
        return FeatureSpine(new_exposures, _find_first_day(new_exposures), None)
    changed = exposures.where(checkpoint.is_new() | (F.col("as_of_day") >= F.lit(behind_day)))
    first_changed_day = _find_first_day(changed)
    first_day = min(behind_day, first_changed_day) if first_changed_day is not None else behind_day
    if first_changed_day is not None:
        changed = exposures.where(F.col("as_of_day") >= F.lit(first_day))
    return FeatureSpine(changed, first_day, first_day)


def _find_first_day(exposures: DataFrame) -> date | None:
    row = exposures.agg(F.min("as_of_day")).first()
    assert row is not None
    first_day: date | None = row[0]
    return first_day


def _find_day_behind_watermark(context: RunContext, plan: IncrementPlan, checkpoint: Checkpoint) -> date | None:
    """The first day (UTC) whose features change because rows were delivered after the watermark had passed them."""
    rows = [
        context.tables.read_delivered(plan.inputs, table, context.log)
        .where(checkpoint.is_behind())
        .agg(F.min("known_ts"))
        .first()
        for table in ("events", "exposures")
    ]
    moments = [row[0] for row in rows if row is not None and row[0] is not None]
    if not moments:
        return None
    first_ts = min(moments)
    context.progress.say(
        f"rows known since {first_ts:%Y-%m-%d %H:%M} arrived behind the watermark: recomputing from that day"
    )
    day: date = first_ts.date()
    return day


@job_command("build-features")
def command(context: RunContext) -> None:
    """Build the feature views as of every exposure, from what was visible strictly before it.

    Windows are trailing: [as_of - w, as_of) for users and pairs, [day(as_of) - w, day(as_of)) for items. Each run
    computes only exposures that have no features yet, from the facts of the longest window before them. --force
    recomputes all of them.

    Example: longplay build-features --source world
    """
    with context.progress.step("build-features"):
        build_features(context)


if __name__ == "__main__":
    command()
