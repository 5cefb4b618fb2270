"""Training sets: exposures with point-in-time features and mature labels, split by global time. Pure transforms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

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

    The gaps between the parts are as long as the longest label's horizon. Exposures in a gap are ``purged``, because
    their labels read events of the next part.
    """

    train_start: datetime
    train_end: datetime
    valid_start: datetime
    valid_end: datetime
    test_start: datetime
    test_end: datetime

    @classmethod
    def from_watermark(cls, watermark: datetime, horizon: timedelta, days: tuple[int, int, int]) -> "SplitPlan":
        """Place train, valid and test backwards from the newest day on which every label is mature.

        Args:
            watermark: W at the set's cut-off.
            horizon: longest time from an anchor's day to its maturity.
            days: lengths of train, valid and test in days.
        """
        gap = timedelta(days=-(-horizon // DAY))  # rounded up to whole days
        train, valid, test = (timedelta(days=n) for n in days)
        # Every exposure of the last test day, even at its last moment, is mature at the watermark.
        test_end = watermark.replace(hour=0, minute=0, second=0, microsecond=0) - gap + DAY
        valid_end = test_end - test - gap
        train_end = valid_end - valid - gap
        return cls(train_end - train, train_end, valid_end - valid, valid_end, test_end - test, test_end)

    def check(self, log_start: datetime) -> None:
        """Check that the log is long enough.

        Raises:
            InputError: training would begin before the log.
        """
        if self.train_start < log_start:
            missing_days = (log_start - self.train_start).days
            raise InputError(
                "The log is too short for this split.",
                got=f"training would begin {missing_days} days before the log does ({log_start:%Y-%m-%d})",
                fix="shorten training.train_days, valid_days or test_days: --set training.train_days=28",
            )

    def parts(self) -> dict[str, tuple[datetime, datetime]]:
        """Start and end of each part, by its name."""
        return {
            "train": (self.train_start, self.train_end),
            "valid": (self.valid_start, self.valid_end),
            "test": (self.test_start, self.test_end),
        }

    def part_of(self, as_of: Column) -> Column:
        """The name of the part that a time falls into."""
        column = F.lit("purged")
        for name, (start, end) in self.parts().items():
            column = F.when((as_of >= F.lit(start)) & (as_of < F.lit(end)), F.lit(name)).otherwise(column)
        return column


def select_spine(exposures: DataFrame, plan: SplitPlan) -> DataFrame:
    """The exposures that the plan covers. Grain: exposure_id."""
    return exposures.where((F.col("as_of") >= F.lit(plan.train_start)) & (F.col("as_of") < F.lit(plan.test_end)))


def join_training_set(
    spine: DataFrame,
    features: tuple[DataFrame, DataFrame],
    labels: tuple[Sequence[Label], DataFrame],
    plan: SplitPlan,
    known_at: datetime,
) -> DataFrame:
    """Join exposures with their features and labels.

    Args:
        spine: the exposures; grain: exposure_id.
        features: of exposures (grain: exposure_id) and of items (grain: item_id, as_of_day).
        labels: signals and rewards, and the table of signal values, which is read as known at ``known_at``.
        plan: the split.
        known_at: the set's cut-off (UTC).

    Returns:
        Grain: exposure_id, as many rows as the spine. Each label x has three columns:
        ``label_x`` is null unless ``state_x`` is mature, and ``weight_x`` is the value's censoring weight divided by
        the number of mature exposures that share its outcome (0 unless mature).
    """
    definitions, values = labels
    wide_labels = pivot_labels(definitions, values, known_at)
    rows = _join_features(spine, *features).join(wide_labels, ["user_id", "exposure_id"], "left")
    derived = {
        "split": plan.part_of(F.col("as_of")),
        "f_item_exposures_28d": F.when(~F.col("sampled"), F.col("f_item_exposures_28d")),
        "has_features": F.coalesce("has_features", F.lit(False)),
        LATEST: F.greatest("_of_user", "_of_item"),
        **{f"state_{d.name}": F.coalesce(f"state_{d.name}", F.lit("open")) for d in definitions},
        **{f"weight_{d.name}": F.coalesce(f"weight_{d.name}", F.lit(0.0)) for d in definitions},
    }
    own_columns = [*SPINE, "split", "has_features", LATEST, "labels_known_ts", "labels_t0"]
    label_columns = [f"{part}_{d.name}" for d in definitions for part in ("label", "state", "weight")]
    return rows.withColumns(derived).select(*own_columns, *feature_names(), *label_columns)


def _join_features(spine: DataFrame, of_exposures: DataFrame, of_items: DataFrame) -> DataFrame:
    """The spine with all features and the latest time that each side read. Grain: exposure_id."""
    names = [name for view in OF_USERS for name in view.names()]
    user_features = of_exposures.select("exposure_id", *names, F.col(LATEST).alias("_of_user"))
    item_features = of_items.select("item_id", "as_of_day", *ITEM.names(), F.col(LATEST).alias("_of_item"))
    return spine.join(user_features.withColumn("has_features", F.lit(True)), "exposure_id", "left").join(
        item_features, ["item_id", "as_of_day"], "left"
    )


def pivot_labels(definitions: Sequence[Label], values: DataFrame, known_at: datetime) -> DataFrame:
    """The latest value, state and weight of each label as known at ``known_at``: one row per exposure, in one pass.

    Grain: exposure_id; its user is a column too, because values are partitioned by user.

    ``labels_known_ts`` is when the last of the mature labels became known, ``labels_t0`` the earliest start of any
    label's window. Mature values with one ``cluster_id`` share an outcome: each has its ``ipc_weight`` divided by
    their number, so an outcome counts once, however many exposures share it.
    """
    fields = F.struct("value", "state", "known_ts", "t0", "ipc_weight", "cluster_id")
    newest = [
        F.max_by(fields, F.when(F.col("signal") == d.ref, F.struct("known_ts", "revision"))).alias(f"_{d.name}")
        for d in definitions
    ]
    known_values = _select_known(definitions, values, known_at)
    rows = known_values.groupBy("user_id", F.col("anchor_id").alias("exposure_id")).agg(*newest)
    labels = {d.name: F.col(f"_{d.name}") for d in definitions}
    weights = {f"weight_{name}": _weight(label) for name, label in labels.items()}
    mature_times = [F.when(label["value"].isNotNull(), label["known_ts"]) for label in labels.values()]
    return rows.withColumns(weights).select(
        "user_id",
        "exposure_id",
        *[label["value"].alias(f"label_{name}") for name, label in labels.items()],
        *[label["state"].alias(f"state_{name}") for name, label in labels.items()],
        *weights,
        _combine(F.greatest, mature_times).alias("labels_known_ts"),
        _combine(F.least, [label["t0"] for label in labels.values()]).alias("labels_t0"),
    )


def _select_known(definitions: Sequence[Label], values: DataFrame, known_at: datetime) -> DataFrame:
    """All revisions of the labels' values that were known at ``known_at``, rewards included."""
    rewards = [definition for definition in definitions if isinstance(definition, Composite)]
    return append_reward_values(rewards, values, F.lit(known_at)).where(
        F.col("signal").isin([d.ref for d in definitions])
        & F.col("definition_hash").isin([d.hash for d in definitions])
        & (F.col("known_ts") <= F.lit(known_at))
    )


def _weight(label: Column) -> Column:
    """Weight of a mature value; null otherwise. All rows of an outcome have one user, so Spark need not shuffle."""
    is_mature = label["state"] == "mature"
    sharing = F.count_if(is_mature).over(Window.partitionBy("user_id", label["cluster_id"]))
    return F.when(is_mature, label["ipc_weight"] / sharing)


def _combine(choose: Callable[..., Column], times: Sequence[Column]) -> Column:
    """``choose`` over all times; Spark's greatest and least refuse a single column."""
    return choose(*times) if len(times) > 1 else times[0]
