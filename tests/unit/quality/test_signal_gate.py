"""The signal gate: with which published and released values it compares new ones."""

import json
from collections.abc import Collection
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
from click.testing import CliRunner
from deltalake import CommitProperties, write_deltalake

from jobs.build_delays import command
from longplay.registry.registry import default_registry
from quality.gate import Gate
from quality.signal_values.gate import SignalGate
from quality.signal_values.profile import SignalProfile
from tables.store import Store
from tests.unit.longplay.small_tables import at, write_release

CLICK = default_registry().get("click")


def publish(folder: Path, bins: dict[str, int] | None, meaning: str = CLICK.hash) -> None:
    """Commit a version of the values; without bins it only rearranges files and has no metadata."""
    metadata = {"audit": {"signals": {CLICK.ref: {"hash": meaning, "bins": bins}}}} if bins else None
    properties = CommitProperties(custom_metadata={"userMetadata": json.dumps(metadata)} if metadata else {})
    write_deltalake(str(folder / "signal_values"), pa.table({"a": [1]}), mode="append", commit_properties=properties)


def gate(folder: Path, appends: bool, kept_signals: Collection[str] = ()) -> SignalGate:
    def commit(_: str) -> dict[str, Any]:
        click = {"hash": CLICK.hash, "bins": {"0": 9, "1": 1}, "newest": "2026-05-07"}
        return {"audit": {"signals": {CLICK.ref: click, "old@1": {"hash": "", "bins": {}}}}}

    store = cast("Store", SimpleNamespace(folder=folder, path=lambda table: folder / table, commit_metadata=commit))
    return SignalGate(cast("Gate", None), store, print, [CLICK], at(9), appends, kept_signals)


def test_the_last_release_is_what_the_last_publication_in_it_says(tmp_path: Path) -> None:
    publish(tmp_path, {"0": 1})
    publish(tmp_path, {"0": 7, "1": 3})
    publish(tmp_path, None)  # compacted
    publish(tmp_path, {"0": 70, "1": 30})
    assert gate(tmp_path, appends=True)._released_bins() == {}  # nothing was released
    write_release(tmp_path, at(3), 2)
    assert gate(tmp_path, appends=True)._released_bins()[CLICK.ref]["bins"] == {"0": 7, "1": 3}


def test_values_that_are_added_are_counted_with_those_that_are_there(tmp_path: Path) -> None:
    profiles = {CLICK.ref: SignalProfile(CLICK, rows=3, mature=3, bins={"1": 2, "2": 1})}
    assert gate(tmp_path, appends=True)._bins(profiles)[CLICK.ref]["bins"] == {"0": 9, "1": 3, "2": 1}
    assert gate(tmp_path, appends=False)._bins(profiles)[CLICK.ref]["bins"] == {"1": 2, "2": 1}


def test_values_that_outages_void_are_counted_over_publications(tmp_path: Path) -> None:
    profiles = {CLICK.ref: SignalProfile(CLICK, rows=5, mature=2, bins={"1": 2}, outage=3)}
    assert "outage" not in gate(tmp_path, appends=True)._published_bins[CLICK.ref]
    assert gate(tmp_path, appends=True)._bins(profiles)[CLICK.ref]["outage"] == 3
    no_outage = {CLICK.ref: SignalProfile(CLICK, rows=2, mature=2, bins={"1": 2})}
    assert "outage" not in gate(tmp_path, appends=True)._bins(no_outage)[CLICK.ref]


def test_what_is_told_of_other_signals_stays_where_a_new_one_is_added_beside_them(tmp_path: Path) -> None:
    new = default_registry().get("regret")
    bins = gate(tmp_path, appends=False, kept_signals=[CLICK.ref])._bins(
        {new.ref: SignalProfile(new, rows=2, mature=2, bins={"0": 2})}
    )
    assert bins == {
        CLICK.ref: {"hash": CLICK.hash, "bins": {"0": 9, "1": 1}, "newest": "2026-05-07"},
        new.ref: {"hash": new.hash, "bins": {"0": 2}},
    }


def test_the_newest_anchor_is_kept_with_what_is_there(tmp_path: Path) -> None:
    older, newer = (SignalProfile(CLICK, rows=1, newest=day) for day in (date(2026, 5, 6), date(2026, 5, 8)))
    assert gate(tmp_path, appends=True)._newest_days() == {CLICK.ref: date(2026, 5, 7)}
    newest_days = [
        gate(tmp_path, appends)._bins({CLICK.ref: profile})[CLICK.ref]["newest"]
        for profile in (older, newer)
        for appends in (True, False)
    ]
    assert newest_days == ["2026-05-07", "2026-05-06", "2026-05-08", "2026-05-08"]
    assert "newest" not in gate(tmp_path, appends=False)._bins({CLICK.ref: SignalProfile(CLICK)})[CLICK.ref]


def test_the_step_that_measures_curves_says_what_it_does() -> None:
    shown = CliRunner().invoke(command, ["--help"])
    assert shown.exit_code == 0
    assert "Add the delay curves of the weeks of anchors that have matured" in shown.output
