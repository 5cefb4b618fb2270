"""A simulated world, cut into daily deliveries by the time at which rows became known."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from ingest.source_config import Source
from longplay.config.duration import DAY
from longplay.config.strict_model import read_yaml, validate_model
from tests.chaos.corruptions.catalogue import Corruption, Day
from worlds.log import write_log
from worlds.spec import WorldSpec

LOGS = ("events", "exposures", "episodes")


@dataclass(frozen=True)
class Deliveries:
    """The days of a world. Day 0 is its first."""

    spec: WorldSpec
    folder: Path

    @cached_property
    def logs(self) -> dict[str, pd.DataFrame]:
        """The raw logs; simulated on first use."""
        if not (self.folder / "log").exists():
            write_log(self.spec, self.folder)
        return {log: as_frame(pq.read_table(self.folder / "log" / f"{log}.parquet")) for log in LOGS}

    def start(self, day: int) -> datetime:
        """Midnight UTC at which a day begins."""
        return self.spec.start + day * DAY

    def between(self, first: int, end: int) -> dict[str, pd.DataFrame]:
        """The rows that became known in the days ``[first, end)``; day 0 includes everything known earlier."""
        rows = {}
        for log, frame in self.logs.items():
            known_at = frame["released_at" if log == "episodes" else "ingest_ts"]
            is_new = known_at >= self.start(first) if first else known_at.notna()
            rows[log] = frame[is_new & (known_at < self.start(end))].reset_index(drop=True)
        return rows

    def day(self, number: int, seed: int = 1) -> Day:
        """One day, with the day before it."""
        before = self.between(number - 1, number)
        pair = (before["events"], before["exposures"])
        return Day(**self.between(number, number + 1), before=pair, rng=np.random.default_rng(seed))

    def write(self, folder: Path, rows: dict[str, pd.DataFrame], first: int, end: int, text: bool = False) -> Path:
        """A delivery of the days ``[first, end)`` with its heartbeat."""
        folder.mkdir(parents=True, exist_ok=True)
        for log, frame in rows.items():
            write_frame(frame, folder / f"{log}.{'csv' if text else 'parquet'}")
        times = {"complete_until": self.start(end), "observed_at": self.start(end) + timedelta(hours=1)}
        if first:
            times["complete_from"] = self.start(first)
        heartbeat = {name: moment.isoformat() for name, moment in times.items()}
        (folder / "_delivery.json").write_text(json.dumps(heartbeat), encoding="utf-8")
        return folder

    def deliver(self, folder: Path, number: int, corruption: Corruption | None = None, text: bool = False) -> Path:
        """Write one day, with or without a corruption."""
        day = self.day(number)
        if corruption is not None and corruption.kind == "rows":
            day = corruption.mutate(day)
        self.write(folder, {log: getattr(day, log) for log in LOGS}, number, number + 1, text)
        if corruption is not None and corruption.kind == "files":
            corruption.mutate(folder)
        return folder


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Convert to pandas with Arrow types."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write rows as CSV or Parquet, by the name of the file."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if path.suffix == ".csv":
        pacsv.write_csv(pa.table({name: _text(table[name]) for name in table.column_names}), path)
    else:
        pq.write_table(table, path, coerce_timestamps="us", allow_truncated_timestamps=True)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return pa.array([None if t is None else t.isoformat() for t in column.to_pylist()], pa.string())
    return column


def source(text: bool = False) -> Source:
    """The shipped source of simulated worlds; with ``text``, for CSV files instead of Parquet."""
    data: dict[str, Any] = read_yaml(Path(str(resources("conf"))) / "sources" / "world.yaml")
    if text:
        data["format"] = {"type": "csv"}
        for log in LOGS:
            data[log] = data[log] | {"path": f"{log}.csv"}
    return validate_model(Source, data, "conf/sources/world.yaml")
