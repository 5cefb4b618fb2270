"""Training sets: exposures x features as of x signals, row-preserving, split by global time. Pure transforms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.views import VIEWS, feature_names
from longplay.definition import Definition
from longplay.errors import InputError
from signals.compile import as_known_at

DAY = timedelta(days=1)
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

    def label(self, as_of: Column) -> Column:
        """The name of the part a moment falls into."""
        parts = {
            "train": (self.train_start, self.train_end),
            "valid": (self.valid_start, self.valid_end),
            "test": (self.test_start, self.test_end),
        }
        column = F.lit("purged")
        for name, (start, end) in parts.items():
            column = F.when((as_of >= F.lit(start)) & (as_of < F.lit(end)), F.lit(name)).otherwise(column)
        return column


def spine_of(exposures: DataFrame, plan: SplitPlan) -> DataFrame:
    """Exposures of the plan's span. Grain: exposure_id."""
    return exposures.where((F.col("as_of") >= F.lit(plan.train_start)) & (F.col("as_of") < F.lit(plan.test_end)))


def training_set(
    spine: DataFrame,
    features: Mapping[str, DataFrame],
    labels: Sequence[tuple[Definition, DataFrame]],
    plan: SplitPlan,
    known_at: datetime,
) -> DataFrame:
    """Exposures with features and labels.

    Args:
        spine: grain: exposure_id.
        features: table of each feature view, by name.
        labels: definitions with the table of signal values; read as known at ``known_at``.
        plan: the split.
        known_at: the set's cut-off (UTC).

    Returns:
        Grain: exposure_id, as many rows as the spine. ``label_x`` is null unless ``state_x`` is mature.
    """
    rows = spine.withColumn("as_of_day", F.to_date("as_of")).withColumn("split", plan.label(F.col("as_of")))
    for view in VIEWS:
        keys = [*view.keys, "as_of_day" if view.resolution == "day" else "as_of"]
        rows = rows.join(features[view.name], keys, "left")
    for definition, values in labels:
        rows = rows.join(_label(definition, values, known_at), "exposure_id", "left")
        state = f"state_{definition.name}"
        rows = rows.withColumn(state, F.coalesce(state, F.lit("open")))
    named = [f"{part}_{d.name}" for d, _ in labels for part in ("label", "state")]
    exposures_28d = F.when(~F.col("sampled"), F.col("f_item_exposures_28d"))
    return rows.withColumn("f_item_exposures_28d", exposures_28d).select(*SPINE, "split", *feature_names(), *named)


def _label(definition: Definition, values: DataFrame, known_at: datetime) -> DataFrame:
    own = values.where((F.col("signal") == definition.ref) & (F.col("definition_hash") == definition.hash))
    return as_known_at(own, F.lit(known_at)).select(
        F.col("anchor_id").alias("exposure_id"),
        F.col("value").alias(f"label_{definition.name}"),
        F.col("state").alias(f"state_{definition.name}"),
    )
