"""Options of Spark's JVM: how its code is compiled, and the archive of classes from which it starts."""

import os
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from jobs.runtime.settings import SparkSettings

_COMPILER = (
    "-XX:+IgnoreUnrecognizedVMOptions",  # the names below are those of HotSpot, and may change
    # A step compiles many plans that run only once, so the optimising compiler starts at five times its default
    # thresholds; with millions of events code still reaches them soon. A full code cache is flushed repeatedly.
    "-XX:Tier4InvocationThreshold=25000",
    "-XX:Tier4MinInvocationThreshold=3000",
    "-XX:Tier4CompileThreshold=75000",
    "-XX:Tier4BackEdgeThreshold=200000",
    "-XX:ReservedCodeCacheSize=512m",
)
_TRAINING = """
import sys
from jobs.runtime.settings import SparkSettings
from jobs.runtime.spark_session import start
settings = SparkSettings(master="local[1]", shuffle_partitions=1, driver_memory="1g", log_level="ERROR")
spark = start(settings, "setup")
for mode in ("append", "overwrite"):
    counts = spark.range(9).selectExpr("id % 2 as k", "id").groupBy("k").count()
    counts.write.format("delta").mode(mode).save(sys.argv[1])
spark.read.format("delta").load(sys.argv[1]).orderBy("k").collect()
spark.stop()
"""
"""What the archive holds: the classes that a session, a query, a commit and a read of Delta load."""


def java_options(settings: SparkSettings, jar_folder: Path) -> str:
    """The options of the driver's JVM, of which some hold only where the command itself starts it."""
    log = _quote(f"-Dlog4j2.configurationFile={(Path(str(files('conf'))) / 'log4j2.properties').absolute().as_uri()}")
    level = f"-Dlongplay.log.level={settings.log_level.lower()}"
    temporary = _quote(f"-Djava.io.tmpdir={tempfile.gettempdir()}")  # Java knows nothing of TMPDIR
    archive = class_archive(jar_folder)
    # The JVM passes over an archive of another Java or of other jars; its warnings about that help nobody.
    shared = (
        _quote(f"-XX:SharedArchiveFile={archive}"),
        "-Xshare:auto",
        "-Xlog:cds=off,cds+dynamic=off,class+path=off",
    )
    fixed = ("-Duser.timezone=UTC", "-XX:+UseParallelGC", *_COMPILER)
    return " ".join([*fixed, log, level, temporary, *(shared if archive.exists() else ())])


def _quote(option: str) -> str:
    """An option as Spark's launcher splits it off, whatever characters its path has."""
    escaped = option.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def class_archive(jar_folder: Path) -> Path:
    """Where setup puts the archive of Spark's classes: beside the jars that it was made from."""
    return jar_folder / "longplay.jsa"


def archive_classes(jar_folder: Path) -> str | None:
    """Archive the classes that every session loads (about 180 MB), so that Spark starts sooner.

    Returns:
        Why there is no archive, where the JVM wrote none: Longplay runs without it.
    """
    archive = class_archive(jar_folder)
    archive.unlink(missing_ok=True)
    new = archive.with_suffix(f".{os.getpid()}")
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-c", _TRAINING, str(Path(folder, "table"))],
            env={**os.environ, "JAVA_TOOL_OPTIONS": f"-XX:ArchiveClassesAtExit={new}"},
            capture_output=True,  # and so waits for the JVM, which writes the archive at its end
            text=True,
            check=False,
        )
    if not new.exists():
        lines = [line for line in run.stderr.splitlines() if line and not line.startswith(" ")]
        return lines[-1] if lines else "the JVM wrote none"
    new.rename(archive)
    return None
