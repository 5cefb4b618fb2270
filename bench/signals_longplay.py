"""Contender: one signal, or twelve with the same anchor and grain, from events and exposures."""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.contender import serve
from bench.read import read_by
from bench.signals import ONE, twelve
from bench.spark_session import AS_JOBS, session
from bench.training_set import DAYS
from signals.compute import compute_signal_values
from signals.maturity import Knowledge

START = datetime(2025, 1, 1, tzinfo=UTC)
spark = session(**AS_JOBS)
name, folder = sys.argv[1], Path(sys.argv[2])


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Compute the values; drop them, or write them as Parquet."""
    end, out = START + timedelta(days=DAYS), folder / f"values of {name}"
    shutil.rmtree(out, ignore_errors=True)
    events, exposures = (spark.read.parquet(str(folder / table)) for table in ("events", "exposures"))
    chosen = [d for d in twelve() if name == "twelve" or d.name in ONE]
    with read_by(spark) as read:
        values = compute_signal_values(chosen, events, exposures, Knowledge(end, end, START))
        if request["write"]:
            values.write.parquet(str(out))
        else:
            values.write.format("noop").mode("overwrite").save()
    return {**read}


if __name__ == "__main__":
    serve(run)
