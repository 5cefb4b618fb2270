"""Quarantine, ledger and status without Spark: what is said of hand-made tables and verdicts."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from jobs.table_quality import command
from longplay.errors import NotFoundError, StoreError
from longplay.pipeline import find_downstream
from longplay.status.quarantine import QuarantineQuery, format_rows_to_repair, group_quarantined_rows
from longplay.status.row_accounting import account_for_rows, count_accounted_rows
from longplay.status.status import load_status
from tests.unit.longplay.quality_tables import counts, publish, verdict

RUN1, RUN2, RUN3 = "20260504T100000-aaaaaa", "20260505T100000-bbbbbb", "20260506T100000-cccccc"


def quarantined_row(row_id: str, reason: str, batch: int = 1, **raw: Any) -> dict[str, Any]:
    row = {"row_id": row_id, "log": "events", "reason": reason, "message": f"about {reason}", "batch": batch}
    return {**row, "raw": json.dumps(raw), "file": "log.csv", "run_id": RUN1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One delivery of 9 rows, 1 of them erased at once, of which 2 were released since; a second of 3 rows."""
    shop = tmp_path / "online_retail"
    events = [{"event_id": f"e{n}", "batch": 1} for n in range(4)]
    publish(shop, "events", [*events, {"event_id": "e9", "batch": 2}, {"event_id": "e10", "batch": 3}], RUN1)
    rows = [quarantined_row(f"b{n}", "bad_amount", much=-n) for n in range(3)]
    publish(shop, "quarantine", [*rows, quarantined_row("d1", "duplicate", much=1)], RUN1)
    publish(shop, "quarantine", [quarantined_row("a1", "null_user", 2, much=0)], RUN2)
    released = {"log": "events", "reason": "bad_amount", "release_id": "release-2", "released_by": "eve", "batch": 2}
    outcomes = [("b0", "published"), ("b1", "quarantined")]
    publish(shop, "quarantine_releases", [{**released, "row_id": i, "outcome": o} for i, o in outcomes], RUN2)
    first = counts(read=9, clean=4, again=0, exclusive__erased=1, exclusive__bad_amount=3, exclusive__duplicate=1)
    publish(shop, "deliveries", [{"batch": 1, "counts": first}], RUN1)
    publish(shop, "deliveries", [{"batch": 2, "counts": counts(released__published=1, released__quarantined=1)}], RUN2)
    publish(shop, "deliveries", [{"batch": 3, "counts": counts(read=3, clean=3, again=2)}], RUN3)
    return shop


def test_every_row_read_is_accounted_for(folder: Path) -> None:
    (events,) = account_for_rows(folder)
    assert (events.read, events.published, events.quarantined, events.duplicates, events.erased) == (12, 6, 2, 3, 1)
    assert events.adds_up is True
    # A row that vanishes shows.
    publish(folder, "deliveries", [{"batch": 4, "counts": counts(read=1, clean=1, again=0)}])
    assert [account.adds_up for account in account_for_rows(folder)] == [False]
    # What an erasure took with it is said by its receipt.
    assert count_accounted_rows(folder) == {"events": 9}
    (folder / "_erasures").mkdir()
    (folder / "_erasures" / "000001.json").write_text('{"accounted": {"events": 1}}', encoding="utf-8")
    assert [(account.erased, account.adds_up) for account in account_for_rows(folder)] == [(2, True)]


def test_deliveries_of_an_older_version_do_not_say(folder: Path) -> None:
    publish(folder, "deliveries", [{"batch": 4, "counts": counts(read=1, clean=1)}])
    assert [account.adds_up for account in account_for_rows(folder)] == [None]


