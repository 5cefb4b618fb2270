"""How Spark starts: its classes come from the archive that setup made, and Ctrl-C still ends the process."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.runtime.java_options import class_archive
from jobs.runtime.spark_session import jar_folder

pytestmark = pytest.mark.spark

READ = """
from jobs.runtime.settings import SparkSettings
from jobs.runtime.spark_session import start
settings = SparkSettings(master="local[1]", shuffle_partitions=1, driver_memory="1g", log_level="ERROR")
start(settings, "tests").range(1).collect()
"""


def test_a_session_starts_from_the_archive(tmp_path: Path) -> None:
    if not class_archive(jar_folder()).exists():
        pytest.skip("this Java writes no archive of classes, as setup said")
    log = tmp_path / "classes.log"
    run = subprocess.run(
        [sys.executable, "-c", READ],
        env={**os.environ, "JAVA_TOOL_OPTIONS": f"-Xlog:class+load:file={log}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cds" not in run.stderr
    loaded = re.findall(
        r"\] ((?:org\.apache\.spark|io\.delta)\S+) source: (shared objects file|file:)", log.read_text(encoding="utf-8")
    )
    from_archive = [name for name, source in loaded if source == "shared objects file"]
    assert "io.delta.sql.DeltaSparkSessionExtension" in from_archive
    assert len(from_archive) > 0.9 * len(loaded)


def test_spark_leaves_the_handler_of_ctrl_c_as_it_was(spark: SparkSession) -> None:
    assert spark.range(3).count() == 3
    handler = signal.getsignal(signal.SIGINT)  # pytest's, or none where a shell lets background processes ignore it
    assert getattr(handler, "__module__", None) != "pyspark.core.context"
