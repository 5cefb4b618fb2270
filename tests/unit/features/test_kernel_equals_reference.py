"""The numpy kernel against plain Python: every kind of feature, over random facts that come late, tie and repeat."""

from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.feature_view import DERIVED, Feature, Kind, View
from features.packed_order import Clock
from features.point_in_time_join import join_bucket
from features.window_kernel import KINDS as COMPUTED_KINDS
from longplay.config.duration import DAY_US
from tests.reference.kinds_by_hand import Fact, view_by_hand

WINDOWS = (1, 3, None)
KINDS = ("count", "sum", "mean", "distinct", "last", "recency")


def every_kind(name: str, keys: tuple[str, ...]) -> View:
    """A view with every kind over every window that it can have."""
    of = {
        "count": "consumptions",
        "distinct": "value",
        "entropy": "value",
        "recency": "consumptions",
        "age": "consumptions",
    }
    features = [
        Feature(f"{name}_{kind}_{w}", kind, of.get(kind, "amount"), w)  # type: ignore[arg-type]
        for kind in KINDS
        for w in WINDOWS
    ]
    features += [Feature(f"{name}_{kind}_{w}", kind, of[kind], w) for kind in ("entropy",) for w in (1, 3)]  # type: ignore[arg-type]
    features += [
        Feature(f"{name}_rate_3", "rate", "consumptions", 3),
        Feature(f"{name}_age", "age", "consumptions"),
        Feature(f"{name}_ratio", "ratio", f"{name}_count_1", 1, "share", (f"{name}_count_3",)),
    ]
    return View(name, keys, "event", tuple(features))


ONE, TWO = every_kind("one", ("user",)), every_kind("two", ("user", "item"))

