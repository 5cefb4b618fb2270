"""Rewards: worked cases of those that ship, and random values of their signals against plain Python."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from longplay.config.duration import DAY
from longplay.definitions.reward import Composite, Reward
from longplay.registry.registry import default_registry
from rankers.dataset.training_set import pivot_labels
from signals.rewards import append_reward_values, compute_reward_values
from tables.catalog import SIGNAL_VALUES
from tests.reference.records import at, utc
from tests.reference.rewards_by_hand import RewardValue, rewards_by_hand
from tests.spec.test_time_worked_cases import table

pytestmark = pytest.mark.spark

NAMES = ("kept_return", "lasting_value")
T0, NOW = at("3 May"), at("1 Aug")
# A value of each signal, or its state. K = kept_return, L = lasting_value.
CASES = """
case                  | return | click | regret | long | satisfied | K    | L
nothing               | 0      | 0     | 0      | 0    | 0         | 0    | 0
a click alone         | 0      | 1     | 0      | 0    | 0         | 0.2  | 0
came back             | 1      | 1     | 0      | 3    | 1         | 1    | 0.560724
two weeks of it       | 1      | 1     | 0      | 14   | 0         | 1    | 0.9
more counts no more   | 1      | 1     | 0      | 60   | 1         | 1    | 1
regret weighs         | 1      | 1     | 1      | 1    | 0         | 0.6  | 0
never below 0         | 0      | 1     | 1      | 0    | 0         | 0    | 0
one part is open      | 1      | 1     | open   | open | 0         | open | open
one is not there yet  | 1      | 1     | none   | 1    | none      | open | open
one is void           | void   | 1     | open   | void | 1         | void | void
"""
COLUMNS = {"return_to_item_14d": "return", "click": "click", "regret": "regret", "long_term_q_59d": "long",
           "satisfied_completion_7d": "satisfied"}  # fmt: skip
SIGNALS = {name: default_registry().get(f"{name}@1") for name in COLUMNS}


def row(anchor: str, name: str, state: str, known_ts: datetime, **more: Any) -> dict[str, Any]:
    """A row of ``signal_values``."""
    signal = SIGNALS[name]
    base = {
        "signal": signal.ref, "definition_hash": signal.hash, "anchor_id": anchor, "user_id": f"u of {anchor}",
        "item_id": "song", "t0": T0, "t0_day": T0.date(), "window_end": T0 + DAY, "matures_at": T0 + 2 * DAY,
        "state": state, "void_reason": "outage" if state == "void" else None, "value": None, "prefix": None,
        "elapsed_share": 1.0, "event_observed": None, "ipc_weight": 1.0, "censoring": "administrative",
        "cluster_id": "c", "known_ts": known_ts, "revision": 0, "settled": state != "open", "batch": 1,
    }  # fmt: skip
    return base | more


def frame(spark: SparkSession, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
    schema = ", ".join(f"{c.name} {c.type}" for c in SIGNAL_VALUES.columns)
    names = [c.name for c in SIGNAL_VALUES.columns]
    return spark.createDataFrame([tuple(values[name] for name in names) for values in rows], schema)


def worked_rows() -> list[dict[str, Any]]:
    rows = []
    for case in table(CASES):
        for name, column in COLUMNS.items():
            text = case[column]
            if text in ("open", "void"):
                rows.append(row(case["case"], name, text, T0 + 3 * DAY))
            elif text != "none":
                rows.append(row(case["case"], name, "mature", T0 + 3 * DAY, value=float(text)))
    return rows


def composite(name: str) -> Composite:
    label = default_registry().label(name)
    assert isinstance(label, Composite)
    return label


def rounded_values(frame: DataFrame) -> dict[str, RewardValue]:
    """Values by anchor, rounded: the logarithms of Java and C differ in their last bit."""
    return {
        r["anchor_id"]: RewardValue(
            r["anchor_id"], r["state"], r["void_reason"], None if r["value"] is None else round(r["value"], 9) + 0.0,
            utc(r["known_ts"]), r["revision"],
        )
        for r in frame.collect()
    }  # fmt: skip


@pytest.mark.parametrize(("name", "column"), zip(NAMES, "KL", strict=True))
def test_worked_cases(spark: SparkSession, name: str, column: str) -> None:
    computed = rounded_values(compute_reward_values(composite(name), frame(spark, worked_rows()), F.lit(NOW)))
    by_hand = rewards_by_hand(composite(name), worked_rows(), NOW)
    for case in table(CASES):
        state = case[column] if case[column] in ("open", "void") else "mature"
        for reward in (computed[case["case"]], by_hand[case["case"]]):
            assert reward.state == state, case["case"]
            assert reward.value == (pytest.approx(float(case[column]), abs=1e-6) if state == "mature" else None)
            assert reward.void_reason == ("outage" if state == "void" else None)


def random_rows(seed: int, anchors: int = 60) -> list[dict[str, Any]]:
    """Values that are open, become mature, are revised, or end as void; at moments that tie; some are missing."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(anchors):
        for name in COLUMNS:
            choice, moment = rng.random(), T0 + int(rng.integers(1, 6)) * DAY
            if choice < 0.05:
                continue
            anchor, revisions = f"x{number}", int(rng.integers(3))
            if choice < 0.15:
                rows.append(row(anchor, name, "open", NOW, prefix=1.0))
                continue
            if choice < 0.2:
                rows.append(row(anchor, name, "void", moment, void_reason=str(rng.choice(["outage", "undefined"]))))
                continue
            for revision in range(revisions + 1):
                value = float(rng.integers(0, 3)) if name.startswith("long") else float(rng.integers(2))
                value *= 20.0 if name.startswith("long") else 1.0
                known_ts = moment + revision * DAY * int(rng.integers(1, 3))
                rows.append(row(anchor, name, "mature", known_ts, value=value, revision=revision))
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_random_values_equal_plain_python_at_every_moment(spark: SparkSession, name: str) -> None:
    rows, reward = random_rows(5), composite(name)
    values = frame(spark, [*rows, {**rows[0], "definition_hash": "0" * 16, "revision": 9, "known_ts": T0}]).cache()
    states = set()
    for known_at in (T0, T0 + 2 * DAY, T0 + 4 * DAY, NOW):
        expected = rewards_by_hand(reward, rows, known_at)
        assert rounded_values(compute_reward_values(reward, values, F.lit(known_at))) == expected
        states |= {value.state for value in expected.values()}
    assert states == {"open", "mature", "void"}
    assert any(value.revision > 1 for value in expected.values())


