"""Deliveries: read once whatever happens, counted to the last row, and never half-published."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ingest.source_config import Source
from jobs import ingest_log
from jobs.ingest_log import ingest
from jobs.runtime import deliveries
from jobs.runtime.quarantine_selection import ReleaseSelection, release_selection
from jobs.runtime.run_context import RunContext
from longplay.errors import InputError, QualityError, StoreError
from longplay.status.row_accounting import account_for_rows
from tables import catalog
from tables.checksum import checksum
from tables.publish import WritableStore
from tests.unit.ingest.small_logs import OBSERVED_AT, RADIO, SHOWN, build_source, open_run, progress_text, write_csv

pytestmark = pytest.mark.spark

MONDAY = [
    "ann,song,2026-05-04T10:00:00,tap,",
    "ann,song,2026-05-04T10:00:05,play,40",
    "bob,tune,2026-05-04T12:00:00,tap,",
    "bob,tune,2026-05-04T12:00:00,tap,",  # duplicate
    ",tune,2026-05-04T13:00:00,play,40",  # null_user
    "bob,hymn,2026-05-05T09:00:00,tap,",
]
TUESDAY = [
    "bob,hymn,2026-05-05T09:00:00,tap,",  # delivered before
    "ann,hymn,2026-05-04T23:00:00,tap,",  # late: a click of Monday
    "cat,song,2026-05-06T10:00:00,tap,",
    "cat,song,2026-05-06T10:00:09,play,10",
]
TABLES = ("events", "quarantine", "exposures", "deliveries")


def state(store: WritableStore) -> dict[str, tuple[int, str]]:
    """Version and content of every table of ingest."""
    return {table: (store.version(table), checksum(store.read(table))) for table in TABLES}


def published(root: Path) -> list[str]:
    """Names of the tables that have any version."""
    return sorted(log.parent.name for log in root.rglob("_delta_log"))


@pytest.fixture(scope="module")
def first(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunContext, Path]:
    """A warehouse with one delivery in it."""
    folder = tmp_path_factory.mktemp("deliveries")
    context = open_run(spark, folder / "warehouse", build_source())
    ingest(context, write_csv(folder / "monday.csv", MONDAY), OBSERVED_AT)
    return context, folder


def test_a_delivery_is_published_and_counted_to_the_last_row(first: tuple[RunContext, Path]) -> None:
    context, _ = first
    rows = {table: context.store.read(table).count() for table in TABLES}
    assert rows["events"] == 4
    assert rows["quarantine"] == 2
    assert rows["deliveries"] == 1
    delivery = context.log.deliveries()[-1]
    nonzero_counts = {name: n for name, n in delivery["counts"].items() if n}
    assert nonzero_counts == {
        "events/read": 6,
        "events/clean": 4,
        "events/raw:null_user": 1,
        "events/exclusive:null_user": 1,
        "events/raw:duplicate": 1,
        "events/exclusive:duplicate": 1,
    }
    assert "read 6 = clean 4 + 2" in progress_text(context)
    assert "null_user 1 (1 raw), duplicate 1 (1 raw)" in progress_text(context)
    assert delivery["log_start"] == datetime(2026, 5, 4, tzinfo=UTC)
    assert delivery["complete_until"] == datetime(2026, 5, 5, tzinfo=UTC)  # the last day may be cut off
    assert delivery["observed_at"] == OBSERVED_AT


def positives(context: RunContext) -> list[tuple[str, str]]:
    """User and item of every click that became a candidate."""
    rows = context.store.read("exposures").where("propensity IS NULL").collect()
    return sorted((row["user_id"], row["item_id"]) for row in rows)


def test_requests_are_made_of_days_that_are_complete(first: tuple[RunContext, Path]) -> None:
    """The fifth may be cut off; nothing was clicked before the fourth, so nothing is drawn."""
    assert positives(first[0]) == [("ann", "song"), ("bob", "tune")]
    assert first[0].store.read("exposures").count() == 2


def test_the_same_delivery_again_changes_nothing(first: tuple[RunContext, Path], spark: SparkSession) -> None:
    context, folder = first
    before = state(context.store)
    again = open_run(spark, context.root, context.source)
    ingest(again, folder / "monday.csv", OBSERVED_AT)
    assert "was ingested before; nothing to do" in progress_text(again)
    assert state(context.store) == before
    forced = open_run(spark, context.root, context.source, force=True)
    ingest(forced, folder / "monday.csv", OBSERVED_AT)
    assert "no new rows" in progress_text(forced)
    assert state(context.store) == before


def test_a_store_whose_ids_have_other_rules_takes_no_delivery(
    spark: SparkSession, tmp_path: Path, first: tuple[RunContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = open_run(spark, first[0].root, first[0].source)
    monkeypatch.setattr(deliveries, "ROW_IDENTITY", deliveries.ROW_IDENTITY + 1)
    before = state(context.store)
    with pytest.raises(StoreError, match="would count twice") as caught:
        ingest(context, write_csv(tmp_path / "tuesday.csv", TUESDAY), OBSERVED_AT)
    assert caught.value.got == "row identity 2, where this version makes 3"
    assert state(context.store) == before
    selection = ReleaseSelection("null_user", as_is=True)
    with pytest.raises(StoreError, match="would count twice"):
        release_selection(context, selection, "a test", OBSERVED_AT)


def test_an_overlapping_delivery_adds_only_its_new_rows(
    spark: SparkSession, tmp_path: Path, first: tuple[RunContext, Path]
) -> None:
    shutil.copytree(first[0].root, tmp_path / "warehouse")
    context = open_run(spark, tmp_path / "warehouse", build_source(candidates__per_request=20))
    old_events = {r["event_id"]: r["batch"] for r in context.store.read("events").collect()}
    old_shown = checksum(context.store.read("exposures"))
    old_requests = [r["request_id"] for r in context.store.read("exposures").select("request_id").distinct().collect()]

    ingest(context, write_csv(tmp_path / "tuesday.csv", TUESDAY), OBSERVED_AT)
    events = {r["event_id"]: r["batch"] for r in context.store.read("events").collect()}
    assert {e: events[e] for e in old_events} == old_events
    assert len(events) - len(old_events) == 3
    exposures = context.store.read("exposures")
    # A late click changes what could have been drawn, but not what was drawn.
    assert checksum(exposures.where(exposures["request_id"].isin(old_requests))) == old_shown
    # The fifth is complete now: it holds every click, and what was clicked before, late news included.
    assert positives(context) == [("ann", "hymn"), ("ann", "song"), ("bob", "hymn"), ("bob", "tune")]
    drawn = exposures.where("propensity IS NOT NULL").toPandas()
    assert set(drawn["item_id"]) <= {"song", "tune"}  # the fifth's own positive is not drawn beside
    assert set(drawn["user_id"]) == {"bob"}
    assert drawn["propensity"].round(9).unique().tolist() == [round(1 / 3, 9)]  # a click each: all agree
    assert drawn["sampled"].all()
    assert context.log.log_start == datetime(2026, 5, 4, tzinfo=UTC)
    assert context.log.frontier == datetime(2026, 5, 6, tzinfo=UTC)
    assert context.store.read("deliveries").count() == 2
    # What was delivered before is counted, so that all rows read are accounted for.
    assert [row["counts"]["events/again"] for row in context.log.deliveries()] == [0, 1]
    (account,) = account_for_rows(context.folder)
    assert (account.read, account.published, account.quarantined, account.duplicates) == (10, 7, 1, 2)
    assert account.adds_up


def test_an_ingest_that_was_cut_off_is_finished_by_the_next(
    spark: SparkSession, tmp_path: Path, first: tuple[RunContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write_csv(tmp_path / "monday.csv", MONDAY)
    cut = open_run(spark, tmp_path / "warehouse", build_source())
    publish = WritableStore.publish

    def stop_at_exposures(self, frame, spec, *rest):
        if spec.name == "exposures":
            raise KeyboardInterrupt
        return publish(self, frame, spec, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(WritableStore, "publish", stop_at_exposures)
        with pytest.raises(KeyboardInterrupt):
            ingest(cut, log, OBSERVED_AT)
    assert published(tmp_path) == ["events", "first_seen", "quarantine"]
    again = open_run(spark, tmp_path / "warehouse", build_source())
    ingest(again, log, OBSERVED_AT)
    uninterrupted = first[0].store
    for table in TABLES[:3]:
        audit = catalog.get(table).audit
        assert checksum(again.store.read(table), audit) == checksum(uninterrupted.read(table), audit)
        assert again.store.version(table) == 0

    # A delivery of newer days alone moves the watermark, not the start of the log.
    ingest(again, write_csv(tmp_path / "wednesday.csv", TUESDAY[2:]), OBSERVED_AT)
    assert again.log.frontier == datetime(2026, 5, 6, tzinfo=UTC)
    assert again.log.log_start == datetime(2026, 5, 4, tzinfo=UTC)


# What follows fails before anything is published.


def refused(spark: SparkSession, folder: Path, source: Source, data: Path, error: type[Exception]) -> Exception:
    with pytest.raises(error) as caught:
        ingest(open_run(spark, folder / "warehouse", source), data, OBSERVED_AT)
    assert published(folder / "warehouse") == []
    return caught.value


def test_too_many_bad_rows_publish_nothing(spark: SparkSession, tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", MONDAY)
    error = refused(spark, tmp_path, build_source(quarantine_limit=0.33), log, QualityError)
    assert "33.3% of the rows would go to quarantine; nothing was published." in error.what
    assert error.where == str(log)
    assert error.got == "null_user 1 (1 raw), duplicate 1 (1 raw)"
    assert "now 33%" in error.fix


def test_a_header_without_rows(spark: SparkSession, tmp_path: Path) -> None:
    error = refused(spark, tmp_path, build_source(), write_csv(tmp_path / "log.csv", []), InputError)
    assert (error.what, error.got) == ("The raw log is empty.", "0 rows")


def test_no_day_that_counts_as_delivered(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(completeness={"min_users": 3})
    error = refused(spark, tmp_path, source, write_csv(tmp_path / "log.csv", MONDAY), InputError)
    assert "No day of this log counts as delivered" in error.what
    assert error.got == "2 days, none with 3 users up to 2026-05-12"
    assert error.where == str(tmp_path / "log.csv")


def test_a_filter_does_not_fail_on_a_value(spark: SparkSession, tmp_path: Path) -> None:
    source = build_source(events__filters=[{"reason": "long", "where": "much > 100"}])
    context = open_run(spark, tmp_path / "warehouse", source)
    rows = ["bob,hymn,2026-05-05T10:00:00,play,lots", "bob,hymn,2026-05-05T11:00:00,play,200"]
    ingest(context, write_csv(tmp_path / "log.csv", [*MONDAY, *rows]))
    quarantined = context.store.read("quarantine").groupBy("reason").count().collect()
    assert {"bad_amount": 1, "long": 1}.items() <= {row["reason"]: row["count"] for row in quarantined}.items()


def test_a_column_of_a_type_that_does_not_fit_names_file_and_column(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.createDataFrame([("ann", "song", "2026-05-04", "play")], ["who", "what", "when", "how"])
    rows.selectExpr("*", "array(1) as much").write.parquet(str(tmp_path / "log"))
    error = refused(spark, tmp_path, build_source(format={"type": "parquet"}), tmp_path / "log", InputError)
    assert error.what == "The raw log cannot be read as its source file says."
    assert error.where == str(tmp_path / "log")
    assert "much AS DOUBLE" in error.got


SHOWN_ROWS = [
    "ann,song,2026-05-04T10:00:00,s1,home,1,greedy,0.5",
    "ann,tune,2026-05-04T10:00:00,s1,home,2,greedy,0.25",
    "ann,tune,2026-05-04T10:00:00,s1,home,2,greedy,0.25",  # duplicate
    "ann,hymn,2027-05-04T10:00:00,s1,home,3,greedy,7",  # future_time, bad_propensity
]


def radio(folder: Path, shown: list[str], header: tuple[str, ...] = SHOWN) -> Path:
    folder.mkdir()
    write_csv(folder / "events.csv", MONDAY)
    write_csv(folder / "shown.csv", shown, header)
    return folder


def test_a_fault_in_the_second_log_leaves_nothing_half_written(spark: SparkSession, tmp_path: Path) -> None:
    data = radio(tmp_path / "1", SHOWN_ROWS, (*SHOWN[:-1], "chances"))
    error = refused(spark, tmp_path, build_source(RADIO), data, InputError)
    assert "Column 'chance' is missing." in error.what
    assert str(data / "shown.csv") in error.where
    error = refused(spark, tmp_path, build_source(RADIO), radio(tmp_path / "2", []), InputError)
    assert error.where == str(tmp_path / "2" / "shown.csv")
    limited = build_source(RADIO, quarantine_limit=0.4)
    error = refused(spark, tmp_path, limited, radio(tmp_path / "3", SHOWN_ROWS), QualityError)
    assert error.where == str(tmp_path / "3" / "shown.csv")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "The heartbeat file cannot be read."),
        ("not json", "The heartbeat file cannot be read."),
        ('{"complete": "2026-05-05"}', "The heartbeat file cannot be read."),
        ('{"complete_until": "soon"}', "The heartbeat file cannot be read."),
        ("[1, 2]", "The heartbeat file cannot be read."),
        ('{"complete_until": "2026-06-01T00:00:00Z"}', "The heartbeat claims completeness in the future."),
    ],
)
def test_a_heartbeat_that_says_nothing_is_refused(
    spark: SparkSession, tmp_path: Path, text: str | None, what: str
) -> None:
    data = radio(tmp_path / "data", SHOWN_ROWS)
    if text is not None:
        (data / "beat.json").write_text(text, encoding="utf-8")
    source = build_source(RADIO, completeness={"heartbeat": "beat.json"})
    error = refused(spark, tmp_path, source, data, InputError)
    assert error.what == what
    assert str(data) in error.where
    assert error.fix


def test_logged_exposures_and_a_heartbeat(spark: SparkSession, tmp_path: Path) -> None:
    data = radio(tmp_path / "data", SHOWN_ROWS)
    beat = {"complete_until": "2026-05-05T12:00:00+02:00", "observed_at": "2026-05-05T10:00:00Z"}
    (data / "beat.json").write_text(json.dumps(beat), encoding="utf-8")
    context = open_run(spark, tmp_path / "warehouse", build_source(RADIO, completeness={"heartbeat": "beat.json"}))
    ingest(context, data)
    delivery = context.log.deliveries()[-1]
    assert delivery["complete_until"] == datetime(2026, 5, 5, 10, tzinfo=UTC)
    assert delivery["observed_at"] == datetime(2026, 5, 5, 10, tzinfo=UTC)
    assert {name: n for name, n in delivery["counts"].items() if n and name.startswith("exposures/")} == {
        "exposures/read": 4,
        "exposures/clean": 2,
        "exposures/raw:future_time": 1,
        "exposures/exclusive:future_time": 1,
        "exposures/raw:bad_propensity": 1,
        "exposures/raw:duplicate": 1,
        "exposures/exclusive:duplicate": 1,
    }
    quarantined_rows = context.store.read("quarantine").groupBy("log").count().collect()
    assert {row["log"]: row["count"] for row in quarantined_rows} == {"events": 2, "exposures": 2}
    assert context.store.version("quarantine") == 0

    # The same files under a newer heartbeat are a new delivery: the watermark moves, the rows do not.
    (data / "beat.json").write_text('{"complete_until": "2026-05-11T00:00:00Z"}', encoding="utf-8")
    before = checksum(context.store.read("events"))
    ingest(context, data, OBSERVED_AT)
    assert context.log.frontier == datetime(2026, 5, 11, tzinfo=UTC)
    assert checksum(context.store.read("events")) == before


def test_a_log_that_grows_while_it_is_read_is_not_published(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write_csv(tmp_path / "plays.csv", MONDAY)
    check = ingest_log.check_delivery

    def grow(*arguments: object) -> dict[str, int]:
        with log.open("a", encoding="utf-8") as file:
            file.write(TUESDAY[2] + "\n")
        return check(*arguments)

    monkeypatch.setattr(ingest_log, "check_delivery", grow)
    context = open_run(spark, tmp_path / "warehouse", build_source())
    with pytest.raises(InputError, match="1 files changed while they were read"):
        ingest(context, log)
    assert not context.store.exists("events")
    monkeypatch.undo()
    ingest(context, log)
    assert context.store.read("events").count() == 5
