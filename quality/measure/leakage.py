"""Leakage: features that reveal their label, which a model would learn by heart and not have when it serves."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from quality.baselines import MIN_ROWS_FOR_VOLUME_CHECK
from tables.checks import Leak

Floats = npt.NDArray[np.float64]


def sample_features_and_labels(frame: DataFrame, check: Leak, grain: tuple[str, ...], one_in: int) -> pa.Table:
    """Read numeric features and labels of one row in ``one_in``, chosen by a hash of the grain."""
    prefixes = (check.features, check.labels)
    columns = [name for name, kind in frame.dtypes if name.startswith(prefixes) and kind in ("double", "int", "bigint")]
    rows = frame if one_in == 1 else frame.where(F.pmod(F.xxhash64(*grain), F.lit(one_in)) == 0)
    return rows.select(*[F.col(name).cast("double") for name in columns]).toArrow()


def find_strongest_correlation(rows: pa.Table, check: Leak) -> tuple[float, str]:
    """Find the largest absolute correlation of a feature with a label, and the names of both.

    Rows where either is null do not count. A pair needs 200 rows, and both columns must vary.
    """
    columns = {name: rows[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in rows.column_names}
    labels = [name for name in columns if name.startswith(check.labels)]
    features = [name for name in columns if name.startswith(check.features)]
    pairs = [(feature, label) for label in labels for feature in features]
    correlations = [(abs(_correlation(columns[f], columns[n])), f"{f}, {n}") for f, n in pairs]
    return max(correlations, default=(0.0, ""))


def _correlation(feature: Floats, label: Floats) -> float:
    has_both = np.isfinite(feature) & np.isfinite(label)
    feature, label = feature[has_both], label[has_both]
    if len(feature) < MIN_ROWS_FOR_VOLUME_CHECK or feature.std() == 0 or label.std() == 0:
        return 0.0
    return float(np.corrcoef(feature, label)[0, 1])
