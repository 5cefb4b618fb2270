"""Setup: checks Java, resolves Delta's jars and archives Spark's classes, once."""

import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import click

from jobs.runtime.command_options import guarded
from jobs.runtime.java_options import archive_classes
from jobs.runtime.spark_session import check_java, jar_folder
from longplay.errors import EnvironmentProblem

# Spark brings the rest; a second copy of a jar on the class path breaks it.
_WANTED = ("delta-spark_", "delta-storage-", "delta-kernel-", "unitycatalog-")
_RESOLVE = """
from pyspark.sql import SparkSession
SparkSession.builder.master("local[1]").config("spark.jars.packages", "{artifact}").config(
    "spark.jars.ivy", "{folder}").config("spark.ui.enabled", "false").getOrCreate().stop()
"""


def artifact() -> str:
    """The Maven name of the Delta jar that fits the installed Spark and delta-spark."""
    spark = ".".join(version("pyspark").split(".")[:2])
    return f"io.delta:delta-spark_{spark}_2.13:{version('delta-spark')}"


def setup() -> str:
    """Check Java, put Delta's jars beside Spark's own, and archive the classes of both; says what it did."""
    java = check_java()
    jars = _resolve_jars(jar_folder())
    reason = archive_classes(jar_folder())
    archive = f"No archive of Spark's classes, so commands start slower: {reason}" if reason else "Classes archived."
    return f"Java: {java}. {jars} {archive}"


def _resolve_jars(folder: Path) -> str:
    if list(folder.glob(f"*delta-spark_*{version('delta-spark')}.jar")):
        return "Delta's jars are in place."
    with tempfile.TemporaryDirectory() as ivy:
        code = _RESOLVE.format(artifact=artifact(), folder=ivy)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        jars = [jar for jar in sorted(Path(ivy, "jars").glob("*.jar")) if any(w in jar.name for w in _WANTED)]
        if not any("delta-spark_" in jar.name for jar in jars):
            raise EnvironmentProblem(
                f"Delta's jars could not be resolved ({artifact()}).",
                got="\n".join((done.stderr or done.stdout).strip().splitlines()[-3:]),
                fix="connect to a Maven repository once, or copy the jars into " + str(folder),
            )
        for jar in jars:
            shutil.copy2(jar, folder / jar.name)
    return f"{len(jars)} jars of Delta put into {folder}."


@click.command("setup")
def command() -> None:
    """Check Java, resolve Delta's jars and archive Spark's classes, from which later commands start sooner.

    Needs the network the first time only.
    """
    guarded(lambda: click.echo(setup()))


if __name__ == "__main__":
    command()
