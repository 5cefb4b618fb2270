"""A feature that equals its label is a leak; one that only hints at it is not."""

import numpy as np
import pyarrow as pa
import pytest

from quality.measure.leakage import find_strongest_correlation
from tables.checks import Leak

CHECK = Leak("no_leak", "f_", "label_", "a feature is its label", 0.95)


def test_the_closest_pair_is_named() -> None:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 1000).astype(float)
    columns = {
        "f_hint": label + rng.normal(0, 1, 1000),
        "f_leak": -label + rng.normal(0, 0.01, 1000),
        "f_constant": np.ones(1000),
        "label_click": label,
        "state_click": label,
    }
    share, pair = find_strongest_correlation(pa.table(columns), CHECK)
    assert share == pytest.approx(1.0, abs=0.01)
    assert pair == "f_leak, label_click"
    columns.pop("f_leak")
    share, pair = find_strongest_correlation(pa.table(columns), CHECK)
    assert 0.3 < share < 0.6
    assert pair == "f_hint, label_click"


def test_nulls_are_left_out_and_few_rows_say_nothing() -> None:
    label = [0.0, 1.0] * 150
    feature = pa.array(label[:199] + [None] * 101, pa.float64())
    assert find_strongest_correlation(pa.table({"f_a": feature, "label_b": pa.array(label)}), CHECK) == (
        0.0,
        "f_a, label_b",
    )
    feature = pa.array(label[:200] + [None] * 100, pa.float64())
    share, _ = find_strongest_correlation(pa.table({"f_a": feature, "label_b": pa.array(label)}), CHECK)
    assert share == pytest.approx(1.0)
    assert find_strongest_correlation(pa.table({"label_b": pa.array(label)}), CHECK) == (0.0, "")
