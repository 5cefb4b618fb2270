"""Sail as the engine: the same tables as on Spark, its limits as listed, and clear errors.

A session on Sail cannot share a process with one on Spark, so each test runs processes of its own.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.runtime import sail
from jobs.runtime.settings import SparkSettings
from jobs.runtime.spark_session import start
from longplay.errors import ConfigError, EnvironmentProblem
from tables.engine_limits import LIMITS

TIMEOUT_S = 300
ON_SAIL = SparkSettings(engine="sail", master="local[2]", shuffle_partitions=2, driver_memory="1g", log_level="ERROR")
HEAD = f"""
import sys
from jobs.runtime.settings import SparkSettings
from jobs.runtime.spark_session import start
spark = start(SparkSettings(**{ON_SAIL.model_dump()!r}), "tests")
"""


def run_on_sail(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process that has a session ``spark`` on Sail."""
    return subprocess.run(
        [sys.executable, "-c", HEAD + code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


LIMITS_CODE = """
from pyspark.errors import PySparkException
from tables.engine_limits import LIMITS
path = sys.argv[1]
spark.range(3).write.format("delta").save(path)
for limit in LIMITS:
    try:
        spark.sql(limit.example.format(path=path)).collect()
        print("possible", limit.statement)
    except PySparkException:
        print("impossible", limit.statement)
"""


def test_what_the_table_of_limits_names_fails(tmp_path: Path) -> None:
    pytest.importorskip("pysail")
    process = run_on_sail(LIMITS_CODE, str(tmp_path / "numbers"))
    assert process.stdout.splitlines() == [f"impossible {limit.statement}" for limit in LIMITS], process.stderr


MAINTENANCE_CODE = """
from pathlib import Path
import pytest
from longplay.errors import EnvironmentProblem
from tables.engine_limits import find_limit
print(find_limit(spark, "OPTIMIZE delta.`x`").describe())
with pytest.raises(EnvironmentProblem, match="Sail has no REORG TABLE") as caught:
    find_limit(spark, "REORG TABLE delta.`x` APPLY (PURGE)")
print(find_limit(spark, "DELETE FROM delta.`x` WHERE true"), caught.value.fix)
"""


def test_delta_rs_does_it_instead_or_it_is_refused_by_name() -> None:
    pytest.importorskip("pysail")
    assert run_on_sail(MAINTENANCE_CODE).stdout.splitlines() == [
        "Sail has no OPTIMIZE (joins small files): delta-rs does it instead",
        "None run this step on Spark: --set spark.engine=spark",
    ]


SILENT_CODE = """
from pyspark.sql import functions as F
rows = spark.createDataFrame([(1, True, 0.5), (2, False, 1.5), (3, True, 2.5)], "id int, g boolean, x double")
print([row[0] for row in rows.select(F.bround("x").cast("int")).collect()])
print(rows.selectExpr("count(CASE WHEN id > 0 THEN 1 END) FILTER (WHERE g)").first()[0])
print(rows.selectExpr("count_if(id > 0) FILTER (WHERE g)").first()[0])
print([row[0] for row in rows.selectExpr("rint(x)").collect()])
print(spark.sql("SELECT unix_micros(timestamp_seconds(1.5))").first()[0])
"""


def test_differences_without_an_error_and_what_is_written_instead() -> None:
    """Last what Sail 0.7.2 does: once it is as on Spark (2, [0.0, 2.0, 2.0], 1500000), the ways around it can go."""
    pytest.importorskip("pysail")
    assert run_on_sail(SILENT_CODE).stdout.splitlines() == [
        "[0, 2, 2]",
        "2",
        "3",
        "[1.0, 2.0, 3.0]",
        "1000000",
    ]


DIES_CODE = """
import time
from jobs.runtime import sail
from tables.spark import SPARK_ERRORS, explain_spark_error
sail._servers[0].stop()
started = time.monotonic()
try:
    spark.range(3).count()
except SPARK_ERRORS as error:
    print(explain_spark_error(error, "here").what, time.monotonic() - started < 20)
sail.exit_process(3)
"""


def test_an_engine_that_has_ended_is_named_at_once() -> None:
    pytest.importorskip("pysail")
    process = run_on_sail(DIES_CODE)
    assert (process.stdout, process.returncode) == ("The engine no longer answers. True\n", 3), process.stderr


SIGNAL_CODE = """
import os, signal, threading, time
from jobs.runtime.command_options import guarded
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may let its background processes ignore it
def wait(left, right):
    time.sleep(60)
    return left
def query():
    threading.Timer(2, os.kill, (os.getpid(), int(sys.argv[1]))).start()
    rows = spark.range(4).groupBy("id")
    rows.cogroup(rows).applyInArrow(wait, "id bigint").count()
guarded(query)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_step_while_workers_compute(number: signal.Signals) -> None:
    pytest.importorskip("pysail")
    process = run_on_sail(SIGNAL_CODE, str(int(number)))
    assert process.returncode == 128 + number, process.stderr
    assert f"Ended by {number.name}" in process.stderr


@pytest.mark.parametrize("master", ["sc://127.0.0.1:15002", "yarn", "spark://host:7077"])
def test_a_master_that_is_not_of_this_process_is_refused(master: str) -> None:
    with pytest.raises(ConfigError, match="Sail runs in the step's own process") as caught:
        start(ON_SAIL.model_copy(update={"master": master}), "tests")
    assert caught.value.where == "spark.engine: sail"


def test_without_pysail_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sail, "find_spec", lambda _: None)
    with pytest.raises(EnvironmentProblem, match="Sail is missing") as caught:
        start(ON_SAIL, "tests")
    assert caught.value.fix == "run: pip install 'longplay-platform[sail]'"
