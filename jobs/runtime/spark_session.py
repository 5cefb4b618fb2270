"""Starts Spark with Delta, or reports what the machine lacks."""

import os
import re
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from jobs.runtime.java_options import java_options
from jobs.runtime.sail import start_server
from jobs.runtime.settings import SparkSettings, parse_size
from jobs.runtime.spark_connect import CONNECT_SCHEME, Options, check_server, connect
from longplay.errors import EnvironmentProblem, first_line
from tables.arrow_commit import TABLE_PROPERTIES
from tables.spark import SPARK_ERRORS, describe_spark_error

MIN_JAVA_VERSION = 17
JAVA_VERSION_TIMEOUT_S = 60.0
MEMORY_PAGE_SIZE = "4m"
"""Every sort, window and aggregation of a task holds at least one page. By default a page is a thirty-second of the
memory: a task with many of them, such as those of signals, runs out of memory over a handful of rows."""


def check_java() -> str:
    """The Java that Spark will use.

    Raises:
        EnvironmentProblem: when there is none, or it is too old, with the command that installs one.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    install = "install one: 'apt-get install openjdk-17-jre-headless' (Debian, Ubuntu) or 'brew install openjdk@17'"
    if not java or not Path(java).exists():
        raise EnvironmentProblem(
            f"Java is missing: Spark needs Java {MIN_JAVA_VERSION} or newer.",
            where=f"JAVA_HOME={home}" if home else "PATH",
            got="no java",
            fix=install,
        )
    version_text = _ask_version(java)
    match = re.search(r'version "(\d+)', version_text)
    if match is None:
        got = version_text.strip().splitlines()
        raise EnvironmentProblem(
            "Java does not say its version.", where=java, got=got[0] if got else "it prints nothing", fix=install
        )
    if int(match[1]) < MIN_JAVA_VERSION:
        raise EnvironmentProblem(
            f"Java is too old: Spark needs {MIN_JAVA_VERSION} or newer.",
            where=java,
            got=version_text.splitlines()[0],
            fix=install,
        )
    return java


def _ask_version(java: str) -> str:
    """What ``java -version`` prints; empty if it does not end in time."""
    try:
        run = subprocess.run(
            [java, "-version"], capture_output=True, text=True, check=False, timeout=JAVA_VERSION_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return ""
    except OSError as error:
        return first_line(error)
    return run.stderr


def jar_folder() -> Path:
    """The folder that setup puts Delta's jars into: Spark's own, so that every session finds them."""
    home = os.environ.get("SPARK_HOME")
    if home and (Path(home) / "jars").is_dir():
        return Path(home) / "jars"  # PySpark starts that Spark; under spark-submit its own package is an archive
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "jars"


def check_jars() -> None:
    """Check that Delta's jars were resolved.

    Raises:
        EnvironmentProblem: when setup has not run.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        return  # spark-submit started the JVM with a class path of its own
    if not list(jar_folder().glob("*delta-spark_*.jar")):
        raise EnvironmentProblem(
            "Delta's jars are missing.", where=str(jar_folder()), fix="run 'longplay setup' once (it needs the network)"
        )


def start(settings: SparkSettings, app: str) -> SparkSession:
    """A Spark session with Delta, in UTC, that keeps old versions of tables.

    Raises:
        ConfigError: when a Spark Connect address is malformed, or the master does not fit the engine.
        EnvironmentProblem: when Java, Delta's jars or pysail are missing, or no Spark Connect server answers.
    """
    os.environ["TZ"] = "UTC"  # so that collected timestamps mean UTC whatever the machine's zone
    time.tzset()
    if settings.engine == "sail":
        return connect(start_server(settings.master, settings.log_level), session_options(settings), retries=False)
    if settings.master.startswith(CONNECT_SCHEME):
        check_server(settings.master)
        return connect(settings.master, session_options(settings))
    check_java()
    check_jars()
    options: Options = {**engine_options(settings), **session_options(settings)}
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else workers take whichever python3 comes first
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    conf = SparkConf().setAppName(app).setAll([(k, str(v)) for k, v in options.items() if _is_spark_option(k)])
    try:
        _start_context(conf if submitted else conf.setMaster(settings.master))
        session = SparkSession.builder.config(conf=conf).getOrCreate()
    except (*SPARK_ERRORS, OSError) as error:
        raise EnvironmentProblem(
            "Spark did not start.",
            where=f"spark.master: {settings.master}, spark.driver_memory: {settings.driver_memory}",
            got=describe_spark_error(error),
            fix="correct these settings; Java's own message, if it gave one, is printed above",
        ) from error
    for key, value in options.items():
        if not _is_spark_option(key):
            session.conf.set(key, str(value))  # other options can only be set once Spark runs
    if submitted:  # the JVM was started with its own log settings
        session.sparkContext.setLogLevel(settings.log_level.upper())
    return session


def _start_context(conf: SparkConf) -> None:
    """Start Spark in a thread of its own: in the main thread, PySpark would replace this process's handler of Ctrl-C.

    PySpark's handler leaves pools of processes running, and calls Spark during another call, which then fails.
    """
    errors: list[Exception] = []

    def start_context() -> None:
        try:
            SparkContext.getOrCreate(conf)
        except (*SPARK_ERRORS, OSError) as error:
            errors.append(error)

    thread = Thread(target=start_context, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def _is_spark_option(key: str) -> bool:
    return key.startswith("spark.")


def engine_options(settings: SparkSettings) -> Options:
    """Options that Spark needs at its start; a Spark Connect server was started by somebody else."""
    return {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.driver.memory": settings.driver_memory,
        "spark.buffer.pageSize": MEMORY_PAGE_SIZE,
        "spark.driver.extraJavaOptions": java_options(settings, jar_folder()),
        "spark.python.sql.dataFrameDebugging.enabled": "false",  # else every Spark error prints a page of JSON
        # Executors may run in another time zone; neither their JVM nor their Python may use it.
        "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
        "spark.executorEnv.TZ": "UTC",
        "spark.ui.enabled": str(settings.ui).lower(),
        "spark.ui.showConsoleProgress": "false",
    }


def session_options(settings: SparkSettings) -> Options:
    """Options of each session, whoever started Spark."""
    defaults = "spark.databricks.delta.properties.defaults"
    return {
        "spark.sql.session.timeZone": "UTC",
        # Names of folders such as user=007 are text: 007 is not 7.
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
        # Raw text in any encoding that Java knows; by default Spark reads seven.
        "spark.sql.legacy.javaCharsets": "true",
        # Spark refuses times in nanoseconds. As whole numbers, ingest can read them.
        "spark.sql.legacy.parquet.nanosAsLong": "true",
        "spark.sql.shuffle.partitions": str(settings.shuffle_partitions),
        # Rows partitioned by user are joined by user and item without another shuffle.
        "spark.sql.requireAllClusterKeysForCoPartition": "false",
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": settings.partition_size,
        "spark.databricks.delta.snapshotPartitions": str(settings.snapshot_partitions),
        "spark.databricks.delta.optimizeWrite.enabled": str(settings.optimise_write).lower(),
        # How many tasks list files when old versions are removed.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "32",
        **{f"{defaults}.{key}": value for key, value in TABLE_PROPERTIES.items()},
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # Spark's default, INT96, has no Parquet statistics: a filter on a moment would read every row group.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "parquet.block.size": str(parse_size(settings.row_group)),
    }
