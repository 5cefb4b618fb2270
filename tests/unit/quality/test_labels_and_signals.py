"""Labels of a training set beside the signals that they come from."""

import pytest

from quality.training_sets import LEAST_LABELS, Told, strays

SIGNALS: Told = {"click": (1_000, 0.2), "return_14d": (400, 0.05)}


@pytest.mark.parametrize(
    ("of_set", "said"),
    [
        ({"click": (1_000, 0.2), "return_14d": (400, 0.05)}, []),
        ({"click": (905, 0.219), "return_14d": (439, 0.046)}, []),  # a few that late facts revised
        ({"click": (1_000, 0.0), "return_14d": (400, 0.05)}, ["label_click is 0 in the mean, its signal 0.2"]),
        ({"click": (1_000, 0.8), "return_14d": (400, 0.05)}, ["label_click is 0.8 in the mean, its signal 0.2"]),
        ({"click": (1_000, 0.2), "return_14d": (0, 0.0)}, ["label_return_14d has 0 values, its signal 400"]),
        ({"click": (1_000, 0.2)}, ["label_return_14d has 0 values, its signal 400"]),
    ],
)
def test_labels_are_as_many_and_as_large_as_their_signals_say(of_set: Told, said: list[str]) -> None:
    assert strays(of_set, SIGNALS) == said


def test_of_few_values_nothing_is_told() -> None:
    assert strays({}, {"click": (LEAST_LABELS - 1, 0.5)}) == []
