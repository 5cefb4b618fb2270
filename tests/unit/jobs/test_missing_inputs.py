"""Steps on logs that lack what they need name it, and the command that makes it."""

from pathlib import Path
from typing import Any

import pytest

from jobs.deploy import deploy
from jobs.train import read_study
from longplay.delta import open_table
from longplay.errors import InputError, StoreError
from longplay.pipeline import STEPS
from tests.unit.ingest.small_logs import build_source, open_run

NO_SPARK: Any = object()
"""Stands for a session: these errors come before any work."""


def test_training_needs_a_training_set(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no table 'training_set'") as caught:
        read_study(open_run(NO_SPARK, tmp_path, build_source()))
    assert caught.value.fix == "run 'longplay build-training-set' first"


def test_a_real_log_has_nobody_to_deploy_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only be deployed to listeners of a simulated world") as caught:
        deploy(open_run(NO_SPARK, tmp_path, build_source()), tmp_path / "log")
    assert caught.value.where == str(tmp_path / "log")
    assert "longplay verdict" in caught.value.fix


@pytest.mark.parametrize(("table", "step"), [(t, s.name) for s in STEPS for t in s.publishes])
def test_a_missing_table_names_the_step_that_publishes_it(tmp_path: Path, table: str, step: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_table(tmp_path / table)
    assert caught.value.fix == f"run 'longplay {step}' first"
