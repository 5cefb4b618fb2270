"""Contender: Feast's DuckDB offline store (feast 0.67.0)."""

from typing import Any

import pyarrow.parquet as pq
from feast import FileSource
from feast.data_format import ParquetFormat

from bench.contender import serve
from bench.peers.feast_store import store

COLUMNS = [f"x{n}" for n in range(5)]
stores: dict[str, Any] = {}


def run(request: dict[str, Any]) -> dict[str, Any]:
    folder = request["folder"]
    if folder not in stores:
        source = FileSource(
            name="facts", path=f"{folder}/facts.parquet", file_format=ParquetFormat(), timestamp_field="event_ts"
        )
        stores[folder] = store(folder, {"type": "duckdb"}, source, COLUMNS)
    spine = pq.read_table(folder + "/spine.parquet").to_pandas().rename(columns={"as_of": "event_timestamp"})
    features = stores[folder].get_historical_features(spine, [f"facts:{c}" for c in COLUMNS]).to_df()
    return {"rows": len(features), "found": int(features["x0"].count()), "sum": float(features["x0"].sum())}


if __name__ == "__main__":
    serve(run)
