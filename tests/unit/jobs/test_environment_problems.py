"""What the machine lacks is said plainly: Java, Delta's jars, a port, a folder that can be written."""

import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.ingest_log import command as ingest_command
from jobs.runtime import spark_connect, spark_session
from jobs.runtime.command_options import guarded
from jobs.runtime.delivered_files import check_unchanged, delivery_id, list_file_states
from jobs.runtime.settings import SparkSettings, load_settings
from jobs.runtime.spark_session import check_jars, check_java, start
from jobs.ui import command as ui_command
from longplay.errors import ConfigError, EnvironmentProblem, InputError
from longplay.server.ports import check_port


def test_a_port_in_use() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(EnvironmentProblem, match=f"Port {port} is in use") as caught:
            check_port("127.0.0.1", port)
    assert caught.value.where == f"127.0.0.1:{port}"
    assert caught.value.fix == f"name another: --port {port + 1}"
    check_port("127.0.0.1", port)  # free again


def test_ui_on_a_port_in_use_ends_with_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        shown = CliRunner().invoke(ui_command, ["--store", str(tmp_path), "--port", port])
    assert shown.exit_code == 6
    assert f"error: Port {port} is in use." in shown.output


def test_ui_without_runs(tmp_path: Path) -> None:
    shown = CliRunner().invoke(ui_command, ["--store", str(tmp_path)])
    assert shown.exit_code == 7
    assert "run 'longplay train' first" in shown.output


@pytest.mark.parametrize("home", [None, "/nowhere"])
def test_java_is_missing(home: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if home:
        monkeypatch.setenv("JAVA_HOME", home)
    for call in (check_java, lambda: start(load_settings().spark, "tests")):
        with pytest.raises(EnvironmentProblem, match="Java is missing") as caught:
            call()
        assert "apt-get install openjdk-17-jre-headless" in caught.value.fix
        assert caught.value.where == (f"JAVA_HOME={home}" if home else "PATH")


@pytest.mark.parametrize(
    ("output", "what"),
    [
        ('openjdk version "11.0.2" 2019-01-15', "Java is too old"),
        ('java version "1.8.0_181"', "Java is too old"),
        ("", "Java"),
    ],
)
def test_java_is_too_old_or_says_nothing(
    output: str, what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho '{output}' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match=what) as caught:
        check_java()
    assert caught.value.where == str(java)
    assert "openjdk-17" in caught.value.fix


def test_a_java_that_is_new_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"21.0.2\" 2024-01-16' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert check_java() == str(java)


def test_missing_jars_name_the_command_that_brings_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spark_session, "jar_folder", lambda: tmp_path)
    with pytest.raises(EnvironmentProblem, match="Delta's jars are missing") as caught:
        check_jars()
    assert "longplay setup" in caught.value.fix


def connect_to(address: str) -> None:
    start(SparkSettings(master=address, shuffle_partitions=2, driver_memory="2g", log_level="ERROR"), "tests")


def test_a_spark_connect_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_connect, "ANSWER_TIMEOUT_S", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # taken, and nothing listens
        address = f"sc://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EnvironmentProblem, match="No Spark Connect server answers") as caught:
            connect_to(address)
    assert caught.value.where == address
    assert "--set spark.master=" in caught.value.fix


@pytest.mark.parametrize("address", ["sc://", "sc://127.0.0.1:1/path", "sc://127.0.0.1:port"])
def test_what_is_no_spark_connect_address(address: str) -> None:
    with pytest.raises(ConfigError, match="This is not a Spark Connect address") as caught:
        connect_to(address)
    assert caught.value.where == "spark.master"


def test_a_refusing_file_system_is_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as caught:
        guarded(lambda: (tmp_path / "file" / "below").mkdir(parents=True))
    assert caught.value.code == 6
    shown = capsys.readouterr().err
    assert "error: A file could not be read or written." in shown
    assert str(tmp_path / "file") in shown


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--source", "worlds", "--data", "x"], 2, "did you mean 'world'?"),
        (["--source", "nowhere.yaml", "--data", "x"], 2, "No such file."),
        (["--source", "online_retail", "--data", "nowhere.parquet"], 3, "The raw log is missing."),
        (["--source", "online_retail", "--data", "x", "--set", "deploy.user=1"], 2, "did you mean 'users'?"),
        (["--source", "online_retail", "--data", "x", "--definitions", "nowhere"], 2, "No such folder of definitions."),
        (["--source", "online_retail"], 2, "--data"),
    ],
)
def test_faults_that_need_no_spark_are_found_before_it_starts(arguments: list[str], code: int, message: str) -> None:
    shown = CliRunner().invoke(ingest_command, arguments)
    assert shown.exit_code == code
    assert message in shown.output


def test_a_delivery_is_known_by_its_bytes_and_its_source(tmp_path: Path) -> None:
    data, beat = tmp_path / "log", tmp_path / "beat.json"
    data.mkdir()
    (data / "a.csv").write_text("1", encoding="utf-8")
    beat.write_text("{}", encoding="utf-8")
    original_id = delivery_id(list_file_states(data), "source")
    assert original_id == delivery_id(list_file_states(data), "source")
    assert len(original_id) == 16
    others = {delivery_id(list_file_states(data), "another"), delivery_id(list_file_states(data, [beat]), "source")}
    (data / "a.csv").write_text("2", encoding="utf-8")
    others.add(delivery_id(list_file_states(data), "source"))
    (data / "b.csv").write_text("3", encoding="utf-8")
    others.add(delivery_id(list_file_states(data), "source"))
    assert len(others | {original_id}) == 5


def test_files_that_change_while_they_are_read(tmp_path: Path) -> None:
    for name in ("gone", "longer", "new time", "same"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    before = list_file_states(tmp_path)
    check_unchanged(before, list_file_states(tmp_path), tmp_path)
    (tmp_path / "gone").unlink()
    (tmp_path / "longer").write_text("longer than before", encoding="utf-8")
    os.utime(tmp_path / "new time", ns=(0, 0))
    (tmp_path / "added").touch()
    with pytest.raises(InputError, match="4 files changed while they were read; nothing was published") as caught:
        check_unchanged(before, list_file_states(tmp_path), tmp_path)
    assert caught.value.got == "added, gone, longer, new time"
