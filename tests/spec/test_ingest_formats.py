"""Raw logs as teams have them: CSV, TSV without a header, Parquet, Delta, folders; and files that are not right."""

import gzip
import json
from collections.abc import Callable
from datetime import time
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from ingest import fact_tables
from ingest.formats import FORMATS
from ingest.readers import locate, read_raw, unread_files
from longplay.errors import ConfigError, InputError
from tests.unit.ingest.small_logs import HEADER, RADIO, SHOP, build_source, counts, judged, write_csv

pytestmark = pytest.mark.spark

ROWS = ["ann,song,2026-05-03T10:00:00,play,40", "bob,tune,2026-05-04T11:00:00,skip,2"]


def expected_events(spark: SparkSession, path: Path, source) -> list[tuple]:
    events = (
        fact_tables.build_events(judged(spark, path, source), source.events, 1).orderBy("user_id", "item_id").collect()
    )
    return [(e["user_id"], e["item_id"], str(e["event_ts"]), e["kind"], e["amount"]) for e in events]


EXPECTED = [
    ("ann", "song", "2026-05-03 10:00:00", "play", 40.0),
    ("bob", "tune", "2026-05-04 11:00:00", "skip", 2.0),
]


def test_csv_with_a_header(spark: SparkSession, tmp_path: Path) -> None:
    assert expected_events(spark, write_csv(tmp_path / "log.csv", ROWS), build_source()) == EXPECTED


