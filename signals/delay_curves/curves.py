"""Delay curves: how much of the final values was observed by age, on mature cohorts. Pure transforms.

The distance of a value from its final value is what remains to be observed. Over a cohort

    seen(a) = 1 - sum_i |v_i - p_i(a)| / sum_i |v_i - p_i(0)|

where v_i is the value at maturity and p_i(a) the value by what was known before t0 + a. For values that only grow from
0 this is the share of their sum observed by that age. It is defined for other values too, and may fall.

Prefixes are computed from facts by the measures that compute the values, because the table ``signal_values`` keeps the
prefix of an open value only until it settles. To limit the cost, a sample of a cohort's anchors is tracked: those with
the smallest hashes.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from longplay.config.duration import DAY, DAY_US
from longplay.definitions.signal import Definition
from signals.aggregate import KEY, GroupInputs, aggregate_pairs, value_column
from signals.anchors import ANCHOR, anchors_from_exposures
from signals.delay_curves.cohorts import WEEK, Cohort, observation_ages
from signals.maturity import Knowledge
from signals.signal_groups import SignalFacts, SignalGroup, group_definitions

MAX_TRACKED_ANCHORS = 1_000
"""Most anchors of a cohort to track. Spark selects so few without a full shuffle (its window group limit)."""
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


def compute_delay_curves(
    cohorts: Sequence[Cohort], tracked: DataFrame, facts: SignalFacts, knowledge: Knowledge
) -> DataFrame:
    """The curves of cohorts.

    Args:
        cohorts: at least one, all of them mature.
        tracked: their anchors, from ``select_tracked_anchors``. Persist it, because it is read several times.
        facts: everything that the signals read, as far back as they look before their anchors.
        knowledge: T and the log's start. Earlier knowledge follows from the known times of the facts.

    Returns:
        Grain: signal, cohort, age_day; the columns ``CURVE``. A cohort without any distance has no row.
    """
    definitions = list({cohort.definition.ref: cohort.definition for cohort in cohorts}.values())
    near = _select_near_facts(cohorts, facts, tracked.select("user_id").distinct())
    groups = group_definitions(definitions)
    distances = [_compute_distances(group, tracked, near, knowledge) for group in groups]
    return _aggregate_curves(reduce(DataFrame.unionByName, distances))


def select_tracked_anchors(cohorts: Sequence[Cohort], values: DataFrame, limit: int = MAX_TRACKED_ANCHORS) -> DataFrame:
    """Anchors to track through their ages, with their values at maturity.

    Args:
        cohorts: at least one, all of them mature.
        values: values at maturity; revisions are ignored. Grain: signal, anchor_id, revision.
        limit: most anchors of a cohort.

    Returns:
        Grain: signal, anchor_id; the columns ``TRACKED``. ``anchors`` counts the cohort's mature anchors.
    """
    week = F.to_date(F.date_trunc("week", "t0"))
    weeks = [cohort.week for cohort in cohorts]
    is_near = F.col("t0_day").between(F.lit(min(weeks)), F.lit(max(weeks) + WEEK - DAY))
    first = values.where(is_near & F.col("settled") & (F.col("state") == "mature") & (F.col("revision") == 0))
    own = first.withColumnRenamed("value", "final").withColumn("cohort", week).where(_is_of_cohorts(cohorts))
    counted = own.groupBy("signal", "cohort").agg(F.count("*").alias("anchors"))
    by_hash = Window.partitionBy("signal", "cohort").orderBy(F.xxhash64("anchor_id"), "anchor_id")
    # A value that only grows and ends at 0 was 0 at every age.
    growing = sorted({c.definition.ref for c in cohorts if c.definition.measure.only_grows})
    moved = own.where(~F.col("signal").isin(growing) | (F.col("final") != 0))
    sample = moved.withColumn("_place", F.row_number().over(by_hash)).where(F.col("_place") <= limit)
    return counted.join(sample, ["signal", "cohort"], "inner").select(*TRACKED)


def _is_of_cohorts(cohorts: Sequence[Cohort]) -> Column:
    """Whether a row belongs to one of the cohorts; reads ``signal``, ``definition_hash`` and ``cohort``."""
    weeks_by_definition: dict[tuple[str, str], list[object]] = {}
    for cohort in cohorts:
        key = (cohort.definition.ref, cohort.definition.hash)
        weeks_by_definition.setdefault(key, []).append(cohort.week)
    conditions = [
        (F.col("signal") == ref) & (F.col("definition_hash") == identity) & F.col("cohort").isin(weeks)
        for (ref, identity), weeks in weeks_by_definition.items()
    ]
    return reduce(or_, conditions)


def _select_near_facts(cohorts: Sequence[Cohort], facts: SignalFacts, users: DataFrame) -> SignalFacts:
    """The facts of some users within reach of the cohorts."""
    definitions = {cohort.definition.ref: cohort.definition for cohort in cohorts}.values()
    spans = [d.horizon for d in definitions] + [d.credit.within for d in definitions if d.credit]
    before = [d.baseline for d in definitions if d.baseline] + [d.horizon for d in definitions if d.credit]
    low = min(cohort.week for cohort in cohorts) - max(before, default=timedelta(0)) - DAY
    high = max(cohort.week for cohort in cohorts) + WEEK + max(spans) + DAY

    def select(table: DataFrame, day: str) -> DataFrame:
        return table.where(F.col(day).between(F.lit(low), F.lit(high))).join(users, "user_id", "left_semi")

    return SignalFacts(select(facts.events, "event_day"), select(facts.exposures, "as_of_day"), facts.episodes)


def _compute_distances(group: SignalGroup, tracked: DataFrame, facts: SignalFacts, knowledge: Knowledge) -> DataFrame:
    """Tracked values of a group's signals with their distances by age.

    Grain: signal, anchor_id, age_day; ``whole`` (at t0) and ``missing`` (at that age), with cohort and user.
    """
    refs = {d.ref: n for n, d in enumerate(group.definitions)}
    own = tracked.where(F.col("signal").isin(list(refs)))
    # Distances are relative to the value at t0, so age 0 is computed, too.
    grid = sorted({0, *(age for d in group.definitions for age in observation_ages(d)[:-1])})
    anchors, competitors = _select_anchors(group, own, facts.exposures)
    aged = anchors.withColumn("age_day", F.explode(F.lit(grid)))
    inputs = GroupInputs(group, aged, competitors, facts.events, knowledge, facts.episodes)
    moment = F.unix_micros("t0") + F.col("age_day").cast("bigint") * F.lit(DAY_US)

    def is_known(_: Definition) -> Column:
        return F.unix_micros("known_ts") < moment

    values = aggregate_pairs(group, inputs.pairs(inputs.facts(), aged), is_known, [*KEY, "t0", "age_day"])
    prefixes = F.array(*[value_column(n) for n in refs.values()])
    entry = F.struct("age_day", prefixes.alias("prefixes"))
    # One row an anchor, so that a single join adds signals and ages.
    by_age = values.groupBy(*KEY).agg(F.map_from_entries(F.collect_list(entry)).alias("_by_age"))
    return _explode_ages(group, own.join(by_age, KEY, "inner"))


def _select_anchors(group: SignalGroup, tracked: DataFrame, exposures: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The tracked anchors, and the anchors that compete with them for credit. Grain: anchor_id."""
    if group.shared.anchor == "exposure":
        competitors = anchors_from_exposures(exposures)
        ids = tracked.select(*KEY).distinct()
        return competitors.join(ids, KEY, "left_semi"), competitors
    never = {"anchor_known_ts": F.col("t0"), "superseded_ts": F.lit(None).cast("timestamp")}
    no_request = {"request_id": F.lit(None).cast("string"), "position": F.lit(None).cast("int")}
    anchors = tracked.select(*KEY, "item_id", "t0").distinct().withColumns({**never, **no_request}).select(*ANCHOR)
    return anchors, anchors