def test_quarantine_is_listed_by_reason_with_examples(folder: Path) -> None:
    listed = [group.plain() for group in group_quarantined_rows(folder, QuarantineQuery(examples=1))]
    assert [(g["reason"], g["open"], g["released"], g["message"]) for g in listed] == [
        ("bad_amount", 1, 2, "about bad_amount"),
        ("duplicate", 1, 0, "about duplicate"),
        ("null_user", 1, 0, "about null_user"),
    ]
    (example,) = listed[0]["examples"]
    assert (example["row_id"], example["raw"], example["outcome"]) == ("b2", {"much": -2}, "open")
    shown = group_quarantined_rows(folder, QuarantineQuery(reason="bad_amount", released=True))[0].plain()["examples"]
    assert [(row["row_id"], row["outcome"]) for row in shown] == [
        ("b0", "published"),
        ("b1", "quarantined"),
        ("b2", "open"),
    ]
    with pytest.raises(NotFoundError, match="No row was quarantined for 'bad_amuont'") as caught:
        group_quarantined_rows(folder, QuarantineQuery(reason="bad_amuont"))
    assert caught.value.fix == "did you mean 'bad_amount'?"


def test_rows_to_repair_are_those_that_are_open(folder: Path) -> None:
    lines = [json.loads(line) for line in format_rows_to_repair(folder, QuarantineQuery(reason="bad_amount"))]
    assert [(line["row_id"], line["raw"]) for line in lines] == [("b2", {"much": -2})]


def test_a_failed_table_keeps_its_last_good_version_and_holds_up_what_reads_it(folder: Path) -> None:
    publish(folder, "user_days", [], RUN1, inputs={"events": 0})
    verdict(folder, "events", RUN1, {"has_rows": True, "known_not_before_event": True}, rows=6)
    verdict(
        folder, "events", RUN3, {"has_rows": True, "known_not_before_event": False}, rows=2, known_not_before_event=1
    )
    tables = {table.table: table for table in load_status(folder).tables}
    events = tables["events"]
    assert (events.state, events.last_good.version, events.last_good.run_id) == ("failed", 0, RUN1)
    assert events.last_verdict.failed == {"known_not_before_event": 1}
    runs = [(verdict.run_id, verdict.rows, verdict.passed) for verdict in events.trend]
    assert runs == [(RUN1, 6, True), (RUN3, 2, False)]
    assert events.waiting_tables == ["quarantine", "deliveries", "quarantine_releases", "user_days"]
    assert {"build-histories", "build-signals", "release", "train"} <= set(events.waiting_steps)
    assert tables["user_days"].blocked_by == ["events"]
    assert tables["user_days"].state == "passed"


def test_a_table_that_was_made_from_older_inputs_is_behind(folder: Path) -> None:
    publish(folder, "user_days", [], RUN1, inputs={"events": 0})
    publish(folder, "events", [{"event_id": "new"}], RUN3)
    tables = {table.table: table for table in load_status(folder).tables}
    assert (tables["user_days"].state, tables["user_days"].outdated_inputs) == ("behind", {"events": (0, 1)})
    assert "release" in tables["user_days"].waiting_steps
    assert find_downstream("user_days", is_stopped=False)[0] == ["releases", "training_set"]  # its step went on
    assert tables["events"].state == "passed"


def test_a_check_that_failed_and_blocked_nothing_is_a_warning(folder: Path) -> None:
    file = verdict(folder, "events", RUN3, {"has_rows": True, "fresh": False}, rows=1, fresh=1)
    publish(folder, "events", [{"event_id": "new"}], RUN3, audit={"rows": 1, "verdict": file, "warnings": ["fresh"]})
    verdict(folder, "quarantine", RUN3, {"volume": {"passed": False, "severity": "warning"}}, rows=1)
    tables = {table.table: table for table in load_status(folder).tables}
    assert (tables["events"].state, tables["events"].last_verdict.warned) == ("warned", {"fresh": 1})
    assert (tables["quarantine"].state, tables["quarantine"].last_verdict.warned) == ("warned", {"volume": None})


