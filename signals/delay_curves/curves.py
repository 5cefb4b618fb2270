"""Delay curves: how much of the final values was seen by age, on cohorts that are mature. Pure transforms.

The distance of a value from what it ends as says what is still to be seen of it. Over a cohort

    seen(a) = 1 - sum_i |v_i - p_i(a)| / sum_i |v_i - p_i(0)|

with v_i the value at maturity and p_i(a) what it was by what was known before t0 + a. For values that only grow from 0
this is the share of their sum that was there by that age; it is defined for others, too, and may fall.

What was known at an age is told from facts, by the same measures that make the values: ``signal_values`` keeps what was
seen of open values only until they settle. So some anchors of a cohort are followed, those with the least hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from signals.aggregate import KEY, GroupInputs, aggregate_pairs, value_column
from signals.anchor_facts import SignalGroup, group_definitions
from signals.anchors import ANCHOR, anchors_from_exposures
from signals.delay_curves.cohorts import WEEK, Cohort, observation_ages
from signals.maturity import Knowledge

SAMPLE = 1_000
"""Anchors of a cohort that are followed at most. Spark finds so few without dealing all (its window group limit)."""
EXACT = "decimal(28,12)"
"""Sums of decimals do not depend on the order of rows, so equal content has an equal checksum."""
CURVE = [
    "signal",
    "definition_hash",
    "cohort",
    "age_day",
    "anchors",
    "sampled",
    "whole",
    "missing",
    "seen",
    "std_error",
]
"""The columns of a curve: those of ``signal_delays`` that are measured."""
TRACKED = ["signal", "definition_hash", "cohort", *KEY, "item_id", "t0", "final", "anchors"]


@dataclass(frozen=True)
class SignalFacts:
    """What happened. Grain: event_id; exposure_id; item_id, episode (None where no signal reads releases)."""

    events: DataFrame
    exposures: DataFrame
    episodes: DataFrame | None = None


def compute_delay_curves(
    cohorts: Sequence[Cohort], followed: DataFrame, facts: SignalFacts, knowledge: Knowledge
) -> DataFrame:
    """The curves of some cohorts.

    Args:
        cohorts: which; at least one, all of them mature.
        followed: their anchors, of ``select_tracked_anchors``. It is read several times: persist it.
        facts: everything that the signals read, as far back as they look before their anchors.
        knowledge: T and the log's start; what became known when is read off the facts.

    Returns:
        Grain: signal, cohort, age_day; the columns ``CURVE``. A cohort in which nothing was to be seen has no row.
    """
    definitions = list({cohort.definition.ref: cohort.definition for cohort in cohorts}.values())
    near = _near(cohorts, facts, followed.select("user_id").distinct())
    told = [_told(group, followed, near, knowledge) for group in group_definitions(definitions)]
    return _curves(reduce(DataFrame.unionByName, told))


def select_tracked_anchors(cohorts: Sequence[Cohort], values: DataFrame, most: int = SAMPLE) -> DataFrame:
    """Anchors that are followed through their ages, with their values at maturity.

    Args:
        cohorts: which; at least one, all of them mature.
        values: grain: signal, anchor_id, revision. Values at maturity are read, revisions are not.
        most: so many of a cohort at most.

    Returns:
        Grain: signal, anchor_id; the columns ``TRACKED``. ``anchors`` counts the cohort's mature anchors.
    """
    week = F.to_date(F.date_trunc("week", "t0"))
    weeks = [cohort.week for cohort in cohorts]
    lies = F.col("t0_day").between(F.lit(min(weeks)), F.lit(max(weeks) + WEEK - DAY))
    first = values.where(lies & F.col("settled") & (F.col("state") == "mature") & (F.col("revision") == 0))
    own = first.withColumnRenamed("value", "final").withColumn("cohort", week).where(_of(cohorts))
    counted = own.groupBy("signal", "cohort").agg(F.count("*").alias("anchors"))
    by_hash = Window.partitionBy("signal", "cohort").orderBy(F.xxhash64("anchor_id"), "anchor_id")
    still = sorted({c.definition.ref for c in cohorts if c.definition.measure.only_grows})
    moved = own.where(~F.col("signal").isin(still) | (F.col("final") != 0))
    some = moved.withColumn("_place", F.row_number().over(by_hash)).where(F.col("_place") <= most)
    return counted.join(some, ["signal", "cohort"], "inner").select(*TRACKED)


def _of(cohorts: Sequence[Cohort]) -> Column:
    """Whether a row belongs to one of them; reads ``signal``, ``definition_hash`` and ``cohort``."""
    weeks: dict[tuple[str, str], list[object]] = {}
    for one in cohorts:
        weeks.setdefault((one.definition.ref, one.definition.hash), []).append(one.week)
    conditions = [
        (F.col("signal") == ref) & (F.col("definition_hash") == identity) & F.col("cohort").isin(found)
        for (ref, identity), found in weeks.items()
    ]
    return reduce(lambda a, b: a | b, conditions)


def _near(cohorts: Sequence[Cohort], facts: SignalFacts, users: DataFrame) -> SignalFacts:
    """The facts of some users that lie in reach of the cohorts."""
    definitions = {cohort.definition.ref: cohort.definition for cohort in cohorts}.values()
    spans = [d.horizon for d in definitions] + [d.credit.within for d in definitions if d.credit]
    before = [d.baseline for d in definitions if d.baseline] + [d.horizon for d in definitions if d.credit]
    low = min(cohort.week for cohort in cohorts) - max(before, default=timedelta(0)) - DAY
    high = max(cohort.week for cohort in cohorts) + WEEK + max(spans) + DAY
    reach = {"events": "event_day", "exposures": "as_of_day"}
    kept = {
        name: getattr(facts, name)
        .where(F.col(day).between(F.lit(low), F.lit(high)))
        .join(users, "user_id", "left_semi")
        for name, day in reach.items()
    }
    return SignalFacts(**kept, episodes=facts.episodes)


def _told(group: SignalGroup, followed: DataFrame, facts: SignalFacts, knowledge: Knowledge) -> DataFrame:
    """Followed values of a group's signals with their distances by age.

    Grain: signal, anchor_id, age_day; ``whole`` and ``missing`` beside what says which cohort and user it is.
    """
    refs = {d.ref: n for n, d in enumerate(group.definitions)}
    own = followed.where(F.col("signal").isin(list(refs)))
    # An anchor is looked at from the beginning on: what a value was at t0 is where its distance is told from.
    grid = sorted({0, *(age for d in group.definitions for age in observation_ages(d)[:-1])})
    anchors, competitors = _anchors(group, own, facts.exposures)
    aged = anchors.withColumn("age_day", F.explode(F.lit(grid)))
    read = GroupInputs(group, aged, competitors, facts.events, knowledge, facts.episodes)
    moment = F.unix_micros("t0") + F.col("age_day").cast("bigint") * F.lit(DAY // timedelta(microseconds=1))

    def known(_: Definition) -> Column:
        return F.unix_micros("known_ts") < moment

    values = aggregate_pairs(group, read.pairs(read.facts(), aged), known, [*KEY, "t0", "age_day"])
    prefixes = F.array(*[value_column(n) for n in refs.values()])
    entry = F.struct("age_day", prefixes.alias("prefixes"))
    # One row an anchor, so that signals and ages are joined to it once.
    by_age = values.groupBy(*KEY).agg(F.map_from_entries(F.collect_list(entry)).alias("_by_age"))
    return _distances(group, own.join(by_age, KEY, "inner"))


def _anchors(group: SignalGroup, followed: DataFrame, exposures: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The followed anchors as such, and those that they compete with for credit. Grain: anchor_id."""
    if group.one.anchor == "exposure":
        competitors = anchors_from_exposures(exposures)
        ids = followed.select(*KEY).distinct()
        return competitors.join(ids, KEY, "left_semi"), competitors
    never = {"anchor_known_ts": F.col("t0"), "superseded_ts": F.lit(None).cast("timestamp")}
    no_request = {"request_id": F.lit(None).cast("string"), "position": F.lit(None).cast("int")}
    anchors = followed.select(*KEY, "item_id", "t0").distinct().withColumns({**never, **no_request}).select(*ANCHOR)
    return anchors, anchors


