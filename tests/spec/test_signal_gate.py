"""The signal gate on rows that violate one rule each, and in the jobs: what it refuses, publishes and reports."""

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.build_delays import build_delays
from jobs.build_signals import build_signals
from jobs.ingest_log import ingest
from jobs.runtime.run_context import RunContext
from longplay.config.duration import DAY
from longplay.definitions.signal import Definition
from longplay.errors import QualityError
from longplay.lookup.delay_curves import load_delay_curve
from longplay.registry.registry import Registry, default_registry
from quality.signal_values.profile import count_crossings, profile_signals
from tables.catalog import SIGNAL_VALUES
from tests.reference.definitions_beyond import other
from tests.reference.records import at
from tests.unit.ingest.small_logs import build_source, open_run, progress_text, write_csv

pytestmark = pytest.mark.spark

WATERMARK = at("1 May")
SHORT, LONG = (default_registry().get(f"return_to_item_{days}d") for days in (14, 28))
AMOUNT = other("amount_of_item", measure={"kind": "sql", "expression": "sum(amount)", "empty": 0})


def row(definition: Definition, anchor: str, t0: datetime, **changes: Any) -> dict[str, Any]:
    """A mature row of value 1, known when it matured."""
    due = definition.matures_at(t0)
    columns = {
        "signal": definition.ref, "definition_hash": definition.hash, "anchor_id": anchor, "user_id": "u",
        "item_id": "i", "t0": t0, "t0_day": t0.date(), "window_end": definition.window_end(t0), "matures_at": due,
        "state": "mature", "void_reason": None, "value": 1.0, "prefix": None, "elapsed_share": 1.0,
        "event_observed": True, "ipc_weight": 1.0, "censoring": "administrative", "cluster_id": "c",
        "known_ts": due, "revision": 0, "batch": 1,
    } | changes  # fmt: skip
    if columns["state"] != "mature":
        columns |= {"value": None}
    return columns | {"settled": columns["state"] != "open"}


def frame(spark: SparkSession, rows: Sequence[dict[str, Any]]) -> DataFrame:
    schema = ", ".join(f"{c.name} {c.type}" for c in SIGNAL_VALUES.columns)
    return spark.createDataFrame([tuple(row[name] for name in SIGNAL_VALUES.column_names()) for row in rows], schema)


def test_every_rule_counts_the_rows_that_break_it(spark: SparkSession) -> None:
    owned = Definition.model_validate(AMOUNT.model_dump(mode="json", by_alias=True) | {"quality": {"bounds": [0, 100]}})
    early, late = at("1 Mar"), at("20 Apr")
    due = SHORT.matures_at(early)
    rows = [
        row(SHORT, "a", early),
        row(SHORT, "b", early, value=0.0),
        row(SHORT, "c", late, state="open", prefix=1.0),
        row(SHORT, "d", early, state="open", prefix=0.0),  # overdue
        row(SHORT, "e", late),  # mature before its time
        row(SHORT, "f", early, value=0.5),  # no whole number
        row(SHORT, "g", early, value=2.0),  # beyond what the measure gives
        row(SHORT, "h", early, state="void", void_reason="outage"),
        # Revisions: half a day, 7 days and 40 days after maturity; and an anchor that was none.
        row(SHORT, "a", early, value=0.0, revision=1, known_ts=due + DAY / 2),
        row(SHORT, "a", early, revision=2, known_ts=due + 7 * DAY),
        row(SHORT, "b", early, revision=1, known_ts=due + 40 * DAY),
        row(SHORT, "f", early, state="void", void_reason="superseded", revision=1, known_ts=due + DAY),
        row(SHORT, "g", early, state="void", void_reason="outage", revision=1, known_ts=due + DAY),
        row(owned, "a", early, value=101.0),
        row(owned, "b", early, value=-0.5),
        row(owned, "c", early, value=99.0),
    ]
    values = frame(spark, rows)
    profiles = profile_signals(values, [SHORT, LONG, owned], WATERMARK)
    profile = profiles[SHORT.ref]
    assert (profile.rows, profile.open, profile.mature, profile.void) == (13, 2, 5, 1)
    assert (profile.overdue, profile.early, profile.beyond_type, profile.beyond_owner) == (1, 1, 2, 0)
    assert (profile.coverage, profile.mean) == (pytest.approx(5 / 6), pytest.approx(4.5 / 5))
    assert profile.bins == {"0": 2, "1": 2, "2": 1}  # rint(0.5) is 0
    assert profile.revisions == {"under 1 d": 1, "7 to 30 d": 1, "30 d or more": 1}
    assert (profile.ended, profile.outage, profile.since) == (1, 2, early.date())
    assert (profiles[owned.ref].beyond_type, profiles[owned.ref].beyond_owner) == (0, 2)
    assert profiles[owned.ref].bins == {"0": 1, "9": 2}
    assert profiles[LONG.ref].rows == 0