def test_a_reward_is_a_label_beside_its_signals(spark: SparkSession) -> None:
    labels, rows = [SIGNALS["click"], composite("kept_return")], worked_rows()
    computed = {r["exposure_id"]: r for r in pivot_labels(labels, frame(spark, rows), NOW).collect()}
    reward = computed["regret weighs"]
    assert (reward["label_click"], reward["state_click"]) == (1.0, "mature")
    assert (round(reward["label_kept_return"], 9), reward["state_kept_return"]) == (0.6, "mature")
    assert (utc(reward["labels_known_ts"]), utc(reward["labels_t0"])) == (T0 + 3 * DAY, T0)
    for case, state in (("one part is open", "open"), ("one is void", "void")):
        assert (computed[case]["label_kept_return"], computed[case]["state_kept_return"]) == (None, state)
    # As known before the signals were, there is no label.
    assert pivot_labels(labels, frame(spark, rows), T0).count() == 0


def test_values_of_signals_stay_as_they_are(spark: SparkSession) -> None:
    values = frame(spark, worked_rows())
    assert append_reward_values([], values, F.lit(NOW)) is values
    both = append_reward_values([composite("kept_return")], values, F.lit(NOW))
    assert both.where("signal <> 'kept_return@1'").count() == values.count()
    assert both.where("signal = 'kept_return@1'").count() == len(table(CASES))


def test_control_another_weight_is_another_value(spark: SparkSession) -> None:
    reward = composite("kept_return")
    parts = [part.model_dump() | {"weight": 0.5 if part.weight > 0 else part.weight} for part in reward.reward.parts]
    other = Composite(Reward.model_validate(reward.reward.model_dump() | {"parts": parts}), reward.signals)
    computed = rounded_values(compute_reward_values(other, frame(spark, worked_rows()), F.lit(NOW)))
    assert computed["a click alone"].value == 0.5
    assert other.hash != reward.hash