def test_files_that_are_no_verdicts(folder: Path) -> None:
    verdict(folder, "events", RUN2, {"has_rows": True}, rows=1)
    (folder / "_quality" / "events-suite.json").write_text('{"suite": []}', encoding="utf-8")
    checks = [{"name": "has_rows", "passed": True}, {"rule": "fresh", "success": False}]
    file = folder / "_quality" / f"events-{RUN3}.json"
    file.write_text(json.dumps({"table": "events", "checks": checks}), encoding="utf-8")
    events = next(table for table in load_status(folder).tables if table.table == "events")
    assert [(verdict.run_id, verdict.passed) for verdict in events.trend] == [(RUN2, True), (RUN3, False)]
    assert (events.last_verdict.passed_checks, events.last_verdict.failed) == (["has_rows"], {"fresh": None})
    file.write_text('{"table": "ev', encoding="utf-8")
    with pytest.raises(StoreError, match="A verdict cannot be read") as caught:
        load_status(folder)
    assert caught.value.where == str(file)


def test_only_the_last_runs_make_the_trend(folder: Path) -> None:
    for number in range(5):
        verdict(folder, "events", f"2026050{number + 1}T100000-aaaaaa", {"has_rows": True}, rows=number)
    events = next(table for table in load_status(folder, runs=3).tables if table.table == "events")
    assert [verdict.rows for verdict in events.trend] == [2, 3, 4]


def test_the_commands_print_tables_and_json(folder: Path) -> None:
    place = ["--source", "online_retail", "--store", str(folder.parent)]
    run = CliRunner().invoke
    status = json.loads(run(command, ["status", *place, "--json"]).stdout)
    assert status["rows"][0] == {
        "log": "events", "read": 12, "published": 6, "quarantined": 2, "duplicates": 3, "erased": 1, "adds_up": True
    }  # fmt: skip
    assert status["tables"][0]["last_good"]["version"] == 0
    assert "events" in run(command, ["status", *place]).stdout
    listed = json.loads(run(command, ["quarantine", *place, "--json"]).stdout)
    assert listed["releases"][0]["outcomes"] == {"published": 1, "quarantined": 1}
    assert "about null_user" in run(command, ["quarantine", *place], terminal_width=200).stdout
    out = folder / "rows.jsonl"
    assert run(command, ["quarantine", *place, "--reason", "null_user", "--out", str(out)]).exit_code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["row_id"] == "a1"
    missing = run(command, ["status", "--source", "gowalla", "--store", str(folder.parent)])
    assert (missing.exit_code, "Nothing was ingested yet." in missing.stderr) == (7, True)


def test_values_that_outages_void_are_counted(folder: Path) -> None:
    value = {"signal": "return@1", "settled": True, "state": "mature"}
    outage = {**value, "state": "void", "void_reason": "outage"}
    rows = [
        {**value, "anchor_id": "a"},
        {**outage, "anchor_id": "a", "revision": 1},
        {**outage, "anchor_id": "b"},
        {**value, "anchor_id": "c"},
        {**value, "anchor_id": "d", "settled": False, "state": "open"},
        {**value, "anchor_id": "e", "state": "void", "void_reason": "left_truncated"},
        {**value, "anchor_id": "a", "signal": "click@1"},
    ]
    assert load_status(folder).outage_voids == []
    publish(folder, "signal_values", rows, RUN1)
    (voids,) = load_status(folder).outage_voids
    assert (voids.signal, voids.void, voids.settled, voids.share) == ("return@1", 2, 4, 0.5)
    result = CliRunner().invoke(command, ["status", "--source", "online_retail", "--store", str(folder.parent)])
    assert "return@1: outages void 2 of 4 settled values (50.0%)" in result.output
    options = ["status", "--source", "online_retail", "--store", str(folder.parent), "--json"]
    plain = json.loads(CliRunner().invoke(command, options).output)
    assert plain["outage_voids"] == [{"signal": "return@1", "void": 2, "settled": 4, "share": 0.5}]