def test_csv_with_a_byte_order_mark(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", ROWS)
    log.write_bytes(b"\xef\xbb\xbf" + log.read_bytes())
    assert expected_events(spark, log, build_source()) == EXPECTED


def test_tsv_without_a_header_and_without_quotes(spark: SparkSession, tmp_path: Path) -> None:
    rows = [row.replace(",", "\t") for row in ROWS]
    odd = 'cat\t"Heroes" (live\t2026-05-05T11:00:00\tplay\t31'  # a quote that is never closed
    log = write_csv(tmp_path / "log.tsv", [*rows, odd], None)
    source = build_source(format={"type": "tsv", "quote": "", "columns": list(HEADER)})
    found_events = expected_events(spark, log, source)
    assert found_events == [*EXPECTED, ("cat", '"Heroes" (live', "2026-05-05 11:00:00", "play", 31.0)]


def test_csv_with_another_delimiter_encoding_and_quoted_cells(spark: SparkSession, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes("who;what;when;how;much\nann;'a;é';2026-05-03;play;40\n".encode("latin-1"))
    source = build_source(format={"type": "csv", "delimiter": ";", "quote": "'", "encoding": "ISO-8859-1"})
    assert expected_events(spark, log, source) == [("ann", "a;é", "2026-05-03 00:00:00", "play", 40.0)]


QUOTED = """who,what,when,how,much
ann,"The ""Heroes"" album",2026-05-03T10:00:00,play,40
ann,"Say ""hi"", dear",2026-05-03T11:00:00,play,40
ann,\"\"\"quoted\"\"\",2026-05-03T12:00:00,play,40
ann,"C:\\music\\",2026-05-03T13:00:00,play,40
ann,5\\" vinyl,2026-05-03T14:00:00,play,40
"""


def test_quotes_in_cells_are_doubled_and_backslashes_are_letters(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(QUOTED, encoding="utf-8")
    items = [event[1] for event in expected_events(spark, tmp_path / "log.csv", build_source())]
    assert sorted(items) == ['"quoted"', '5\\" vinyl', "C:\\music\\", 'Say "hi", dear', 'The "Heroes" album']


def test_a_dialect_that_escapes_quotes_is_named(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", ['ann,"Say \\"hi\\", dear",2026-05-03,play,40'])
    source = build_source(format={"type": "csv", "escape": "\\"})
    assert [event[1] for event in expected_events(spark, log, source)] == ['Say "hi", dear']


def test_a_line_break_in_a_quoted_cell_ends_no_row(spark: SparkSession, tmp_path: Path) -> None:
    comment = '"fine\neve,song,2026-05-03T10:00:00,play,40,"'
    rows = [f"{ROWS[0]},{comment}", f"{ROWS[1]},"]
    log = write_csv(tmp_path / "log.csv", rows, (*HEADER, "comment"))
    assert expected_events(spark, log, build_source()) == EXPECTED


def test_a_quote_that_is_never_closed_costs_its_row_alone(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", [ROWS[0], '"eve,song,2026-05-03T10:00:00,play,40', ROWS[1]])
    assert expected_events(spark, log, build_source()) == EXPECTED
    assert counts(spark, log, build_source())["exclusive:malformed_row"] == 1


@pytest.mark.parametrize("encoding", ["utf8", "latin1", "windows-1252", "cp1252", "UTF-16", "iso-8859-15", "utf-16-le"])
def test_encodings_by_their_common_names(spark: SparkSession, tmp_path: Path, encoding: str) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes("who,what,when,how,much\nann,Déjà vu,2026-05-03,play,40\n".encode(encoding))
    source = build_source(format={"type": "csv", "encoding": encoding})
    assert expected_events(spark, log, source) == [("ann", "Déjà vu", "2026-05-03 00:00:00", "play", 40.0)]


@pytest.mark.parametrize(
    ("encoding", "bad"), [("UTF-8", b"caf\xe9"), ("UTF-8", b"\xc3("), ("shift_jis", b"\x81"), ("windows-1252", b"\x81")]
)
def test_bytes_that_are_not_of_the_encoding_cost_their_row(
    spark: SparkSession, tmp_path: Path, encoding: str, bad: bytes
) -> None:
    lines = [",".join(HEADER), *ROWS, "-,tune,2026-05-04T11:00:00,skip,2"]
    (tmp_path / "log.csv").write_bytes("\n".join(lines).encode(encoding).replace(b"\n-,", b"\n" + bad + b","))
    source = build_source(format={"type": "csv", "encoding": encoding})
    assert expected_events(spark, tmp_path / "log.csv", source) == EXPECTED
    assert counts(spark, tmp_path / "log.csv", source)["exclusive:malformed_row"] == 1


def test_a_replacement_character_that_was_delivered_is_a_letter(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", ["a\ufffdn,song,2026-05-03T10:00:00,play,40"])
    assert expected_events(spark, log, build_source())[0][0] == "a\ufffdn"


def test_an_unknown_encoding_is_refused_with_examples() -> None:
    with pytest.raises(ConfigError, match="'klingon' is no encoding; write its common name, such as UTF-8"):
        build_source(format={"type": "csv", "encoding": "klingon"})


@pytest.mark.parametrize("name", ["log[1].csv", "log{a}.csv", "log*.csv", "log?.csv", "back\\slash.csv"])
def test_names_of_files_are_taken_literally(spark: SparkSession, tmp_path: Path, name: str) -> None:
    write_csv(tmp_path / "log1.csv", ["wrong,song,2026-05-03T10:00:00,play,40"])
    assert expected_events(spark, write_csv(tmp_path / name, ROWS), build_source()) == EXPECTED


def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    for name in ("a.csv", "_b.csv", ".c.csv", "_SUCCESS", ".a.csv.crc", "_tmp/d.csv", "e/f.csv", "_delivery.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    unread = unread_files(tmp_path, build_source())
    assert [str(file.relative_to(tmp_path)) for file in unread] == [".c.csv", "_b.csv", "_tmp/d.csv"]
    unread = unread_files(tmp_path, build_source(events__path="e"))
    assert [str(file.relative_to(tmp_path)) for file in unread] == [".c.csv", "_b.csv", "_tmp/d.csv", "a.csv"]


def test_a_folder_of_csv_files_is_one_log(spark: SparkSession, tmp_path: Path) -> None:
    for number, row in enumerate(ROWS):
        folder = tmp_path / "log" / ("may/day 4" if number else "")
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(folder / f"{number}.csv", [row])
        write_csv(tmp_path / "log" / "_hidden.csv", ["wrong,song,2026-05-03T10:00:00,play,40"])
    assert expected_events(spark, tmp_path / "log", build_source()) == EXPECTED


def test_values_in_names_of_folders_are_text(spark: SparkSession, tmp_path: Path) -> None:
    times = {"007": "2026-05-03 10%3A00%3A00", "7": "2026-05-04 11%3A00%3A00"}
    for user, when in times.items():
        folder = tmp_path / "log" / f"who={user}" / f"when={when}"
        folder.mkdir(parents=True)
        rows = [("song", "play", 40.0)]
        pd.DataFrame(rows, columns=["what", "how", "much"]).to_parquet(folder / "rows.parquet", index=False)
    source = build_source(SHOP | {"format": {"type": "parquet"}}, time_zone="Europe/Berlin")
    assert [event[:3] for event in expected_events(spark, tmp_path / "log", source)] == [
        ("007", "song", "2026-05-03 08:00:00"),
        ("7", "song", "2026-05-04 09:00:00"),
    ]


JSONL = SHOP | {"format": {"type": "jsonl"}}
LINE = {"who": "ann", "what": "song", "when": "2026-05-03T10:00:00", "how": "play", "much": 40}


def write_lines(path: Path, *lines: dict | str) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def read_lines(spark: SparkSession, path: Path, source) -> list[Row]:
    return judged(spark, path, source).orderBy("user_id", "item_id").collect()


def test_json_lines_with_nested_fields(spark: SparkSession, tmp_path: Path) -> None:
    users = [{"id": 12, "tags": ["a"]}, {"id": 13.0}, {"id": "13.0"}, {"id": 12345678901234567890123}, ["no object"]]
    path = write_lines(tmp_path / "log.jsonl", *[LINE | {"user": user} for user in users])
    rows = read_lines(spark, path, build_source(JSONL, events__user="user.id"))
    assert [row["user_id"] for row in rows] == [None, "12", "12345678901234567890123", "13", "13.0"]
    assert [row["reason"] for row in rows] == ["null_user", None, None, None, None]
    assert json.loads(json.loads(rows[0]["raw"])["user"]) == ["no object"]


BAD_LINES = (
    '{"who": "bob", "what": "so',
    '{"who": "bob"}{"who": "eve"}',
    '{"who": "bob"},{"who": "eve"}',
    '{"who": "bob"} eve',
    '{"who": "bob", "who": "eve"}',
    '[{"who": "bob"}]',
    '"bob"',
    "bob",
)


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_is_not_one_object_is_kept_with_its_text(spark: SparkSession, tmp_path: Path, line: str) -> None:
    path = write_lines(tmp_path / "log.jsonl", "\ufeff" + json.dumps(LINE), line, "", LINE | {"what": "tune"})
    rows = read_lines(spark, path, build_source(JSONL))
    assert [(row["item_id"], row["reason"]) for row in rows if row["user_id"]] == [("song", None), ("tune", None)]
    (bad,) = [row for row in rows if not row["user_id"]]
    assert bad["reason"] == "malformed_row"
    assert json.loads(bad["raw"])["_corrupt_record"] == line


def test_a_line_in_another_encoding_is_malformed(spark: SparkSession, tmp_path: Path) -> None:
    lines = [json.dumps(LINE | {"what": "déjà vu"}, ensure_ascii=False).encode(name) for name in ("utf-8", "latin-1")]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    rows = read_lines(spark, tmp_path / "log.jsonl", build_source(JSONL))
    assert [(row["item_id"], row["reason"]) for row in rows] == [(None, "malformed_row"), ("déjà vu", None)]


def test_json_lines_of_which_some_are_compressed(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(LINE).encode()))
    write_lines(tmp_path / "log" / "b.jsonl", LINE | {"what": "tune"})
    assert [row["item_id"] for row in read_lines(spark, tmp_path / "log", build_source(JSONL))] == ["song", "tune"]


def test_fields_with_odd_names(spark: SparkSession, tmp_path: Path) -> None:
    odd = {"Who": "x", "WHO": "y", "we`ird": 1, "it's": 2, "": 3, "_file": 4, "value": 5, "a.b": 6}
    path = write_lines(tmp_path / "log.jsonl", LINE | odd)
    voided = [{"reason": "voided", "where": "`we``ird` = '1'"}]
    (row,) = read_lines(spark, path, build_source(JSONL, events__topic="it's", events__filters=voided))
    assert (row["user_id"], row["topic_"], row["reason"]) == ("ann", "2", "voided")
    assert set(json.loads(row["raw"]).values()) >= {"ann", "x", "y", "1", "2", "3", "4", "5", "6"}


UNMAPPED = {
    "no name": "",
    "one name": "note,note",
    "names that differ in case": "Note,note",
    "the name of a mapped column": "Who",
    "a quote of SQL": "we`ird",
    "numbers": "_c5,much6",
}


@pytest.mark.parametrize("names", UNMAPPED.values(), ids=UNMAPPED)
def test_columns_that_are_not_mapped_may_have_any_names(spark: SparkSession, tmp_path: Path, names: str) -> None:
    rows = [f"{row}{',7' * len(names.split(','))}" for row in ROWS]
    log = write_csv(tmp_path / "log.csv", rows, (*HEADER, names))
    assert expected_events(spark, log, build_source()) == EXPECTED


def test_a_first_column_without_a_name(spark: SparkSession, tmp_path: Path) -> None:
    rows = [f"{n},{row}" for n, row in enumerate(ROWS)]
    assert expected_events(spark, write_csv(tmp_path / "log.csv", rows, ("", *HEADER)), build_source()) == EXPECTED


def test_a_mapped_column_that_is_repeated_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", [f"{row},eve" for row in ROWS], (*HEADER, "who"))
    with pytest.raises(InputError, match="Column 'who' occurs 2 times"):
        judged(spark, log, build_source())


def test_files_with_different_headers_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    write_csv(tmp_path / "log" / "a.csv", [f"0,{ROWS[0]}"], ("", *HEADER))
    write_csv(tmp_path / "log" / "b.csv", [f"{ROWS[1]},0"], (*HEADER, ""))
    with pytest.raises(InputError, match="have different columns") as caught:
        judged(spark, tmp_path / "log", build_source())
    assert caught.value.where.endswith("b.csv")


def test_rows_and_headers_of_very_many_cells(spark: SparkSession, tmp_path: Path) -> None:
    row = "ann,song,2026-05-03 10:00:00,play,40"
    log = write_csv(tmp_path / "log.csv", [row, "," * 30_000, row.replace("ann", "bob")])
    read = counts(spark, log, build_source())
    assert (read["read"], read["clean"], read["exclusive:malformed_row"]) == (3, 2, 1)
    (tmp_path / "wide.csv").write_text(",".join(f"c{n}" for n in range(20_001)) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="The header has 20,001 columns"):
        judged(spark, tmp_path / "wide.csv", build_source())


def test_parquet_columns_that_spark_cannot_read(spark: SparkSession, tmp_path: Path) -> None:
    when = pd.to_datetime(["2026-05-03 10:00:00.123456789", "1969-12-31 23:59:59.999999999"])
    frame = pd.DataFrame({"who": ["ann", "bob"], "what": "song", "how": "play", "much": 40.0, "when": when})
    times_of_day = pa.array([time(10), None], pa.time64("us"))
    nested = pa.StructArray.from_arrays([times_of_day], ["at"])
    stored = pa.Table.from_pandas(frame).append_column("at", times_of_day)
    parquet = SHOP | {"format": {"type": "parquet"}}
    for name, table in (("stored", stored), ("nested", stored.append_column("more", nested))):
        pq.write_table(table, tmp_path / f"{name}.parquet")
        source = build_source(parquet, events__key=["who", "when"], events__topic="at", time_zone="Europe/Berlin")
        rows = read_lines(spark, tmp_path / f"{name}.parquet", source)
        assert [(str(row["event_ts"]), row["topic_"], row["reason"]) for row in rows] == [
            ("2026-05-03 08:00:00.123456", "36000000000", None),
            ("1969-12-31 22:59:59.999999", None, None),
        ]
    assert counts(spark, tmp_path / "nested.parquet", build_source(parquet))["clean"] == 2
    with pytest.raises(InputError, match="Column 'more' has a type that Spark cannot read") as caught:
        judged(spark, tmp_path / "nested.parquet", build_source(parquet, events__topic="more"))
    assert caught.value.got == "the Parquet type TIME"


def test_parquet_types_that_only_spark_widens_beside_one_that_it_cannot_read(
    spark: SparkSession, tmp_path: Path
) -> None:
    naive = pd.to_datetime(["2026-05-03 12:00"]).astype("datetime64[us]")
    frame = pd.DataFrame({"who": [7], "what": "song", "how": "play", "when": naive, "much": [40]})
    unsigned = pa.array([18_446_744_073_709_551_615], pa.uint64())
    table = pa.Table.from_pandas(frame.astype({"who": "uint32"})).append_column(
        "deep", pa.array([[7]], pa.list_(pa.uint8()))
    )
    times_of_day = pa.array([time(10)], pa.time64("us"))
    pq.write_table(table.append_column("wide", unsigned).append_column("at", times_of_day), tmp_path / "log.parquet")
    source = build_source(SHOP | {"format": {"type": "parquet"}}, events__topic="wide", time_zone="Europe/Berlin")
    (row,) = read_lines(spark, tmp_path / "log.parquet", source)
    assert (row["user_id"], row["topic_"], str(row["event_ts"])) == ("7", "18446744073709551615", "2026-05-03 10:00:00")


def test_parquet_files_whose_types_differ_are_one_log(spark: SparkSession, tmp_path: Path) -> None:
    naive, zoned = pd.to_datetime(["2026-05-03 12:00"]), pd.to_datetime(["2026-05-03 11:00"], utc=True)
    files = {
        "a.parquet": {"who": [7], "when": naive, "much": [40]},
        "b/c.parquet": {"who": [7.0], "when": zoned, "much": [40.5]},
        "b/d.parquet": {"when": zoned.astype("datetime64[us, UTC]"), "who": ["7"], "more": [[1]], "much": ["x"]},
    }
    for name, columns in files.items():
        (tmp_path / "log" / name).parent.mkdir(parents=True, exist_ok=True)
        frame = pd.DataFrame(columns | {"what": name, "how": "play"})
        frame.to_parquet(tmp_path / "log" / name, index=False)
    source = build_source(SHOP | {"format": {"type": "parquet"}}, time_zone="Europe/Berlin")
    assert expected_events(spark, tmp_path / "log", source) == [
        ("7", "a.parquet", "2026-05-03 10:00:00", "play", 40.0),
        ("7", "b/c.parquet", "2026-05-03 11:00:00", "play", 40.5),
    ]
    assert counts(spark, tmp_path / "log", source)["exclusive:bad_amount"] == 1
    (tmp_path / "log" / "e.parquet").write_text("not Parquet", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as parquet") as caught:
        judged(spark, tmp_path / "log", source)
    assert caught.value.where == str(tmp_path / "log" / "e.parquet")


def write_text(frame: DataFrame, path: Path, separator: str) -> None:
    frame.write.option("sep", separator).option("header", True).csv(str(path))


def write_typed(frame: DataFrame, path: Path, spark_format: str) -> None:
    typed = frame.selectExpr("who", "what", "cast(when as timestamp) as when", "how", "cast(much as double) as much")
    typed.write.format(spark_format).save(str(path))


WIDTHS = {"fixed_width": {"columns": list(HEADER), "widths": [4, 5, 20, 5, 3]}}


def write_fixed_width(frame: DataFrame, path: Path) -> None:
    path.mkdir()
    widths = WIDTHS["fixed_width"]["widths"]
    lines = ["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in frame.collect()]
    (path / "log.txt").write_text("\n".join(lines), encoding="utf-8")


WRITERS: dict[str, Callable[[DataFrame, Path], None]] = {
    "csv": partial(write_text, separator=","),
    "tsv": partial(write_text, separator="\t"),
    "fixed_width": write_fixed_width,
    "jsonl": lambda frame, path: frame.write.json(str(path)),
    "parquet": partial(write_typed, spark_format="parquet"),
    "delta": partial(write_typed, spark_format="delta"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_events(spark: SparkSession, tmp_path: Path, name: str) -> None:
    frame = spark.createDataFrame([tuple(row.split(",")) for row in ROWS], list(HEADER))
    assert name in WRITERS, f"write a log as {name} here, to test how it is read"
    WRITERS[name](frame, tmp_path / "log")
    source = build_source(SHOP | {"format": {"type": name, **WIDTHS.get(name, {})}})
    assert expected_events(spark, tmp_path / "log", source) == EXPECTED


def test_parquet_with_nested_columns_and_maps(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.createDataFrame([tuple(row.split(",")) for row in [*ROWS, ROWS[0]]], list(HEADER))
    nested = frame.selectExpr("*", "map('device', who) as context", "named_struct('a', array(1, 2)) as more")
    nested.write.parquet(str(tmp_path / "log"))
    source = build_source(SHOP | {"format": {"type": "parquet"}})
    assert counts(spark, tmp_path / "log", source) == {
        "read": 3,
        "clean": 2,
        "raw:duplicate": 1,
        "exclusive:duplicate": 1,
    }


def test_column_names_with_dots_and_spaces(spark: SparkSession, tmp_path: Path) -> None:
    header = ("user.id", "the item", "when", "how", "much")
    source = build_source(events__user="user.id", events__item="the item", events__key=["user.id", "when"])
    assert expected_events(spark, write_csv(tmp_path / "log.csv", ROWS, header), source) == EXPECTED


def test_a_missing_column_is_named_with_the_nearest_one(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", ROWS, ("whom", "what", "when", "how", "much"))
    with pytest.raises(InputError, match="Column 'who' is missing") as caught:
        judged(spark, log, build_source())
    assert str(log) in caught.value.where
    assert "'shop'" in caught.value.where
    assert caught.value.got == "columns whom, what, when, how, much"
    assert "did you mean 'whom'?" in caught.value.fix


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="The raw log is missing") as caught:
        locate(tmp_path / "nowhere.csv", build_source().events)
    assert caught.value.where == str(tmp_path / "nowhere.csv")
    assert caught.value.fix


def test_a_missing_file_of_a_folder_with_two_logs(tmp_path: Path) -> None:
    source = build_source(RADIO)
    write_csv(tmp_path / "events.csv", ROWS)
    assert locate(tmp_path, source.events) == tmp_path / "events.csv"
    with pytest.raises(InputError, match="missing") as caught:
        locate(tmp_path, source.exposures)
    assert caught.value.where == str(tmp_path / "shown.csv")


def test_a_source_with_exposures_wants_the_folder(tmp_path: Path) -> None:
    log = write_csv(tmp_path / "events.csv", ROWS)
    with pytest.raises(InputError, match="must be the folder that holds them") as caught:
        locate(log, build_source(RADIO).exposures)
    assert caught.value.got == "a file"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "log.csv").touch()
    with pytest.raises(InputError, match="The raw log is empty") as caught:
        locate(tmp_path / "log.csv", build_source().events)
    assert caught.value.got == "0 bytes"


@pytest.mark.parametrize("kind", [name for name, raw in FORMATS.items() if "encoding" not in raw.keys])
def test_text_that_claims_to_be_something_else(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    log = write_csv(tmp_path / "log.csv", ROWS)
    source = build_source(SHOP | {"format": {"type": kind}})
    with pytest.raises(InputError, match=f"cannot be read as {kind}") as caught:
        read_raw(spark, log, source, source.events)
    assert caught.value.where == str(log)
    assert caught.value.got
    assert "format.type" in caught.value.fix


def test_an_empty_folder(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(SHOP | {"format": {"type": "parquet"}})
    with pytest.raises(InputError, match="cannot be read as parquet"):
        read_raw(spark, tmp_path, source, source.events)


def test_an_encoding_that_java_lacks(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(format={"type": "csv", "encoding": "hz"})
    with pytest.raises(InputError, match="cannot be read as csv") as caught:
        judged(spark, write_csv(tmp_path / "log.csv", ROWS), source).collect()
    assert "hz" in caught.value.got
