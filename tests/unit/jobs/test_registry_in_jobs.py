"""Jobs see what was applied: aliases name labels, uses are recorded with pins, warnings are said."""

import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from ingest.source import load_source
from jobs.context import Job
from jobs.options import job_command
from jobs.plan import label_definitions, use_labels
from jobs.progress import Progress
from jobs.settings import load_settings
from longplay import lifecycle
from longplay.place import existing
from longplay.plan import Terms
from longplay.registry import default_registry
from tests.unit.longplay.signal_files import ANA, proposal


def job_of(root: Path, labels: str) -> tuple[Job, StringIO]:
    said = StringIO()
    registry = default_registry(file=existing(root, None))
    settings = load_settings(overrides=[f"training.labels={labels}"])
    progress = Progress(Console(file=said, soft_wrap=True))
    return Job(settings, load_source("world"), registry, root, progress=progress), said


@pytest.fixture
def root(tmp_path: Path) -> Path:
    file = tmp_path / "registry.db"
    lifecycle.apply(file, [proposal(tmp_path / "d"), proposal(tmp_path / "d", version=2, lateness="2 d")], ANA)
    lifecycle.move_alias(file, "came_back@champion", 1, ANA)
    return tmp_path


def test_labels_are_named_by_alias_and_recorded_as_pins(root: Path) -> None:
    job, said = job_of(root, "[click, came_back@champion]")
    assert [d.ref for d in label_definitions(job)] == ["click@1", "came_back@1"]
    use_labels(job, "training_set", "world abc")
    with closing(sqlite3.connect(root / "registry.db")) as raw:
        rows = raw.execute("SELECT kind, consumer, asked, name, version FROM consumers ORDER BY asked").fetchall()
    assert rows == [
        ("training_set", "world abc", "came_back@champion", "came_back", 1),
        ("training_set", "world abc", "click", "click", 1),
    ]
    assert said.getvalue() == ""


def test_a_step_opens_the_registry_of_its_store_or_the_one_named(root: Path, tmp_path: Path) -> None:
    seen: list[Job] = []

    @job_command("probe", alone=False)
    def probe(job: Job) -> None:
        seen.append(job)

    for where in (["--store", str(root)], ["--store", str(tmp_path / "x"), "--registry", str(root / "registry.db")]):
        done = CliRunner().invoke(probe, ["--source", "world", *where])
        assert done.exit_code == 0, done.output
        assert seen.pop().registry.get("came_back@champion").ref == "came_back@1"
    gone = CliRunner().invoke(probe, ["--source", "world", "--registry", str(root / "gone.db")])
    assert gone.exit_code == 7
    assert "There is no registry." in gone.output


def test_a_deprecated_label_is_said(root: Path) -> None:
    lifecycle.deprecate(root / "registry.db", "came_back@1", "2026-01-01", "came_back@2", Terms("bo"))
    job, said = job_of(root, "[came_back@champion]")
    use_labels(job, "experiment", "world - split")
    assert "warning: came_back@1 is deprecated since 2026-01-01: use came_back@2" in said.getvalue()


def test_without_a_registry_file_nothing_is_recorded(tmp_path: Path) -> None:
    job, said = job_of(tmp_path, "[click]")
    use_labels(job, "experiment", "world - split")
    assert list(tmp_path.iterdir()) == []
    assert said.getvalue() == ""
