"""Training sets: exposures x features as of x signals, row-preserving, split by global time. Pure transforms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.feature_view import View
from features.point_in_time_join import LATEST
from features.shipped_views import ITEM, OF_USERS, feature_names
from longplay.config.duration import DAY
from longplay.definitions.reward import Composite, Label
from longplay.errors import InputError
from signals.rewards import append_reward_values

SPINE = [
    "exposure_id",
    "request_id",
    "user_id",
    "item_id",
    "as_of",
    "surface",
    "position",
    "propensity",
    "sampled",
]


@dataclass(frozen=True)
class SplitPlan:
    """Borders of the global time split, all UTC midnights; each part is ``[start, end)`` on as_of.

    Between the parts lie gaps as long as the longest label's horizon: exposures there are ``purged``, because
    their labels read events of the next part.
    """

    train_start: datetime
    train_end: datetime
    valid_start: datetime
    valid_end: datetime
    test_start: datetime
    test_end: datetime

    @classmethod
    def before(cls, watermark: datetime, horizon: timedelta, days: tuple[int, int, int]) -> "SplitPlan":
        """Lay train, valid and test back from the newest day on which every label is mature.

        Args:
            watermark: W at the set's cut-off.
            horizon: longest time from an anchor's day to its maturity.
            days: lengths of train, valid and test in days.
        """
        gap = timedelta(days=-(-horizon // DAY))
        train, valid, test = (timedelta(days=n) for n in days)
        # An exposure of the last day, up to its last moment, is mature at the watermark.
        test_end = watermark.replace(hour=0, minute=0, second=0, microsecond=0) - gap + DAY
        valid_end = test_end - test - gap
        train_end = valid_end - valid - gap
        return cls(train_end - train, train_end, valid_end - valid, valid_end, test_end - test, test_end)

    def check(self, log_start: datetime) -> None:
        """See that the log is long enough.

        Raises:
            InputError: when training would begin before the log.
        """
        if self.train_start < log_start:
            short = (log_start - self.train_start).days
            raise InputError(
                "The log is too short for this split.",
                got=f"training would begin {short} days before the log does ({log_start:%Y-%m-%d})",
                fix="shorten training.train_days, valid_days or test_days: --set training.train_days=28",
            )

    def parts(self) -> dict[str, tuple[datetime, datetime]]:
        """Start and end of each part, by its name."""
        return {
            "train": (self.train_start, self.train_end),
            "valid": (self.valid_start, self.valid_end),
            "test": (self.test_start, self.test_end),
        }

    def label(self, as_of: Column) -> Column:
        """The name of the part a moment falls into."""
        column = F.lit("purged")
        for name, (start, end) in self.parts().items():
            column = F.when((as_of >= F.lit(start)) & (as_of < F.lit(end)), F.lit(name)).otherwise(column)
        return column


def spine_of(exposures: DataFrame, plan: SplitPlan) -> DataFrame:
    """Exposures of the plan's span. Grain: exposure_id."""
    return exposures.where((F.col("as_of") >= F.lit(plan.train_start)) & (F.col("as_of") < F.lit(plan.test_end)))


