"""Contender: Longplay's complete training set, in one plan from events and exposures to Parquet."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.contender import serve
from bench.read import read_by
from bench.spark_session import AS_JOBS, session
from bench.training_set import DAYS, LABELS
from ingest.fact_tables import build_first_seen
from longplay.registry.registry import default_registry
from rankers.dataset.from_facts import TrainingFacts, build_from_facts
from rankers.dataset.training_set import SplitPlan
from signals.maturity import Knowledge

START = datetime(2025, 1, 1, tzinfo=UTC)
spark = session(**AS_JOBS)


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Write the set; return what was read, and its folder."""
    folder = Path(request["folder"])
    out = folder / "longplay"
    shutil.rmtree(out, ignore_errors=True)
    first, last = (START + timedelta(days=n) for n in request["span"])
    day = timedelta(days=1)
    plan = SplitPlan(first, last - 20 * day, last - 20 * day, last - 10 * day, last - 10 * day, last)
    end = START + DAYS * day
    events, exposures = (spark.read.parquet(str(folder / name)) for name in ("events", "exposures"))
    definitions = [default_registry().get(name) for name in LABELS]
    source_facts = TrainingFacts(events, exposures, build_first_seen(events), request["buckets"])
    with read_by(spark) as read:
        rows = build_from_facts(source_facts, definitions, plan, end, Knowledge(end, end, START))
        rows.write.parquet(str(out))
    return {**read, "out": str(out)}


if __name__ == "__main__":
    serve(run)
