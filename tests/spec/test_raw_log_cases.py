"""Forms of raw logs that were once read wrongly, each through ``longplay ingest`` as a user runs it."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from pyspark.sql import SparkSession

from jobs.ingest_log import command
from jobs.runtime import spark_session
from longplay.delta import read_arrow

pytestmark = pytest.mark.spark

SOURCE: dict[str, Any] = {
    "name": "shop",
    "about": "What was played.",
    "format": {"type": "csv"},
    "events": {
        "user": "user",
        "item": "item",
        "time": {"column": "ts"},
        "kind": {"constant": "play"},
        "kinds": ["play"],
        "amount": {"constant": 1.0, "unit": "plays"},
        "consumption": {"kinds": ["play"]},
        "click": {"kinds": ["play"]},
    },
    "quarantine_limit": 1.0,
    "completeness": {"min_users": 1},
}
PARQUET = {"format": {"type": "parquet"}}
BERLIN = {"time_zone": "Europe/Berlin"}
IDS = [uuid.UUID(int=7), uuid.UUID(int=255)]
Table = pd.DataFrame | pa.Table
Event = tuple[str, str, str]


@dataclass(frozen=True)
class Case:
    """A delivery, and what it becomes.

    Attributes:
        files: content by path below the folder of the delivery.
        users: user, item and time (UTC) of each event, sorted.
        reasons: quarantined rows by reason.
        source: keys of the source file that differ from ``SOURCE``; ``events`` is merged.
        data: what ``--data`` names, below the folder of the delivery.
        says: a part of what the command prints.
        exit_code: of the command.
    """

    files: Mapping[str, str | bytes | Table]
    events: tuple[Event, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    data: str = "log.csv"
    says: str = ""
    exit_code: int = 0


def csv(*lines: str, header: str = "user,item,ts") -> str:
    return "\n".join([header, *lines]) + "\n"


def at_noon(*users: str, item: str = "i", time: str = "2026-07-01 10:00:00") -> tuple[Event, ...]:
    return tuple((user, item, time) for user in users)


def typed(**columns: Any) -> pd.DataFrame:
    size = max((len(column) for column in columns.values()), default=1)
    times = pd.to_datetime(["2026-07-01 10:00:00"] * size, utc=True)
    return pd.DataFrame({"user": ["ann"] * size, "item": "i", "ts": times} | columns)


CASES = {
    "doubled quotes": Case(
        {"log.csv": csv('ann,"The ""Heroes"" album",2026-05-03', 'bob,"Say ""hi"", dear",2026-05-03')},
        (("ann", 'The "Heroes" album', "2026-05-03 00:00:00"), ("bob", 'Say "hi", dear', "2026-05-03 00:00:00")),
    ),
    "a backslash ends a quoted cell": Case(
        {"log.csv": csv('ann,"C:\\music\\",2026-05-03')}, (("ann", "C:\\music\\", "2026-05-03 00:00:00"),)
    ),
    "a line break in a quoted cell": Case(
        {
            "log.csv": csv(
                'ann,a,2026-05-03,"pasted:\neve,z,2026-05-09,hello"', "bob,b,2026-05-04,", header="user,item,ts,note"
            )
        },
        (("ann", "a", "2026-05-03 00:00:00"), ("bob", "b", "2026-05-04 00:00:00")),
    ),
    "Windows-1252": Case(
        {"log.csv": csv("ann,café €,2026-05-03").encode("windows-1252")},
        (("ann", "café €", "2026-05-03 00:00:00"),),
        source={"format": {"type": "csv", "encoding": "windows-1252"}},
    ),
    "a pattern in a file's name": Case(
        {"log[1].csv": csv("ann,a,2026-05-03"), "log1.csv": csv("wrong,a,2026-05-03")},
        (("ann", "a", "2026-05-03 00:00:00"),),
        data="log[1].csv",
    ),
    "a file whose name begins with _": Case(
        {"log/a.csv": csv("ann,a,2026-05-03"), "log/_b.csv": csv("bob,b,2026-05-03")},
        (("ann", "a", "2026-05-03 00:00:00"),),
        data="log",
        says="1 (_b.csv)",
    ),
    "headers without a name, twice, and in two cases": Case(
        {"log.csv": csv("0,ann,a,2026-05-03,x,y,z,", header=",user,item,ts,note,note,Note,we`ird")},
        (("ann", "a", "2026-05-03 00:00:00"),),
    ),
    "a column of Parquet that Spark cannot read": Case(
        {"log.parquet": pa.Table.from_pandas(typed()).append_column("at", pa.array([1], pa.time64("ns")))},
        at_noon("ann"),
        source=PARQUET,
        data="log.parquet",
    ),
    "an amount that is infinite as a float": Case(
        {"log.csv": csv("ann,a,2026-05-03,5", "bob,a,2026-05-03,1e39", header="user,item,ts,n")},
        (("ann", "a", "2026-05-03 00:00:00"),),
        {"bad_amount": 1},
        {"events": {"amount": {"column": "n", "unit": "s"}}},
    ),
    "UUIDs as bytes": Case(
        {"log.parquet": typed(user=[number.bytes for number in IDS])},
        at_noon(*(number.hex for number in IDS)),
        source=PARQUET,
        data="log.parquet",
    ),
    "ids as integers and as doubles": Case(
        {"log/1.parquet": typed(user=[17850]), "log/2.parquet": typed(user=[17850.0], item="j")},
        (*at_noon("17850"), *at_noon("17850", item="j")),
        source=PARQUET,
        data="log",
    ),
    "doubles with a null": Case(
        {"log.parquet": typed(user=[17850.0, 12345678.0, float("nan")])},
        at_noon("12345678", "17850"),
        {"null_user": 1},
        PARQUET,
        "log.parquet",
    ),
    "ids in the names of folders": Case(
        {f"log/user={user}/a.parquet": typed().drop(columns="user") for user in ("007", "7")},
        at_noon("007", "7"),
        source=PARQUET,
        data="log",
    ),
    "a key without a value": Case(
        {"log.csv": csv("ann,a,2026-05-03,", "bob,a,2026-05-03,", "cat,a,2026-05-03,1", header="user,item,ts,id")},
        (("cat", "a", "2026-05-03 00:00:00"),),
        {"null_key": 2},
        {"events": {"key": ["id"]}},
    ),
    "events of one millisecond": Case(
        {"log.parquet": typed(ts=[datetime(2026, 7, 1, 10) + n * timedelta(microseconds=137) for n in range(20)])},
        tuple(("ann", "i", str(datetime(2026, 7, 1, 10) + n * timedelta(microseconds=137))) for n in range(20)),
        source=PARQUET,
        data="log.parquet",
    ),
    "forms of ISO times": Case(
        {
            "log.csv": csv(
                "a,i,2026-07-01T10:00Z", "b,i,2026-07-01T12:00+02:00", "c,i,2026-07-01t10:00:00z",
                'd,i,"2026-07-01T10:00:00,0"', "e,i,20260701T100000Z", "f,i,2026-07-01T12:00:00+02:00[Europe/Paris]",
                "g,i,2026-06-30T24:00:00", "h,i,2026-12-31T23:59:60Z",
            )
        },
        (*at_noon("a", "b", "c", "d", "e", "f"), ("g", "i", "2026-07-01 00:00:00")),
        {"bad_time": 1},
    ),
    "times that name a zone": Case(
        {
            "log.csv": csv(
                "a,i,2026-07-01 12:00:00 Europe/Paris", "b,i,2026-07-01 12:00:00 CET", "c,i,2026-07-01 05:00:00 EST",
                "d,i,2026-07-01 10:00:00 UT", "e,i,2026-07-01T15:30:00+05:30:00", "f,i,2026-07-01 12:00:00",
                "g,i,2026-07-01 12:00:00 PST",
            )
        },
        at_noon("a", "b", "c", "d", "e", "f"),
        {"bad_time": 1},
        BERLIN,
    ),
    "an offset in quotes": Case(
        {"log.csv": csv("ann,a,2026-07-01T12:00:00.123Z")},
        exit_code=2,
        source=BERLIN | {"events": {"time": {"column": "ts", "format": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"}}},
        says="write X in its place",
    ),
    "the first year": Case(
        {"log.csv": csv("ann,a,2026-05-03", "bob,a,0001-01-01T00:00:00")},
        (("ann", "a", "2026-05-03 00:00:00"),),
        {"bad_time": 1},
    ),
    "a time in milliseconds among seconds": Case(
        {"log.csv": csv("ann,i,1782900000", "bob,i,1782900000000")},
        at_noon("ann"),
        {"future_time": 1},
        {"events": {"time": {"column": "ts", "format": "unix_s"}}},
    ),
    "an exposure without a request": Case(
        {
            "log/events.csv": csv("ann,i,2026-07-01T10:00:00"),
            "log/shown.csv": csv(
                "ann,i,2026-07-01T10:00:00,s1", "bob,i,2026-07-01T10:00:00,", header="user,item,ts,slate"
            ),
        },
        at_noon("ann"),
        {"null_request": 1},
        {
            "events": {"path": "events.csv"},
            "exposures": {
                "path": "shown.csv", "user": "user", "item": "item", "time": {"column": "ts"}, "key": ["slate", "item"],
                "request": "slate", "surface": "surface", "position": "place", "policy": "surface",
                "propensity": "chance", "derive": {"surface": "'home'", "place": "1", "chance": "0.5"},
            },
        },
        "log",
    ),
    "a file of UTF-8 with a line in Latin-1": Case(
        {"log.csv": csv("ann,café,2026-05-03").encode() + "bob,café,2026-05-03\n".encode("latin1")},
        (("ann", "café", "2026-05-03 00:00:00"),),
        {"malformed_row": 1},
    ),
    "a NUL byte": Case(
        {"log.csv": csv("ann,a\0b,2026-05-03")}, (("ann", "a\0b", "2026-05-03 00:00:00"),)
    ),
    "a header alone": Case({"log.csv": csv()}, exit_code=3, says="The raw log is empty"),
    "a gzip file that was cut off": Case(
        {"log.csv.gz": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x2b\x2d\x4e\x2d\xd2"},
        exit_code=3,
        data="log.csv.gz",
        says="log.csv.gz",
    ),
    "a JSON line that was cut off, and a list": Case(
        {"log.csv": '{"user":"ann","item":"i","ts":"2026-07-01T10:00"}\n[1]\n{"user":"bob","item":'},
        at_noon("ann"),
        {"malformed_row": 2},
        {"format": {"type": "jsonl"}},
    ),
}  # fmt: skip


def deliver(folder: Path, files: Mapping[str, str | bytes | Table]) -> None:
    writers: dict[type, Callable[[Path, Any], object]] = {
        str: lambda path, text: path.write_text(text, encoding="utf-8", newline=""),
        bytes: lambda path, data: path.write_bytes(data),
        pd.DataFrame: lambda path, frame: frame.to_parquet(path, index=False),
        pa.Table: lambda path, table: pq.write_table(table, path),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        writers[type(content)](folder / name, content)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_raw_log_is_read_right_or_refused(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    monkeypatch.setattr(spark_session, "start", lambda *_: spark)
    deliver(tmp_path, case.files)
    events = SOURCE["events"] | case.source.get("events", {})
    source = tmp_path / "source.yaml"
    source.write_text(yaml.safe_dump(SOURCE | dict(case.source) | {"events": events}), encoding="utf-8")
    options = ["--source", str(source), "--data", str(tmp_path / case.data), "--store", str(tmp_path / "store")]
    result = CliRunner().invoke(command, [*options, "--observed-at", "2026-11-29"])
    said = " ".join((result.output + result.stderr).split())
    assert result.exit_code == case.exit_code, said
    assert case.says in said
    assert "Traceback" not in said
    tables = tmp_path / "store" / "shop"
    if case.exit_code:
        assert not list(tables.glob("*/_delta_log"))
        return
    rows = read_arrow(tables / "events").to_pylist()
    read = sorted((row["user_id"], row["item_id"], row["event_ts"].replace(tzinfo=None)) for row in rows)
    assert [(user, item, str(time)) for user, item, time in read] == sorted(case.events)
    aside = [row["reason"] for row in read_arrow(tables / "quarantine").to_pylist()]
    assert {reason: aside.count(reason) for reason in aside} == case.reasons
