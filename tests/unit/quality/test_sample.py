"""Worked shapes of a sample: repeats, top shares, familiar ids and moved distributions."""

import math

import numpy as np
import pyarrow as pa
import pytest

from quality.measure import sample
from quality.measure.sample import count_values, familiar_share, measure_shapes, moved_share, remember_ids
from tables.checks import Sampled, Shape

ROWS = pa.table({"who": ["ann", "ann", "bob", None], "what": ["x", "x", "y", "x"]})


def check(shape: Shape, *columns: str) -> Sampled:
    return Sampled(f"{shape}_{'_'.join(columns)}", shape, columns, "as before", 0.1)


def test_values_are_counted_together_and_null_is_one() -> None:
    values, counts = count_values(ROWS, ("who", "what"))
    assert dict(zip(values, counts.tolist(), strict=True)) == {"ann\x1fx": 2, "bob\x1fy": 1, "(null)\x1fx": 1}
    values, counts = count_values(ROWS, ("who",))
    assert dict(zip(values, counts.tolist(), strict=True)) == {"ann": 2, "bob": 1, "(null)": 1}


def test_a_first_publication_has_what_rests_on_itself_alone() -> None:
    checks = [
        check("repeats", "who", "what"),
        check("topShare", "what"),
        check("familiar", "who"),
        check("mix", "what"),
    ]
    first = measure_shapes(ROWS, checks, [])
    assert first.rows == 4
    assert first.numbers == {"repeats_who_what": 0.25, "topShare_what": 0.75}
    assert first.memory["mix_what"] == {"x": 0.75, "y": 0.25}
    assert len(first.memory["familiar_who"]["ids"]) == 3
    later = pa.table({"who": ["ann", "cat", "cat", "dan"], "what": ["x", "y", "y", "y"]})
    second = measure_shapes(later, checks, [first.memory])
    assert second.numbers["familiar_who"] == 0.25
    # x has moved from 3/4 to 1/4; chance moves sqrt(2 / (8 pi)) of four rows with two values.
    assert second.numbers["mix_what"] == pytest.approx(0.5 - math.sqrt(2 / (8 * math.pi)))


def test_an_empty_sample_says_nothing() -> None:
    assert measure_shapes(ROWS.slice(0, 0), [check("topShare", "who")], []).numbers == {}


def test_only_ids_that_every_memory_would_hold_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MAX_REMEMBERED_IDS", 50)
    users = np.asarray([f"u{n}" for n in range(1000)], dtype=object)
    memory = remember_ids(users)
    assert len(memory["ids"]) == 50
    once = np.ones(1000, np.int64)
    assert familiar_share(users, once, [memory]) == 1.0
    half = np.asarray([f"{'v' if n % 2 else 'u'}{n}" for n in range(1000)], dtype=object)
    assert 0.3 < familiar_share(half, once, [memory]) < 0.7
    assert familiar_share(np.asarray([f"v{n}" for n in range(1000)], dtype=object), once, [memory]) == 0.0


def test_what_has_moved_is_held_against_the_mean_of_earlier_publications() -> None:
    rows = 10**9  # chance moves hardly any of so many
    assert moved_share({"a": 0.5, "b": 0.5}, [{"a": 1.0}, {"b": 1.0}], rows) == pytest.approx(0.0, abs=1e-4)
    assert moved_share({"c": 1.0}, [{"a": 1.0}], rows) == pytest.approx(1.0, abs=1e-4)
