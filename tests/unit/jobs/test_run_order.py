"""``longplay run`` runs the numbered steps of the pipeline, in order."""

from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobs import run
from longplay.pipeline import RANKING_STEPS, RUN_STEPS


@pytest.mark.parametrize("has_exposures", [True, False])
def test_run_does_the_numbered_steps_in_order(monkeypatch: pytest.MonkeyPatch, has_exposures: bool) -> None:
    """Without exposures it ends before the steps that rank."""
    called, timed = [], []

    @contextmanager
    def step(name):
        timed.append(name)
        yield

    for name in RUN_STEPS:
        function = name.replace("-", "_")
        module = f"jobs.{function}" if name in ("train", "verdict") else "jobs.run"
        monkeypatch.setattr(f"{module}.{function}", lambda *_args, name=name: called.append(name))
    progress = SimpleNamespace(step=step, seconds={}, say=lambda text: None)
    source = SimpleNamespace(has_exposures=has_exposures)
    context = SimpleNamespace(spark=None, progress=progress, root=Path("store"), source=source)
    assert run.run(context, Path("log")) is None
    assert called == timed == [name for name in RUN_STEPS if has_exposures or name not in RANKING_STEPS]
    assert RUN_STEPS[-len(RANKING_STEPS) :] == RANKING_STEPS

    called.clear()
    run.run(context, Path("log"), until="release")
    assert called == [name for name in RUN_STEPS if name not in RANKING_STEPS]
