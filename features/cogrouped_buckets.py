"""Two frames hashed into buckets of shared keys; a function of two Arrow tables computes each bucket."""

from collections.abc import Callable, Sequence
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

BUCKETS = 32
_BUCKET, _ROW = "_bucket", "_row"
BucketFunction = Callable[[pa.Table, pa.Table], pa.Table]


def apply_by_bucket(
    function: BucketFunction,
    frames: tuple[DataFrame, DataFrame],
    keys: Sequence[str],
    buckets: int,
    schema: StructType,
) -> DataFrame:
    """Apply a function to the rows of each bucket of two frames. One shuffle each.

    Args:
        function: gets the rows of a bucket, none included, and gives rows of ``schema``.
        frames: both have ``keys``.
        keys: what is hashed.
        buckets: number of buckets; a task holds one in memory.
        schema: of the result.
    """
    bucket = F.pmod(F.xxhash64(*keys), F.lit(buckets)).cast("int").alias(_BUCKET)
    # One struct a row: in the columns of cogrouped rows Sail refuses nulls, in a struct it does not.
    left, right = (frame.select(bucket, F.struct(*frame.columns).alias(_ROW)).groupBy(_BUCKET) for frame in frames)
    return left.cogroup(right).applyInArrow(partial(_apply, function), schema)


def _apply(function: BucketFunction, left: pa.Table, right: pa.Table) -> pa.Table:
    return function(*(pa.Table.from_struct_array(rows.column(_ROW)) for rows in (left, right)))
