"""The readers of engines other than Spark give Spark's rows, or refuse a log by what it has."""

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from ingest.formats import FORMATS, FileFormat
from longplay.errors import InputError
from tables.spark import is_spark

pytestmark = pytest.mark.spark

ODD = 'n,a,b\n1,"x ""y""",\n2,"abc"def,z\n3,"never closed,z\n4,too,many,cells\n\n5,too few\n6,"",\ufffd\n'
JSON = "\n".join(
    (
        '\ufeff{"a": 1, "o": {"z": [1.50, "é\\u001f"], "b": null}, "n": 1e-5}',
        '{"a": 12345678901234567890, "e": "\\ud800"}',
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        " [1]",
        "  ",
        '{"a": -0.0, "o": true} x',
    )
)
TIMES = pa.table(
    {
        "ns": pa.array([1, None], pa.timestamp("ns")),
        "zoned": pa.array([datetime(2026, 7, 1, tzinfo=UTC)] * 2, pa.timestamp("ms", "Europe/Berlin")),
        "at": pa.array([time(1), None], pa.time64("us")),
        "wide": pa.array([2**64 - 1, 0], pa.uint64()),
        "kind": pa.array(["a", None]).dictionary_encode(),
    }
)


def parquet_bytes(rows: pa.Table, **options: Any) -> bytes:
    stream = pa.BufferOutputStream()
    pq.write_table(rows, stream, **options)
    return stream.getvalue().to_pybytes()


WIDTHS = {"type": "fixed_width", "columns": ["a", "b"], "widths": [3, 3]}
CASES: Mapping[str, tuple[Mapping[str, bytes], Mapping[str, Any], tuple[str, ...]]] = {
    "odd rows": ({"a.csv": ODD.encode(), "d/b.csv.gz": gzip.compress(b"N,A,B\n7,8,9")}, {"type": "csv"}, ()),
    "line breaks": ({"a.csv": b'n,\r\n1,"x\r\ny"\r\n2\r\n3,4,5\r\n'}, {"type": "csv"}, ()),
    "undecodable": ({"a.tsv": b"1\tcaf\xe9\n2\t\xef\xbf\xbd\n"}, {"type": "tsv", "columns": ["n", "a"]}, ()),
    "folders": ({f"day={day}/a.csv": b"n\n1" for day in ("07", "x%20y")}, {"type": "csv"}, ()),
    "JSON": ({"a.jsonl": JSON.encode() + b'\n{"a": "\xe9"}'}, {"type": "jsonl"}, ("o.z",)),
    "widths": ({"a.txt": "ab é \n\nx\nab  cdef\r\n".encode()}, WIDTHS, ()),
    "Parquet": ({"a.parquet": parquet_bytes(TIMES)}, {"type": "parquet"}, ("ns",)),
    "old times": (
        {"a.parquet": parquet_bytes(TIMES.drop(["at"]), use_deprecated_int96_timestamps=True)}, {"type": "parquet"}, (),
    ),
}  # fmt: skip


def deliver(folder: Path, files: Mapping[str, bytes]) -> str:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return str(folder)


@pytest.mark.parametrize(("files", "keys", "mapped"), CASES.values(), ids=CASES)
def test_arrow_reads_what_spark_reads(
    spark: SparkSession,
    tmp_path: Path,
    files: Mapping[str, bytes],
    keys: Mapping[str, Any],
    mapped: tuple[str, ...],
) -> None:
    if not is_spark(spark):
        pytest.skip("Spark is the reference")
    path, file_format = deliver(tmp_path, files), FileFormat(**keys)
    raw_format = FORMATS[file_format.type]
    expected = raw_format.read_by_spark(spark, path, file_format, mapped)
    read = raw_format.read_by_arrow(spark, path, file_format, mapped)
    assert read.dtypes == expected.dtypes
    rows = [sorted(json.dumps(row.asDict(), default=str) for row in frame.collect()) for frame in (read, expected)]
    assert rows[0] == rows[1]
    assert rows[0]


REFUSED = {
    "compressed as lz4": ({"a.csv.lz4": b"x"}, {"type": "csv"}),
    "a delimiter, quote or escape of several characters": ({"a.csv": b"x"}, {"type": "csv", "delimiter": "||"}),
    "lines that end in CR alone, with line breaks in cells": ({"a.csv": b'a\r"b\rc"\r'}, {"type": "csv"}),
    "columns that are in files and in names of folders": ({"a=1/b.csv": b"a\n2"}, {"type": "csv"}),
    "the encoding shift_jis": ({"a.csv": b"a\n2"}, {"type": "csv", "encoding": "shift_jis"}),
}
"""What Arrow would read otherwise than Spark: docs/how-to/engines.md lists the same."""


@pytest.mark.parametrize("reason", REFUSED)
def test_what_would_be_read_otherwise_is_refused(spark: SparkSession, tmp_path: Path, reason: str) -> None:
    files, keys = REFUSED[reason]
    path, file_format = deliver(tmp_path, files), FileFormat(**keys)
    with pytest.raises(InputError, match="by Arrow as Spark reads it") as caught:
        FORMATS[file_format.type].read_by_arrow(spark, path, file_format, ())
    assert caught.value.got.startswith(reason)
    assert "on Spark" in caught.value.fix


def test_the_guide_lists_what_is_refused() -> None:
    guide = Path("docs/how-to/engines.md").read_text(encoding="utf-8")
    section = guide.partition("### Raw logs on Sail")[2]
    missing = [reason for reason in REFUSED if f"| {reason}" not in section]
    assert missing == []
