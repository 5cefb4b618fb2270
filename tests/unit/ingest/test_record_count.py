"""Rows of raw files, counted without the parser that reads them."""

import gzip
from pathlib import Path

import pandas as pd
import pytest
from deltalake import write_deltalake

from ingest.formats import FORMATS, FileFormat


@pytest.mark.parametrize(
    ("file_format", "content", "rows"),
    [
        ({"type": "csv"}, "a,b\n1,2\n\n3,4", 2),
        ({"type": "csv"}, "a,b\r\n1,2\r\n \t \r\n", 1),
        ({"type": "csv"}, 'a,b\n1,"x\ny"\n2,"z\n\n""q"\n', 2),
        ({"type": "csv"}, 'a,b\n1,5" disk\n2,7" disk\n', 2),
        ({"type": "csv"}, 'a,b\n1,"never closed\n2,3\n', 2),
        ({"type": "csv", "columns": ["a", "b"]}, "1,2\n", 1),
        ({"type": "csv"}, "", 0),
        ({"type": "csv"}, "a,b\n", 0),
        ({"type": "csv", "escape": "\\"}, 'a,b\n1,"x\\"\ny"\n2,3\n', 2),
        ({"type": "csv", "encoding": "UTF-16"}, "a,b\n1,é\n", 1),
        ({"type": "tsv", "quote": ""}, 'a\tb\n1\t"x\n2\ty"\n', 2),
        ({"type": "csv", "delimiter": "||"}, 'a||b\n1||"x\ny"\n', 1),
        ({"type": "jsonl"}, '\ufeff{"a": 1}\n\n  \n[1]\n\t\n', 3),
        ({"type": "fixed_width", "columns": ["a"], "widths": [3]}, "abc\n\nde\n", 2),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_text(tmp_path: Path, file_format: dict, content: str, rows: int, compressed: bool) -> None:
    data = content.encode(file_format.get("encoding", "utf-8"))
    file = tmp_path / ("log.txt.gz" if compressed else "log.txt")
    file.write_bytes(gzip.compress(data) if compressed else data)
    assert FORMATS[file_format["type"]].count(file, FileFormat(**file_format)) == rows


def test_folders_of_tables(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(5)})
    for name in ("x.parquet", "day=1/y.parquet", "_hidden.parquet"):
        (tmp_path / "log" / name).parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(tmp_path / "log" / name)
    assert FORMATS["parquet"].count(tmp_path / "log", FileFormat(type="parquet")) == 10
    write_deltalake(str(tmp_path / "table"), frame)
    assert FORMATS["delta"].count(tmp_path / "table", FileFormat(type="delta")) == 5


def test_a_quote_that_is_never_closed_in_one_file_makes_lines_rows_in_all(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n1,"x\ny"\n', encoding="utf-8")
    (tmp_path / "b.csv").write_text('a,b\n1,"x\n', encoding="utf-8")
    assert FORMATS["csv"].count(tmp_path, FileFormat(type="csv")) == 3
