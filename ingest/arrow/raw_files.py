"""Raw files read by Python in the engine's workers, where the engine's own readers lack what a raw log needs.

Such an engine has no names of files and no text of rows that do not parse. The rows equal those that Spark reads.
"""

import codecs
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from ingest.raw_columns import FILE, MALFORMED, list_files, raw_column
from longplay.errors import InputError

MAX_PARTITIONS = 64
BATCH_ROWS, BATCH_CELLS = 8_192, 1_000_000
_UNALIKE = (".lz4", ".snappy", ".deflate", ".br")
"""Compressed files that Spark and Arrow take for different things."""
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
"""Byte order marks of UTF-16 and UTF-32; that of UTF-32-LE begins with that of UTF-16-LE."""
Parse = Callable[[str], Iterator[pa.RecordBatch]]
ParseRows = Callable[[str], Iterator[Sequence[object]]]


def read_files(
    spark: SparkSession,
    path: str,
    schema: StructType,
    parse: Parse,
    files: Sequence[Path] | None = None,
    *,
    has_folder_values: bool = True,
) -> DataFrame:
    """The rows of all files of a log, each file read by one worker, batch by batch.

    Args:
        spark: the session.
        path: the log's file or folder.
        schema: of the rows of a file.
        parse: gives them, for the path of a file. The values in the names of its folders and ``FILE`` are added.
        files: those to read; None: all.
        has_folder_values: whether names of folders such as ``day=2026-05-03`` are values of a column.

    Raises:
        InputError: when files lie in folders that name different columns, or are compressed as only Spark reads them.
    """
    root = Path(path)
    files = list_log_files(root) if files is None else files
    names = _folder_columns(root, files, schema.names) if has_folder_values else []
    values = [_folder_values(root, file).values() if has_folder_values else () for file in files]
    places = [(str(file), *of_file, _below(root, file)) for file, of_file in zip(files, values, strict=True)]
    path_fields = [StructField(name, StringType()) for name in (*names, FILE)]
    full = StructType([*schema.fields, *path_fields])
    arrow_schema = to_arrow_schema(full)

    def parse_files(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for file, *values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                for rows in parse(file):
                    columns = [pa.repeat(pa.scalar(value, pa.string()), rows.num_rows) for value in values]
                    yield pa.RecordBatch.from_arrays([*rows.columns, *columns], schema=arrow_schema)

    columns = ", ".join(f"c{n} string" for n in range(len(path_fields) + 1))
    frame = spark.createDataFrame(places, columns).repartition(max(1, min(len(files), MAX_PARTITIONS)))
    return frame.mapInArrow(parse_files, full)


def read_rows(spark: SparkSession, path: str, schema: StructType, parse_rows: ParseRows) -> DataFrame:
    """The rows of all files of a log, as :func:`read_files` gives them, from a parser that gives cells.

    Args:
        spark: the session.
        path: the log's file or folder.
        schema: of the rows of a file.
        parse_rows: gives the cells of each row of a file, in the order of the schema.
    """
    return read_files(spark, path, schema, lambda file: _batches(parse_rows(file), schema))


def order_columns(rows: DataFrame) -> DataFrame:
    """The columns in the order in which Spark's readers give them."""
    last = (FILE, MALFORMED)
    return rows.select(*[raw_column(name) for name in rows.columns if name not in last], *last)


def list_log_files(root: Path) -> list[Path]:
    """The files of a log.

    Raises:
        InputError: when one is compressed in a way that only Spark reads.
    """
    files = list_files(root)
    for file in files:
        if file.suffix in _UNALIKE:
            raise refusal(f"compressed as {file.suffix[1:]}", str(file), "compress it as .gz or .zst")
    return files


def refusal(what: str, where: str, fix: str) -> InputError:
    """The error for what only Spark reads.

    Args:
        what: what the log has.
        where: its file or folder.
        fix: another way to deliver it.
    """
    return InputError(
        "The raw log cannot be read by Arrow as Spark reads it.",
        where=where,
        got=what,
        fix=f"{fix}, or run the step on Spark",
    )


def _below(root: Path, file: Path) -> str:
    return file.name if file == root else str(file.relative_to(root))


def _folder_values(root: Path, file: Path) -> dict[str, str | None]:
    """The values in the names of a file's folders, by column: ``day=2026-05-03``."""
    parts = file.relative_to(root).parts[:-1] if file != root else ()
    pairs = [[unquote(text) for text in part.split("=", 1)] for part in parts if "=" in part]
    return {name: None if value == _NO_VALUE else value for name, value in pairs}


def _folder_columns(root: Path, files: Sequence[Path], file_columns: Iterable[str]) -> list[str]:
    columns = [list(_folder_values(root, file)) for file in files]
    for file, names in zip(files, columns, strict=True):
        if names != columns[0]:
            raise InputError(
                "The folders of the log name different columns.",
                where=str(file),
                got=f"{', '.join(names) or 'none'}; in other folders {', '.join(columns[0]) or 'none'}",
                fix="name the folders of all files alike",
            )
    shared = {name.lower() for name in file_columns} & {name.lower() for name in columns[0]}
    if shared:
        raise refusal(
            f"columns that are in files and in names of folders ({min(shared)})", str(root), "rename a folder"
        )
    return columns[0]


def open_text(file: str, encoding: str, newline: str | None = None, errors: str = "replace") -> io.TextIOWrapper:
    """The text of a file that may be compressed, without its byte order mark.

    Args:
        file: its path.
        encoding: of the text, as Python calls it.
        newline: which line ends are kept, as for :func:`open`.
        errors: what becomes of bytes that are not of the encoding.
    """
    stream = io.BufferedReader(pa.input_stream(file, compression="detect"))
    name, head = codecs.lookup(encoding).name, stream.peek(4)
    if name in ("utf-16", "utf-32") and not head.startswith(_MARKS):
        name = f"{name}-be"  # as Java takes it
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    mark = b"" if name.startswith("utf-32") or name == "utf-16" else marks.get(name, codecs.BOM_UTF8)
    if mark and head.startswith(mark):
        stream.read(len(mark))
    return io.TextIOWrapper(stream, encoding=name, errors=errors, newline=newline)


def _batches(rows: Iterable[Sequence[object]], schema: StructType) -> Iterator[pa.RecordBatch]:
    """Rows in batches of a bounded size, so that no file is held in memory."""
    arrow_schema = to_arrow_schema(schema)
    size = max(1, min(BATCH_ROWS, BATCH_CELLS // len(arrow_schema)))
    batch: list[Sequence[object]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield _batch(batch, arrow_schema)
            batch = []
    if batch:
        yield _batch(batch, arrow_schema)


def _batch(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(cells, field.type) for cells, field in zip(columns, schema, strict=True)], schema=schema
    )
