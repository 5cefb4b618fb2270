"""Columns of a training set compared with their sources."""

import pytest

from quality.training_sets import MIN_VALUES_FOR_COMPARISON, ColumnStatistics, copied_columns, describe_mismatches

SIGNALS: ColumnStatistics = {"label_click": (1_000, 0.2), "label_return": (400, 0.05)}


@pytest.mark.parametrize(
    ("of_set", "mismatches"),
    [
        ({"label_click": (1_000, 0.2), "label_return": (400, 0.05)}, []),
        ({"label_click": (905, 0.219), "label_return": (439, 0.046)}, []),  # a few that late facts revised
        (
            {"label_click": (1_000, 0.0), "label_return": (400, 0.05)},
            ["label_click has a mean of 0, its signal of 0.2"],
        ),
        (
            {"label_click": (1_000, 0.8), "label_return": (400, 0.05)},
            ["label_click has a mean of 0.8, its signal of 0.2"],
        ),
        (
            {"label_click": (1_000, 0.2), "label_return": (0, 0.0)},
            ["label_return has 0 values, its signal has 400"],
        ),
        ({"label_click": (1_000, 0.2)}, ["label_return has 0 values, its signal has 400"]),
    ],
)
def test_labels_are_as_many_and_as_large_as_their_signals_say(of_set: ColumnStatistics, mismatches: list[str]) -> None:
    assert describe_mismatches(of_set, SIGNALS, "signal") == mismatches


def test_of_few_values_nothing_is_told() -> None:
    assert describe_mismatches({}, {"label_click": (MIN_VALUES_FOR_COMPARISON - 1, 0.5)}, "signal") == []


def test_features_and_propensities_are_carried_over_from_the_tables_that_have_them() -> None:
    columns = [
        ("f_user_n", "double"),
        ("f_item_n", "double"),
        ("f_user_top", "string"),
        ("propensity", "double"),
        ("position", "int"),
        ("label_click", "double"),
    ]
    assert copied_columns(columns, ["f_user_n", "f_user_top", "as_of", "position"]) == ["f_user_n"]
    assert copied_columns(columns, ["propensity", "position", "label_click"]) == ["propensity"]
    features: ColumnStatistics = {"f_user_n": (1_000, 3.0), "f_user_m": (1_000, 0.0)}
    mismatches = describe_mismatches({"f_user_n": (700, 3.0), "f_user_m": (1_000, 1.0)}, features, "source")
    assert mismatches == ["f_user_n has 700 values, its source has 1,000", "f_user_m has a mean of 1, its source of 0"]
