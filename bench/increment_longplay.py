"""Longplay's increments, as a contender: each request takes the next delivery and brings every table up to date."""

import sys
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
    with read_by(spark) as read:
        with job.progress.step("ingest"):
            ingest(job, waiting.pop(0))
        for step in (build_histories, build_features, build_signals):
            with job.progress.step(step.__name__):
                step(job)
    return {**read, "steps": {name: round(s, 1) for name, s in job.progress.seconds.items()}}


if __name__ == "__main__":
    serve(run)
