"""Labels of a training set beside the signals that they come from."""

import pytest

from quality.training_sets import LEAST_VALUES, Told, carried, strays

SIGNALS: Told = {"label_click": (1_000, 0.2), "label_return": (400, 0.05)}


@pytest.mark.parametrize(
    ("of_set", "said"),
    [
        ({"label_click": (1_000, 0.2), "label_return": (400, 0.05)}, []),
        ({"label_click": (905, 0.219), "label_return": (439, 0.046)}, []),  # a few that late facts revised
        (
            {"label_click": (1_000, 0.0), "label_return": (400, 0.05)},
            ["label_click is 0 in the mean, its signal 0.2"],
        ),
        (
            {"label_click": (1_000, 0.8), "label_return": (400, 0.05)},
            ["label_click is 0.8 in the mean, its signal 0.2"],
        ),
        (
            {"label_click": (1_000, 0.2), "label_return": (0, 0.0)},
            ["label_return has 0 values, its signal 400"],
        ),
        ({"label_click": (1_000, 0.2)}, ["label_return has 0 values, its signal 400"]),
    ],
)
def test_labels_are_as_many_and_as_large_as_their_signals_say(of_set: Told, said: list[str]) -> None:
    assert strays(of_set, SIGNALS, "signal") == said


def test_of_few_values_nothing_is_told() -> None:
    assert strays({}, {"label_click": (LEAST_VALUES - 1, 0.5)}, "signal") == []


def test_features_and_propensities_are_carried_over_from_the_tables_that_have_them() -> None:
    columns = [
        ("f_user_n", "double"),
        ("f_item_n", "double"),
        ("f_user_top", "string"),
        ("propensity", "double"),
        ("position", "int"),
        ("label_click", "double"),
    ]
    assert carried(columns, ["f_user_n", "f_user_top", "as_of", "position"]) == ["f_user_n"]
    assert carried(columns, ["propensity", "position", "label_click"]) == ["propensity"]
    features: Told = {"f_user_n": (1_000, 3.0), "f_user_m": (1_000, 0.0)}
    said = strays({"f_user_n": (700, 3.0), "f_user_m": (1_000, 1.0)}, features, "source")
    assert said == ["f_user_n has 700 values, its source 1,000", "f_user_m is 1 in the mean, its source 0"]
