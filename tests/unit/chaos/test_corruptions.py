"""The catalogue of corruptions: many, each with its own name, and each changes the data."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tables import catalog
from tests.chaos.corruptions.catalogue import Corruption, everything
from tests.chaos.corruptions.deliveries import LOGS, Deliveries, as_frame, source, write_frame
from worlds.spec import WorldSpec

ALL = everything()
DELIVERED = [corruption for corruption in ALL.values() if corruption.kind != "table"]
DERIVED = [corruption for corruption in ALL.values() if corruption.kind == "table"]
DAY, ROWS = 20, 400
START = datetime(2024, 1, 10, tzinfo=UTC)
ARROW = {
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "bigint": pa.int64(),
}
FEATURES = {
    "exposure_features": ("f_user_n_plays_7d", "f_user_click_rate_28d", "f_user_mean_seconds_28d"),
    "item_features": ("f_item_n_plays_7d", "f_item_click_rate_28d"),
    "training_set": ("f_user_n_plays_7d", "f_user_click_rate_28d", "label_return_to_item_14d"),
    "signal_values": (),
}


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Deliveries:
    return Deliveries(WorldSpec.from_size("tiny", seed=3, days=24, users=300), tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def good(days: Deliveries, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict[str, bytes]]:
    """The day without a fault, as Parquet and as CSV."""
    folder = tmp_path_factory.mktemp("good")
    return {text: content(days.deliver(folder / str(text), DAY, None, text)) for text in (False, True)}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def made_up(table: str) -> pd.DataFrame:
    """Rows of a derived table with varying values."""
    rng = np.random.default_rng(5)
    columns: dict[str, pa.Array] = {}
    for number, column in enumerate(catalog.get(table).columns):
        kind, n = column.type, np.arange(ROWS)
        values: list[object] = [f"{column.name}-{i}" for i in n]
        if kind == "timestamp":
            values = [START + timedelta(hours=int(i), minutes=number) for i in n]
        elif kind == "date":
            values = [(START + timedelta(hours=int(i))).date() for i in n]
        elif kind in ("double", "int", "bigint"):
            values = [int(v) if kind != "double" else float(v) for v in rng.integers(0, 50, ROWS)]
        elif kind == "boolean":
            values = [True] * ROWS
        columns[column.name] = pa.array(values, ARROW[kind])
    columns |= {name: pa.array(rng.random(ROWS) * (number + 3)) for number, name in enumerate(FEATURES[table])}
    frame = as_frame(pa.table(columns))
    types = {"state_return_to_item_14d": "string[pyarrow]"} if table == "training_set" else {}
    return frame.assign(**required_columns(table)).astype({**frame.dtypes, **types})


def required_columns(table: str) -> dict[str, object]:
    """Column values that mutations need in order to find their rows."""
    n = np.arange(ROWS)
    if table == "signal_values":
        state = np.array(["mature", "mature", "open"])[n % 3]
        return {
            "signal": np.array(["return_to_item_14d@1", "click@1"])[n % 2],
            "state": state,
            "settled": state != "open",
            "value": pd.Series(np.where(state == "open", np.nan, n % 5 / 4)).where(state != "open"),
            "prefix": 1.0,
            "anchor_id": [f"{i:04x}"[::-1] for i in n],
            "void_reason": pd.Series([None] * ROWS),
        }
    if table == "training_set":
        return {"split": np.array(["train", "valid", "test"])[n * 3 // ROWS], "state_return_to_item_14d": "mature"}
    return {}


def test_there_are_many_and_each_says_what_it_does() -> None:
    assert len(ALL) >= 60
    assert len({(corruption.table, corruption.about) for corruption in ALL.values()}) == len(ALL)
    assert all(len(corruption.about) > 10 and len(corruption.caught_by) > 4 for corruption in ALL.values())
    assert {corruption.table for corruption in DERIVED} == set(FEATURES)


@pytest.mark.parametrize("corruption", DELIVERED, ids=lambda corruption: corruption.name)
def test_a_delivery_is_another_one(
    corruption: Corruption, days: Deliveries, good: dict[bool, dict[str, bytes]], tmp_path: Path
) -> None:
    delivered = content(days.deliver(tmp_path / "day", DAY, corruption, corruption.text))
    assert delivered != good[corruption.text]
    if corruption.kind == "rows":  # compare the rows, not only the bytes of the files
        day, bad = days.day(DAY), corruption.mutate(days.day(DAY))
        assert any(not getattr(day, log).equals(getattr(bad, log)) for log in LOGS)


@pytest.mark.parametrize("corruption", DERIVED, ids=lambda corruption: corruption.name)
def test_rows_of_a_table_are_others(corruption: Corruption, tmp_path: Path) -> None:
    frame = made_up(corruption.table)
    write_frame(frame, tmp_path / "good.parquet")
    bad = corruption.mutate(frame.copy(), np.random.default_rng(1))
    write_frame(bad, tmp_path / "bad.parquet")
    assert (tmp_path / "good.parquet").read_bytes() != (tmp_path / "bad.parquet").read_bytes()
    assert not bad.equals(frame)


def test_the_days_of_a_world_are_the_whole_of_it(days: Deliveries) -> None:
    """Every row is delivered exactly once."""
    parts = [days.between(0, 10), *(days.between(day, day + 1) for day in range(10, 24))]
    for log in ("events", "exposures"):
        log_rows = days.logs[log]
        assert sum(len(part[log]) for part in parts) == int((log_rows["ingest_ts"] < days.start(24)).sum())
    assert source(text=True).format.type == "csv"
    assert source(text=True).name == source().name
