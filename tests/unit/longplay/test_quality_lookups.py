"""Quarantine, ledger and status without Spark: what is said of hand-made tables and verdicts."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from jobs.table_quality import command
from longplay.errors import NotFoundError, StoreError
from longplay.pipeline import find_downstream
from longplay.status.quarantine import Asked, groups, to_repair
from longplay.status.row_accounting import accounted, ledger
from longplay.status.status import status
from tests.unit.longplay.quality_tables import counts, publish, verdict

RUN1, RUN2, RUN3 = "20260504T100000-aaaaaa", "20260505T100000-bbbbbb", "20260506T100000-cccccc"


def aside(row_id: str, reason: str, batch: int = 1, **raw: Any) -> dict[str, Any]:
    told = {"row_id": row_id, "log": "events", "reason": reason, "message": f"about {reason}", "batch": batch}
    return {**told, "raw": json.dumps(raw), "file": "log.csv", "run_id": RUN1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One delivery of 9 rows, 1 of them erased at once, of which 2 were released since; a second of 3 rows."""
    shop = tmp_path / "online_retail"
    events = [{"event_id": f"e{n}", "batch": 1} for n in range(4)]
    publish(shop, "events", [*events, {"event_id": "e9", "batch": 2}, {"event_id": "e10", "batch": 3}], RUN1)
    rows = [aside(f"b{n}", "bad_amount", much=-n) for n in range(3)]
    publish(shop, "quarantine", [*rows, aside("d1", "duplicate", much=1)], RUN1)
    publish(shop, "quarantine", [aside("a1", "null_user", 2, much=0)], RUN2)
    released = {"log": "events", "reason": "bad_amount", "release_id": "release-2", "released_by": "eve", "batch": 2}
    outcomes = [("b0", "published"), ("b1", "quarantined")]
    publish(shop, "quarantine_releases", [{**released, "row_id": i, "outcome": o} for i, o in outcomes], RUN2)
    first = counts(read=9, clean=4, again=0, exclusive__erased=1, exclusive__bad_amount=3, exclusive__duplicate=1)
    publish(shop, "deliveries", [{"batch": 1, "counts": first}], RUN1)
    publish(shop, "deliveries", [{"batch": 2, "counts": counts(released__published=1, released__quarantined=1)}], RUN2)
    publish(shop, "deliveries", [{"batch": 3, "counts": counts(read=3, clean=3, again=2)}], RUN3)
    return shop


def test_every_row_read_is_accounted_for(folder: Path) -> None:
    (events,) = ledger(folder)
    assert (events.read, events.published, events.quarantined, events.duplicates, events.erased) == (12, 6, 2, 3, 1)
    assert events.adds_up is True
    # A row that vanishes shows.
    publish(folder, "deliveries", [{"batch": 4, "counts": counts(read=1, clean=1, again=0)}])
    assert [one.adds_up for one in ledger(folder)] == [False]
    # What an erasure took with it is said by its receipt.
    assert accounted(folder) == {"events": 9}
    (folder / "_erasures").mkdir()
    (folder / "_erasures" / "000001.json").write_text('{"accounted": {"events": 1}}', encoding="utf-8")
    assert [(one.erased, one.adds_up) for one in ledger(folder)] == [(2, True)]


def test_deliveries_of_an_older_version_do_not_say(folder: Path) -> None:
    publish(folder, "deliveries", [{"batch": 4, "counts": counts(read=1, clean=1)}])
    assert [one.adds_up for one in ledger(folder)] == [None]


def test_quarantine_is_listed_by_reason_with_examples(folder: Path) -> None:
    found = [group.plain() for group in groups(folder, Asked(examples=1))]
    assert [(g["reason"], g["open"], g["released"], g["message"]) for g in found] == [
        ("bad_amount", 1, 2, "about bad_amount"),
        ("duplicate", 1, 0, "about duplicate"),
        ("null_user", 1, 0, "about null_user"),
    ]
    (example,) = found[0]["examples"]
    assert (example["row_id"], example["raw"], example["outcome"]) == ("b2", {"much": -2}, "open")
    shown = groups(folder, Asked(reason="bad_amount", released=True))[0].plain()["examples"]
    assert [(row["row_id"], row["outcome"]) for row in shown] == [
        ("b0", "published"),
        ("b1", "quarantined"),
        ("b2", "open"),
    ]
    with pytest.raises(NotFoundError, match="No row was set aside for 'bad_amuont'") as caught:
        groups(folder, Asked(reason="bad_amuont"))
    assert caught.value.fix == "did you mean 'bad_amount'?"


def test_rows_to_repair_are_those_that_are_open(folder: Path) -> None:
    lines = [json.loads(line) for line in to_repair(folder, Asked(reason="bad_amount"))]
    assert [(line["row_id"], line["raw"]) for line in lines] == [("b2", {"much": -2})]


