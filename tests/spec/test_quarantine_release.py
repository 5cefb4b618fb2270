"""Quarantine and back: repaired rows go through ingest again, once each, and every row read is accounted for."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.erase import erase
from jobs.ingest_log import ingest
from jobs.runtime import quarantine_release
from jobs.runtime.quarantine_selection import ReleaseSelection, release_selection
from jobs.runtime.run_context import RunContext
from longplay.errors import ConfigError, InputError, NotFoundError, QualityError
from longplay.status.row_accounting import account_for_rows
from tables.spec import TableSpec
from tests.unit.ingest.small_logs import OBSERVED_AT, RADIO, SHOWN, build_source, open_run, progress_text, write_csv

pytestmark = pytest.mark.spark

MONDAY = [
    "ann,song,2026-05-04T10:00:00,tap,",
    "ann,song,2026-05-04T10:00:05,play,40",
    "bob,tune,2026-05-04T12:00:00,tap,",
    "bob,tune,2026-05-04T12:00:00,tap,",  # duplicate
    ",tune,2026-05-04T13:00:00,play,40",  # null_user
    ",hymn,2026-05-04T14:00:00,play,50",  # null_user
    "bob,hymn,2026-05-04T15:00:00,hum,40",  # unknown_kind
    ",song,2026-05-04T16:00:00,tap,",  # null_user
    "bob,hymn,2026-05-04T17:00:00,play,40,more",  # malformed_row
    "bob,hymn,2026-05-05T09:00:00,tap,",
]
SHOWN_ROWS = [
    "ann,song,2026-05-04T10:00:00,s1,home,1,greedy,0.5",
    "ann,tune,2026-05-04T10:00:00,s1,home,2,greedy,7",  # bad_propensity
]
RELEASED = datetime(2026, 5, 13, 8, tzinfo=UTC)


def deliver(folder: Path, plays: list[str], shown: list[str]) -> Path:
    folder.mkdir()
    write_csv(folder / "events.csv", plays)
    write_csv(folder / "shown.csv", shown, SHOWN)
    return folder


def accounts(context: RunContext) -> dict[str, tuple[int, int, int, int, int]]:
    """Read, published, quarantined, duplicates and erased, by log; all of them add up."""
    accounts_by_log = account_for_rows(context.folder)
    assert [entry.adds_up for entry in accounts_by_log] == [True] * len(accounts_by_log)
    return {e.log: (e.read, e.published, e.quarantined, e.duplicates, e.erased) for e in accounts_by_log}


def aside(context: RunContext, reason: str) -> list[dict[str, object]]:
    """Rows quarantined for a reason, with their raw rows, in order of time."""
    rows = [row.asDict() for row in context.store.read("quarantine").where(f"reason = '{reason}'").collect()]
    return sorted(({**row, "raw": json.loads(row["raw"])} for row in rows), key=lambda row: str(row["raw"]["when"]))


def lines(path: Path, rows: list[tuple[object, dict[str, object]]]) -> Path:
    path.write_text("".join(json.dumps({"row_id": i, "raw": raw}) + "\n" for i, raw in rows), encoding="utf-8")
    return path


def test_repaired_rows_come_back_once_and_all_rows_are_accounted_for(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = open_run(spark, tmp_path / "warehouse", build_source(RADIO))
    ingest(context, deliver(tmp_path / "1", MONDAY, SHOWN_ROWS), OBSERVED_AT)
    assert accounts(context) == {"events": (10, 4, 5, 1, 0), "exposures": (2, 1, 1, 0, 0)}
    (bad,) = aside(context, "unknown_kind")
    assert bad["message"] == "column 'how' holds no kind that the source file knows: play, tap, skip"
    assert (bad["run_id"], bad["file"], bad["log"]) == (context.run_id, "events.csv", "events")

    # Of three that lacked a user one is repaired, one is still bad, and one is told already.
    first, second, third = aside(context, "null_user")
    twin = {"who": "ann", "what": "song", "when": "2026-05-04T10:00:00", "how": "tap"}
    wrong = lines(tmp_path / "typo.jsonl", [(first["row_id"], {**first["raw"], "whom": "cat"})])
    with pytest.raises(InputError, match="has columns that its log does not have") as odd:
        release_selection(context, ReleaseSelection("null_user", repaired=wrong), "eve", RELEASED)
    assert odd.value.got == "whom"
    with pytest.raises(NotFoundError, match="No row 'zzz' was ever quarantined"):
        release_selection(
            context, ReleaseSelection("null_user", repaired=lines(tmp_path / "z.jsonl", [("zzz", {})])), "eve", RELEASED
        )
    with pytest.raises(ConfigError, match="before the newest delivery"):
        release_selection(context, ReleaseSelection("null_user", as_is=True), "eve", datetime(2026, 5, 5, tzinfo=UTC))
    mended = lines(
        tmp_path / "mended.jsonl",
        [
            (first["row_id"], {**first["raw"], "who": "cat"}),
            (second["row_id"], {**second["raw"], "who": "cat", "how": "hum"}),
            (third["row_id"], twin),
        ],
    )

    # What the gate would refuse is not written down: it could never be carried out.
    def refuse(frame: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> dict[str, object]:
        raise QualityError(f"The gate of '{spec.name}' failed.")

    with monkeypatch.context() as patch:
        patch.setitem(context.__dict__, "gate", refuse)
        with pytest.raises(QualityError, match="The gate of 'events' failed"):
            release_selection(context, ReleaseSelection("null_user", repaired=mended), "eve", RELEASED)
    assert not context.store.exists("quarantine_releases")
    # Cut off after the release was written down: the same command again finishes it, and releases nothing twice.

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(quarantine_release, "record_delivery", interrupt)
        with pytest.raises(KeyboardInterrupt):
            release_selection(context, ReleaseSelection("null_user", repaired=mended), "eve", RELEASED)
    release_selection(context, ReleaseSelection("null_user", repaired=mended), "eve", RELEASED)
    assert (
        "release-2: 3 rows: 1 duplicate, 1 published, 1 quarantined; known from 2026-05-13 08:00 UTC"
        in progress_text(context)
    )
    assert "3 rows were released before and stay as they are" in progress_text(context)
    assert accounts(context)["events"] == (10, 5, 3, 2, 0)
    rows = {row["row_id"]: row for row in context.store.read("quarantine_releases").collect()}
    assert [rows[i]["outcome"] for i in (first["row_id"], second["row_id"], third["row_id"])] == [
        "published",
        "quarantined",
        "duplicate",
    ]
    assert rows[second["row_id"]]["new_reason"] == "unknown_kind"
    assert {(r["released_by"], r["user_id"], r["batch"]) for r in rows.values()} == {
        ("eve", u, 2) for u in ("cat", "ann")
    }
    again = [row for row in aside(context, "unknown_kind") if row["user_id"] == "cat"]
    assert [row["repaired_from"] for row in again] == [second["row_id"]]

    # By SQL, and as they are for a source file that now knows the kind.
    release_selection(
        context, ReleaseSelection("bad_propensity", changes={"chance": "CAST(chance AS DOUBLE) / 10"}), "eve", RELEASED
    )
    wider = open_run(spark, context.root, build_source(RADIO, events__kinds=["play", "tap", "skip", "hum"]))
    release_selection(wider, ReleaseSelection("unknown_kind", as_is=True), "eve", RELEASED)
    assert accounts(context) == {"events": (10, 7, 1, 2, 0), "exposures": (2, 2, 0, 0, 0)}
    assert context.store.read("exposures").where("propensity = 0.7").count() == 1
    facts = {(r["user_id"], r["item_id"], r["kind"]): r for r in context.store.read("events").collect()}
    assert facts["bob", "hymn", "hum"]["amount"] == 40.0
    late = facts["cat", "tune", "play"]
    assert (late["event_ts"], late["known_ts"]) == (datetime(2026, 5, 4, 13), datetime(2026, 5, 13, 8))

    # What is released is known from its release on, and increments take it in.
    first_seen = context.store.read("first_seen").where("kind = 'user' AND key = 'cat'").collect()
    assert [(r["event_ts"], r["visible_ts"]) for r in first_seen] == [(late["event_ts"], late["known_ts"])]
    assert context.log.frontier == datetime(2026, 5, 5, tzinfo=UTC)  # a release vouches for nothing

    # Whoever is erased is erased here too, and is not let in again.
    erase(wider, "cat")
    assert context.store.read("quarantine_releases").where("user_id = 'cat' OR contains(raw, 'cat')").count() == 0
    assert accounts(context)["events"] == (10, 5, 1, 2, 2)
    (cut,) = aside(context, "malformed_row")
    returned = lines(tmp_path / "returned.jsonl", [(cut["row_id"], {**twin, "who": "cat"})])
    release_selection(wider, ReleaseSelection("malformed_row", repaired=returned), "eve", RELEASED)
    assert context.store.read("events").where("user_id = 'cat'").count() == 0
    outcome = context.store.read("quarantine_releases").where("outcome = 'erased'").collect()
    assert [(r["raw"], r["user_id"]) for r in outcome] == [(None, None)]
    assert accounts(context)["events"] == (10, 5, 0, 2, 3)
