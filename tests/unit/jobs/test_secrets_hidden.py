"""Every place that prints a setting hides the secrets in it."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from jobs.build_features import command
from jobs.runtime import spark_connect
from jobs.runtime.command_options import guarded
from jobs.runtime.progress import Progress
from jobs.runtime.settings import load_settings
from jobs.runtime.spark_connect import check_server
from longplay.errors import LongplayError, StoreError
from tests.unit.jobs.test_lineage import make_context, terminal_text

SECRET = "hunter2"
MASTER = f"sc://ann:{SECRET}@127.0.0.1:9/;token={SECRET}"
COLLECTOR = f"http://ann:{SECRET}@127.0.0.1:9/api?api_key={SECRET}"


def set_values(*overrides: str) -> Callable[[], object]:
    return lambda: load_settings(overrides=overrides)


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (set_values(f"spark.master={MASTER}", "spark.wrong=1"), "--set spark.master=sc://***@127.0.0.1:9/;token=***"),
        (set_values(f"spark={{master: '{MASTER}', wrong: 1}}"), "unknown key 'wrong'"),
        (set_values(f"spark=[{MASTER}]"), "sc://***@127.0.0.1:9/;token=***"),
        (set_values(f"lineage.token={SECRET}"), "found: ***"),
        (set_values(f"lineage.openlineage=ftp://ann:{SECRET}@h?token={SECRET}"), "'ftp://***@h?token=***'"),
        (set_values(f"token={SECRET}: ["), "not YAML"),
        (lambda: check_server(f"sc://ann:{SECRET}@[::/;token={SECRET}"), "This is not a Spark Connect address."),
        (lambda: check_server(MASTER), "sc://***@127.0.0.1:9/;token=***"),
    ],
)
def test_errors_hide_secrets(call: Callable[[], object], shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_connect, "ANSWER_TIMEOUT_S", 0.1)
    with pytest.raises(LongplayError) as caught:
        call()
    assert shown in str(caught.value)
    assert SECRET not in str(caught.value)


def test_what_a_command_prints_hides_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--source", "world", "--store", str(tmp_path), "--set", f"spark.master={MASTER}", "--set", "spark.x=1"]
    run = CliRunner().invoke(command, arguments)
    assert run.exit_code == 2
    assert "spark.master=sc://***@127.0.0.1:9/;token=***" in run.stderr
    assert SECRET not in run.output

    def refuse() -> None:
        raise StoreError("Spark could not finish this step.", got=f"Could not parse Master URL: '{MASTER}'")

    with pytest.raises(SystemExit):
        guarded(refuse)
    printed = capsys.readouterr().err
    assert "Could not parse Master URL: 'sc://***@" in printed
    assert SECRET not in printed


def test_progress_and_a_collector_that_fails_hide_secrets(tmp_path: Path) -> None:
    context = make_context(tmp_path, f"lineage.openlineage={COLLECTOR}")
    with context.progress.step("ingest"):
        context.progress.say(f"reading with {MASTER}")
    printed = terminal_text(context)
    assert "lineage could not be sent to http://***@127.0.0.1:9/api?api_key=***" in printed
    assert "reading with sc://***@127.0.0.1:9/;token=***" in printed
    assert SECRET not in printed
    assert SECRET not in str(context.progress.notes)


def test_a_warning_of_an_observer_hides_secrets() -> None:
    class Observer:
        def begin(self, step: str) -> str | None:
            return f"{step}: {MASTER}"

        def end(self, *_: object) -> str | None:
            return None

    output = StringIO()
    progress = Progress(Console(file=output, width=200), observers=[Observer()])
    with progress.step("ingest"):
        pass
    assert "warning: ingest: sc://***@" in output.getvalue()
    assert SECRET not in output.getvalue()
