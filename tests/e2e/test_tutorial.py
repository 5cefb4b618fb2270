"""The tutorial as a reader follows it: every command of the page, in its order, in an empty folder."""

import contextlib
import itertools
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyspark.sql import SparkSession

from longplay.cli import cli
from tests.unit.docs.pages import ROOT, read_code_blocks
from tools.make_pictures import draw_report

pytestmark = [pytest.mark.spark, pytest.mark.slow]

PAGE = ROOT / "docs" / "tutorial" / "README.md"


@dataclass(frozen=True)
class BlockRun:
    """The outcome of one shell block of the page."""

    script: str
    exit_code: int
    output: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tutorial")


@pytest.fixture(scope="module")
def runs(spark: SparkSession, folder: Path) -> Iterator[list[BlockRun]]:
    """The runs of all shell blocks, up to the first that fails. The steps share one Spark session to save time."""
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as environment:
        environment.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        environment.setenv("LONGPLAY_USER", "reader")
        environment.delenv("LONGPLAY_REGISTRY", raising=False)
        runs = []
        for script in read_code_blocks(PAGE, "sh"):
            runs.append(run_block(script))
            if runs[-1].exit_code != 0:
                break
        yield runs


def run_block(script: str) -> BlockRun:
    """Run a block, up to the first part that fails: commands of ``longplay`` in this process, the rest in a shell."""
    exit_code, output = 0, ""
    for is_longplay, lines in itertools.groupby(script.splitlines(), lambda line: line.startswith("longplay ")):
        for command in lines if is_longplay else ["\n".join(lines)]:
            exit_code, text = run_longplay(command) if is_longplay else run_shell(command)
            output += text
            if exit_code != 0:
                return BlockRun(script, exit_code, output)
    return BlockRun(script, exit_code, output)


def run_longplay(command: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, shlex.split(command)[1:], prog_name="longplay", terminal_width=200)
    return result.exit_code, result.output


def run_shell(script: str) -> tuple[int, str]:
    process = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False, timeout=300
    )
    return process.returncode, process.stdout + process.stderr


def output_of(runs: list[BlockRun], command: str) -> str:
    """What the first block with a command printed, with one space for every run of white space."""
    return " ".join(next(run.output for run in runs if command in run.script).split())


def test_every_command_of_the_tutorial_succeeds(runs: list[BlockRun]) -> None:
    assert [(run.script, run.output) for run in runs if run.exit_code != 0] == []
    assert [run.script for run in runs] == read_code_blocks(PAGE, "sh")


def test_what_the_tutorial_says_is_so(runs: list[BlockRun], folder: Path) -> None:
    assert "read 22,825 = clean 22,779 + 46" in output_of(runs, "longplay ingest")
    assert "return_to_item_7d@1" in output_of(runs, "longplay signals apply")
    assert "xgboost-return" in output_of(runs, "longplay train")
    assert "xgboost-click" in output_of(runs, "longplay verdict")
    assert "return_to_item_7d@1" in output_of(runs, "longplay signals consumers")
    assert (folder / "catalogue" / "index.html").is_file()


def test_the_picture_of_the_report_is_drawn_from_its_page(runs: list[BlockRun], folder: Path) -> None:
    assert runs
    report = (folder / "warehouse" / "podcasts" / "report.html").read_text(encoding="utf-8")
    assert "var(" not in draw_report(report)
