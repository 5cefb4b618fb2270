"""``longplay run`` runs the numbered steps of the pipeline, in order."""

from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from jobs import run
from longplay.pipeline import RUN_STEPS


def test_run_does_the_numbered_steps_in_order(monkeypatch):
    called, timed = [], []

    @contextmanager
    def step(name):
        timed.append(name)
        yield

    for name in RUN_STEPS:
        function = name.replace("-", "_")
        monkeypatch.setattr(run, function, lambda *_args, name=name: called.append(name))
    progress = SimpleNamespace(step=step, seconds={}, say=lambda text: None)
    assert run.run(SimpleNamespace(spark=None, progress=progress, root=Path("store")), Path("log")) is None
    assert called == timed == list(RUN_STEPS)
