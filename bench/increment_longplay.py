"""Longplay's increments, as a contender: each request takes the next delivery and brings every table up to date."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

from bench.contender import serve
from bench.read import read_by
from bench.spark_session import AS_JOBS, session
from ingest.source import load_source
from jobs.build_features import build_features
from jobs.build_histories import build_histories
from jobs.build_signals import build_signals
from jobs.context import Job
from jobs.ingest_log import ingest
from jobs.settings import load_settings
from longplay.registry import default_registry

DATA, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
SOURCE = load_source(str(Path(__file__).parent / "increment_source.yaml"))
spark = session(**AS_JOBS)
waiting = sorted(DATA.iterdir())


def run(request: dict[str, Any]) -> dict[str, Any]:
    """The next delivery, through every table; what was read and written, by step."""
    job = Job(load_settings(), SOURCE, default_registry(), ROOT)
    job.__dict__["spark"] = spark
    delivery = waiting.pop(0)
    steps = {"ingest": lambda: ingest(job, delivery)}
    steps |= {step.__name__: partial(step, job) for step in (build_histories, build_features, build_signals)}
    bytes_of: dict[str, int] = {}
    with read_by(spark) as read:
        for name, step in steps.items():
            with job.progress.step(name), read_by(spark) as own:
                step()
            bytes_of[name] = own["bytes_read"]
    seconds = {name: round(s, 1) for name, s in job.progress.seconds.items()}
    return {**read, "steps": seconds, "bytes_of_steps": bytes_of}


if __name__ == "__main__":
    serve(run)