def training_set(
    spine: DataFrame,
    features: tuple[DataFrame, DataFrame],
    labels: tuple[Sequence[Label], DataFrame],
    plan: SplitPlan,
    known_at: datetime,
) -> DataFrame:
    """Exposures with features and labels.

    Args:
        spine: grain: exposure_id.
        features: of exposures (grain: exposure_id) and of items (grain: item_id, as_of_day).
        labels: signals and rewards, and the table of signal values; read as known at ``known_at``.
        plan: the split.
        known_at: the set's cut-off (UTC).

    Returns:
        Grain: exposure_id, as many rows as the spine. ``label_x`` is null unless ``state_x`` is mature. ``weight_x`` is
        the weight of its censoring times 1 / (mature exposures that share the outcome); 0 unless mature.
    """
    definitions, values = labels
    of_exposures, of_items = features
    own = of_exposures.select("exposure_id", *_named(OF_USERS), F.col(LATEST).alias("_of_user"))
    items = of_items.select("item_id", "as_of_day", *ITEM.names(), F.col(LATEST).alias("_of_item"))
    rows = (
        spine.join(own.withColumn("has_features", F.lit(True)), "exposure_id", "left")
        .join(items, ["item_id", "as_of_day"], "left")
        .join(known_labels(definitions, values, known_at), ["user_id", "exposure_id"], "left")
    )
    for definition in definitions:
        state, weight = f"state_{definition.name}", f"weight_{definition.name}"
        rows = rows.withColumn(state, F.coalesce(state, F.lit("open")))
        rows = rows.withColumn(weight, F.coalesce(weight, F.lit(0.0)))
    named = [f"{part}_{d.name}" for d in definitions for part in ("label", "state", "weight")]
    made = {
        "split": plan.label(F.col("as_of")),
        "f_item_exposures_28d": F.when(~F.col("sampled"), F.col("f_item_exposures_28d")),
        "has_features": F.coalesce("has_features", F.lit(False)),
        LATEST: F.greatest("_of_user", "_of_item"),
    }
    kept = [*SPINE, "split", "has_features", LATEST, "labels_known_ts", "labels_t0"]
    return rows.withColumns(made).select(*kept, *feature_names(), *named)


def _named(views: Sequence[View]) -> list[str]:
    return [name for view in views for name in view.names()]


def known_labels(definitions: Sequence[Label], values: DataFrame, known_at: datetime) -> DataFrame:
    """The latest value and state of each label known at ``known_at``, side by side, in one pass.

    Grain: exposure_id; its user is named too, because values are dealt by user.

    ``labels_known_ts`` is when the last of those that are mature was known, ``labels_t0`` the earliest moment that any
    of them looks from.
    Mature values of one ``cluster_id`` share an outcome: each weighs ``ipc_weight`` divided by how many they are, so an
    outcome counts once, however many exposures share it.
    """
    rewards = [one for one in definitions if isinstance(one, Composite)]
    own = append_reward_values(rewards, values, F.lit(known_at)).where(
        F.col("signal").isin([d.ref for d in definitions])
        & F.col("definition_hash").isin([d.hash for d in definitions])
        & (F.col("known_ts") <= F.lit(known_at))
    )
    told = F.struct("value", "state", "known_ts", "t0", "ipc_weight", "cluster_id")
    newest = [
        F.max_by(told, F.when(F.col("signal") == d.ref, F.struct("known_ts", "revision"))).alias(f"_{d.name}")
        for d in definitions
    ]
    rows = own.groupBy("user_id", F.col("anchor_id").alias("exposure_id")).agg(*newest)
    of = [F.col(f"_{d.name}") for d in definitions]
    weights = {f"weight_{d.name}": _weight(one) for d, one in zip(definitions, of, strict=True)}
    return rows.withColumns(weights).select(
        "user_id",
        "exposure_id",
        *[one["value"].alias(f"label_{d.name}") for one, d in zip(of, definitions, strict=True)],
        *[one["state"].alias(f"state_{d.name}") for one, d in zip(of, definitions, strict=True)],
        *weights,
        _of_all(F.greatest, [F.when(one["value"].isNotNull(), one["known_ts"]) for one in of]).alias("labels_known_ts"),
        _of_all(F.least, [one["t0"] for one in of]).alias("labels_t0"),
    )


def _weight(one: Column) -> Column:
    """What a value counts for. An outcome is one user's, so rows that are dealt by user need not be dealt again."""
    is_mature = one["state"] == "mature"
    shared = F.count_if(is_mature).over(Window.partitionBy("user_id", one["cluster_id"]))
    return F.when(is_mature, one["ipc_weight"] / shared)


def _of_all(choose: Callable[..., Column], moments: Sequence[Column]) -> Column:
    return choose(*moments) if len(moments) > 1 else moments[0]
