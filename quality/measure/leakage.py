"""Features that are their label: what a model would learn by heart and not have when it serves."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from quality.baselines import LEAST_ROWS
from tables.checks import Leak

Numbers = npt.NDArray[np.float64]


def numbers(frame: DataFrame, check: Leak, grain: tuple[str, ...], one_in: int) -> pa.Table:
    """The features and labels of one row in so many, chosen by a hash of the grain."""
    of = (check.features, check.labels)
    wanted = [name for name, kind in frame.dtypes if name.startswith(of) and kind in ("double", "int", "bigint")]
    chosen = frame if one_in == 1 else frame.where(F.pmod(F.xxhash64(*grain), F.lit(one_in)) == 0)
    return chosen.select(*[F.col(name).cast("double") for name in wanted]).toArrow()


def closest(rows: pa.Table, check: Leak) -> tuple[float, str]:
    """The largest absolute correlation of a feature with a label, and which they are.

    Rows where either is null are left out; 200 must remain, and both must vary.
    """
    columns = {name: rows[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in rows.column_names}
    labels = [name for name in columns if name.startswith(check.labels)]
    features = [name for name in columns if name.startswith(check.features)]
    found = [(abs(_correlation(columns[f], columns[n])), f"{f}, {n}") for n in labels for f in features]
    return max(found, default=(0.0, ""))


def _correlation(one: Numbers, other: Numbers) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    one, other = one[both], other[both]
    if len(one) < LEAST_ROWS or one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
