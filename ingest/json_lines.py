"""Reads JSON lines: one object a line, in UTF-8. Fields are read as text; nested ones are addressed by a path."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ingest.raw_columns import CORRUPT, FILE, MALFORMED, in_all_folders, name_columns, with_file_names
from longplay.errors import InputError
from tables.spark import escape_glob

MAX_FIELDS = 2_000
"""A log with more fields uses names for data, such as an object whose fields are user ids."""
_LINE, _PARSED, _IS_UTF8 = "value", "_parsed", "_is_utf8"
BYTE_ORDER_MARK = "\ufeff"


def read_json_lines(spark: SparkSession, path: str, mapped: Sequence[str]) -> DataFrame:
    """The lines of a file or folder as rows of text. Lines that are not one object in UTF-8 are marked and kept.

    Numbers that are equal are equal text (``12``, ``12.0``); objects and lists are JSON text. A mapped name that is no
    field of its own is a path through objects: ``device.os``.

    Raises:
        InputError: when no line is an object, or they have more than ``MAX_FIELDS`` different fields.
    """
    read = with_file_names(in_all_folders(spark.read, path).text(escape_glob(path)), path)
    # Before anything else: other functions replace bytes that are not UTF-8.
    checked = read.withColumn(_IS_UTF8, F.is_valid_utf8(_LINE))
    lines = checked.withColumn(_LINE, F.regexp_replace(_LINE, f"^{BYTE_ORDER_MARK}", "")).where(F.trim(_LINE) != "")
    fields = _list_fields(lines, path)
    rows, is_malformed = lines.withColumn(_PARSED, _parse_single_object()), F.col(_PARSED).isNull()
    columns = {name: _field(steps) for name, steps in plan_columns(fields, mapped, path).items()}
    folders = [name for name in read.columns if name not in (_LINE, FILE)]
    return rows.select(
        *[column.alias(name) for name, column in columns.items()],
        *folders,
        FILE,
        is_malformed.alias(MALFORMED),
        F.when(is_malformed, F.col(_LINE)).alias(CORRUPT),
    )


def plan_columns(fields: Sequence[str], mapped: Sequence[str], path: str) -> dict[str, Sequence[str]]:
    """The names of fields that lead to the value of each column: the fields of objects, and mapped paths."""
    names = name_columns(fields, mapped, path)
    columns: dict[str, Sequence[str]] = {name: [field] for name, field in zip(names, fields, strict=True)}
    paths = {name: name.split(".") for name in mapped if "." in name and name not in columns}
    return columns | {name: steps for name, steps in paths.items() if steps[0] in fields}


def _list_fields(lines: DataFrame, path: str) -> list[str]:
    """The fields of all objects, sorted. Starts a Spark job that reads the text once."""
    keys = lines.select(F.explode(F.json_object_keys(_LINE)).alias("field")).distinct()
    fields = sorted(row["field"] for row in keys.limit(MAX_FIELDS + 1).collect())
    check_fields(fields, path)
    return fields


def check_fields(fields: Sequence[str], path: str) -> None:
    """Check that objects have fields, and not so many that names are data.

    Raises:
        InputError: when they have none, or more than ``MAX_FIELDS``.
    """
    if not fields:
        raise InputError(
            "The raw log cannot be read as jsonl.",
            where=path,
            got="no line that is a JSON object",
            fix="check format.type in the source file, or deliver the file again",
        )
    if len(fields) > MAX_FIELDS:
        raise InputError(
            f"The objects of the log have more than {MAX_FIELDS:,} different fields.",
            where=path,
            got=f"fields such as {', '.join(fields[:5])}",
            fix="write such data as values, as in a list of objects, or give each a line of its own",
        )


def _parse_single_object() -> Column:
    """The line in a list, parsed; null unless it is one object. Text after the object makes the list no JSON."""
    parsed = F.try_parse_json(F.concat(F.lit("["), _LINE, F.lit("]")))
    has_second = F.try_variant_get(parsed, "$[1]", "variant").isNotNull()
    return F.when(F.col(_IS_UTF8) & F.ltrim(F.col(_LINE)).startswith("{") & ~has_second, parsed)


def _field(steps: Sequence[str]) -> Column:
    """A field of the object, by the names that lead to it, as text."""
    quoted = [f'["{step}"]' if "'" in step else f"['{step}']" for step in steps]
    return F.try_variant_get(_PARSED, "$[0]" + "".join(quoted), "string")