def test_rows_of_a_signal_that_was_not_computed_are_refused(spark: SparkSession) -> None:
    values = frame(spark, [row(SHORT, "a", at("1 Mar")), row(LONG, "a", at("1 Mar")), row(LONG, "b", at("2 Mar"))])
    with pytest.raises(QualityError, match="signal_values") as refused:
        profile_signals(values, [SHORT], WATERMARK)
    assert refused.value.got == f"{LONG.ref}: 2 rows of a signal that was not computed"


def test_a_shorter_window_is_held_against_a_longer_one_anchor_by_anchor(spark: SparkSession) -> None:
    early, late = at("1 Mar"), at("10 Apr")
    rows = [
        *(row(d, "both", early) for d in (SHORT, LONG)),
        row(SHORT, "less", early, value=0.0),
        row(LONG, "less", early),
        row(SHORT, "more", early),  # came back within 14 days and not within 28
        row(LONG, "more", early, value=0.0),
        row(SHORT, "more while open", late),
        row(LONG, "more while open", late, state="open", prefix=0.0),
        row(SHORT, "revised later", early, value=0.0),
        row(SHORT, "revised later", early, revision=1),
        row(LONG, "revised later", early, value=0.0),
        row(SHORT, "alone", early),
        row(LONG, "void", early, state="void", void_reason="outage"),
        row(SHORT, "void", early),
    ]
    values = frame(spark, rows)
    assert count_crossings(values, [(SHORT, LONG)], len(rows)) == {f"{SHORT.ref} <= {LONG.ref}": (2, 5)}


# ---- the jobs

START = at("5 Jan")  # a Monday
USERS, WEEKS, TURN = 30, 9, 6
THREE, SEVEN = (
    other(f"active_days_{n}d", anchor="active_day", keys="user", window={"kind": "calendar", "from": 1, "to": n})
    for n in (3, 7)
)


def plays(weeks: Sequence[int]) -> list[str]:
    """Everybody plays on Mondays and a few times in the week after; from the turn on, late in it."""
    rng = np.random.default_rng(1)
    days = {
        (user, 7 * week + int(day))
        for week in weeks
        for user in range(USERS)
        for day in (0, *rng.choice((1, 2) if week < TURN else (5, 6), 1))
    }
    noon = timedelta(hours=12)
    return [f"u{user},i{user % 5},{START + day * DAY + noon:%Y-%m-%d %H:%M:%S},play,60" for user, day in sorted(days)]


def ingest_plays(spark: SparkSession, folder: Path) -> RunContext:
    # From the turn on, Tuesdays and Wednesdays are empty: an outage, if one looks for any.
    settings = ("training.labels=[]", "signals.shipped=[]", "quality.outages.enabled=false")
    context = open_run(spark, folder / "store", build_source(), *settings)
    ingest(context, write_csv(folder / "plays.csv", plays(range(WEEKS))))
    return context


def test_what_is_refused_published_said_and_remembered(spark: SparkSession, tmp_path: Path) -> None:
    context = ingest_plays(spark, tmp_path)
    impossible = Definition.model_validate(
        THREE.model_dump(mode="json", by_alias=True) | {"quality": {"bounds": [0, 0.5]}}
    )
    context.registry = Registry({impossible.ref: impossible})
    with pytest.raises(QualityError, match="The gate of signals failed") as caught:
        build_signals(context)
    assert f"{THREE.ref}, bounds_of_owner: expected values in [0, 0.5], as its owner requires, got" in caught.value.got
    assert "anchor_id" not in str(caught.value)
    assert "u1" not in str(caught.value)
    assert not context.store.exists("signal_values")
    (rejected,) = (context.folder / "rejected").glob("signal_values-*")
    assert f"print(pandas.read_parquet('{rejected}'))" in shlex.split(caught.value.fix.split("rejected rows: ")[1])[2]

    context.registry = Registry({d.ref: d for d in (THREE, SEVEN)})
    build_signals(context)
    audit = context.store.commit_metadata("signal_values")["audit"]
    assert (audit["signal_checks"], audit["warnings"]) == (3 * 2 + 1, [])  # three rules per signal, and one pair
    mature = context.store.read("signal_values").where(f"signal = '{SEVEN.ref}' and state = 'mature'").count()
    assert sum(audit["signals"][SEVEN.ref]["bins"].values()) == mature
    assert list((context.folder / "_quality").glob("signals-*.json"))

    build_delays(context)
    curve = load_delay_curve(context.folder, SEVEN)
    assert curve is not None
    assert curve.points[-1] == (9, 1.0)
    # The week before the turn is the first whose windows hold plays of after it.
    assert [(drift.cohort - START.date()).days // 7 for drift in curve.drifts] == [TURN - 1]
    assert f"warning: {SEVEN.ref}: the delay curve of the week of 2026-02-09 has shifted" in progress_text(context)
    version = context.store.version("signal_delays")
    build_delays(context)
    assert context.store.version("signal_delays") == version
