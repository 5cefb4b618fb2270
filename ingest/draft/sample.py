"""A first look at a raw log: how its files are written, and some of its rows. Starts no Spark."""

import codecs
import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from ingest.draft.evidence import is_number, time_form
from ingest.raw_columns import list_files
from longplay.delta import open_dataset
from longplay.errors import InputError

SAMPLE_ROWS, SAMPLE_BYTES = 10_000, 4 << 20
_DELIMITERS = {",": "csv", "\t": "tsv", ";": "csv", "|": "csv"}
_QUOTING: tuple[Literal[0, 3], ...] = (csv.QUOTE_MINIMAL, csv.QUOTE_NONE)
_MARKS = {codecs.BOM_UTF8: "UTF-8", codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


@dataclass(frozen=True)
class Sample:
    """What a look at a raw log shows.

    Attributes:
        rows: its first rows; nested fields are columns such as ``device.os``. Grain: raw row.
        file_format: keys of ``format`` in a source file.
        evidence: why, by key of ``format``.
        file: the file that was looked at.
        others: how many further files lie in the folder.
    """

    rows: pd.DataFrame
    file_format: Mapping[str, Any]
    evidence: Mapping[str, str]
    file: Path
    others: int = 0


def read_sample(path: Path) -> Sample:
    """Look at the first rows of a file, or of the largest file in a folder.

    Raises:
        InputError: when there is no file, or it is empty.
    """
    if path.is_dir() and DeltaTable.is_deltatable(str(path)):
        rows = open_dataset(path).head(SAMPLE_ROWS).to_pandas()
        return Sample(rows, {"type": "delta"}, {"type": "it has a Delta log"}, path)
    files = list_files(path)
    if not files:
        raise InputError("There is no file to look at.", where=str(path), fix="check --from")
    file = max(files, key=lambda file: file.stat().st_size)
    rows, file_format, evidence = _read_file(file)
    if rows.empty:
        raise InputError("The file has no rows to look at.", where=str(file), fix="choose another with --from")
    return Sample(rows, file_format, evidence, file, len(files) - 1)


def _read_file(file: Path) -> tuple[pd.DataFrame, dict[str, Any], dict[str, str]]:
    with pa.input_stream(str(file), compression="detect") as stream:
        data = stream.read(SAMPLE_BYTES)
    if data.startswith(b"PAR1"):
        batch = next(pq.ParquetFile(file).iter_batches(SAMPLE_ROWS), None)
        rows = batch.to_pandas() if batch is not None else pd.DataFrame()
        return rows, {"type": "parquet"}, {"type": "the file begins with PAR1"}
    encoding, text = _decode(data)
    lines = text.splitlines()[: -1 if len(data) == SAMPLE_BYTES else None]
    rows, file_format, evidence = _read_json(lines) or _read_cells(lines) or _read_fixed_width(lines)
    if encoding != "UTF-8" and file_format["type"] != "jsonl":
        file_format["encoding"] = encoding
        evidence["encoding"] = (
            "the bytes are no UTF-8" if encoding == "windows-1252" else "the file begins with its mark"
        )
    return rows.head(SAMPLE_ROWS), file_format, evidence


def _decode(data: bytes) -> tuple[str, str]:
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name, data.decode("utf-8-sig" if name == "UTF-8" else name, errors="ignore")
    try:
        return "UTF-8", codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return "windows-1252", data.decode("windows-1252", errors="replace")


def _read_json(lines: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any], dict[str, str]] | None:
    objects = []
    for line in lines[:SAMPLE_ROWS]:
        try:
            parsed = json.loads(line) if line.lstrip().startswith("{") else None
        except json.JSONDecodeError:
            parsed = None
        if isinstance(parsed, dict):
            objects.append(parsed)
    if not objects or len(objects) < len([line for line in lines[:SAMPLE_ROWS] if line.strip()]) / 2:
        return None
    return pd.json_normalize(objects), {"type": "jsonl"}, {"type": f"{len(objects):,} lines are JSON objects"}


def _read_cells(lines: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any], dict[str, str]] | None:
    """The rows by the delimiter, with or without quotes, that gives most lines the same number of cells, at least 2."""
    best: tuple[tuple[float, int, int], str, Literal[0, 3], list[list[str]]] | None = None
    for delimiter, quoting in [(delimiter, quoting) for delimiter in _DELIMITERS for quoting in _QUOTING]:
        rows = [row for row in csv.reader(lines, delimiter=delimiter, quoting=quoting) if row]
        width, number = Counter(len(row) for row in rows).most_common(1)[0] if rows else (0, 0)
        # Treating a plain character as a quote joins lines, so ties go to the reading with more rows.
        score = (number / max(len(rows), 1), width, number)
        if width > 1 and score[0] > 0.9 and (best is None or score > best[0]):
            best = (score, delimiter, quoting, [row for row in rows if len(row) == width])
    if best is None:
        return None
    (share, width, _), delimiter, quoting, rows = best
    file_format: dict[str, Any] = {"type": _DELIMITERS[delimiter]}
    evidence = {"type": f"{share:.0%} of the lines have {width} cells"}
    if delimiter not in ",\t":
        file_format["delimiter"] = delimiter
    if quoting == csv.QUOTE_NONE:
        file_format["quote"] = ""
        evidence["quote"] = "with quotes, lines differ in their number of cells"
    return _name_columns(rows, file_format, evidence), file_format, evidence


def _name_columns(rows: list[list[str]], file_format: dict[str, Any], evidence: dict[str, str]) -> pd.DataFrame:
    """The rows under the names of their header, or under numbers if the first row looks like all others."""
    names = [name.strip() for name in rows[0]]
    if len(rows) > 1 and not any(is_number(name) or time_form([name]) for name in names if name):
        return pd.DataFrame(rows[1:], columns=[name or f"_c{n}" for n, name in enumerate(names)])
    file_format["columns"] = [f"column_{n}" for n in range(1, len(names) + 1)]
    evidence["columns"] = "the first line holds values and no names: name the columns"
    return pd.DataFrame(rows, columns=file_format["columns"])


def _read_fixed_width(lines: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any], dict[str, str]]:
    """Columns begin where every line has a blank before and some line has none."""
    filled = [line for line in lines if line.strip()]
    width = max(map(len, filled), default=0)
    is_blank = [all(line[n : n + 1].strip() == "" for line in filled) for n in range(width)]
    starts = [n for n in range(width) if not is_blank[n] and (n == 0 or is_blank[n - 1])]
    ends = [*starts[1:], width]
    cells = [[line[a:b].strip() for a, b in zip(starts, ends, strict=True)] for line in filled]
    file_format: dict[str, Any] = {"type": "fixed_width"}
    evidence = {"type": f"no delimiter divides the lines; blanks divide them into {len(starts)} columns"}
    if not cells:
        return pd.DataFrame(), file_format, evidence
    file_format["columns"] = [f"column_{n}" for n in range(1, len(starts) + 1)]
    file_format["widths"] = [b - a for a, b in zip(starts, ends, strict=True)]
    evidence["columns"] = "files of fixed width have no names: name the columns"
    return pd.DataFrame(cells, columns=file_format["columns"]), file_format, evidence
