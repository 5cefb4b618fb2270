"""The identity of a raw row: equal values are the same row, however a file stores them. Pure column expressions.

Rows that were delivered before are recognised by it. It does not depend on the order of columns, on columns that the
source file does not name, nor on types: ``7``, ``7.0`` and the text ``"7"`` are one number, and a time is the moment
that it names, to the last digit of the source. Facts' ids are made from it, so a change of these rules is a new
``ROW_IDENTITY``.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingest.log_mapping import LogMapping
from ingest.raw_columns import RAW_JSON_OPTIONS, number_text, raw_column, text_column
from ingest.source_config import Source
from ingest.times import digits_below_microseconds, time_column

ROW_IDENTITY = 2
"""Version of these rules, kept with every table of facts. 1: JSON of the columns, with times in milliseconds."""
_TIMES = ("time", "known")
_NUMBERS = ("amount", "position", "propensity", "log_propensity", "season_episodes")


def row_key(raw: DataFrame, source: Source, log: LogMapping) -> Column:
    """A hash of the values that identify a raw row: 32 hexadecimal digits."""
    role_by_column = {column: role for role, column in reversed(log.roles.items())}
    labels = {role_by_column.get(column, f"column {column}"): column for column in log.identity}
    texts = [(F.lit(label), _canonical_text(raw, source, log, label, labels[label])) for label in sorted(labels)]
    pairs = F.array(*[part for pair in texts for part in pair])
    return F.substring(F.sha2(F.to_json(pairs), 256), 1, 32)


def _canonical_text(raw: DataFrame, source: Source, log: LogMapping, role: str, column: str) -> Column:
    text = _any_text(raw, column)
    if role in _TIMES:
        fmt = log.time.format if role == "time" else log.known.format
        micros = F.unix_micros(time_column(raw, column, fmt, source.time_zone)).cast("string")
        return F.coalesce(F.concat(micros, F.lit("."), digits_below_microseconds(raw, column, fmt)), text)
    if role in _NUMBERS:
        return F.coalesce(number_text(text.try_cast("double")), text)
    return text


def _any_text(raw: DataFrame, column: str) -> Column:
    spark_type = dict(raw.dtypes)[column]
    if spark_type.startswith("timestamp"):
        return F.concat(text_column(raw, column), digits_below_microseconds(raw, column))
    if spark_type.startswith(("struct", "array", "map", "variant")):
        return F.to_json(raw_column(column), RAW_JSON_OPTIONS)
    return text_column(raw, column)
