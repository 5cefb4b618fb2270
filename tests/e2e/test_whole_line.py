"""The whole line on a tiny world: every table filled, every ranker tracked, and nothing changes when run again."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ingest.source_config import load_source
from jobs.build_features import build_features
from jobs.build_histories import build_histories
from jobs.build_signals import build_signals
from jobs.build_training_set import build_training_set
from jobs.erase import erase
from jobs.ingest_log import ingest
from jobs.maintain import maintain
from jobs.read import At, read
from jobs.release import release
from jobs.run import run
from jobs.runtime.labels import label_definitions, plan_split
from jobs.runtime.metric_history import keep_metrics
from jobs.runtime.openlineage import emit_lineage
from jobs.runtime.releases import open_release
from jobs.runtime.run_context import RunContext
from jobs.train import list_arms, load_ranking_data, open_tracker, read_study
from jobs.verify import verify
from longplay.errors import ConfigError, NotFoundError, QualityError, StoreError
from longplay.server.index.build import build_index
from longplay.server.index.paths import IndexLocation
from quality.monitoring.metric_history import read_metric_history
from rankers.dataset.manifest import manifest_name
from rankers.dataset.training_set import join_training_set, select_spine
from rankers.models.families import FAMILIES
from rankers.tracking.mlflow_tracker import quiet_mlflow
from rankers.tracking.scoring_frame import scoring_frame
from tables import catalog
from tables.checksum import checksum
from tables.spark import SPARK_ERRORS
from tables.store import Store
from tests.conftest import INTERPRETED
from tests.marked_content import find_marks
from tests.unit.ingest.small_logs import open_run, progress_text
from worlds.log import write_log
from worlds.spec import WorldSpec

pytestmark = [pytest.mark.spark, pytest.mark.slow]

mlflow = quiet_mlflow()

SETTINGS = (
    "training.train_days=28",
    "rankers.xgboost.rounds=10",
    "rankers.transformer={epochs: 1, length: 10, width: 8, tower_width: 8, blocks: 1}",
    "deploy.users=100",
    "deploy.days=20",
    "deploy.processes=1",
    "lineage.openlineage=http://ann:marked-password@127.0.0.1:9/?token=marked-token",
)
SECRETS = ("marked-password", "marked-token")
USER, ITEM, TOPIC, TEXT = MARKS = ("marked-user", "marked-item", "marked-topic", "marked-text")
"""A person, and what only they have: an item, its topic, and a kind of event that is quarantined."""
LEARNED = [f"{name}-{label}" for name, family in FAMILIES.items() if family.is_learned for label in ("click", "return")]
BESIDE = ("progressive_", "quarantine_releases", "outages", "quality_metrics", "signal_failures")
"""Estimates from open values, and releases of rows that were set aside, are steps of their own; a world without outages
has an empty table of them, which is left as it is; a version is measured once; and no signal fails."""
OF_LINE = {name: spec for name, spec in catalog.ALL.items() if not name.startswith(BESIDE)}
DERIVED = sorted(set(OF_LINE) - {"releases"})


@dataclass(frozen=True)
class Line:
    """A finished run, its log, its temporary folder, and the version and content of every table right after it."""

    context: RunContext
    log: Path
    temporary: Path
    date: datetime
    versions: dict[str, int]
    contents: dict[str, str]


def contents(context: RunContext) -> dict[str, str]:
    return {table: checksum(context.store.read(table), catalog.get(table).audit) for table in DERIVED}


def add_marked_person(log: Path) -> None:
    """Add a person to a world's log: they do what its busiest user does, with one item as their own."""
    events, exposures = (pq.read_table(log / f"{name}.parquet") for name in ("events", "exposures"))
    busiest = max(pc.value_counts(exposures["user"]).to_pylist(), key=lambda entry: int(entry["counts"]))["values"]
    own = {file: rows.filter(pc.equal(rows["user"], busiest)) for file, rows in (("e", events), ("x", exposures))}
    item = max(pc.value_counts(own["e"]["item"]).to_pylist(), key=lambda entry: int(entry["counts"]))["values"]
    for name, all_rows, rows in (("events", events, own["e"]), ("exposures", exposures, own["x"])):
        is_own = pc.equal(rows["item"], item)
        columns = {
            "user": pa.repeat(USER, len(rows)),
            "item": pc.if_else(is_own, ITEM, rows["item"]),
            "topic": pc.if_else(is_own, TOPIC, rows["topic"]),
            "request": pc.binary_join_element_wise("of-marked", rows["request"], "-"),
        }
        if name == "events":
            columns["event_id"] = pa.array(range(10**9, 10**9 + len(rows)))
            first = pc.index(is_own, True).as_py()
            columns["kind"] = pc.if_else(pa.array(np.arange(len(rows)) == first), TEXT, rows["kind"])
        marked = pa.table({field.name: columns.get(field.name, rows[field.name]) for field in rows.schema}, rows.schema)
        pq.write_table(pa.concat_tables([all_rows, marked]), log / f"{name}.parquet")


