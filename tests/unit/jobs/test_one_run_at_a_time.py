"""One run of a source at a time: a second waits and says so, and in the end gives up."""

from io import StringIO
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console

import tables.lock
from ingest.source_config import load_source
from jobs.runtime.progress import Progress
from jobs.runtime.run_context import RunContext
from jobs.runtime.settings import load_settings
from longplay.errors import StoreError
from longplay.registry.registry import default_registry


def run_of(root: Path, source: str) -> tuple[RunContext, StringIO]:
    terminal = StringIO()
    progress = Progress(Console(file=terminal, soft_wrap=True))
    return RunContext(load_settings(), load_source(source), default_registry(), root, progress=progress), terminal


def test_a_second_run_says_that_it_waits_and_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables.lock, "LOCK_TIMEOUT_S", 0.3)
    first, quiet = run_of(tmp_path, "world")
    second, terminal = run_of(tmp_path, "world")
    with first.exclusive(), pytest.raises(StoreError) as caught, second.exclusive():
        pytest.fail("two runs were at work at once")
    assert caught.value.what == "Another run has been working on source 'world' for 0.3 s."
    assert caught.value.where == str(tmp_path / "world")
    assert "another run is working on source 'world': waiting for it" in terminal.getvalue()
    assert quiet.getvalue() == ""


def test_the_lock_ends_with_the_run_and_other_sources_never_wait(tmp_path: Path) -> None:
    first, _ = run_of(tmp_path, "world")
    other, terminal = run_of(tmp_path, "gowalla")
    with first.exclusive(), other.exclusive():
        assert terminal.getvalue() == ""
    with FileLock(tmp_path / "world" / ".run.lock", timeout=0):
        pass
    with first.exclusive():
        pass
