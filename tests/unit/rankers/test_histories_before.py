"""A history for as_of holds the last L consumptions known strictly before it, oldest first."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longplay.errors import InputError
from rankers.dataset.histories import PAD, UNKNOWN, Histories, Vocabulary, to_micros


def instants(*texts: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts), utc=True), name="ts")


def histories(rows: list[tuple[str, str, str, str]]) -> Histories:
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "event_ts", "visible_ts"])
    frame["event_ts"], frame["visible_ts"] = instants(*frame["event_ts"]), instants(*frame["visible_ts"])
    return Histories.from_frame(frame)


ROWS = [
    ("ann", "a", "2025-01-01 00:00", "2025-01-01 00:00"),
    ("ann", "b", "2025-01-02 00:00", "2025-01-04 00:00"),  # known two days late
    ("ann", "c", "2025-01-03 00:00", "2025-01-03 00:00"),
    ("bob", "b", "2025-01-02 12:00", "2025-01-02 12:00"),
]


def read_history(history: Histories, user: str, as_of: str, length: int = 4) -> tuple[list[str], list[float]]:
    window = history.before([user], to_micros(instants(as_of)), length)
    codes = window.items[0][window.items[0] != PAD]
    return [history.vocabulary.items[code - 2] for code in codes], window.age_days[0].tolist()


def test_oldest_first_with_ages_in_days_and_padding_on_the_right() -> None:
    assert read_history(histories(ROWS), "ann", "2025-01-05 12:00") == (["a", "b", "c"], [4.5, 3.5, 2.5, 0.0])


def test_only_the_last_l_remain() -> None:
    assert read_history(histories(ROWS), "ann", "2025-01-05 00:00", length=2) == (["b", "c"], [3.0, 2.0])


def test_a_late_row_is_skipped_and_an_earlier_one_takes_its_place() -> None:
    assert read_history(histories(ROWS), "ann", "2025-01-03 12:00", length=2) == (["a", "c"], [2.5, 0.5])


@pytest.mark.parametrize(("as_of", "items"), [("2025-01-01 00:00:00", []), ("2025-01-01 00:00:00.000001", ["a"])])
def test_the_boundary_is_strict(as_of: str, items: list[str]) -> None:
    assert read_history(histories(ROWS), "ann", as_of)[0] == items


def test_a_user_without_rows_has_an_empty_history() -> None:
    assert read_history(histories(ROWS), "zoe", "2025-02-01") == ([], [0.0] * 4)
    assert read_history(histories([]), "ann", "2025-02-01") == ([], [0.0] * 4)


def test_a_row_visible_before_it_happened_is_refused() -> None:
    with pytest.raises(InputError, match="1 rows with visible_ts < event_ts"):
        histories([("ann", "a", "2025-01-02", "2025-01-01")])


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(InputError, match="time zone"):
        to_micros(pd.Series(pd.to_datetime(["2025-01-01"]), name="as_of"))


def test_unknown_items_have_their_own_code() -> None:
    vocabulary = Vocabulary.from_ids(["b", "a"])
    assert vocabulary.encode(["a", "x", "b"]).tolist() == [2, UNKNOWN, 3]
    assert vocabulary.translation(Vocabulary.from_ids(["b"])).tolist() == [PAD, UNKNOWN, UNKNOWN, 2]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from("uvw"), st.sampled_from("abcd"), st.integers(0, 9), st.integers(0, 5))),
    contexts=st.lists(st.tuples(st.sampled_from("uvwx"), st.integers(0, 15)), min_size=1),
    length=st.integers(1, 4),
)
def test_equal_to_a_plain_filter(
    rows: list[tuple[str, str, int, int]], contexts: list[tuple[str, int]], length: int
) -> None:
    epoch = pd.Timestamp("2025-01-01", tz="UTC")
    history = histories(
        [(u, i, str(epoch + pd.Timedelta(t, "D")), str(epoch + pd.Timedelta(t + d, "D"))) for u, i, t, d in rows]
    )
    as_of = to_micros(pd.Series([epoch + pd.Timedelta(day, "D") for _, day in contexts]))
    window = history.before([user for user, _ in contexts], as_of, length)
    for row, (user, day) in enumerate(contexts):
        mine = sorted((r for r in rows if r[0] == user), key=lambda r: r[2])
        expected = [(i, float(day - t)) for _, i, t, d in mine if t + d < day][-length:]
        real = window.items[row] != PAD
        items = [history.vocabulary.items[code - 2] for code in window.items[row][real]]
        assert list(zip(items, window.age_days[row][real].tolist(), strict=True)) == expected
        assert not real[len(expected) :].any()
