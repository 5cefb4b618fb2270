"""Contender: Longplay's answers to the hard cases."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench.contender import serve
from bench.spark_session import session
from features.last_value import join_last_values

spark = session(**{"spark.driver.memory": "2g"})


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Join and write the answer; ``x0`` decides between facts with equal times."""
    folder = Path(request["folder"])
    facts, spine = (spark.read.parquet(str(folder / f"{name}.parquet")) for name in ("facts", "spine"))
    joined = join_last_values(facts, spine, request["keys"], tie="x0")
    pq.write_table(joined.toArrow(), request["answer"])
    return {}


if __name__ == "__main__":
    serve(run)