@pytest.fixture(scope="module")
def line(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    for key in INTERPRETED:  # tables of 100,000 rows and more: compiled queries take two thirds of the time
        spark.conf.unset(key)
    folder = tmp_path_factory.mktemp("line")
    write_log(WorldSpec.from_size("tiny", seed=1, days=180), folder / "world")
    context, log = open_run(spark, folder / "warehouse", load_source("world"), *SETTINGS), folder / "world" / "log"
    add_marked_person(log)
    emit_lineage(context)
    (folder / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(folder / "tmp"))
        patched.setattr(tempfile, "tempdir", str(folder / "tmp"))
        run(context, log)
    versions = context.tables.versions(*OF_LINE)
    yield Line(context, log, folder / "tmp", context.log.known_at(None), versions, contents(context))
    spark.catalog.clearCache()
    for key, value in INTERPRETED.items():
        spark.conf.set(key, value)


def test_every_table_has_rows(line: Line) -> None:
    rows = {table: int(line.context.store.commit_metadata(table)["audit"]["rows"]) for table in OF_LINE}
    assert {table for table, n in rows.items() if n == 0} == set()
    assert rows["training_set"] == int(line.contents["training_set"].split(":")[0])
    complete = line.context.store.read("exposures").where(F.col("known_ts") < F.lit(line.date)).count()
    assert rows["exposures"] > complete == rows["exposure_features"] > rows["training_set"] > rows["item_features"]


def test_counts_by_reason_add_up_to_the_rows_read(line: Line) -> None:
    (delivery,) = line.context.log.deliveries()
    counts = delivery["counts"]
    for log, file in (("events", "events.parquet"), ("exposures", "exposures.parquet")):
        aside = sum(n for name, n in counts.items() if name.startswith(f"{log}/exclusive:"))
        assert counts[f"{log}/read"] == pq.read_metadata(line.log / file).num_rows
        assert counts[f"{log}/read"] == counts[f"{log}/clean"] + aside
        assert int(line.contents[log].split(":")[0]) == counts[f"{log}/clean"]
        assert aside > 0
        assert line.context.store.read("quarantine").where(F.col("log") == log).count() == aside


def test_what_the_gates_measured_is_kept_once(line: Line) -> None:
    assert keep_metrics(line.context) == []  # one delivery: there are no days before to be held against
    records = read_metric_history(line.context.folder)
    rows = {record.table: record.value for record in records if record.metric == "rows"}
    assert rows == {table: line.context.store.commit_metadata(table)["audit"]["rows"] for table in rows}
    assert set(rows) > {"events", "exposures", "user_days", "exposure_features", "signal_values", "training_set"}
    values = {record.subject: record.value for record in records if record.metric == "values"}
    assert sum(values.values()) == rows["signal_values"]
    shares = {(record.table, record.metric, record.subject): record.value for record in records}
    assert shares[("events", "null_share", "topic")] == line.context.store.read("events").where("topic IS NULL").count()
    assert 0 < shares[("signal_values", "coverage", "return_to_item_14d@1")] <= 1
    version = line.context.store.version("quality_metrics")
    assert keep_metrics(line.context) == []
    assert line.context.store.version("quality_metrics") == version


def test_every_ranker_has_a_finished_run_with_metrics_and_a_model_that_scores(line: Line) -> None:
    tracker, pinned = open_tracker(line.context), read_study(line.context)
    run_ids = {arm.name: tracker.find_run(pinned, arm.spec) for arm in list_arms(line.context)}
    assert set(run_ids) == {*LEARNED, "popularity", "popularity_7d"}
    ranking_data = load_ranking_data(line.context)
    data = ranking_data.subset(np.flatnonzero(ranking_data.frame["split"] == "test")[:40])
    mlflow.set_tracking_uri(tracker.uri)
    client = mlflow.MlflowClient(tracking_uri=tracker.uri)
    for name, run_id in run_ids.items():
        assert run_id is not None, name
        tracked = client.get_run(run_id)
        assert tracked.info.status == "FINISHED"
        assert 0 < tracked.data.metrics["ndcg_at_10_click"] < 1, name
        assert 0 < tracked.data.metrics["ndcg_at_10_return_to_item_14d"] < 1, name
        (model,) = client.search_logged_models(
            [tracked.info.experiment_id], filter_string=f"source_run_id = '{run_id}'"
        )
        asked = scoring_frame(tracker.load_ranker(run_id), data)
        scores = np.asarray(mlflow.pyfunc.load_model(f"models:/{model.model_id}").predict(asked))
        assert scores.shape == (40,), name
        assert np.isfinite(scores).all(), name
        assert scores.std() > 0, name


def test_the_report_names_release_and_rankers(line: Line) -> None:
    html = (line.context.folder / "report.html").read_text(encoding="utf-8")
    for name in (open_release(line.context)["release_id"], *LEARNED, "popularity_7d"):
        assert name in html


def test_the_release_pins_audited_versions(line: Line) -> None:
    opened = open_release(line.context)
    assert line.context.store.read("releases").count() == 1
    assert opened["known_at"] == opened["watermark"] == line.date
    also = {"deliveries", "episodes", "quarantine", "day_counts", "signal_delays"}
    tied = {table: version for table, version in opened["versions"].items() if table != "outages"}
    assert tied == {table: line.versions[table] for table in {*catalog.RELEASED, *also}}
    manifest = line.context.store.commit_metadata("training_set")["facts"]
    assert manifest["release_id"] == opened["release_id"]
    assert set(manifest["labels"].values()) <= set(opened["definition_hashes"].values())


def test_a_table_is_read_at_a_release_or_as_it_was_known(line: Line) -> None:
    pinned = open_release(line.context)
    then = line.context.log.log_start + timedelta(days=20)
    for table, version in pinned["versions"].items():
        at_release = read(line.context, table, At(release=pinned["release_id"]))
        assert checksum(at_release) == checksum(line.context.store.read(table, version)), table
    known = read(line.context, "events", At(known_at=then))
    assert 0 < known.count() == line.context.store.read("events").where(F.col("known_ts") <= F.lit(then)).count()
    with pytest.raises(ConfigError, match="read at a single state"):
        read(line.context, "events", At(version=0, release=pinned["release_id"]))
    with pytest.raises(StoreError, match="does not record when its rows were known"):
        read(line.context, "quarantine", At(known_at=then))
    with pytest.raises(NotFoundError, match="A release does not tie 'training_set'"):
        read(line.context, "training_set", At(release=pinned["release_id"]))


def test_a_label_that_is_not_mature_is_never_a_number(line: Line) -> None:
    context = line.context
    plan, definitions = plan_split(context, context.log, line.date), label_definitions(context)
    # The line itself keeps clear of open labels; here the split reaches up to the end of the log.
    reckless = replace(plan, test_end=line.date + timedelta(days=1))
    features = (context.store.read("exposure_features"), context.store.read("item_features"))
    values = context.store.read("signal_values")
    spine = select_spine(context.store.read("exposures"), reckless)
    frame = join_training_set(spine, features, (definitions, values), reckless, line.date)
    for built, may_be_open in ((context.store.read("training_set"), False), (frame, True)):
        for definition in definitions:
            label, state = F.col(f"label_{definition.name}"), F.col(f"state_{definition.name}")
            row = built.agg(
                F.count_if(state != "mature").alias("not_mature"),
                F.count_if((state != "mature") & label.isNotNull()).alias("leaked"),
                F.count_if((state == "mature") & label.isNull()).alias("lost"),
                F.count_if(label == 0).alias("zeros"),
                F.count_if(label == 1).alias("ones"),
            ).first()
            assert (row["leaked"], row["lost"]) == (0, 0)
            assert min(row["zeros"], row["ones"]) > 0
            assert (row["not_mature"] > 0) == may_be_open


def test_features_do_not_change_when_the_future_is_removed(line: Line, spark: SparkSession, tmp_path: Path) -> None:
    start = plan_split(line.context, line.context.log, line.date).test_start
    log = tmp_path / "log"
    log.mkdir()
    for file in line.log.iterdir():
        (log / file.name).symlink_to(file)
    events = pq.read_table(line.log / "events.parquet")
    (log / "events.parquet").unlink()
    past = events.filter(pc.less(events["ts"], start))
    assert 0 < past.num_rows < events.num_rows
    pq.write_table(past, log / "events.parquet")

    cut = open_run(spark, tmp_path / "warehouse", line.context.source, *SETTINGS)
    ingest(cut, log)
    build_histories(cut)
    build_features(cut)
    for table in ("exposure_features", "item_features"):
        border, audit = F.lit(start.date()), catalog.get(table).audit
        complete, truncated = (
            context.store.read(table).where(F.col("as_of_day") < border) for context in (line.context, cut)
        )
        assert checksum(complete, audit) == checksum(truncated, audit), table
        assert complete.count() > 0
        later = [context.store.read(table).where(F.col("as_of_day") >= border) for context in (line.context, cut)]
        assert checksum(later[0], audit) != checksum(later[1], audit), f"{table}: what was removed should have mattered"


def test_a_second_run_publishes_nothing(line: Line) -> None:
    again = open_run(line.context.spark, line.context.root, line.context.source, *SETTINGS)
    run(again, line.log, line.date)
    assert again.tables.versions(*OF_LINE) == line.versions
    assert "was ingested before; nothing to do" in progress_text(again)
    assert "already trained with this training set" in progress_text(again)
    assert "already deployed" in progress_text(again)


def age_logs(store: Store, table: str) -> None:
    """Make commits look 400 days old and have Delta clean its log up, as it does in time."""
    path = f"delta.`{store.path(table)}`"
    store.spark.sql(
        f"ALTER TABLE {path} SET TBLPROPERTIES ('delta.deletedFileRetentionDuration' = 'interval 1 days',"
        " 'delta.logRetentionDuration' = 'interval 1 days', 'delta.enableExpiredLogCleanup' = 'true',"
        " 'delta.checkpointInterval' = '1')"
    )
    old = time.time() - 400 * 86_400
    for file in store.path(table).rglob("*"):
        if file.is_file():
            os.utime(file, (old, old))
    # Two more commits: the first makes a checkpoint, the second cleans up what lies before it.
    for value in ("1", "2"):
        store.spark.sql(f"ALTER TABLE {path} SET TBLPROPERTIES ('longplay.test' = '{value}')")


def test_a_training_set_is_built_again_after_files_and_logs_are_gone(
    line: Line, spark: SparkSession, tmp_path: Path
) -> None:
    shutil.copytree(line.context.root, tmp_path / "warehouse")
    late = open_run(spark, tmp_path / "warehouse", line.context.source, *SETTINGS)
    run_id = open_tracker(late).find_run(read_study(late), list_arms(late)[0].spec)
    assert run_id is not None
    expected = late.store.commit_metadata("training_set")["audit"]["checksum"]
    first = {table: late.store.files(table, 0) for table in ("events", "training_set")}
    rewrite = late.store.read("events").repartition(3)
    rewrite.write.format("delta").mode("overwrite").option("dataChange", "false").save(str(late.store.path("events")))
    build_training_set(replace(late, force=True))
    maintain(late, keep_days=0)
    for table in first:
        age_logs(late.store, table)
        with pytest.raises(SPARK_ERRORS):
            spark.read.format("delta").option("versionAsOf", 0).load(str(late.store.path(table))).count()
        assert not any(file.exists() for file in first[table])
    assert verify(late, run_id) == expected
    assert verify(late, expected) == expected

    # Control: a fact that is gone makes a difference, and it is said which.
    user = late.store.read("training_set").where("f_user_consumptions_90d > 0").agg(F.min("user_id")).first()[0]
    late.store.spark.sql(f"DELETE FROM delta.`{late.store.path('events')}` WHERE user_id = '{user}'")
    with pytest.raises(QualityError, match="differs from the published one") as caught:
        verify(late, run_id)
    assert "rows differ in f_user_consumptions_90d" in caught.value.got


def test_nothing_that_a_run_writes_holds_a_secret_of_its_settings(line: Line) -> None:
    terminal = line.context.progress.console.file
    assert isinstance(terminal, StringIO)
    assert "lineage could not be sent to http://***@127.0.0.1:9/?token=***" in terminal.getvalue()
    assert not [secret for secret in SECRETS if secret in terminal.getvalue()]
    assert find_marks([line.context.root, line.temporary], SECRETS) == {}


def test_an_erased_person_is_nowhere_and_does_not_come_back(
    line: Line, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(line.context.root, tmp_path / "warehouse")
    (tmp_path / "link").symlink_to(tmp_path / "warehouse")
    build_index(IndexLocation.from_store(tmp_path / "link", "world"))
    context = open_run(spark, tmp_path / "warehouse", line.context.source, *SETTINGS)
    rows = context.store.read("training_set").where(F.col("user_id") == USER).count()
    assert rows > 0
    digest = context.store.commit_metadata("training_set")["audit"]["checksum"]
    rejected = context.folder / "rejected" / "events-some-run"
    context.store.read("events").where(F.col("user_id") == USER).write.parquet(str(rejected))
    places: dict[str, set[str]] = {mark: set() for mark in MARKS}
    for file, marks in find_marks([tmp_path], MARKS).items():
        parts = file.relative_to(tmp_path).parts
        for mark in marks:
            places[mark].add(parts[2] if parts[:2] == ("warehouse", "world") else parts[min(1, len(parts) - 2)])
    facts = {"events", "exposures", "rejected", "sequences", "signal_values", "training_set", "quarantine"}
    assert places[USER] >= {*facts, "user_days", "exposure_features", "first_seen", "longplay"}
    assert places[ITEM] >= {*facts, "item_days", "item_features", "first_seen", "mlartifacts", "longplay"}
    assert places[TOPIC] >= {"events", "exposures", "first_seen", "quarantine", "_quality"}
    assert places[TEXT] == {"quarantine"}
    assert find_marks([line.temporary], MARKS) == {}

    receipt = erase(context, USER)
    assert find_marks([tmp_path, line.temporary], MARKS) == {}
    assert receipt["rows"]["training_set"] == rows
    searched = {name: entry for name, entry in receipt["searched"].items() if name != "tables"}
    assert searched["look-up indexes"] == {"searched": 1, "changed": 1, "naming": 0}
    assert searched["vocabularies of models"] == {"searched": 6, "changed": 2, "naming": 0}  # those of transformers
    assert searched["example rows of models"] == {"searched": 6, "changed": 0, "naming": 0}
    assert searched["other files"]["naming"] == 0
    assert receipt["training_sets"] == [manifest_name(digest)]
    with pytest.raises(QualityError, match="differs from the published one") as caught:
        verify(context, digest)
    assert "1 people who were in it were erased (receipts [1])" in caught.value.got
    assert f"{rows:,} rows are gone" not in caught.value.got  # the set that is there lacks them as well

    # The same delivery again: everything is there but the person, who is counted and not kept.
    forced = open_run(spark, context.root, context.source, *SETTINGS, force=True)
    ingest(forced, line.log)
    assert "erased" in progress_text(forced)
    assert find_marks([tmp_path], MARKS) == {}
    # What comes of it is what would have come of a log without the person, and verifies.
    again = open_run(spark, context.root, context.source, *SETTINGS)
    build_histories(again)
    build_features(again)
    build_signals(again)
    release(again)
    build_training_set(again)
    assert verify(again, again.store.commit_metadata("training_set")["audit"]["checksum"])
    assert find_marks([tmp_path], MARKS) == {}
    with pytest.raises(NotFoundError, match="No table holds user 'nobody'"):
        erase(again, "nobody")


def test_a_forced_run_for_the_same_date_leaves_every_content_as_it_was(line: Line) -> None:
    # After the others: it publishes new versions of every derived table.
    forced = replace(open_run(line.context.spark, line.context.root, line.context.source, *SETTINGS), force=True)
    forced.session = line.context.spark
    run(forced, line.log, line.date)
    assert contents(forced) == line.contents
    versions = forced.tables.versions(*OF_LINE)
    replaced = {name for name, spec in OF_LINE.items() if spec.mode != "append"}
    assert {name for name in versions if versions[name] > line.versions[name]} == {*replaced, "releases"}
