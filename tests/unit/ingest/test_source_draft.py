"""``longplay new source``: what a look at a raw log guesses, beside its evidence, and what it asks."""

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from deltalake import write_deltalake

from ingest.draft.evidence import is_number, time_form
from ingest.draft.roles import words_of
from ingest.source_config import Source
from jobs.new_source import command
from longplay.config.strict_model import validate_model

ROWS = 60
USERS = [f"u{n % 7}" for n in range(ROWS)]
ITEMS = [f"s{n % 11}" for n in range(ROWS)]
DAYS = pd.date_range("2026-05-01 10:00:00", periods=ROWS, freq="7h")
KINDS = ["play", "click", "skip"] * (ROWS // 3)


@dataclass(frozen=True)
class Log:
    """A raw log, and what the draft of its source file says.

    Attributes:
        name: of its file.
        content: of its file.
        expected: values of the draft by the path of their key.
        questions: a part of each question.
    """

    name: str
    content: bytes | pd.DataFrame
    expected: dict[str, Any]
    questions: tuple[str, ...] = field(default=())


def text(frame: pd.DataFrame, **options: Any) -> bytes:
    return frame.to_csv(index=False, **options).encode()


def plays(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {"user_id": USERS, "track_id": ITEMS, "played_at": DAYS.strftime("%Y-%m-%dT%H:%M:%SZ")} | columns
    )


LOGS = (
    Log(
        "plays.csv",
        text(plays(action=KINDS, seconds=range(ROWS), event_id=[f"e{n}" for n in range(ROWS)])),
        {
            "format": {"type": "csv"},
            "events.user": "user_id",
            "events.item": "track_id",
            "events.time": {"column": "played_at"},
            "events.key": ["event_id"],
            "events.kind": {"column": "action"},
            "events.kinds": ["click", "play", "skip"],
            "events.consumption": {"kinds": ["play"]},
            "events.click": {"kinds": ["click", "play"]},
            "events.negative": {"kinds": ["skip"]},
            "events.amount": {"column": "seconds", "unit": "s"},
        },
    ),
    Log(
        "podcasts.csv",
        text(
            pd.DataFrame({"Listener": USERS, "Show": ITEMS, "Genre": "café"}).assign(
                Started=DAYS.strftime("%d.%m.%Y %H:%M:%S")
            ),
            sep=";",
        )
        .decode()
        .encode("windows-1252"),
        {
            "format": {"type": "csv", "delimiter": ";", "encoding": "windows-1252"},
            "time_zone": "UTC",
            "events.user": "Listener",
            "events.item": "Show",
            "events.time": {"column": "Started", "format": "dd.MM.yyyy HH:mm:ss"},
            "events.topic": "Genre",
            "events.kind": {"constant": "event"},
            "events.amount": {"constant": 1, "unit": "events"},
        },
        ("in which zone",),
    ),
    Log(
        "events.jsonl",
        "\n".join(
            json.dumps({"customer": {"id": n}, "sku": item, "ts": int(day.timestamp() * 1000), "type": kind})
            for n, item, day, kind in zip(range(ROWS), ITEMS, DAYS, KINDS, strict=True)
        ).encode(),
        {
            "format": {"type": "jsonl"},
            "events.item": "sku",
            "events.time": {"column": "ts", "format": "unix_ms"},
            "events.kind": {"column": "type"},
        },
        ("whose events are these",),
    ),
    Log(
        "log.tsv.gz",
        gzip.compress("\n".join("\t".join([*row, '"Heroes']) for row in plays().to_numpy()).encode()),
        {"format.type": "tsv", "format.quote": "", "format.columns": [f"column_{n}" for n in range(1, 5)]},
        ("what are the columns called", "whose events", "what were they about"),
    ),
    Log(
        "checkins.parquet",
        pd.DataFrame({"userId": range(ROWS), "venueId": ITEMS, "utcTimestamp": DAYS.tz_localize("UTC")}).assign(
            userId=lambda frame: frame["userId"] % 5
        ),
        {
            "format": {"type": "parquet"},
            "events.user": "userId",
            "events.item": "venueId",
            "events.time": {"column": "utcTimestamp"},
        },
    ),
    Log(
        "ratings.csv",
        text(pd.DataFrame({"uid": USERS, "movieId": ITEMS, "rating": 4.5, "timestamp": DAYS.astype("int64") // 10**9})),
        {
            "events.user": "uid",
            "events.item": "movieId",
            "events.time": {"column": "timestamp", "format": "unix_s"},
            "events.amount": {"column": "rating", "unit": "stars"},
        },
    ),
    Log(
        "orders.csv",
        text(
            pd.DataFrame(
                {"InvoiceNo": [f"o{n // 3}" for n in range(ROWS)], "StockCode": ITEMS, "Quantity": 2}
                | {"InvoiceDate": DAYS.strftime("%m/%d/%Y %H:%M"), "CustomerID": USERS}
            )
        ),
        {
            "events.user": "CustomerID",
            "events.item": "StockCode",
            "events.request": "InvoiceNo",
            "events.time": {"column": "InvoiceDate", "format": "MM/dd/yyyy HH:mm"},
            "events.amount": {"column": "Quantity", "unit": "pieces"},
        },
        ("in which zone", "does the month come first"),
    ),
    Log(
        "mainframe.txt",
        "\n".join(f"{u:<6}{i:<8}{d:%Y-%m-%dT%H:%M:%S}Z" for u, i, d in zip(USERS, ITEMS, DAYS, strict=True)).encode(),
        {
            "format": {"type": "fixed_width", "columns": ["column_1", "column_2", "column_3"], "widths": [6, 8, 20]},
            "events.time": {"column": "column_3"},
        },
        ("what are the columns called", "whose events", "what were they about"),
    ),
    Log(
        "late.csv",
        text(plays(received_at=DAYS.strftime("%Y-%m-%dT%H:%M:%SZ"))),
        {"events.time": {"column": "played_at"}, "events.known": {"column": "received_at"}},
    ),
    Log(
        "measurements.csv",
        text(pd.DataFrame({"a": range(ROWS), "b": range(ROWS)})),
        {"events.kind": {"constant": "event"}},
        ("whose events are these", "what were they about", "when did it happen"),
    ),
    Log(
        "visits.csv",
        text(plays().rename(columns={"user_id": "visitor", "track_id": "page"})),
        {"events.user": "visitor", "events.item": "page"},
    ),
    Log(
        "bandit.csv",
        text(plays(user_feature_0=["a", "b", "c"] * (ROWS // 3)).drop(columns="user_id")),
        {"events.item": "track_id"},
        ("user: whose events are these?",),
    ),
)


def look_up(data: Any, path: str) -> Any:
    for key in path.split("."):
        data = data[key]
    return data


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_guesses_stand_in_the_file_and_the_rest_is_asked(tmp_path: Path, log: Log) -> None:
    if isinstance(log.content, bytes):
        (tmp_path / log.name).write_bytes(log.content)
    else:
        log.content.to_parquet(tmp_path / log.name, index=False)
    out = tmp_path / "source.yaml"
    result = CliRunner().invoke(command, ["source", "--from", str(tmp_path / log.name), "--out", str(out)])
    assert result.exit_code == 0, result.output
    draft = yaml.safe_load(out.read_text(encoding="utf-8"))
    assert {path: look_up(draft, path) for path in log.expected} == log.expected
    questions = [line for line in result.output.splitlines() if line.startswith("question: ")]
    assert len(questions) == len(log.questions)
    assert all(asked in line for asked, line in zip(log.questions, questions, strict=True))
    if {"user", "item", "time"} <= set(draft["events"]):
        assert validate_model(Source, draft, "the draft").name == log.name.split(".")[0]
    else:
        assert any("Columns: " in line for line in out.read_text(encoding="utf-8").splitlines() if "QUESTION" in line)


def test_a_folder_and_a_delta_table(tmp_path: Path) -> None:
    (tmp_path / "log" / "day").mkdir(parents=True)
    (tmp_path / "log" / "_SUCCESS").touch()
    for name in ("a", "b"):
        (tmp_path / "log" / "day" / f"{name}.csv").write_bytes(text(plays()))
    run = CliRunner()
    result = run.invoke(command, ["source", "--from", str(tmp_path / "log"), "--out", str(tmp_path / "a.yaml")])
    assert f"Looked at 60 rows of {tmp_path}/log/day/a.csv, the largest of 2 files." in result.output
    write_deltalake(str(tmp_path / "table"), plays())
    result = run.invoke(command, ["source", "--from", str(tmp_path / "table"), "--out", str(tmp_path / "b.yaml")])
    assert yaml.safe_load((tmp_path / "b.yaml").read_text(encoding="utf-8"))["format"] == {"type": "delta"}
    again = run.invoke(command, ["source", "--from", str(tmp_path / "table"), "--out", str(tmp_path / "b.yaml")])
    assert again.exit_code == 2
    assert "This file already exists" in again.output
    (tmp_path / "empty.csv").touch()
    empty = run.invoke(command, ["source", "--from", str(tmp_path / "empty.csv"), "--out", str(tmp_path / "c.yaml")])
    assert empty.exit_code == 3
    assert "no rows to look at" in empty.output


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["2026-05-01", "2026-05-02 10:00"], "iso"),
        (["2026-05-01T10:00:00.123+02:00", "20260501T100000Z"], "iso"),
        (["31.12.2026 10:00:00"], "dd.MM.yyyy HH:mm:ss"),
        (["12/31/2026 10:00:00"], "MM/dd/yyyy HH:mm:ss"),
        (["31/12/2026 10:00:00"], "dd/MM/yyyy HH:mm:ss"),
        (["20261231"], "yyyyMMdd"),
        (["20261231100000"], "yyyyMMddHHmmss"),
        (["1777800000", "1777800001.5"], "unix_s"),
        (["1777800000000"], "unix_ms"),
        (["1777800000000000"], "unix_us"),
        (["1777800000000000000"], "unix_ns"),
        (["7", "17850"], ""),
        (["song", "2026-05-01"], ""),
        ([], ""),
    ],
)
def test_forms_of_times(values: list[str], form: str) -> None:
    assert time_form(values) == form


def test_words_and_numbers() -> None:
    assert words_of("CustomerID") == ["customer", "id"]
    assert words_of("utcTimestamp") == ["utc", "timestamp"]
    assert words_of("device.os_name") == ["device", "os", "name"]
    assert all(is_number(value) for value in ("1", "-1.5e3", ".5", "7."))
    assert not any(is_number(value) for value in ("1,5", "0x1", "", "1 2", "."))
