"""Reads Parquet files, also those with columns of types that Spark lacks."""

from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import BinaryType, DataType, IntegerType, LongType, StructField, StructType, TimestampType

from ingest.arrow.raw_files import order_columns
from ingest.arrow.typed_files import read_parquet_files
from ingest.raw_columns import (
    MALFORMED,
    in_all_folders,
    list_files,
    nanoseconds_column,
    raw_column,
    union_rows,
    with_file_names,
)
from longplay.errors import InputError, first_line
from tables.spark import SPARK_ERRORS, escape_glob, with_columns

_UNREADABLE = ("TIME", "UUID", "FLOAT16", "INTERVAL")
"""Logical types of Parquet that Spark cannot read."""
_STORED: Mapping[str, DataType] = {"INT32": IntegerType(), "INT64": LongType(), "FIXED_LEN_BYTE_ARRAY": BinaryType()}
"""Spark's types of the physical types of Parquet that hold those."""
_WIDER: Mapping[pa.DataType, pa.DataType] = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
}
"""The types as which Spark reads numbers without a sign."""


def read_parquet(spark: SparkSession, path: str, mapped: Sequence[str]) -> DataFrame:
    """The rows of a file or folder. Times in nanoseconds are cut to microseconds; mapped columns keep the rest.

    Columns of types that Spark cannot read are read as they are stored: times of day as whole numbers, others as bytes.
    Within other columns they are left out, unless the source file needs them. A column whose type differs between files
    is read as text.

    Raises:
        InputError: naming a file that is no Parquet, or a column that the source file needs and Spark cannot read.
    """
    groups = _group_by_schema(path)
    if len(groups) < 2:
        return _read_alike(spark, path, [path], next((files[0] for files in groups), None), mapped)
    return union_rows([_read_alike(spark, path, list(map(str, files)), files[0], mapped) for files in groups])


def read_parquet_in_arrow(spark: SparkSession, path: str, mapped: Sequence[str]) -> DataFrame:
    """The rows that :func:`read_parquet` gives, on an engine that has no names of files.

    Raises:
        InputError: as there, and when there are no files.
    """
    frames = []
    for files in _group_by_schema(path):
        schema = _schema_for_arrow(files[0], mapped, path)
        rows = read_parquet_files(spark, path, files, schema)
        frames.append(_with_times(order_columns(rows.withColumn(MALFORMED, F.lit(False))), files[0], mapped))
    return union_rows(frames)


def _schema_for_arrow(sample: Path, mapped: Sequence[str], path: str) -> StructType:
    """The columns that are read of files like a sample, with the types that Spark gives them."""
    unreadable = _find_unreadable_columns(sample)
    leaves = pq.read_metadata(sample).schema
    legacy = {leaf.path for leaf in leaves if leaf.physical_type == "INT96"}
    fields = _schema_with_stored(sample, unreadable, mapped, path).fields
    return StructType([StructField(f.name, TimestampType()) if f.name in legacy else f for f in fields])


def _group_by_schema(path: str) -> list[list[Path]]:
    """The files of a log, those with the same columns of the same types together. Reads the footer of each."""
    groups: dict[frozenset[tuple[str, str]], list[Path]] = {}
    for file in list_files(Path(path)):
        groups.setdefault(frozenset((f.name, str(f.type)) for f in _read_schema(file)), []).append(file)
    return list(groups.values())


def _read_schema(file: Path) -> pa.Schema:
    """The columns as Parquet has them, whatever types their writer had in memory."""
    try:
        return pq.read_metadata(file).schema.to_arrow_schema()
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            "The raw log cannot be read as parquet.",
            where=str(file),
            got=first_line(error),
            fix="check format.type in the source file, or deliver the file again",
        ) from error


def _read_alike(
    spark: SparkSession, path: str, files: Sequence[str], sample: Path | None, mapped: Sequence[str]
) -> DataFrame:
    """The rows of files that have the columns and types of ``sample``."""
    reader = in_all_folders(spark.read, path)
    reader = reader.option("basePath", path) if Path(path).is_dir() else reader
    locations = [escape_glob(file) for file in files]
    try:
        rows = reader.parquet(*locations)
        rows.columns  # noqa: B018 - Spark Connect analyses nothing before it is asked for something
    except SPARK_ERRORS:
        unreadable = _find_unreadable_columns(sample)
        if sample is None or not unreadable:
            raise
        rows = reader.schema(_schema_with_stored(sample, unreadable, mapped, path)).parquet(*locations)
    return _with_times(with_file_names(rows, path).withColumn(MALFORMED, F.lit(False)), sample, mapped)


