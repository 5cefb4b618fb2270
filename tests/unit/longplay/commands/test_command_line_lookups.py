"""The command line: look-ups need no Spark, steps match the entry points, slips are answered with the nearest name."""

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from longplay.cli import STEPS, cli
from longplay.config.duration import DAY
from longplay.definitions.describe import describe_definition
from longplay.errors import EnvironmentProblem, NotFoundError, StoreError
from longplay.registry.registry import default_registry
from tests.unit.longplay.small_tables import at

ROOT = Path(__file__).parents[4]


def test_the_installed_entry_points_are_those_of_the_project() -> None:
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    installed = {point.name: point.value for point in entry_points(group="longplay.commands")}
    assert installed == written["longplay.commands"], "install the project again: pip install -e ."


def test_help_lists_every_step_in_the_order_of_the_pipeline() -> None:
    shown = CliRunner().invoke(cli, ["--help"])
    assert shown.exit_code == 0
    places = [shown.output.index(f"\n  {name} ") for name in STEPS]
    assert places == sorted(places)
    assert "signals" in shown.output


@pytest.fixture
def client_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of the client without the platform."""
    monkeypatch.setattr("longplay.cli.entry_points", lambda group: ())


@pytest.mark.usefixtures("client_only")
@pytest.mark.parametrize("arguments", [["ingest"], ["ingest", "--help"], ["quality", "status"]])
def test_a_step_that_is_not_installed_names_the_platform(arguments: list[str]) -> None:
    error = CliRunner().invoke(cli, arguments).exception
    assert isinstance(error, EnvironmentProblem)
    assert error.what == f"'longplay {arguments[0]}' needs the platform."
    assert error.fix == "install the longplay-platform wheel (make wheel)"


@pytest.mark.usefixtures("client_only")
def test_the_client_alone_looks_up_and_marks_the_steps_in_its_help() -> None:
    shown = CliRunner().invoke(cli, ["--help"], terminal_width=200).output
    lines = [line for line in shown.splitlines() if line.strip().split(" ")[0] in STEPS]
    assert len(lines) == len(STEPS)
    assert all(line.endswith("(needs the platform)") for line in lines)
    assert CliRunner().invoke(cli, ["signals", "list"]).exit_code == 0
    assert "did you mean 'train'?" in CliRunner().invoke(cli, ["trian"]).output


def test_help_says_which_wheel_a_command_needs() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    assert "Steps (longplay-platform wheel;" in shown
    assert "Look-ups (longplay wheel;" in shown
    assert "needs the platform" not in shown


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["trian"], "did you mean 'train'?"),
        (["build-feature"], "did you mean 'build-features'?"),
        (["nonsense"], "known names: build-"),
        (["signals", "lst"], "No such command 'lst'"),
        (["signals", "show", "click", "--jsn"], "--json"),
    ],
)
def test_a_slip_is_answered_with_the_nearest_name(arguments: list[str], hint: str) -> None:
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 2
    assert hint in shown.output


def test_signals_list_as_json() -> None:
    shown = CliRunner().invoke(cli, ["signals", "list", "--json"])
    assert shown.exit_code == 0
    listed = json.loads(shown.output)
    registry = default_registry()
    named = sorted([*registry.newest(), *registry.rewards.values()], key=lambda d: d.name)
    assert listed == [describe_definition(d) for d in named]
    assert "return_to_item_14d@1" in {entry["signal"] for entry in listed}


def test_signals_list_as_a_table() -> None:
    shown = CliRunner().invoke(cli, ["signals", "list"])
    assert shown.exit_code == 0
    assert "click@1" in shown.output


def test_signals_show_with_the_values_of_a_warehouse(tmp_path: Path) -> None:
    definition = default_registry().get("click")
    rows = [("mature", 1.0, 0), ("mature", 0.0, 0), ("mature", 1.0, 1), ("open", None, 0), ("void", None, 0)]
    table = pa.table(
        {
            "signal": [definition.ref] * 5,
            "definition_hash": [definition.hash] * 5,
            "anchor_id": ["a", "b", "b", "c", "d"],
            "state": [row[0] for row in rows],
            "value": pa.array([row[1] for row in rows], pa.float64()),
            "revision": pa.array([row[2] for row in rows], pa.int32()),
            "matures_at": pa.array([at(9)] * 5, pa.timestamp("us", "UTC")),
            "known_ts": pa.array([at(9) + 2 * row[2] * DAY for row in rows], pa.timestamp("us", "UTC")),
        }
    )
    write_deltalake(str(tmp_path / "shop" / "signal_values"), table)
    shown = CliRunner().invoke(cli, ["signals", "show", "click", "--store", str(tmp_path), "--json"])
    counted = {"mature": 2, "open": 1, "void": 1, "mean": 0.5, "revisions": {"1 to 7 d": 1}}
    assert json.loads(shown.output)["values"] == {"shop": counted}
    text = CliRunner().invoke(cli, ["signals", "show", "click@1", "--store", str(tmp_path)]).output
    assert "shop: 2 mature, 1 open, 1 void; mean of the mature 0.5000" in text
    assert "shop: revised after maturity: 1 (1 to 7 d)" in text

    (tmp_path / "shop" / "signal_values" / "_delta_log" / f"{0:020d}.json").write_text("garbage", encoding="utf-8")
    broken = CliRunner().invoke(cli, ["signals", "show", "click", "--store", str(tmp_path)])
    assert isinstance(broken.exception, StoreError)
    assert str(tmp_path / "shop" / "signal_values") in broken.exception.where


def test_signals_show_without_values_says_which_step_makes_them(tmp_path: Path) -> None:
    shown = CliRunner().invoke(cli, ["signals", "show", "regret", "--store", str(tmp_path)])
    assert shown.exit_code == 0
    assert "'longplay build-signals' computes them" in shown.output


def test_an_unknown_signal_is_an_error_of_ours() -> None:
    shown = CliRunner().invoke(cli, ["signals", "show", "clck"])
    assert isinstance(shown.exception, NotFoundError)
    assert shown.exception.fix == "did you mean 'click'?"


SCRIPT = """
import sys
from longplay.cli import main
sys.argv = ["longplay", *sys.argv[1:]]
try:
    main()
finally:
    generic = {"pyspark", "tables", "ingest", "features", "signals", "quality", "rankers", "experiments", "jobs"}
    assert not generic & {name.split(".")[0] for name in sys.modules}, "look-ups must not import the application"
"""


@pytest.mark.parametrize(
    ("arguments", "code", "stderr"),
    [
        (["signals", "show", "click", "--json"], 0, ""),
        (["signals", "shw"], 2, "No such command"),
        (["signals", "show", "clck"], 7, "signal or reward 'clck'.\n  found: clck\n  fix:   did you mean 'click'?"),
        (["--help"], 0, ""),
    ],
)
def test_look_ups_import_neither_spark_nor_the_application(arguments: list[str], code: int, stderr: str) -> None:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": "", "JAVA_HOME": ""}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == code, result.stderr
    assert stderr in result.stderr
    assert "Traceback" not in result.stderr