def _explode_ages(group: SignalGroup, rows: DataFrame) -> DataFrame:
    """One row a value and age. Reads ``_by_age``: the values of each signal of the group by age."""
    number = _by_signal({d.ref: F.lit(n) for n, d in enumerate(group.definitions)})
    ages = _by_signal({d.ref: F.lit(list(observation_ages(d))) for d in group.definitions})
    last = _by_signal({d.ref: F.lit(observation_ages(d)[-1]) for d in group.definitions})
    aged = rows.withColumns({"_n": number, "_last": last}).withColumn("age_day", F.explode(ages))

    def distance(age: Column) -> Column:
        # While nothing can be measured, the full value remains to be observed.
        prefix = F.coalesce(F.get(F.try_element_at("_by_age", age), F.col("_n")), F.lit(0.0))
        return F.abs(F.col("final") - prefix).cast(EXACT)

    missing = F.when(F.col("age_day") < F.col("_last"), distance(F.col("age_day"))).otherwise(F.lit(0).cast(EXACT))
    distances = aged.withColumns({"whole": distance(F.lit(0)), "missing": missing})
    return distances.select("signal", "definition_hash", "cohort", "age_day", "user_id", "anchors", "whole", "missing")


def _by_signal(columns: dict[str, Column]) -> Column:
    """The column of the row's signal."""
    chosen = F.when(F.lit(False), next(iter(columns.values())))
    for ref, column in columns.items():
        chosen = chosen.when(F.col("signal") == ref, column)
    return chosen


def _aggregate_curves(distances: DataFrame) -> DataFrame:
    """Curves from distances, with standard errors that treat users as clusters.

    The error is that of a ratio estimator over clusters (Cochran 1977, Sampling Techniques, 3rd ed., section 6.3).
    """
    sums = _sum_distances(distances)
    remaining = F.col("missing") / F.col("whole")
    square = F.greatest(F.lit(0.0), F.col("mm") - 2 * remaining * F.col("wm") + remaining * remaining * F.col("ww"))
    small_sample = F.col("_users") / (F.col("_users") - 1)
    is_defined, spread = F.col("whole") > 0, F.sqrt(square * small_sample) / F.col("whole")
    estimates = {
        "seen": F.round(F.when(is_defined, 1 - remaining), 9),
        "std_error": F.round(F.when(is_defined & (F.col("_users") > 1), spread), 9),
    }
    return sums.withColumns(estimates).select(*CURVE)


def _sum_distances(distances: DataFrame) -> DataFrame:
    """Sums of distances and of their products over users. Grain: signal, cohort, age_day."""
    keys = ["signal", "definition_hash", "cohort", "age_day"]
    sums = [F.sum(name).cast(EXACT).alias(name) for name in ("whole", "missing")]
    counts = [F.max("anchors").alias("anchors"), F.count("*").alias("n")]
    of_users = distances.groupBy(*keys, "user_id").agg(*counts, *sums)
    squares = {"ww": ("whole", "whole"), "wm": ("whole", "missing"), "mm": ("missing", "missing")}
    # Doubles, because the product of two such decimals would keep six decimals only.
    product = {name: F.col(a).cast("double") * F.col(b).cast("double") for name, (a, b) in squares.items()}
    products = [F.sum(column.cast(EXACT)).cast("double").alias(name) for name, column in product.items()]
    return of_users.groupBy(*keys).agg(
        F.max("anchors").alias("anchors"),
        F.sum("n").alias("sampled"),
        F.count("*").alias("_users"),
        *[F.sum(name).cast("double").alias(name) for name in ("whole", "missing")],
        *products,
    )