def _distances(group: SignalGroup, rows: DataFrame) -> DataFrame:
    """One row a value and age. Reads ``_by_age``: what each signal of the group was by age."""
    number = _by_signal({d.ref: F.lit(n) for n, d in enumerate(group.definitions)})
    looked = _by_signal({d.ref: F.lit(list(observation_ages(d))) for d in group.definitions})
    last = _by_signal({d.ref: F.lit(observation_ages(d)[-1]) for d in group.definitions})
    told = rows.withColumns({"_n": number, "_last": last}).withColumn("age_day", F.explode(looked))

    def distance(age: Column) -> Column:
        # Where nothing can be measured yet, all of the value is still to be seen.
        prefix = F.coalesce(F.get(F.try_element_at("_by_age", age), F.col("_n")), F.lit(0.0))
        return F.abs(F.col("final") - prefix).cast(EXACT)

    missing = F.when(F.col("age_day") < F.col("_last"), distance(F.col("age_day"))).otherwise(F.lit(0).cast(EXACT))
    found = told.withColumns({"whole": distance(F.lit(0)), "missing": missing})
    return found.select("signal", "definition_hash", "cohort", "age_day", "user_id", "anchors", "whole", "missing")


def _by_signal(of: dict[str, Column]) -> Column:
    """What belongs to the row's signal."""
    found = F.when(F.lit(False), next(iter(of.values())))
    for ref, column in of.items():
        found = found.when(F.col("signal") == ref, column)
    return found


