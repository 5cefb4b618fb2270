"""Random JSON lines, written by Python's json module in every way that it has, are read back cell by cell."""

import gzip
import json
import string
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ingest.formats import FORMATS, FileFormat
from ingest.raw_columns import CORRUPT, FILE, MALFORMED

pytestmark = pytest.mark.spark

FILES, OBJECTS = 1_000, 6_000
FIELDS = ("a", "b c", "d.e", "ü", "it's")
LETTERS = string.printable + "äß漢字\u2028\u0085🎧\u0000"
PATH = "o.deep.er"


def random_value(rng: np.random.Generator, depth: int = 2) -> Any:
    """A number, a text, a constant, or a list or object of such."""
    kind = rng.integers(9 if depth else 6)
    if kind == 0:
        return "".join(rng.choice(list(LETTERS), rng.integers(0, 9)))
    if kind == 1:
        return int(rng.integers(-(2**62), 2**62)) * (10 ** int(rng.integers(0, 15)))
    if kind == 2:
        return float(np.round(rng.normal(0, 10.0 ** rng.integers(-8, 12)), int(rng.integers(0, 9))))
    if kind == 3:
        return float(rng.integers(-(10**6), 10**6))
    if kind in (4, 5):
        return [None, True, False, "", "null", "12.0"][rng.integers(6)]
    if kind == 6:
        return [random_value(rng, depth - 1) for _ in range(rng.integers(0, 4))]
    return {f"k{n}": random_value(rng, depth - 1) for n in range(rng.integers(0, 4))}


def random_object(rng: np.random.Generator, number: int) -> dict[str, Any]:
    """Some of the fields in any order, and a number that names the object."""
    fields = {name: random_value(rng) for name in rng.permutation(FIELDS)[: rng.integers(0, len(FIELDS) + 1)]}
    nested = {"o": [{"deep": {"er": random_value(rng, 0)}}, {"deep": 7}, 8, None][rng.integers(4)]}
    return {**fields, **nested, "n": number}


def write(rng: np.random.Generator, folder: Path, number: int, objects: list[dict[str, Any]]) -> None:
    """A file with random line ends, escapes, spaces, blank lines, byte order mark and compression."""
    end = ["\n", "\r\n"][rng.integers(2)]
    separators = [(",", ":"), (", ", ": "), (" ,\t", " : ")]
    texts = [json.dumps(o, ensure_ascii=bool(rng.integers(2)), separators=separators[rng.integers(3)]) for o in objects]
    text = ["", "\ufeff"][rng.integers(2)] + (end * int(rng.integers(1, 3))).join(texts) + end * int(rng.integers(2))
    name, data = folder / f"{number:04d}.jsonl", text.encode("utf-8")
    match rng.integers(4):
        case 0:
            name.with_suffix(".jsonl.gz").write_bytes(gzip.compress(data))
        case 1:
            with pa.CompressedOutputStream(str(name.with_suffix(".jsonl.zst")), "zstd") as stream:
                stream.write(data)
        case _:
            name.write_bytes(data)


def equal(text: str | None, value: Any) -> bool:
    """Whether a cell is the text of a value."""
    if value is None or text is None:
        return value is None and text is None
    if isinstance(value, str):
        return text == value
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) < 2**53):
        return text == str(int(value))
    if isinstance(value, float):
        return Decimal(text) == Decimal(repr(value))
    return bool(json.loads(text) == value)


def test_every_cell_is_what_python_wrote(spark: SparkSession, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    objects = [random_object(rng, number) for number in range(OBJECTS)]
    borders = np.sort(rng.choice(np.arange(1, len(objects)), FILES - 1, replace=False))
    for number, part in enumerate(np.split(np.arange(len(objects)), borders)):
        write(rng, tmp_path, number, [objects[n] for n in part])
    frame = FORMATS["jsonl"].read(spark, str(tmp_path), FileFormat(type="jsonl"), (*FIELDS, "n", PATH))
    assert set(frame.columns) == {*FIELDS, "n", "o", PATH, FILE, MALFORMED, CORRUPT}
    rows = [row.asDict() for row in frame.collect()]
    assert sorted(int(row["n"]) for row in rows) == list(range(len(objects)))
    assert not any(row[MALFORMED] or row[CORRUPT] for row in rows)
    for row in rows:
        written = objects[int(row["n"])]
        deep = written["o"].get("deep") if isinstance(written["o"], dict) else None
        expected = {**written, PATH: deep.get("er") if isinstance(deep, dict) else None}
        different = {name: row[name] for name in (*FIELDS, "o", PATH) if not equal(row[name], expected.get(name))}
        assert not different, (different, written)
