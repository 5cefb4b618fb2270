"""Contender: the build of events, its gate, and the same suite on great-expectations' own engine."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from bench.contender import serve
from bench.spark_session import AS_JOBS, session
from ingest import fact_tables, readers, row_validation
from ingest.source_config import load_source
from quality.expectations import Expectation
from quality.gate import Gate
from quality.gx.validate_rows import gx_expectations, open_spark_batch, passed_by_check, validate_rows
from tables.catalog import EVENTS
from tables.checks import Bounded, Sampled, Steady
from tables.publish import Lineage, WritableStore
from tables.spec import TableSpec

OBSERVED = datetime(2030, 1, 1, tzinfo=UTC)
WIDE = 1e18
VALIDATED = replace(
    EVENTS,
    checks=tuple(
        Bounded(c.name, c.measure, c.message, -WIDE, WIDE) if isinstance(c, Steady) else c for c in EVENTS.checks
    ),
)
"""Every aggregate has an interval, as if there were earlier days."""
INTERVALS = [
    Expectation(c.name, c.name, 0.0, -WIDE, WIDE, "error", c.message, "2025-01-01" if isinstance(c, Bounded) else "")
    for c in VALIDATED.checks
    if isinstance(c, Bounded | Sampled)
]
spark = session(**AS_JOBS)
what, folder = sys.argv[1], Path(sys.argv[2])


def skip_gate(frame: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> Mapping[str, Any]:
    """A gate that checks nothing."""
    return {"rows": 1}


def build(log: Path, out: Path) -> dict[str, Any]:
    """Build events from a raw log as ingest does, without a gate."""
    source = load_source("world")
    shutil.rmtree(out, ignore_errors=True)
    raw = readers.read_raw(spark, readers.locate(log, source.events), source, source.events)
    validated = row_validation.validate_rows(raw, source, source.events, OBSERVED).persist()
    counts = fact_tables.count_reasons(validated, source.events)
    events = fact_tables.build_events(validated, source.events, 1)
    WritableStore(out, "world", lambda: spark).publish(events, EVENTS, Lineage("bench", "bench"), skip_gate)
    validated.unpersist()
    return {"rows": counts["clean"]}


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run this contender's part once."""
    case = folder / request["case"]
    out = case / f"store-{request['round']}"
    if what == "build":
        counts = build(case / "log", out)
        if request["round"]:
            shutil.rmtree(case / f"store-{request['round'] - 1}", ignore_errors=True)
        return counts
    staged = spark.read.schema(spark.read.parquet(str(case / "staged")).schema).parquet(str(case / "staged"))
    if what == "gate":
        return {"rows": Gate(case / "verdicts", f"run-{request['round']}")(staged, VALIDATED)["rows"]}
    passed = (
        check_by_check(staged)
        if what == "check by check"
        else passed_by_check(validate_rows(staged, VALIDATED, INTERVALS))
    )
    failed = [name for name, is_passed in passed.items() if not is_passed]
    return {"wrong": ", ".join(failed) or "nothing"}


def check_by_check(staged: DataFrame) -> dict[str, bool]:
    """Validate the suite on great-expectations' own engine, one expectation after the other."""
    gx, _, definition = open_spark_batch(VALIDATED)
    batch = definition.get_batch(batch_parameters={"dataframe": staged})
    return {
        expectation.meta["rule"]: bool(batch.validate(expectation, result_format="BOOLEAN_ONLY").success)
        for expectation in gx_expectations(gx, VALIDATED, INTERVALS)
    }


if __name__ == "__main__":
    serve(run)
