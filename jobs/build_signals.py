"""Signals: what followed each anchor, with its state."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.context import Job
from jobs.increments import Change, Since, increment, since
from jobs.options import job_command
from jobs.plan import computed
from jobs.signal_gate import SignalGate
from longplay.definition import Definition
from longplay.delta import open_table
from longplay.measures import RegretMeasure
from signals.compile import Renewal, signal_values
from signals.horizons import Knowledge

DAY = timedelta(days=1)
Days = tuple[date, date]
"""An interval of days, both ends in."""


def build_signals(job: Job) -> None:
    """Bring the values of every definition up to what is known now.

    Settled values (mature or void) are only ever added: those that settled since, and revisions by facts that came
    late. Open ones are replaced. So a day reads the windows that were open and those that late facts fall into.
    """
    definitions = [d for d in computed(job) if eligible(job, d)]
    knowledge = knowledge_of(job, job.known_at(None))
    reads_episodes = any(d.needs.episodes for d in definitions)
    tables = ("events", "exposures", *(["episodes"] if reads_episodes else []))
    inputs = job.versions(*tables)
    about = {
        "definitions": {d.ref: d.hash for d in definitions},
        "log_start": job.log_start.isoformat(),
        "outages": repr(knowledge.outages),
    }
    batch = F.lit(job.batch).cast("bigint")
    done = since(job, "signal_values", about)
    is_new = done is not None and (done.batch < job.batch or done.frontier < job.frontier)
    if done is not None and is_new and (behind := _behind(job, inputs, done)):
        job.progress.say(f"{behind:,} rows came behind the watermark: signal values are made anew")
        job = job.anew()

    def build(done: Since | None) -> Change:
        facts = {table: job.delivered(inputs, table) for table in tables}
        events, exposures, episodes = facts["events"], facts["exposures"], facts.get("episodes")
        if done is None:
            values = signal_values(definitions, events, exposures, knowledge, episodes=episodes)
            return Change(values.withColumn("batch", batch), gate=SignalGate(job, definitions, knowledge.watermark))
        anchors, renewal = _renewal(definitions, facts, done)
        within = [(low - _look_back(definitions), high + _span(definitions)) for low, high in anchors]
        shown = [(low - _rivals(definitions), high) for low, high in anchors]
        values = signal_values(
            definitions,
            events.where(_in_days("event_day", _merged(within))),
            exposures.where(_in_days("as_of_day", _merged(shown))),
            knowledge,
            renewal,
            episodes,
        )
        gate = SignalGate(job, definitions, knowledge.watermark, adds=True)
        return Change(values.withColumn("batch", batch), f"NOT settled OR batch = {job.batch}", gate)

    increment(job, "signal_values", inputs, about, build)


def knowledge_of(job: Job, known_at: datetime) -> Knowledge:
    """What is known at a moment, and how far."""
    return Knowledge(
        known_at,
        job.watermark(known_at),
        job.log_start,
        tuple((_time(outage.start), _time(outage.end)) for outage in job.source.outages),
        tuple(job.watermarks()),
    )


def eligible(job: Job, definition: Definition) -> bool:
    """Whether a source can have this signal; said when it cannot."""
    if definition.status == "draft":
        return False
    events, needs = job.source.events, definition.needs
    unit = definition.measure.unit if isinstance(definition.measure, RegretMeasure) else needs.unit
    lacks = []
    if unit is not None and unit != events.amount.unit:
        lacks.append(f"it measures {unit}, this source {events.amount.unit}")
    if missing := sorted(set(needs.kinds) - set(events.kinds or ())):
        lacks.append(f"this source has no events of kind {', '.join(missing)}")
    if needs.topics and events.topic is None:
        lacks.append("this source has no topics")
    if needs.episodes and (lack := _no_episodes(job)):
        lacks.append(lack)
    if lacks:
        job.progress.say(f"{definition.ref}: not eligible here: {'; '.join(lacks)}")
    return not lacks


def _no_episodes(job: Job) -> str:
    """Why nothing is known of episodes; empty where something is."""
    if job.source.episodes is None:
        return "this source has no episodes"
    if not job.store.exists("episodes") or "episode" not in _columns(job.store.path("events")):
        return "it was ingested before episodes were read: ingest the log into a new store"
    return ""


def _columns(table: Path) -> set[str]:
    return {field.name for field in open_table(table).schema().fields}


def _behind(job: Job, inputs: dict[str, int], done: Since) -> int:
    """Rows of new deliveries that were known before everything known by then was said to have arrived."""
    return sum(job.delivered(inputs, table).where(done.is_behind()).count() for table in inputs)


def _renewal(
    definitions: Sequence[Definition], facts: Mapping[str, DataFrame], done: Since
) -> tuple[list[Days], Renewal]:
    """The days of anchors whose values may have changed, and how to pick them: by day, and late ones by user too.

    A late fact lies in the windows of anchors before it, and in what anchors after it look back on.
    A release that came late touches the anchors of its item, whoever's they are.
    """
    span = _span(definitions)
    open_since = (done.frontier - span).date()
    by = {"events": ("event_day", "user_id"), "exposures": ("as_of_day", "user_id"), "episodes": ("day", "item_id")}
    late = []
    for table, frame in facts.items():
        day, key = by[table]
        told = frame.withColumn("day", F.to_date("released_ts")) if table == "episodes" else frame
        new = told.where(done.is_new() & (F.col(day) < F.lit(done.frontier)))
        late.append(new.select(F.lit(key).alias("by"), F.col(key).alias("key"), F.col(day).alias("day")))
    touched = reduce(DataFrame.unionByName, late).distinct()
    reach = _look_back(definitions)
    found_days = [row["day"] for row in touched.select("day").distinct().collect()]
    days = _merged([(day - span, day + reach) for day in found_days])

    def keep(anchors: DataFrame) -> DataFrame:
        is_open = F.col("t0") >= F.lit(done.frontier - span)
        if not days:
            return anchors.where(is_open)
        found, is_touched = anchors, F.lit(False)
        for key in ("user_id", *(["item_id"] if "episodes" in facts else [])):
            some = touched.where(F.col("by") == key).select(F.col("key").alias(key)).distinct()
            mark = f"_late_{key}"
            found = found.join(F.broadcast(some.withColumn(mark, F.lit(True))), key, "left")
            is_touched |= F.coalesce(mark, F.lit(False))
        is_late = is_touched & _in_days(F.to_date("t0"), days)
        return found.where(is_open | is_late).select(*anchors.columns)

    return _merged([*days, (open_since, date.max - 2 * (span + reach + DAY))]), Renewal(done.frontier, keep)


def _span(definitions: Sequence[Definition]) -> timedelta:
    """Longest time, in whole days, from an anchor to the maturity of its value, credit included."""
    credits = [d.credit.within for d in definitions if d.credit]
    longest = max([*(d.horizon for d in definitions), *credits])
    return timedelta(days=longest.days + 1)


def _look_back(definitions: Sequence[Definition]) -> timedelta:
    """How far before an anchor facts are read."""
    reach = [d.void.look_back for d in definitions if d.void.look_back]
    reach += [d.baseline for d in definitions if d.baseline]
    reach.append(_rivals(definitions))
    return timedelta(days=max(reach).days + 1)


def _rivals(definitions: Sequence[Definition]) -> timedelta:
    """How far before an exposure others lie that may have a share in the same outcome."""
    return max([d.horizon for d in definitions if d.credit and d.credit.deals], default=timedelta(0))


def _merged(days: Sequence[Days]) -> list[Days]:
    """Intervals that touch as one."""
    found: list[Days] = []
    for low, high in sorted(days):
        if found and low <= found[-1][1] + DAY:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def _in_days(column: str | Column, days: Sequence[Days]) -> Column:
    of = F.col(column) if isinstance(column, str) else column
    return reduce(lambda a, b: a | b, [of.between(F.lit(low), F.lit(high)) for low, high in days], F.lit(False))


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@job_command("build-signals", short_help="What followed each anchor: open, mature or void.")
def command(job: Job) -> None:
    """Compute every signal for every anchor, as far as it is known.

    A value is mature once the watermark has passed its window and lateness allowance; before that it is open and
    only its prefix is kept; it is void if it will never be known. What was known at an earlier moment can be read off
    known_ts. Only values that may have changed since the last time are computed; --force computes all anew.

    Example: longplay build-signals --source world
    """
    with job.progress.step("build-signals"):
        build_signals(job)


if __name__ == "__main__":
    command()
