"""The audit of a training set: no row is lost, no label comes from later knowledge, and columns match their sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from longplay.definitions.reward import Label
from longplay.definitions.signal import Definition
from longplay.errors import QualityError
from quality.gate import Gate
from quality.training_sets import (
    ColumnStatistics,
    compute_label_statistics,
    compute_statistics,
    copied_columns,
    describe_mismatches,
    select_span,
    with_training_set_rules,
)
from rankers.dataset.training_set import SplitPlan
from tables.spec import TableSpec


@dataclass(frozen=True)
class TrainingSetAudit:
    """Validates a training set before it is published.

    Attributes:
        gate: validates the rules of its table.
        labels: its labels.
        plan: its global time split.
        known_at: its cut-off (UTC).
        spine: the exposures that it must hold. Grain: exposure_id.
        signal_values: the values that its labels come from. Grain: signal, anchor_id, revision.
        feature_sources: tables by exposure that its features come from.
    """

    gate: Gate
    labels: Sequence[Label]
    plan: SplitPlan
    known_at: datetime
    spine: DataFrame
    signal_values: DataFrame
    feature_sources: Sequence[DataFrame]

    def __call__(self, rows: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> Mapping[str, Any]:
        """Validate the set; gives the gate's audit, the rows of the spine, and the weights of its labels.

        Raises:
            QualityError: naming what is wrong.
        """
        gate_audit = self.gate(rows, with_training_set_rules(spec, rows.dtypes, self.plan.parts()), few_rows)
        spine_rows = check_spine(rows, self.spine.count(), gate_audit["rows"], self.known_at)
        self._check_columns(rows)
        weights = measure_label_weights(rows, [label.name for label in self.labels])
        return {**gate_audit, "spine": spine_rows, "weights": weights}

    def _check_columns(self, rows: DataFrame) -> None:
        """Check that labels have the values of their signals for the same exposures, and features those of theirs."""
        span = (self.plan.train_start, self.plan.test_end)
        refs = {label.name: label.ref for label in self.labels if isinstance(label, Definition)}
        signal_columns = compute_label_statistics(self.signal_values, refs, span, self.known_at)
        sources = [select_span(source, span, self.known_at) for source in self.feature_sources]
        check_columns(rows, signal_columns, sources)


def check_spine(rows: DataFrame, spine_rows: int, row_count: int, known_at: datetime) -> int:
    """Check that no row of the spine was lost or doubled, and that no label was known after the cut-off.

    The rules of the table check that features rest on the past alone, and labels on what followed.

    Returns:
        Rows of the spine.

    Raises:
        QualityError: with the number of faulty rows.
    """
    if spine_rows != row_count:
        raise QualityError(
            "The training set does not preserve its spine.",
            where="training_set",
            got=f"{spine_rows:,} in, {row_count:,} out",
        )
    late_rows = rows.where(F.col("labels_known_ts") > F.lit(known_at)).count()
    if late_rows:
        raise QualityError(
            "The training set holds labels that were not known at its cut-off.",
            where="training_set",
            got=f"{late_rows:,} rows with labels_known_ts after {known_at}",
        )
    return spine_rows


def check_columns(rows: DataFrame, signal_columns: ColumnStatistics, sources: Sequence[DataFrame]) -> None:
    """Check that columns have as many values as their sources, and the same means.

    Raises:
        QualityError: naming the columns that do not.
    """
    source_names = [copied_columns(rows.dtypes, source.columns) for source in sources]
    labels = [name for name in signal_columns if name in rows.columns]
    set_columns = compute_statistics(rows, [*labels, *chain(*source_names)])
    faults = describe_mismatches(set_columns, signal_columns, "signal")
    for source, names in zip(sources, source_names, strict=True):
        faults += describe_mismatches(set_columns, compute_statistics(source, names), "source")
    if faults:
        raise QualityError(
            "Columns of the training set differ from their sources.",
            where="training_set",
            got="; ".join(faults),
            fix="rebuild signals, features and training set from one release; give a column that is filled or scaled a "
            "name of its own",
        )


def measure_label_weights(rows: DataFrame, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """What the labels of the training part weigh, by label.

    Returns:
        ``rows`` that are mature, ``outcomes``, the sum of their weights (under administrative censoring: the number of
        outcomes among them), and ``n_eff``, Kish's effective sample size ``(sum w)^2 / sum w^2``.
    """
    columns = []
    for name in labels:
        weight = F.col(f"weight_{name}")
        columns += [F.count_if(weight > 0).alias(f"rows_{name}"), F.sum(weight).alias(f"sum_{name}")]
        columns += [F.sum(weight * weight).alias(f"square_{name}")]
    sums = rows.where("split = 'train'").agg(*columns).first()
    assert sums is not None
    return {name: _weight(sums[f"rows_{name}"], sums[f"sum_{name}"], sums[f"square_{name}"]) for name in labels}


def _weight(rows: int, total: float | None, total_of_squares: float | None) -> dict[str, float]:
    n_eff = total**2 / total_of_squares if total and total_of_squares else 0.0
    return {"rows": rows, "outcomes": round(total or 0.0, 3), "n_eff": round(n_eff, 3)}
