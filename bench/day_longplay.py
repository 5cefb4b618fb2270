"""Contender: ``longplay run --until release`` in Longplay's own session, and counts of what it asks of Spark."""

import sys
from pathlib import Path
from typing import Any

from pyspark import SparkContext
from pyspark.sql import SparkSession

from bench.contender import serve, tree_cpu
from bench.deliveries import Deliveries
from jobs.run import run as run_pipeline
from jobs.runtime.settings import load_settings
from jobs.runtime.spark_session import start

FOLDER = Path(sys.argv[1])
SETTINGS = (
    "signals.shipped=[click, return_to_item_14d]",
    "training.labels=[]",
    "spark.master=local[2]",
    "spark.log_level=ERROR",
)
spark = start(load_settings(overrides=SETTINGS).spark, "bench")
deliveries = Deliveries(spark, "daily_build_source.yaml", FOLDER / "log", FOLDER / "warehouse", SETTINGS)


class CallCounter:
    """Counts calls into Spark's JVM."""

    def __init__(self) -> None:
        client = SparkContext._gateway._gateway_client
        self.calls, self._send = 0, client.send_command
        client.send_command = self._count

    def _count(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        return self._send(*args, **options)


counter = CallCounter()


def count(session: SparkSession) -> dict[str, int]:
    """Executions, jobs and calls so far."""
    calls = counter.calls  # before counting makes calls of its own
    jobs = session.sparkContext._jsc.sc().statusStore().jobsList(None).size()
    executions = session._jsparkSession.sharedState().statusStore().executionsCount()
    return {"executions": executions, "jobs": jobs, "calls": calls}


def take(_request: dict[str, Any]) -> dict[str, Any]:
    """Take the next delivery; return counts, and the CPU-seconds of the process since its start."""
    context, before = deliveries.job(), count(spark)
    run_pipeline(context, deliveries.next(), until="release")
    after = count(spark)
    return {"process_cpu": tree_cpu(), **{name: after[name] - before[name] for name in after}}


if __name__ == "__main__":
    serve(take)