def _schema_with_stored(sample: Path, unreadable: Mapping[str, str], mapped: Sequence[str], path: str) -> StructType:
    """The columns that Spark can read, and as what the others are stored; nested ones are left out."""
    stored = {name: kind for name, kind in _stored_types(sample).items() if name in unreadable}
    _check_not_needed({name: kind for name, kind in unreadable.items() if name not in stored}, mapped, path)
    readable = _readable_schema(sample, unreadable)
    return StructType([*readable.fields, *(StructField(name, kind) for name, kind in stored.items())])


def _with_times(rows: DataFrame, sample: Path | None, mapped: Sequence[str]) -> DataFrame:
    """Rows with times in nanoseconds, which were read as whole numbers, as times."""
    types, zones = dict(rows.dtypes), _zones_of_nanoseconds(sample)
    # Spark reads nanoseconds as whole numbers (spark.sql.legacy.parquet.nanosAsLong).
    zones = {name: zone for name, zone in zones.items() if types.get(name) == "bigint"}
    below = {nanoseconds_column(name): _below_microseconds(name) for name in zones if name in mapped}
    return with_columns(rows, below | {name: _time(name, zone) for name, zone in zones.items()})


def _find_unreadable_columns(file: Path | None) -> dict[str, str]:
    """The columns of types that Spark cannot read, with their types."""
    schema = pq.read_metadata(file).schema if file is not None else ()
    types = {leaf.path.split(".")[0]: leaf.logical_type.type for leaf in schema}
    return {name: kind for name, kind in types.items() if kind in _UNREADABLE}


def _stored_types(file: Path | None) -> dict[str, DataType]:
    """The Spark type of what is stored in each column that is not nested, without its logical type."""
    leaves = (leaf for leaf in pq.read_metadata(file).schema if leaf.path == leaf.name)
    return {leaf.name: _STORED[leaf.physical_type] for leaf in leaves if leaf.physical_type in _STORED}


def _check_not_needed(unreadable: Mapping[str, str], mapped: Sequence[str], path: str) -> None:
    needed = [name for name in unreadable if name in mapped]
    if needed:
        raise InputError(
            f"Column '{needed[0]}' has a type that Spark cannot read.",
            where=path,
            got=f"the Parquet type {unreadable[needed[0]]}",
            fix="write it as text, a number or a timestamp",
        )


def _readable_schema(file: Path, unreadable: Container[str]) -> StructType:
    """The columns that Spark can read, with the types that it would give them itself."""
    fields = [field for field in _read_schema(file) if field.name not in unreadable]
    schema = pa.schema([field.with_type(_type_for_spark(field.type)) for field in fields])
    readable: StructType = from_arrow_schema(schema, prefer_timestamp_ntz=True)
    return readable


def _type_for_spark(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_type_for_spark(kind.value_type))
    if pa.types.is_map(kind):
        return pa.map_(_type_for_spark(kind.key_type), _type_for_spark(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_type_for_spark(field.type)) for field in kind])
    return pa.int64() if _is_in_nanoseconds(kind) else _WIDER.get(kind, kind)


def _is_in_nanoseconds(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.unit == "ns")


def _zones_of_nanoseconds(file: Path | None) -> dict[str, str | None]:
    """The columns of times in nanoseconds, with their zones; None: local times."""
    fields = _read_schema(file) if file is not None else ()
    return {field.name: field.type.tz for field in fields if _is_in_nanoseconds(field.type)}


def _below_microseconds(name: str) -> Column:
    return F.pmod(raw_column(name), F.lit(1_000)).cast("int")


def _time(name: str, zone: str | None) -> Column:
    # In decimals, because doubles do not hold so many digits.
    micros = F.floor(raw_column(name).cast("decimal(22,3)") * F.lit(Decimal("0.001"))).cast("bigint")
    time = F.timestamp_micros(micros)
    return time if zone else time.cast("timestamp_ntz")
