"""Contender: hand-written DuckDB without Spark, the bound of what one machine can do."""

from typing import Any

import duckdb

from bench.contender import serve


def run(request: dict[str, Any]) -> dict[str, Any]:
    folder = request["folder"]
    row = duckdb.sql(f"""
        SELECT count(*), count(f.x0), sum(f.x0), max(f.x1), max(f.x2), max(f.x3), max(f.x4)
        FROM '{folder}/spine.parquet' s ASOF LEFT JOIN '{folder}/facts.parquet' f
        ON s.user_id = f.user_id AND s.as_of > f.event_ts
    """).fetchall()[0]
    return {"rows": row[0], "found": row[1], "sum": row[2]}


if __name__ == "__main__":
    duckdb.sql("SET threads = 2")
    serve(run)
