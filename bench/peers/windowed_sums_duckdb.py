"""Contender: hand-written trailing sums in DuckDB: running sums, probed at both ends of each window by ASOF joins."""

from typing import Any

import duckdb

from bench.contender import serve


def run(request: dict[str, Any]) -> dict[str, Any]:
    folder = request["folder"]
    joins = "\n".join(
        f"ASOF LEFT JOIN c c{w} ON s.user_id = c{w}.user_id AND s.as_of - INTERVAL {w} DAY > c{w}.event_ts"
        for w in (7, 30, 90)
    )
    sums = ", ".join(f"sum(coalesce(n.total, 0) - coalesce(c{w}.total, 0)) AS s{w}" for w in (7, 30, 90))
    row = duckdb.sql(f"""
        WITH c AS MATERIALIZED (
            SELECT user_id, event_ts, sum(x0) OVER (PARTITION BY user_id ORDER BY event_ts) AS total
            FROM '{folder}/facts.parquet'
        )
        SELECT count(*) AS rows, {sums} FROM '{folder}/spine.parquet' s
        ASOF LEFT JOIN c n ON s.user_id = n.user_id AND s.as_of > n.event_ts
        {joins}
    """).fetchall()[0]
    return dict(zip(("rows", "s7", "s30", "s90"), row, strict=True))


if __name__ == "__main__":
    duckdb.sql("SET threads = 2")
    serve(run)
