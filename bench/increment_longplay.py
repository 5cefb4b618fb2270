"""Contender: Longplay's increments. Each request takes the next delivery through every table."""

import sys
from pathlib import Path
from typing import Any

from bench.contender import serve
from bench.deliveries import Deliveries
from bench.spark_session import AS_JOBS, session

DATA, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
deliveries = Deliveries(session(**AS_JOBS), "increment_source.yaml", DATA, ROOT)


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Take the next delivery through every table."""
    return deliveries.take()


if __name__ == "__main__":
    serve(run)
