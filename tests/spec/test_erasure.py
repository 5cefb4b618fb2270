"""Erasure: finished when it is run again, whatever was garbled, and where deletes leave rows in their files."""

import io
import re
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.erase import erase
from jobs.ingest_log import ingest
from jobs.runtime.run_context import RunContext
from longplay.errors import NotFoundError
from longplay.status.row_accounting import account_for_rows
from tables import maintenance
from tables.erasure.tombstones import Tombstones
from tables.publish import WritableStore
from tables.spark import SPARK_ERRORS
from tests.unit.ingest.small_logs import OBSERVED_AT, build_source, open_run, progress_text, write_csv

pytestmark = pytest.mark.spark

LOG = [
    *[f"u{n},song,2026-05-04T10:00:{n:02d},tap," for n in range(20)],
    "u7,tune,2026-05-05T10:00:00,play,40",
    "u7,tune,2026-05-05T10:00:00,hum,40",  # unknown_kind
    "u7;tune;2026-05-05T11:00:00;play;40",  # malformed_row: another delimiter
    '"u7,tune,2026-05-05T12:00:00,play,40',  # malformed_row: a quote that is never closed
    ",song,2026-05-05T13:00:00,play,u7",  # null_user
    "u70;tune;2026-05-05T11:00:00;play;40",  # malformed_row, of somebody else
    ",song,2026-05-05T14:00:00,play,70",  # null_user
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Erasures also remove look-up indexes: not those of whoever runs the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def shop(spark: SparkSession, folder: Path, **settings: object) -> tuple[RunContext, Path]:
    folder.mkdir(exist_ok=True)
    log = write_csv(folder / "log.csv", LOG)
    context = open_run(spark, folder / "warehouse", build_source(quarantine_limit=0.5), **settings)
    ingest(context, log, OBSERVED_AT)
    return context, log


def named(store: WritableStore) -> set[str]:
    """Files of data, also those that no version names, in which 'u7' is a word."""
    files = set()
    for file in store.folder.rglob("*.parquet"):
        values = [v for column in pq.read_table(file).to_pydict().values() for v in column if isinstance(v, str)]
        if any(re.search(r"(?<!\w)u7(?!\w)", value) for value in values):
            files.add(str(file.relative_to(store.folder)))
    return files


def test_garbled_rows_of_a_person_go_too_and_do_not_come_back(spark: SparkSession, tmp_path: Path) -> None:
    context, log = shop(spark, tmp_path)
    aside = context.store.read("quarantine").count()
    receipt = erase(context, "u7")
    assert receipt["rows"]["events"] == 2
    assert receipt["rows"]["quarantine"] == 4
    left = {row["raw"] for row in context.store.read("quarantine").collect()}
    assert len(left) == aside - 4
    assert named(context.store) == set()
    assert any("u70" in raw for raw in left)
    assert all(entry.adds_up for entry in account_for_rows(context.folder))
    again = open_run(spark, context.root, context.source, force=True)
    ingest(again, log, OBSERVED_AT)
    assert named(again.store) == set()
    assert all(entry.adds_up for entry in account_for_rows(context.folder))


@pytest.fixture(scope="module")
def uninterrupted_receipt(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The receipt of an erasure that was not cut off."""
    return erase(shop(spark, tmp_path_factory.mktemp("whole"))[0], "u7")


@pytest.mark.parametrize(("table", "moment"), [("events", "before"), ("quarantine", "after")])
def test_cut_off_at_any_table_it_is_finished_when_run_again(
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    uninterrupted_receipt: dict[str, object],
    table: str,
    moment: str,
) -> None:
    context, _ = shop(spark, tmp_path)
    vacuum = maintenance.remove_versions

    def interrupt(store: WritableStore, name: str, keep_hours: int) -> None:
        if name == table and moment == "before":
            raise KeyboardInterrupt
        vacuum(store, name, keep_hours)
        if name == table:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(maintenance, "remove_versions", interrupt)
        with pytest.raises(KeyboardInterrupt):
            erase(context, "u7")
    # From the first moment on, no delivery brings the person back.
    assert len(Tombstones.from_source(context.folder).marks) == 1
    again = open_run(spark, context.root, context.source)
    receipt = erase(again, "u7")
    assert "erasure 1 was interrupted" in progress_text(again)
    stable_keys = ("receipt", "rows", "accounted", "training_sets")
    assert {name: receipt[name] for name in stable_keys} == {name: uninterrupted_receipt[name] for name in stable_keys}
    assert named(context.store) == set()
    assert [file.name for file in (context.folder / "_erasures").glob("*.*")] == ["000001.json"]
    assert all(entry.adds_up for entry in account_for_rows(context.folder))
    with pytest.raises(NotFoundError):
        erase(again, "somebody else")


def test_no_plan_contains_the_key_of_tombstones(spark: SparkSession, tmp_path: Path) -> None:
    tombstones = Tombstones.from_source(tmp_path)
    marks = frozenset({tombstones.mark("u7"), tombstones.mark("u.8")})
    tombstones = replace(tombstones, marks=marks)
    rows = [
        ("u7", None),
        ("u70", None),
        (None, "a;u7;b"),
        (None, "a,u.8,b"),
        (None, "u70"),
        ("u1", "x u7"),
        (None, None),
    ]
    frame = spark.createDataFrame(rows, "user string, text string")
    judged = frame.select("*", tombstones.is_erased(F.col("user"), F.col("text")).alias("erased"))
    assert [row["erased"] for row in judged.collect()] == [True, False, True, True, False, True, False]
    assert [row[0] for row in frame.select(tombstones.is_erased(F.col("user"))).collect()] == [True] + 6 * [False]
    plan = io.StringIO()
    with redirect_stdout(plan):
        judged.where("erased").explain("extended")
    assert "is_erased" in plan.getvalue()
    key = tombstones.key_file.read_text(encoding="ascii")
    assert key not in plan.getvalue()
    # Nor does the error of a worker that cannot read the key.
    tombstones.key_file.rename(tmp_path / "elsewhere")
    with pytest.raises(SPARK_ERRORS, match="The key of the tombstones cannot be used") as caught:
        judged.collect()
    assert key not in str(caught.value)


def test_rows_that_deletes_leave_in_their_files_go_too(spark: SparkSession, tmp_path: Path) -> None:
    context, _ = shop(spark, tmp_path)
    path = context.store.path("events")
    assert DeltaTable(str(path)).metadata().configuration["delta.enableDeletionVectors"] == "false"
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    erase(context, "u7")
    assert named(context.store) == set()
    assert not list(path.glob("*.bin"))
    assert context.store.read("events").where(F.col("user_id") == "u7").isEmpty()


def test_what_commits_say_and_the_gate_judges_by_outlasts_an_erasure(spark: SparkSession, tmp_path: Path) -> None:
    context, _ = shop(spark, tmp_path)
    before = context.store.verdict_names("events")
    assert len(before) == 1
    erase(context, "u7")
    assert context.store.verdict_names("events") == before
    assert context.store.commit_metadata("events")["facts"]["batch"] == 1
    erase(context, "u8")
    ingest(context, write_csv(tmp_path / "more.csv", ["u1,hymn,2026-05-06T10:00:00,tap,"]), OBSERVED_AT)
    assert context.store.verdict_names("events")[:1] == before
    assert len(context.store.verdict_names("events")) == 2
