"""An erased person is nowhere, and where one part of an erasure is switched off, a search of every file shows it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import jobs.erase
from jobs.erase import condition_of, erase
from jobs.ingest_log import ingest
from jobs.runtime import erased_places
from jobs.runtime.erased_places import erase_outside_tables
from jobs.runtime.run_context import RunContext
from longplay.paths import StorePaths
from longplay.server.index.paths import IndexLocation
from rankers.tracking.mlflow_tracker import Tracker
from tables import maintenance
from tables.erasure.receipts import SearchedPlace
from tests.marked_content import find_marks
from tests.unit.ingest.small_logs import OBSERVED_AT, build_source, open_run, progress_text, write_csv

pytestmark = pytest.mark.spark

USER, ITEM, TOPIC, TEXT = MARKS = ("marked-user", "marked-item", "marked-topic", "marked-text")
HEADER = ("who", "what", "when", "how", "much", "genre")
SOURCE = build_source(quarantine_limit=0.5, events__topic="genre")
LOG = [
    *[f"u{n},song,2026-05-04T10:00:{n:02d},tap,,jazz" for n in range(20)],
    f"{USER},song,2026-05-05T10:00:00,play,40,jazz",
    f"{USER},{ITEM},2026-05-05T11:00:00,play,40,{TOPIC}",
    f"{USER},song,2026-05-05T12:00:00,{TEXT},40,jazz",  # unknown_kind
]


@pytest.fixture(scope="module")
def planted(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store and two caches, in every part of which the person has left something."""
    folder = tmp_path_factory.mktemp("planted")
    context = open_run(spark, folder / "store", SOURCE)
    ingest(context, write_csv(tmp_path_factory.mktemp("log") / "log.csv", LOG, HEADER), OBSERVED_AT)
    spark.sql(f"ALTER TABLE delta.`{context.store.path('events')}` SET TBLPROPERTIES ('longplay.test' = '1')")
    for name, rows in (
        ("rejected/events-run", {"user_id": [USER], "item_id": [ITEM], "topic": [TOPIC]}),
        ("_staging/quarantine-run/all", {"raw": [json.dumps({"who": USER, "how": TEXT})]}),
        ("rejected/item_days-run", {"item_id": [ITEM], "events": [1]}),
    ):
        (context.folder / name).mkdir(parents=True)
        pq.write_table(pa.table(rows), context.folder / name / "part-0.parquet", compression="zstd")
    sample = {"table": "events", "failed": [{"rows": [{"user_id": USER, "item_id": ITEM}, {"user_id": "u1"}]}]}
    (context.folder / "_quality" / "events-older.json").write_text(json.dumps(sample), encoding="utf-8")
    (context.folder / "_quality" / "docs").mkdir()
    (context.folder / "_quality" / "docs" / "events.html").write_text(f"<td>{USER} {ITEM}</td>", encoding="utf-8")
    plant_model(StorePaths(folder / "store"))
    for cache in ("home/longplay", "other"):
        for number, recorded in enumerate((None, folder / "store" / "shop", folder / "nothing")):
            plant_index(folder / cache / f"shop-{number:016x}", recorded)
    return folder


def plant_model(store: StorePaths) -> None:
    """A model that an earlier version logged, with rows of the person as its example."""
    from mlflow import MlflowClient

    tracker = Tracker(store.tracking_database, store.tracking_artifacts)
    MlflowClient(tracker.uri).create_experiment("shop - a split")
    (folder,) = tracker.artifact_folders("shop")
    model = folder / "models" / "m-1" / "artifacts"
    (model / "artifacts" / "ranker").mkdir(parents=True)
    card = {"family": "transformer", "feature_names": ["f_a"], "vocabulary": [ITEM, "song"]}
    (model / "artifacts" / "ranker" / "ranker.json").write_text(json.dumps(card), encoding="utf-8")
    example = {"columns": ["item_id", "f_a", "history_items", "history_ages"], "data": [[ITEM, 1.0, "[]", "[]"]]}
    (model / "input_example.json").write_text(json.dumps(example), encoding="utf-8")
    (model / "serving_input_example.json").write_text(json.dumps({"dataframe_split": example}), encoding="utf-8")


def plant_index(folder: Path, tables: Path | None) -> None:
    (folder / "release.0").mkdir(parents=True)
    rows = pa.table({"user_id": [USER, "u1"], "item_id": [ITEM, "song"]})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(folder / "release.0" / "0.arrow", rows.schema, options=options) as writer:
        writer.write_table(rows)
    if tables is not None:
        IndexLocation(tables, folder).record_store()


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    """Makes a copy of a planted folder, in which the user's cache folder is."""

    def copy(planted: Path, target: Path) -> Path:
        shutil.copytree(planted, target, dirs_exist_ok=True)
        for index in target.glob("*/**/shop-*1"):  # the recorded tables are those of the copy
            IndexLocation(target / "store" / "shop", index).record_store()
        monkeypatch.setenv("XDG_CACHE_HOME", str(target / "home"))
        return target

    return copy


def places_of_marks(folder: Path) -> set[str]:
    """Where marks are left: the parts of a store by name, caches by their first folder."""
    files = [file.relative_to(folder).parts for file in find_marks([folder], MARKS)]
    return {parts[0] if parts[0] != "store" else parts[2] if parts[1] == "shop" else parts[1] for parts in files}


TABLES, SOME_TABLES = {"events", "quarantine", "first_seen"}, {"quarantine", "first_seen"}
BESIDE = {"rejected", "_staging", "_quality", "mlartifacts", "home", "other"}


def keep_quarantine(table: str, *more: Any) -> str | None:
    return None if table == "quarantine" else condition_of(table, *more)


