"""Features: the views of users, items and pairs at the moment of every exposure."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features import feature_facts
from features.point_in_time_join import as_of_join
from features.shipped_views import ITEM, LOOK_BACK_DAYS, OF_USERS
from jobs.runtime.command_options import job_command
from jobs.runtime.incremental import Change, increment
from jobs.runtime.run_context import RunContext
from tables.catalog import EXPOSURE_FEATURES, ITEM_FEATURES
from tables.checkpoint import Checkpoint

_FACTS = ("events", "exposures", "first_seen")
_SPINE = ("user_id", "item_id", "topic", "as_of", "as_of_day", "known_ts", "batch")
_TILES = ("item_days", "user_item_days", "item_exposure_days")


@dataclass(frozen=True)
class Span:
    """Exposures whose features are to be computed.

    Attributes:
        exposures: those exposures. Grain: exposure_id.
        first: the earliest day of theirs (UTC); None where there are none.
        rows: how many there are.
        redo: the day from which on features are there that must be replaced; None where none are.
    """

    exposures: DataFrame
    first: date | None
    rows: int
    redo: date | None

    def replace(self, column: str) -> str | None:
        """The condition for the rows that are replaced."""
        return f"{column} >= DATE'{self.redo:%Y-%m-%d}'" if self.redo else None

    @property
    def since(self) -> date:
        """From which day on facts are read."""
        return (self.first or date.max) - timedelta(days=LOOK_BACK_DAYS) if self.first else date.max


def build_features(context: RunContext) -> None:
    """Add the features of exposures that became complete since the last time.

    An exposure is complete when all that was known before it has arrived: its features then never change. Where rows
    turn up that were known before a moment up to which everything was said to have arrived, the features from that day
    on are computed again.
    """
    inputs = context.versions(*_FACTS)
    increment(context, "exposure_features", inputs, {}, lambda since: _of_exposures(context, inputs, since))
    tiles = {**inputs, **context.versions(*_TILES)}
    increment(context, ITEM.name, tiles, {}, lambda since: _of_items(context, tiles, since))


def _of_exposures(context: RunContext, inputs: dict[str, int], since: Checkpoint | None) -> Change:
    span = _span(context, inputs, since)
    events = context.delivered(inputs, "events").where(F.col("event_day") >= F.lit(span.since))
    known = feature_facts.build_user_facts(events, context.read(inputs, "first_seen"))
    spine = span.exposures.select("exposure_id", *_SPINE)
    buckets = context.store.bucket_count({"events": span.since, "exposures": span.first})
    rows = as_of_join(OF_USERS, known, spine, buckets, audited=True)
    names = [name for view in OF_USERS for name in view.names()]
    return Change(rows.select(*EXPOSURE_FEATURES.column_names(), *names), span.replace("as_of_day"))


def _of_items(context: RunContext, inputs: dict[str, int], since: Checkpoint | None) -> Change:
    span = _span(context, inputs, since)
    days = span.exposures.select("item_id", "as_of_day").distinct()
    if since is not None and span.first is not None:
        there = context.store.read(ITEM.name).where(F.col("as_of_day") >= F.lit(span.first))
        kept = there if span.redo is None else there.where(F.col("as_of_day") < F.lit(span.redo))
        days = days.join(kept.select("item_id", "as_of_day"), ["item_id", "as_of_day"], "left_anti")
    spine = days.withColumn("as_of", F.col("as_of_day").cast("timestamp"))
    tiles = [context.read(inputs, name).where(F.col("event_day") >= F.lit(span.since)) for name in _TILES]
    known = feature_facts.build_item_day_facts(tiles[0], tiles[1], tiles[2], context.read(inputs, "first_seen"))
    buckets = context.store.bucket_count({"item_days": span.since, "user_item_days": span.since})
    rows = as_of_join([ITEM], known, spine, buckets, audited=True)
    return Change(rows.select(*ITEM_FEATURES.column_names(), *ITEM.names()), span.replace("as_of_day"))


def _span(context: RunContext, inputs: dict[str, int], since: Checkpoint | None) -> Span:
    exposures = context.delivered(inputs, "exposures")
    if since is None:
        chosen, redo = exposures, None
    else:
        redo = _behind(context, inputs, since)
        is_new = since.is_new() if redo is None else since.is_new() | (F.col("as_of_day") >= F.lit(redo))
        chosen = exposures.where(is_new)
    row = chosen.agg(F.min("as_of_day"), F.count("*")).first()
    assert row is not None
    if redo is not None and row[0] is not None:
        redo = min(redo, row[0])
        chosen = exposures.where(F.col("as_of_day") >= F.lit(redo))
    return Span(chosen, row[0] if redo is None else redo, int(row[1]), redo)


def _behind(context: RunContext, inputs: dict[str, int], since: Checkpoint) -> date | None:
    """The first day whose features rows that came too late for their known time would have changed."""
    seen = [
        context.delivered(inputs, table).where(since.is_behind()).agg(F.min("known_ts")).first()
        for table in ("events", "exposures")
    ]
    moments = [row[0] for row in seen if row is not None and row[0] is not None]
    if not moments:
        return None
    first: datetime = min(moments)
    context.progress.say(f"rows known since {first:%Y-%m-%d %H:%M} came behind the watermark: redone from that day")
    return first.date()


@job_command("build-features", short_help="Histories to point-in-time features.")
def command(context: RunContext) -> None:
    """Build the feature views as of every exposure, from what was visible strictly before it.

    Windows are trailing: [as_of - w, as_of) for users and pairs, [day(as_of) - w, day(as_of)) for items. Only exposures
    that are not there yet are computed, from the facts of the longest window before them. --force computes all anew.

    Example: longplay build-features --source world
    """
    with context.progress.step("build-features"):
        build_features(context)


if __name__ == "__main__":
    command()
