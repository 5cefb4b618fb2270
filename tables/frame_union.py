"""The union of frames with different columns. A module of its own, because it decides the content of tables."""

from collections.abc import Iterable
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def union_by_name(frames: Iterable[DataFrame]) -> DataFrame:
    """Rows of several frames by column name; a column that a frame lacks is null.

    ``unionByName(allowMissingColumns=True)`` gives such a column no type in Sail.
    """
    members = list(frames)
    types = {field.name: field.dataType for frame in members for field in frame.schema.fields}

    def complete(frame: DataFrame) -> DataFrame:
        missing = {name: F.lit(None).cast(kind) for name, kind in types.items() if name not in frame.columns}
        return frame.withColumns(missing) if missing else frame

    return reduce(DataFrame.unionByName, map(complete, members))