# Moments on a grid of quarter days, and a microsecond to either side, so that edges and ties are hit often.
moments = st.builds(lambda q, tick: q * DAY_US // 4 + tick, st.integers(0, 32), st.sampled_from((-1, 0, 0, 1)))
names = st.sampled_from(("a", "b", "1", "11", None))
facts_drawn = st.lists(
    st.builds(
        lambda user, item, event, delay, consumed, amount, value: (
            user,
            item,
            event,
            event + delay * DAY_US // 4,
            consumed,
            amount,
            value,
        ),
        names,
        names,
        moments,
        st.sampled_from((0, 0, 0, 1, 5, 14)),
        st.booleans(),
        st.integers(0, 5_000_000),
        st.sampled_from(("x", "y", "z", None)),
    ),
    max_size=40,
)
moments_drawn = st.lists(st.tuples(names, names, moments), min_size=1, max_size=25)

Drawn = tuple[str | None, str | None, int, int, bool, int, str | None]


def tables(facts: list[Drawn], moments: list[tuple[str | None, str | None, int]]) -> tuple[pa.Table, pa.Table]:
    columns = list(zip(*facts, strict=True)) if facts else [[] for _ in range(7)]
    text, moment = pa.string(), pa.timestamp("us", "UTC")
    fact_table = pa.table(
        {
            "user": pa.array(columns[0], text),
            "item": pa.array(columns[1], text),
            "event_ts": pa.array(columns[2], pa.int64()).cast(moment),
            "visible_ts": pa.array(columns[3], pa.int64()).cast(moment),
            "consumed": pa.array(columns[4], pa.bool_()),
            "consumptions": pa.array([int(c) for c in columns[4]], pa.int64()),
            "amount": pa.array([a / 1e6 for a in columns[5]], pa.float64()),
            "value": pa.array(columns[6], text),
        }
    )
    spine = pa.table(
        {
            "id": pa.array(range(len(moments)), pa.int64()),
            "user": pa.array([a[0] for a in moments], text),
            "item": pa.array([a[1] for a in moments], text),
            "as_of": pa.array([a[2] for a in moments], pa.int64()).cast(moment),
        }
    )
    return fact_table, spine


@settings(max_examples=150, deadline=None)
@given(facts=facts_drawn, rows_drawn=moments_drawn)
def test_every_kind_equals_the_reference(facts: list[Drawn], rows_drawn: list) -> None:
    fact_table, spine = tables(facts, rows_drawn)
    rows = join_bucket((ONE, TWO), fact_table, spine).to_pylist()
    assert [row["id"] for row in rows] == list(range(len(rows_drawn)))
    for view, width in ((ONE, 1), (TWO, 2)):
        own = [Fact(f[:width], f[2], f[3], f[4], int(f[4]), f[5], f[6]) for f in facts]
        for row, (user, item, at) in zip(rows, rows_drawn, strict=True):
            key = (user, item)[:width]
            features = {name: row[name] for name in view.names()}
            if None in key:
                assert set(features.values()) == {None}
                continue
            expected = view_by_hand(view, own, key, at)
            close = [name for name in features if "entropy" in name]
            assert {n: features[n] for n in close} == pytest.approx({n: expected[n] for n in close}, abs=1e-6), (
                key,
                at,
            )
            assert {n: v for n, v in features.items() if n not in close} == {
                n: v for n, v in expected.items() if n not in close
            }, (key, at)


def test_every_kind_is_computed_and_compared() -> None:
    assert set(get_args(Kind)) == {*COMPUTED_KINDS, *DERIVED}
    assert {feature.kind for feature in ONE.features} == set(get_args(Kind))


def test_ranks_stand_in_where_distances_do_not_fit() -> None:
    """Ten years in microseconds beside a hundred million keys do not fit 62 bits; the answers are the same."""
    moments = np.array([5, 5 * DAY_US, 3653 * DAY_US])
    bare, ranked = Clock(moments, 1), Clock(moments, 100_000_000)
    assert (bare.size, ranked.size) == (int(moments[-1]) - 5 + 2, 4)
    later_moments = np.array([0, 5, 6, 5 * DAY_US, 5 * DAY_US + 1, 3653 * DAY_US, 4000 * DAY_US])
    for clock in (bare, ranked):
        assert (clock.at(moments)[:, None] < clock.at(later_moments)[None, :]).tolist() == (
            moments[:, None] < later_moments
        ).tolist()
        assert clock.moment(clock.at(moments)).tolist() == moments.tolist()


def test_what_cannot_fit_is_refused() -> None:
    with pytest.raises(OverflowError, match="use more buckets"):
        Clock(np.arange(1000), 2**60)


def test_the_answer_does_not_depend_on_the_order_of_rows_or_on_who_shares_a_bucket() -> None:
    rng = np.random.default_rng(7)
    facts: list[Drawn] = []
    for _ in range(300):
        event = int(rng.integers(0, 8 * DAY_US))
        late = int(rng.choice([0, 0, DAY_US]))
        facts.append(
            (f"u{rng.integers(6)}", "i", event, event + late, True, int(rng.integers(9)), f"v{rng.integers(4)}")
        )
    rows_drawn = [(f"u{n % 6}", "i", int(rng.integers(0, 9 * DAY_US))) for n in range(60)]
    fact_table, spine = tables(facts, rows_drawn)
    rows_by_id = {row["id"]: row for row in join_bucket((ONE, TWO), fact_table, spine).to_pylist()}
    shuffled = fact_table.take(rng.permutation(len(fact_table)))
    assert {row["id"]: row for row in join_bucket((ONE, TWO), shuffled, spine).to_pylist()} == rows_by_id
    for user in {a[0] for a in rows_drawn}:
        own = join_bucket(
            (ONE, TWO),
            fact_table.filter(pa.compute.equal(fact_table["user"], user)),
            spine.filter(pa.compute.equal(spine["user"], user)),
        )
        assert {row["id"]: row for row in own.to_pylist()} == {
            n: row for n, row in rows_by_id.items() if row["user"] == user
        }
