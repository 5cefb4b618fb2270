"""Reads JSON lines in Python; cells are the texts that Spark's variants give."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from ingest.arrow.raw_files import read_rows
from ingest.arrow.text_files import decoded_lines, put_corrupt_last, rows_schema
from ingest.json_lines import BYTE_ORDER_MARK, MAX_FIELDS, check_fields, plan_columns

_BLANKS = " \t\r\n"
_MAX_DIGITS, _MAX_LENGTH = 38, 1_000
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


class _Number(str):
    """The text of a number."""


def read_json_objects(spark: SparkSession, path: str, mapped: Sequence[str]) -> DataFrame:
    """The lines of a file or folder as rows of text, as :func:`ingest.json_lines.read_json_lines` has them.

    Raises:
        InputError: when no line is an object, or they have more than ``MAX_FIELDS`` different fields.
    """
    fields = _list_fields(spark, path)
    columns = plan_columns(fields, mapped, path)
    schema = rows_schema(list(columns))

    def parse(file: str) -> Iterator[Sequence[object]]:
        for text, is_utf8 in _lines(file):
            row = _parse_object(text) if is_utf8 and text.lstrip(" ").startswith("{") else None
            cells = [None] * len(columns) if row is None else [_field(row, steps) for steps in columns.values()]
            yield [*cells, text if row is None else None, row is None]

    return put_corrupt_last(read_rows(spark, path, schema, parse), list(columns))


def _lines(file: str) -> Iterator[tuple[str, bool]]:
    """Lines that are not blank, without a byte order mark, and whether they are UTF-8."""
    for line, is_utf8 in decoded_lines(file, "utf-8"):
        text = line.removeprefix(BYTE_ORDER_MARK)
        if text.strip(" "):
            yield text, is_utf8


def _list_fields(spark: SparkSession, path: str) -> list[str]:
    """The fields of all objects, sorted. Reads the text once."""
    schema = StructType([StructField("field", StringType())])

    def keys(file: str) -> Iterator[tuple[str]]:
        file_keys: set[str] = set()
        for text, _ in _lines(file):
            new_keys = [key for key in _keys(text) if key not in file_keys]
            file_keys.update(new_keys)
            yield from ((key,) for key in new_keys)
            if len(file_keys) > MAX_FIELDS:
                return

    frame = read_rows(spark, path, schema, keys)
    names = sorted(row["field"] for row in frame.select("field").distinct().limit(MAX_FIELDS + 1).collect())
    check_fields(names, path)
    return names


def _keys(text: str) -> Sequence[str]:
    """The fields of the object with which a line begins, whatever follows it."""
    start = text.lstrip(_BLANKS)
    if not start.startswith("{"):
        return ()
    try:
        return [_encodable(key) for key in _KEYS.raw_decode(start)[0]]
    except (ValueError, RecursionError):
        return ()


def _parse_object(text: str) -> Mapping[str, object] | None:
    """The object of a line; None if it is anything else, or has a field twice. Numbers are ``_Number``."""
    try:
        value = _OBJECTS.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = {_encodable(key): value for key, value in pairs}
    if len(fields) < len(pairs):
        raise ValueError("a field occurs twice")
    return fields


def _encodable(text: str) -> str:
    """Text without halves of characters, in whose place Java writes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _integer(text: str) -> _Number:
    if len(text) > _MAX_LENGTH:
        raise ValueError("too many digits")
    return _Number(int(text)) if len(text.lstrip("-")) <= _MAX_DIGITS else _real(text)


def _real(text: str) -> _Number:
    """A number with a point, an exponent or many digits: a decimal where it fits into one, otherwise a double."""
    if len(text) > _MAX_LENGTH:
        raise ValueError("too many digits")
    integer, _, fraction = text.lstrip("-").partition(".")
    if "e" in text.lower() or len(fraction) > _MAX_DIGITS or len((integer + fraction).lstrip("0")) > _MAX_DIGITS:
        return _Number(double_text(float(text)))
    stripped = text.rstrip("0").rstrip(".")
    return _Number("0" if stripped.lstrip("-") in ("", "0") else stripped)


def double_text(number: float) -> str:
    """A double as Java writes it: plain from a thousandth to ten million, otherwise with an exponent."""
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number)
    digits, _, exponent = f"{number!r}".partition("e")
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    integer, _, fraction = digits.partition(".")
    significant = (integer + fraction).strip("0")
    leading = len(integer) - 1 if integer.strip("0") else -len(fraction) + len(fraction.lstrip("0")) - 1
    return f"{sign}{significant[0]}.{significant[1:] or '0'}E{int(exponent or 0) + leading}"


def _reject(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_OBJECTS = json.JSONDecoder(parse_int=_integer, parse_float=_real, parse_constant=_reject, object_pairs_hook=_pairs)
_KEYS = json.JSONDecoder(
    parse_int=len, parse_float=len, parse_constant=_reject, object_pairs_hook=lambda pairs: [key for key, _ in pairs]
)


def _field(row: object, steps: Sequence[str]) -> str | None:
    for step in steps:
        row = row.get(step) if isinstance(row, dict) else None
    return None if row is None else _encodable(row) if isinstance(row, str) else _json(row)


def _json(value: object) -> str:
    """A value as JSON, with the fields of objects sorted as Java sorts text."""
    match value:
        case _Number():
            return f'"{value}"' if value.endswith("Infinity") else value
        case str():
            return '"' + re.sub('["\\\\\x00-\x1f]', _escape, _encodable(value)) + '"'
        case dict():
            names = sorted(value, key=lambda name: name.encode("utf-16-be"))
            return "{" + ",".join(f"{_json(name)}:{_json(value[name])}" for name in names) + "}"
        case list():
            return "[" + ",".join(map(_json, value)) + "]"
    return {None: "null", True: "true", False: "false"}[value]  # type: ignore[index]


def _escape(character: re.Match[str]) -> str:
    return _ESCAPES.get(character[0], f"\\u{ord(character[0]):04X}")