@pytest.mark.parametrize(
    ("module", "without", "left"),
    [
        (jobs.erase, {"_erase_from_table": lambda *_: None}, TABLES),
        (maintenance, {"remove_versions": lambda *_: None}, TABLES),
        (maintenance, {"truncate_log": lambda *_: None}, TABLES),
        (jobs.erase, {"condition_of": keep_quarantine, "condition_of_lost_items": lambda *_: None}, SOME_TABLES),
    ],
)
def test_what_is_left_where_a_part_of_tables_is_switched_off(
    spark: SparkSession,
    planted: Path,
    tmp_path: Path,
    own_cache: Callable[[Path, Path], Path],
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    without: dict[str, Any],
    left: set[str],
) -> None:
    folder = own_cache(planted, tmp_path / "copy")
    assert places_of_marks(folder) == TABLES | BESIDE
    for function, replacement in without.items():
        monkeypatch.setattr(module, function, replacement)
    monkeypatch.setattr(jobs.erase, "erase_outside_tables", lambda *_: {})
    erase(open_run(spark, folder / "store", SOURCE), USER)
    assert places_of_marks(folder) == left | BESIDE


@pytest.fixture(scope="module")
def erased_tables(spark: SparkSession, planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted folder after an erasure of the tables alone."""
    folder = tmp_path_factory.mktemp("tables") / "copy"
    shutil.copytree(planted, folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jobs.erase, "erase_outside_tables", lambda *_: {})
        receipt = erase(open_run(spark, folder / "store", SOURCE), USER)
    assert receipt["rows"] == {"events": 2, "quarantine": 1, "first_seen": 1}
    return folder


def index_of_own_spelling(index: Path, folder: Path) -> bool:
    """What erasures once removed: the index of the path as it was spelled."""
    return index == IndexLocation.from_store(folder.parent, "shop").cache


def test_nothing_is_left_of_a_person_and_the_counts_say_what_was_searched(
    spark: SparkSession, erased_tables: Path, tmp_path: Path, own_cache: Callable[[Path, Path], Path]
) -> None:
    folder = own_cache(erased_tables, tmp_path / "copy")
    assert places_of_marks(folder) == BESIDE
    places = erase_outside_tables(open_run(spark, folder / "store", SOURCE), USER, [folder / "other"])
    assert find_marks([folder], MARKS) == {}
    verdicts, others = places.pop("verdicts"), places.pop("other files")
    assert verdicts.changed >= 2  # the sample, and the topics of events
    assert others.searched > 5
    assert others.naming == 0
    assert places == {
        "rejected and staged rows": SearchedPlace(3, 3),
        "pages of verdicts": SearchedPlace(1, 1),
        "look-up indexes": SearchedPlace(6, 6),
        "example rows of models": SearchedPlace(1, 1),
        "vocabularies of models": SearchedPlace(1, 1),
    }
    kept = json.loads((folder / "store" / "shop" / "_quality" / "events-older.json").read_text(encoding="utf-8"))
    assert kept == {"table": "events", "failed": [{"rows": [{"user_id": "u1"}]}]}


NOTHING = SearchedPlace(0, 0)


@pytest.mark.parametrize(
    ("function", "without", "left"),
    [
        ("_erase_unpublished", lambda *_: NOTHING, {"rejected", "_staging"}),
        ("find_unpublished", lambda *_: [], {"rejected", "_staging"}),
        ("erase_from_verdicts", lambda *_: 0, {"_quality"}),
        ("_read_remembered_values", lambda *_: {}, {"_quality"}),
        ("erase_from_pages", lambda *_: (0, 0), {"_quality"}),
        ("_erase_indexes", lambda *_: NOTHING, {"home", "other"}),
        ("may_index", index_of_own_spelling, {"home", "other"}),
        ("default_cache", lambda: Path("/nowhere"), {"home"}),
        ("_erase_models", lambda *_: {}, {"mlartifacts"}),
    ],
)
def test_what_is_left_where_a_part_beside_the_tables_is_switched_off(
    spark: SparkSession,
    erased_tables: Path,
    tmp_path: Path,
    own_cache: Callable[[Path, Path], Path],
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    without: Any,
    left: set[str],
) -> None:
    folder = own_cache(erased_tables, tmp_path / "copy")
    monkeypatch.setattr(erased_places, function, without)
    context: RunContext = open_run(spark, folder / "store", SOURCE)
    erase_outside_tables(context, USER, [folder / "other"])
    assert places_of_marks(folder) == left


def test_a_cache_that_is_not_named_is_left(
    spark: SparkSession, erased_tables: Path, tmp_path: Path, own_cache: Callable[[Path, Path], Path]
) -> None:
    folder = own_cache(erased_tables, tmp_path / "copy")
    erase_outside_tables(open_run(spark, folder / "store", SOURCE), USER, [])
    assert places_of_marks(folder) == {"other"}


def test_a_file_that_names_the_person_and_is_left_is_reported(
    spark: SparkSession, erased_tables: Path, tmp_path: Path, own_cache: Callable[[Path, Path], Path]
) -> None:
    folder = own_cache(erased_tables, tmp_path / "copy")
    note = folder / "store" / "mlartifacts" / "note.json"
    note.write_text(json.dumps({"about": USER, "similar": f"{USER}s"}), encoding="utf-8")
    (note.parent / "other.json").write_text(json.dumps({"about": f"{USER}s"}), encoding="utf-8")
    context = open_run(spark, folder / "store", SOURCE)
    places = erase_outside_tables(context, USER, [folder / "other"])
    assert places["other files"].naming == 1
    assert f"warning: 1 files still contain the id as a word; check them: {note}" in progress_text(context)
