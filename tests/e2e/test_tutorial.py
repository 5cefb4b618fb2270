"""The tutorial as a reader follows it: every command of the page, in its order, in an empty folder."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.docs.pages import ROOT, read_code_blocks
from tools.make_pictures import draw_report

pytestmark = [pytest.mark.spark, pytest.mark.slow]

PAGE = ROOT / "docs" / "tutorial" / "README.md"


@dataclass(frozen=True)
class BlockRun:
    """What one shell block of the page did."""

    script: str
    exit_code: int
    output: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tutorial")


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[BlockRun]:
    """The runs of all shell blocks, up to the first that fails."""
    environment = dict(os.environ, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", LONGPLAY_USER="reader")
    environment.pop("LONGPLAY_REGISTRY", None)
    runs = []
    for script in read_code_blocks(PAGE, "sh"):
        process = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        runs.append(BlockRun(script, process.returncode, process.stdout + process.stderr))
        if process.returncode != 0:
            break
    return runs


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