def _curves(told: DataFrame) -> DataFrame:
    """Distances added up, with the standard error of their ratio: users are drawn, and what is theirs with them.

    The error is that of a ratio estimator over clusters (Cochran 1977, Sampling Techniques, 3rd ed., section 6.3).
    """
    keys = ["signal", "definition_hash", "cohort", "age_day"]
    sums = [F.sum(name).cast(EXACT).alias(name) for name in ("whole", "missing")]
    of_users = told.groupBy(*keys, "user_id").agg(F.max("anchors").alias("anchors"), F.count("*").alias("n"), *sums)
    squares = {"ww": ("whole", "whole"), "wm": ("whole", "missing"), "mm": ("missing", "missing")}
    # The product of two such decimals would keep six decimals.
    product = {name: F.col(a).cast("double") * F.col(b).cast("double") for name, (a, b) in squares.items()}
    products = [F.sum(column.cast(EXACT)).cast("double").alias(name) for name, column in product.items()]
    added = of_users.groupBy(*keys).agg(
        F.max("anchors").alias("anchors"),
        F.sum("n").alias("sampled"),
        F.count("*").alias("_users"),
        *[F.sum(name).cast("double").alias(name) for name in ("whole", "missing")],
        *products,
    )
    left = F.col("missing") / F.col("whole")
    square = F.greatest(F.lit(0.0), F.col("mm") - 2 * left * F.col("wm") + left * left * F.col("ww"))
    few = F.col("_users") / (F.col("_users") - 1)
    is_there, spread = F.col("whole") > 0, F.sqrt(square * few) / F.col("whole")
    made = {
        "seen": F.round(F.when(is_there, 1 - left), 9),
        "std_error": F.round(F.when(is_there & (F.col("_users") > 1), spread), 9),
    }
    return added.withColumns(made).select(*CURVE)
