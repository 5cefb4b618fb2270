"""Rows that a join could get wrong in silence: no moment to look from, no time of a fact, no value to decide by."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from features.feature_view import Feature, View
from features.last_value import look_up_bucket as last_of
from features.point_in_time_join import join_bucket as features_of
from longplay.errors import InputError

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIME = pa.timestamp("us", "UTC")
VIEW = View("plays", ("user_id",), "event", (Feature("plays_1d", "count", "consumptions", 1),))


def facts(**changed: Any) -> pa.Table:
    columns = {
        "user_id": pa.array(["ann", "ann"]),
        "event_ts": pa.array([NOON - HOUR, NOON + HOUR], TIME),
        "known_ts": pa.array([NOON - HOUR, NOON + HOUR], TIME),
        "value": pa.array([1.0, 2.0]),
    }
    return pa.table(columns | changed)


def counted(**changed: Any) -> pa.Table:
    table = facts(**changed).drop_columns(["value"]).rename_columns(["user_id", "event_ts", "visible_ts"])
    return table.append_column("consumed", pa.array([True, True])).append_column("consumptions", pa.array([1, 1]))


def spine(moments: list[datetime | None]) -> pa.Table:
    return pa.table({"user_id": pa.array(["ann"] * len(moments)), "as_of": pa.array(moments, TIME)})


def test_a_row_without_a_moment_is_kept_and_sees_nothing() -> None:
    moments_table = spine([None, NOON])
    assert last_of(("user_id",), ("value",), None, facts(), moments_table)["value"].to_pylist() == [None, 1.0]
    assert features_of([VIEW], counted(), moments_table)["plays_1d"].to_pylist() == [None, 1.0]


@pytest.mark.parametrize("name", ["event_ts", "known_ts"])
def test_a_fact_without_a_time_is_refused_by_name(name: str) -> None:
    lacking = {name: pa.array([NOON, None], TIME)}
    with pytest.raises(InputError, match=f"needs a value of '{name}' in every row") as caught:
        last_of(("user_id",), ("value",), None, facts(**lacking), spine([NOON]))
    assert caught.value.got == "1 nulls among 2 rows of a bucket"


def test_keys_of_different_types_are_refused_by_name() -> None:
    numbers = facts(user_id=pa.array([1, 2], pa.int32()))
    with pytest.raises(InputError, match="The types of 'user_id' in facts and spine differ") as caught:
        last_of(("user_id",), ("value",), None, numbers, spine([NOON]))
    assert caught.value.got == "int32 and string"


@pytest.mark.parametrize("values", [[None, 7.0], [7.0, None]])
def test_any_value_decides_before_none(values: list[float | None]) -> None:
    same = pa.array([NOON - HOUR, NOON - HOUR], TIME)
    tied = facts(event_ts=same, known_ts=same, value=pa.array(values))
    assert last_of(("user_id",), ("value",), "value", tied, spine([NOON]))["value"].to_pylist() == [7.0]
