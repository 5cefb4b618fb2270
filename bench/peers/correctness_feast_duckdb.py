"""Contender: Feast's DuckDB offline store on the hard cases (feast 0.67.0)."""

from typing import Any

import pyarrow.parquet as pq
from feast import FileSource
from feast.data_format import ParquetFormat

from bench.contender import serve
from bench.peers.feast_store import store


def run(request: dict[str, Any]) -> dict[str, Any]:
    folder, columns = request["folder"], [f"x{n}" for n in range(request["columns"])]
    source = FileSource(
        name="facts",
        path=f"{folder}/facts.parquet",
        file_format=ParquetFormat(),
        timestamp_field="event_ts",
        created_timestamp_column="known_ts",
    )
    feature_store = store(folder, {"type": "duckdb"}, source, columns, request["keys"])
    spine = pq.read_table(folder + "/spine.parquet").to_pandas().rename(columns={"as_of": "event_timestamp"})
    joined = feature_store.get_historical_features(
        spine, [f"facts:{c}" for c in columns], **request["options"]
    ).to_arrow()
    names = ["as_of" if name == "event_timestamp" else name for name in joined.column_names]
    pq.write_table(joined.rename_columns(names), request["answer"])
    return {}


if __name__ == "__main__":
    serve(run)
