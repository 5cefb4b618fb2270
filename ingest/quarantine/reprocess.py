"""Reprocesses quarantined rows: from JSON back to raw rows, and the outcome of each. Pure transforms."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from ingest.fact_tables import fact_id
from ingest.raw_columns import CORRUPT, FILE, MALFORMED, RAW_JSON_OPTIONS, raw_column
from ingest.row_validation import ORIGIN
from longplay.errors import InputError
from tables.catalog import QUARANTINE_RELEASES

_UNREAD = "_unread"
FACT_KEYS: Mapping[str, tuple[str, ...]] = {
    "events": ("event_id",),
    "exposures": ("exposure_id",),
    "episodes": ("item_id", "episode"),
}
"""The columns that identify a fact of each raw log: the grain of its table."""


def select_open_rows(quarantine: DataFrame, releases: DataFrame | None) -> DataFrame:
    """Quarantined rows that are not released yet. Grain: row_id."""
    return quarantine if releases is None else quarantine.join(releases.select("row_id"), "row_id", "left_anti")


def merge_schemas(log: str, schemas: Sequence[str]) -> StructType:
    """One schema for raw rows of a log whose deliveries had different columns.

    Args:
        log: which raw log, as an error names it.
        schemas: Spark schemas as JSON.

    Raises:
        InputError: when a column has two types.
    """
    fields: dict[str, StructField] = {}
    for field in (field for text in schemas for field in StructType.fromJson(json.loads(text)).fields):
        if fields.setdefault(field.name, field).dataType != field.dataType:
            raise InputError(
                f"Column '{field.name}' has two types among the rows to release.",
                where=f"quarantined rows of the {log} log",
                got=f"{fields[field.name].dataType.simpleString()} and {field.dataType.simpleString()}",
                fix="release them separately: --where \"file = '...'\" selects those of one file",
            )
    return StructType(list(fields.values()))


def find_unknown_keys(rows: DataFrame, schema: StructType) -> DataFrame:
    """Rows whose JSON has ``keys`` that are not columns of the log. Grain: row_id."""
    log_keys = F.array(*[F.lit(name) for name in schema.names])
    keys = F.array_except(F.json_object_keys("raw"), log_keys).alias("keys")
    return rows.select("row_id", keys).where(F.size("keys") > 0)


def parse_raw_rows(rows: DataFrame, schema: StructType) -> DataFrame:
    """Raw rows parsed from their JSON, as if they were read from a delivered file.

    Args:
        rows: ``row_id``, ``raw`` and ``file`` of rows of one log. Grain: row_id.
        schema: the type of the raw rows.

    Returns:
        Grain: raw row, with ``_malformed`` and ``_file`` as :func:`ingest.readers.read_raw` gives them, and
        ``_origin``. Rows that are not JSON, or still carry the text of a line that did not parse, are malformed.
    """
    fields = StructType([*schema.fields, StructField(_UNREAD, StringType())])
    read = F.from_json("raw", fields, {**RAW_JSON_OPTIONS, "columnNameOfCorruptRecord": _UNREAD}).alias("_row")
    parsed = rows.select(F.col("row_id").alias(ORIGIN), F.col("file").alias(FILE), read)
    is_still_corrupt = F.col(f"_row.{CORRUPT}").isNotNull() if CORRUPT in schema.names else F.lit(False)
    malformed = F.col("_row").isNull() | F.col(f"_row.{_UNREAD}").isNotNull() | is_still_corrupt
    columns = [F.col("_row").getField(name).alias(name) for name in schema.names]
    return parsed.select(*columns, FILE, ORIGIN, malformed.alias(MALFORMED))


def apply_repairs(rows: DataFrame, schema: StructType, changes: Mapping[str, str]) -> DataFrame:
    """Set raw columns of quarantined rows; ``raw`` stays JSON.

    Args:
        rows: ``row_id``, ``raw`` and further columns. Grain: row_id.
        schema: the type of the raw rows.
        changes: a Spark SQL expression over the raw columns, by the column that it sets.
    """
    read = rows.withColumn("_row", F.from_json("raw", schema, RAW_JSON_OPTIONS)).select("*", "_row.*")
    types = {field.name: field.dataType for field in schema.fields}
    new = {name: F.expr(text).cast(types[name]) for name, text in changes.items()}
    columns = [new.get(name, raw_column(name)).alias(name) for name in schema.names]
    others = [name for name in rows.columns if name != "raw"]
    struct = F.struct(*others).alias("_others")
    repaired = read.select(struct, F.struct(*columns).alias("_new"))
    return repaired.select("_others.*", F.to_json("_new", RAW_JSON_OPTIONS).alias("raw"))


def delay_known_time(validated: DataFrame, moment: datetime) -> DataFrame:
    """Raise the known time of validated rows to ``moment``, so that what was known before it stays as it was."""
    return validated.withColumn("known_ts", F.greatest("known_ts", F.lit(moment)))


def fact_id_of_row(log: str) -> Column:
    """The id that a validated row would have as a fact; null where it has none."""
    if log == "episodes":
        return F.to_json(F.array("item_id", "episode_"))
    return F.when(F.col("event_ts").isNotNull(), fact_id("event_ts"))


def fact_id_of_fact(log: str) -> Column:
    """The same id, computed from a published fact."""
    return F.col(FACT_KEYS[log][0]) if len(FACT_KEYS[log]) == 1 else F.to_json(F.array(*FACT_KEYS[log]))


def determine_outcomes(validated: DataFrame, log: str, published: DataFrame) -> DataFrame:
    """The outcome of each released row of one log.

    Args:
        validated: the released rows of that log, validated again, with ``_origin``. Grain: raw row.
        log: which raw log.
        published: the table of that log, or at least its rows of the same days. Grain of that table.

    Returns:
        Grain: row_id. A clean row is published, or a duplicate if its fact was published before.
    """
    facts = published.select(fact_id_of_fact(log).alias("fact_id"), F.lit(True).alias("_published")).distinct()
    with_ids = validated.withColumn("fact_id", F.when(F.col("reason").isNull(), fact_id_of_row(log)))
    clean = F.when(F.col("_published"), F.lit("duplicate")).otherwise(F.lit("published"))
    outcome = F.when(F.col("reason").isNotNull(), F.lit("quarantined")).otherwise(clean)
    return with_ids.join(facts, "fact_id", "left").select(
        F.col(ORIGIN).alias("row_id"),
        outcome.alias("outcome"),
        F.col("reason").alias("new_reason"),
        "fact_id",
        "user_id",
    )


def build_releases(rows: DataFrame, outcomes: DataFrame, release: Mapping[str, Column]) -> DataFrame:
    """Rows of the table of releases.

    Args:
        rows: ``row_id``, ``log``, ``reason`` and the repaired ``raw``. Grain: row_id.
        outcomes: from :func:`determine_outcomes`. A row without an outcome belonged to an erased person.
        release: the columns that are the same for the whole release.

    Returns:
        Grain: row_id. ``raw`` is null for rows of erased people.
    """
    joined = rows.join(outcomes, "row_id", "left").withColumns(dict(release))
    is_erased = F.col("outcome").isNull()
    return joined.withColumns(
        {
            "raw": F.when(~is_erased, F.col("raw")),
            "outcome": F.coalesce("outcome", F.lit("erased")),
        }
    ).select(*QUARANTINE_RELEASES.column_names())
