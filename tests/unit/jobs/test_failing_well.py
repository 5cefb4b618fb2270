"""Steps that fail or are ended say so in one message, with an exit code of their own, and leave nothing running."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from py4j.protocol import Py4JNetworkError

from jobs.ingest_log import command as ingest_command
from jobs.runtime.command_options import guarded
from jobs.runtime.java_options import class_archive, java_options
from jobs.runtime.settings import load_settings
from jobs.runtime.spark_session import check_java
from longplay.cli import cli
from longplay.client import Client
from longplay.delta import open_table, read_commits
from longplay.errors import ConfigError, EnvironmentProblem, StoreError
from tables.spark import explain_spark_error
from tests.unit.longplay.small_tables import at, write_release

SLOW_STEP = """
import multiprocessing, time
from jobs.runtime.command_options import guarded

def work():
    time.sleep(60)

def step():
    worker = multiprocessing.get_context("spawn").Process(target=work)
    worker.start()
    try:
        print(worker.pid, flush=True)
        time.sleep(60)
    finally:
        worker.join()  # as a pool does at the end of its block
        print("cleaned up", flush=True)

if __name__ == "__main__":
    guarded(step)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_step_that_is_ended_cleans_up_and_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "step.py"
    script.write_text(SLOW_STEP, encoding="utf-8")
    step = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert step.stdout is not None
    worker = int(step.stdout.readline())
    started = time.monotonic()
    step.send_signal(number)
    output, errors = step.communicate(timeout=30)
    assert time.monotonic() - started < 10
    assert step.returncode == 128 + number
    assert output == "cleaned up\n"
    assert errors.splitlines() == [
        f"Ended by {number.name}. Published tables are kept; run the command again to continue."
    ]
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("Caused by: java.io.IOException: No space left on device", "The disk is full"),
        (
            "scala.MatchError: java.lang.NoClassDefFoundError: Could not initialize class org.xerial.snappy.Snappy",
            "Java could not unpack one of its native libraries",
        ),
        (
            "java.lang.UnsatisfiedLinkError: /tmp/libzstd.so: failed to map segment from shared object",
            "Java could not unpack one of its native libraries",
        ),
        ("java.io.IOException: Permission denied", "A file could not be read or written."),
        ("java.lang.OutOfMemoryError: Java heap space", "Spark ran out of memory."),
        ("Python worker exited unexpectedly (crashed)", "A Python worker of Spark exited unexpectedly"),
        ("Answer from Java side is empty", "Spark's Java process has ended."),
    ],
)
def test_faults_of_the_machine_are_told_from_faults_of_the_data(message: str, what: str) -> None:
    error = explain_spark_error(Py4JNetworkError(f"An error occurred\n{message}"), "build-signals")
    assert isinstance(error, EnvironmentProblem)
    assert error.what.startswith(what)
    assert error.fix
    assert message in error.got or "Py4JNetworkError" in error.got


def test_a_java_process_that_is_gone_is_no_fault_of_the_file_system(capsys: pytest.CaptureFixture[str]) -> None:
    def call() -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(SystemExit) as ended:
        guarded(call)
    assert ended.value.code == 6
    assert "Spark's Java process has ended." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "got"),
    [("exit 0", "it prints nothing"), ("echo hello >&2", "hello"), ("echo 'openjdk version \"1.8\"' >&2", "1.8")],
)
def test_a_java_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, got: str) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EnvironmentProblem) as caught:
        check_java()
    assert got in caught.value.got
    java.chmod(0o644)
    with pytest.raises(EnvironmentProblem):
        check_java()


@pytest.mark.parametrize("address", ["s3a://bucket/warehouse", "gs://bucket", "hdfs://host:9000/x"])
def test_an_object_store_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="object stores are not supported"):
        Client(address, "world")
    for arguments in (
        ["signals", "list"],
        ["catalogue", "--out", "x"],
        ["signals", "values", "click", "--source", "world"],
    ):
        result = CliRunner().invoke(cli, [*arguments, "--store", address])
        assert (result.exit_code, "object stores are not supported" in result.output) == (2, True)
    result = CliRunner().invoke(ingest_command, ["--source", "world", "--data", "x", "--store", address])
    assert (result.exit_code, "object stores are not supported" in result.output) == (2, True)


def test_a_commit_whose_metadata_are_damaged(tmp_path: Path) -> None:
    write_release(tmp_path, at(3), 2)
    commit = tmp_path / "releases" / "_delta_log" / f"{0:020}.json"
    text = commit.read_text(encoding="utf-8")
    assert '"commitInfo":{' in text
    commit.write_text(text.replace('"commitInfo":{', '"commitInfo":{"userMetadata":"{oops",'), encoding="utf-8")
    with pytest.raises(StoreError, match="its metadata are no JSON object") as caught:
        read_commits(open_table(tmp_path / "releases"))
    assert (caught.value.where, caught.value.got) == ("version 0", "'{oops'")


def test_an_error_that_nobody_foresaw_ends_in_one_message(tmp_path: Path) -> None:
    code = "from longplay.crash_report import install_crash_report\ninstall_crash_report()\nlen(3)\n"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 1
    assert run.stderr.startswith("error: This error was not foreseen.\n")
    assert "Traceback" not in run.stderr
    (report,) = tmp_path.glob("longplay-crash-*.txt")
    assert str(report) in run.stderr
    assert "TypeError: object of type 'int' has no len()" in report.read_text(encoding="utf-8")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_paths_with_spaces_reach_java_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / 'a "b" c'
    folder.mkdir()
    class_archive(folder).touch()
    assert f'"-XX:SharedArchiveFile={tmp_path}/a \\"b\\" c/longplay.jsa"' in java_options(load_settings().spark, folder)
