"""Random Parquet files, of random columns, types, layouts and writers, are read back cell by cell."""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import Row, SparkSession

from ingest.formats import FORMATS, FileFormat
from ingest.raw_columns import MALFORMED, raw_column

pytestmark = pytest.mark.spark

FOLDERS, FILES, MAX_ROWS = 10, 50, 8
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TYPES = (
    pa.string(),
    pa.large_string(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.binary(),
    pa.bool_(),
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()),
    pa.float32(),
    pa.float64(),
    pa.decimal128(9, 2),
    pa.decimal128(38, 10),
    pa.date32(),
    *(pa.timestamp(unit, zone) for unit in ("ms", "us", "ns") for zone in (None, "UTC", "Europe/Berlin")),
    pa.time64("us"),
    pa.list_(pa.int64()),
    pa.struct({"a": pa.int32(), "b": pa.string()}),
)
LETTERS = 'abc é,"\n\\1.'


def random_cell(rng: np.random.Generator, kind: pa.DataType) -> object:
    """A value that the type can hold, as Python has it; one in six is missing."""
    if rng.random() < 1 / 6:
        return None
    number = int(rng.integers(-128, 128))
    text = "".join(LETTERS[n] for n in rng.integers(0, len(LETTERS), rng.integers(0, 6)))
    if pa.types.is_integer(kind):
        return abs(number) if pa.types.is_unsigned_integer(kind) else number
    if pa.types.is_floating(kind):
        return float(np.float32(rng.choice([number / 8, 0.1, math.nan, math.inf, 1e-30])))
    if pa.types.is_decimal(kind):
        return Decimal(number).scaleb(-kind.scale)
    if pa.types.is_timestamp(kind):
        moment = EPOCH + timedelta(days=number * 50, milliseconds=int(rng.integers(0, 86_400_000)))
        return moment if kind.tz else moment.replace(tzinfo=None)
    others = {
        pa.bool_(): number > 0,
        pa.binary(): text.encode(),
        pa.date32(): date(2026, 1, 1) + timedelta(number),
        pa.time64("us"): time(int(rng.integers(24)), 59, 3, 7),
        pa.list_(pa.int64()): [number, None],
        TYPES[-1]: {"a": number, "b": text},
    }
    return others.get(kind, text)


def random_columns(rng: np.random.Generator) -> dict[str, pa.DataType]:
    return {f"column {n}": TYPES[kind] for n, kind in enumerate(rng.permutation(len(TYPES))[: rng.integers(3, 9)])}


def write(rng: np.random.Generator, path: Path, rows: pa.Table) -> None:
    """By Arrow in a random layout, or by pandas: the contents are the same."""
    if rng.random() < 0.2 and not any(pa.types.is_nested(kind) for kind in rows.schema.types):
        frame: pd.DataFrame = rows.to_pandas(types_mapper=pd.ArrowDtype)
        frame.to_parquet(path, index=bool(rng.integers(2)))
        return
    pq.write_table(
        rows,
        path,
        compression=str(rng.choice(["snappy", "gzip", "zstd", "none"])),
        row_group_size=int(rng.integers(1, MAX_ROWS)),
        use_dictionary=bool(rng.integers(2)),
        data_page_version=str(rng.choice(["1.0", "2.0"])),
        use_deprecated_int96_timestamps=False,
    )


def comparable(cell: object) -> object:
    """Equal for equal contents: Spark gives rows for structs, bytes that can change, and UTC times without a zone."""
    match cell:
        case Row():
            return cell.asDict()
        case bytearray():
            return bytes(cell)
        case datetime(tzinfo=zone):
            return cell.astimezone(UTC).replace(tzinfo=None) if zone else cell
        case time():
            return (datetime.combine(EPOCH, cell) - EPOCH.replace(tzinfo=None)) // timedelta(microseconds=1)
        case float():
            return str(cell)
    return cell


@pytest.mark.parametrize("folder", range(FOLDERS))
def test_every_cell_is_what_was_written(spark: SparkSession, tmp_path: Path, folder: int) -> None:
    rng = np.random.default_rng(folder)
    columns = random_columns(rng)
    written: dict[int, dict[str, object]] = {}
    for number in range(FILES):
        rows = [
            {"n": number * MAX_ROWS + n} | {name: random_cell(rng, kind) for name, kind in columns.items()}
            for n in range(rng.integers(1, MAX_ROWS))
        ]
        written |= {row["n"]: {name: comparable(cell) for name, cell in row.items()} for row in rows}
        names = list(rng.permutation(["n", *columns]))
        schema = pa.schema({name: ({"n": pa.int64()} | columns)[name] for name in names})
        write(rng, tmp_path / f"{number:02d}.parquet", pa.Table.from_pylist(rows, schema))
    file_format = FileFormat(type="parquet")
    frame = FORMATS["parquet"].read(spark, str(tmp_path), file_format, ["n"])
    assert frame.where(MALFORMED).count() == 0
    zones = {name: kind.tz for name, kind in columns.items() if pa.types.is_timestamp(kind)}
    types = {name: "timestamp" if zone else "timestamp_ntz" for name, zone in zones.items()}
    assert types.items() <= dict(frame.dtypes).items()
    rows = frame.select("n", *map(raw_column, columns)).collect()
    read = {row["n"]: {name: comparable(cell) for name, cell in row.asDict().items()} for row in rows}
    cells = [(n, name, read[n][name], cell) for n, row in written.items() for name, cell in row.items()]
    different = [(n, columns[name], got, cell) for n, name, got, cell in cells if got != cell]
    assert not different, (len(different), different[:5])
    assert len(rows) == len(written) == FORMATS["parquet"].count(tmp_path, file_format)
