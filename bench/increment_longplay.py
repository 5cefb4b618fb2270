"""Longplay's increments, as a contender: each request takes the next delivery and brings every table up to date."""

import sys
from pathlib import Path
from typing import Any

from bench.contender import serve
from bench.deliveries import Deliveries
from bench.spark_session import AS_JOBS, session

DATA, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
waiting = Deliveries(session(**AS_JOBS), "increment_source.yaml", DATA, ROOT)


def run(request: dict[str, Any]) -> dict[str, Any]:
    """The next delivery, through every table."""
    return waiting.take()


if __name__ == "__main__":
    serve(run)