def test_a_failed_table_keeps_its_last_good_version_and_holds_up_what_reads_it(folder: Path) -> None:
    publish(folder, "user_days", [], RUN1, inputs={"events": 0})
    verdict(folder, "events", RUN1, {"has_rows": True, "known_not_before_event": True}, rows=6)
    verdict(
        folder, "events", RUN3, {"has_rows": True, "known_not_before_event": False}, rows=2, known_not_before_event=1
    )
    found = {one.table: one for one in status(folder).tables}
    events = found["events"]
    assert (events.state, events.good.version, events.good.run_id) == ("failed", 0, RUN1)
    assert events.last.failed == {"known_not_before_event": 1}
    assert [(one.run_id, one.rows, one.passed) for one in events.trend] == [(RUN1, 6, True), (RUN3, 2, False)]
    assert events.blocks == ["quarantine", "deliveries", "quarantine_releases", "user_days"]
    assert {"build-histories", "build-signals", "release", "train"} <= set(events.steps)
    assert found["user_days"].blocked_by == ["events"]
    assert found["user_days"].state == "passed"


def test_a_table_that_was_made_from_older_inputs_is_behind(folder: Path) -> None:
    publish(folder, "user_days", [], RUN1, inputs={"events": 0})
    publish(folder, "events", [{"event_id": "new"}], RUN3)
    found = {one.table: one for one in status(folder).tables}
    assert (found["user_days"].state, found["user_days"].behind) == ("behind", {"events": (0, 1)})
    assert "release" in found["user_days"].steps
    assert find_downstream("user_days", is_stopped=False)[0] == ["releases", "training_set"]  # its step went on
    assert found["events"].state == "passed"


def test_a_check_that_failed_and_blocked_nothing_is_a_warning(folder: Path) -> None:
    file = verdict(folder, "events", RUN3, {"has_rows": True, "fresh": False}, rows=1, fresh=1)
    publish(folder, "events", [{"event_id": "new"}], RUN3, audit={"rows": 1, "verdict": file, "warnings": ["fresh"]})
    verdict(folder, "quarantine", RUN3, {"volume": {"passed": False, "severity": "warning"}}, rows=1)
    found = {one.table: one for one in status(folder).tables}
    assert (found["events"].state, found["events"].last.warned) == ("warned", {"fresh": 1})
    assert (found["quarantine"].state, found["quarantine"].last.warned) == ("warned", {"volume": None})


def test_files_that_are_no_verdicts(folder: Path) -> None:
    verdict(folder, "events", RUN2, {"has_rows": True}, rows=1)
    (folder / "_quality" / "events-suite.json").write_text('{"suite": []}', encoding="utf-8")
    checks = [{"name": "has_rows", "passed": True}, {"rule": "fresh", "success": False}]
    file = folder / "_quality" / f"events-{RUN3}.json"
    file.write_text(json.dumps({"table": "events", "checks": checks}), encoding="utf-8")
    events = next(one for one in status(folder).tables if one.table == "events")
    assert [(one.run_id, one.passed) for one in events.trend] == [(RUN2, True), (RUN3, False)]
    assert (events.last.held, events.last.failed) == (["has_rows"], {"fresh": None})
    file.write_text('{"table": "ev', encoding="utf-8")
    with pytest.raises(StoreError, match="A verdict cannot be read") as caught:
        status(folder)
    assert caught.value.where == str(file)


def test_only_the_last_runs_make_the_trend(folder: Path) -> None:
    for number in range(5):
        verdict(folder, "events", f"2026050{number + 1}T100000-aaaaaa", {"has_rows": True}, rows=number)
    events = next(one for one in status(folder, runs=3).tables if one.table == "events")
    assert [one.rows for one in events.trend] == [2, 3, 4]


def test_the_commands_print_tables_and_json(folder: Path) -> None:
    place = ["--source", "online_retail", "--store", str(folder.parent)]
    run = CliRunner().invoke
    told = json.loads(run(command, ["status", *place, "--json"]).stdout)
    assert told["rows"][0] == {
        "log": "events", "read": 12, "published": 6, "quarantined": 2, "duplicates": 3, "erased": 1, "adds_up": True
    }  # fmt: skip
    assert told["tables"][0]["last_good"]["version"] == 0
    assert "events" in run(command, ["status", *place]).stdout
    listed = json.loads(run(command, ["quarantine", *place, "--json"]).stdout)
    assert listed["releases"][0]["outcomes"] == {"published": 1, "quarantined": 1}
    assert "about null_user" in run(command, ["quarantine", *place], terminal_width=200).stdout
    out = folder / "rows.jsonl"
    assert run(command, ["quarantine", *place, "--reason", "null_user", "--out", str(out)]).exit_code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["row_id"] == "a1"
    missing = run(command, ["status", "--source", "gowalla", "--store", str(folder.parent)])
    assert (missing.exit_code, "Nothing was ingested yet." in missing.stderr) == (7, True)
