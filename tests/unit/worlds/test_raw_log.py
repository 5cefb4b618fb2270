import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from worlds.log import simulate_log, write_log
from worlds.raw_tables import ingest_delay
from worlds.spec import WorldSpec

SPEC = WorldSpec.from_size("tiny", seed=3, days=60, dirt=0.01)


@pytest.fixture(scope="module")
def clean():
    log = simulate_log(replace(SPEC, dirt=0.0))
    return log.events.to_pandas(), log.exposures.to_pandas(), log.users.to_pandas()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("world")
    calls = []
    return out, write_log(SPEC, out, lambda share, text: calls.append((share, text))), calls


def test_columns_are_the_contract_s(written):
    log = written[0] / "log"
    events = "event_id user item topic episode kind ts ingest_ts seconds request surface"
    exposures = "request user item topic ts ingest_ts position surface policy log_propensity candidates"
    assert " ".join(pq.read_schema(log / "events.parquet").names) == events
    assert " ".join(pq.read_schema(log / "exposures.parquet").names) == exposures
    assert pq.read_schema(log / "items.parquet").names == ["item", "topic", "kind", "released_at"]
    assert str(pq.read_schema(log / "events.parquet").field("ts").type) == "timestamp[us, tz=UTC]"


def test_truth_lies_outside_the_log_and_nothing_else_is_left(written):
    out, _, _ = written
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*"))
    assert [name for name in names if name.startswith("log/")] == [
        "log/_delivery.json",
        "log/episodes.parquet",
        "log/events.parquet",
        "log/exposures.parquet",
        "log/items.parquet",
    ]
    assert {name for name in names if not name.startswith("log")} == {
        "truth",
        "truth/items.parquet",
        "truth/users.parquet",
        "truth/world.json",
    }


def test_heartbeat_is_the_end_of_the_log(written):
    heartbeat = json.loads((written[0] / "log" / "_delivery.json").read_text())
    assert heartbeat == {"complete_until": "2024-03-01T00:00:00Z", "observed_at": "2024-03-05T00:00:00Z"}


def test_summary_counts_what_was_written(written):
    out, summary, _ = written
    assert summary.events == pq.read_metadata(out / "log" / "events.parquet").num_rows
    assert summary.exposures == pq.read_metadata(out / "log" / "exposures.parquet").num_rows
    assert summary.users == 150
    assert 0.08 < summary.ctr < 0.35
    churned = pd.read_parquet(out / "truth" / "users.parquet").churn_day.notna().mean()
    assert summary.churned_share == pytest.approx(churned)
    assert 0.0 < churned < 0.5


def test_progress_runs_to_the_end(written):
    shares = [share for share, _ in written[2]]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert written[2][-1][1] == "day 60 of 60"


def test_the_same_seed_writes_the_same_bytes_over_an_older_log_and_another_seed_does_not(written, tmp_path):
    write_log(replace(SPEC, seed=4), tmp_path)
    other = {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()}
    write_log(SPEC, tmp_path)
    for path in (tmp_path / "log").iterdir():
        assert path.read_bytes() == (written[0] / "log" / path.name).read_bytes()
    assert other["events.parquet"] != (tmp_path / "log" / "events.parquet").read_bytes()


def test_a_failed_write_leaves_nothing(tmp_path):
    def stop(share, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_log(SPEC, tmp_path, stop)
    assert list(tmp_path.iterdir()) == []


def test_organic_events_and_only_they_carry_no_request_and_are_never_clicks(clean):
    events = clean[0]
    organic = events.surface == "organic"
    assert organic.any()
    assert (events.request.isna() == organic).all()
    assert "click" not in set(events.kind[organic])


def test_slate_events_follow_an_exposure_of_their_item_in_their_request(clean):
    events, exposures, _ = clean
    slate = events[events.surface != "organic"]
    joined = slate.merge(exposures, on=["request", "item", "user", "surface"], suffixes=("", "_shown"))
    assert len(joined) == len(slate)
    assert (joined.ts > joined.ts_shown).all()
    assert joined.ts.sub(joined.ts_shown).max() < pd.Timedelta(hours=3)


def test_a_user_s_steps_do_not_overlap_in_time(clean):
    """A policy which observes step after step has active all that happened before a request."""
    events, exposures, _ = clean
    last = events.groupby(["user", "request"]).ts.max().rename("ended").reset_index()
    first = exposures.groupby(["user", "request"]).ts.min().reset_index()
    steps = first.merge(last, on=["user", "request"], how="left").sort_values(["user", "ts"])
    following = steps.groupby("user").ts.shift(-1)
    assert not (steps.ended > following).any()


def test_a_slate_has_positions_from_one_and_no_item_twice(clean):
    exposures = clean[1]
    slots = exposures.surface.map({"home": 6, "browse": 4})
    assert (exposures.groupby("request").position.transform("max") == slots).all()
    assert not exposures.duplicated(["request", "position"]).any()
    assert not exposures.duplicated(["request", "item"]).any()
    assert (exposures.log_propensity < 0).all()
    # 10% uniform exploration bounds every propensity from below
    left = exposures.candidates - exposures.position + 1
    assert (exposures.log_propensity >= np.log(0.1 / left) - 1e-9).all()


def test_events_of_a_click_are_consistent(clean):
    events = clean[0]
    assert set(events.kind) == {"click", "play", "complete", "skip", "hide"}
    timed = events.kind.isin(["play", "complete"])
    assert (events.seconds.notna() == timed).all()
    slate = events[events.request.notna()]
    kinds = slate.groupby(["request", "item"]).kind.agg(set)
    assert kinds.map(lambda kinds: {"click", "play"} <= kinds).mean() > 0.999  # the log's last minutes are cut
    skipped = events[events.kind == "skip"].merge(events[events.kind == "play"], on=["user", "item", "ts"])
    assert len(skipped)
    assert (skipped.seconds_y < 30).all()


def test_users_who_left_never_come_back_and_none_comes_before_joining(clean):
    events, exposures, users = clean
    start = pd.Timestamp(SPEC.start)
    active = exposures.groupby("user").ts.agg(["min", "max"])
    active = active.join(users.set_index("user"))
    first, last = (active["min"] - start).dt.days, (active["max"] - start).dt.days
    assert (first >= active.join_day).all()
    left = active.churn_day.notna()
    assert left.sum() > 5
    assert (last[left] <= active.churn_day[left]).all()
    latest = events.groupby("user").ts.max().sub(start).dt.days.reindex(active.index)
    assert not (latest[left] > active.churn_day[left] + 1).any()  # an evening may run past midnight


def test_no_item_is_shown_before_its_release(written, clean):
    items = pd.read_parquet(written[0] / "log" / "items.parquet").set_index("item")
    exposures = clean[1]
    assert (items.released_at > pd.Timestamp(SPEC.start)).any()
    assert (exposures.ts >= exposures.item.map(items.released_at)).all()


def test_episodes_belong_to_shows_and_name_them(written, clean):
    kinds = pd.read_parquet(written[0] / "log" / "items.parquet").set_index("item").kind
    events = clean[0]
    assert (events.episode.notna() == (events.item.map(kinds) == "show")).all()
    named = events.dropna(subset="episode")
    assert (named.episode.str.split("-e").str[0] == named.item).all()
    assert named.groupby("item").episode.nunique().max() > 5


def test_releases_name_every_episode_that_was_heard_and_make_seasons_of_four(written, clean):
    episodes = pd.read_parquet(written[0] / "log" / "episodes.parquet")
    events = clean[0].dropna(subset="episode")
    released = episodes.set_index("episode").released_at
    assert released.index.is_unique
    assert (events.ts >= events.episode.map(released)).all()
    assert (episodes.episode.str.split("-e").str[0] == episodes.item).all()
    episodes_by_season = episodes.groupby("season").episode.nunique()
    assert episodes_by_season.max() == 4
    assert (episodes.season_episodes == 4).all()
    assert released.max() < pd.Timestamp(SPEC.end)
    late = released.loc[[name for name in released.index if name.startswith(episodes.item[0])]].sort_index()
    assert late.diff().dropna().nunique() == 1  # a show keeps its period
    assert set(late.diff().dropna().dt.days) <= {3, 7, 14}


def test_dirt_is_extra_and_cleaning_gives_the_log_as_it_happened(written, clean):
    raw = pd.read_parquet(written[0] / "log" / "events.parquet")
    end = pd.Timestamp(SPEC.end) + pd.Timedelta(days=3)
    bad = raw.user.isna() | (raw.ts > end) | (raw.seconds < 0)
    assert raw.user.isna().any()
    assert (raw.ts > end).any()
    assert (raw.seconds < 0).any()
    assert raw.duplicated().sum() == pytest.approx(0.005 * len(raw), rel=0.4)
    cleaned = raw[~bad].drop_duplicates().sort_values("event_id").reset_index(drop=True)
    assert not cleaned.event_id.duplicated().any()
    pd.testing.assert_frame_equal(cleaned, clean[0].sort_values("event_id").reset_index(drop=True))


def test_most_rows_arrive_within_minutes_and_a_few_hours_to_days_late():
    delay = ingest_delay(20_000, np.random.default_rng(0)) / 3.6e9  # hours
    assert delay.min() >= 0
    assert np.median(delay) < 60 / 3600
    assert (delay > 1).mean() == pytest.approx(0.02, abs=0.004)
    assert 48 < delay.max() <= 72


def test_a_log_in_which_nothing_happens_is_still_a_log():
    log = simulate_log(WorldSpec.from_size("tiny", seed=2, days=14, users=1))
    assert (log.events.num_rows, log.exposures.num_rows, log.users.num_rows) == (0, 0, 1)
    full = simulate_log(WorldSpec.from_size("tiny", seed=2, days=14, users=30))
    assert log.events.schema == full.events.schema
    assert log.exposures.schema == full.exposures.schema


def test_blocks_of_users_share_no_ids(tmp_path, monkeypatch):
    monkeypatch.setattr("worlds.log._BLOCK", 60)
    summary = write_log(replace(SPEC, days=20), tmp_path)
    users = pd.read_parquet(tmp_path / "truth" / "users.parquet")
    assert summary.users == users.user.nunique() == 150
    events = pd.read_parquet(tmp_path / "log" / "events.parquet").drop_duplicates()
    assert not events.event_id.duplicated().any()
    exposures = pd.read_parquet(tmp_path / "log" / "exposures.parquet").drop_duplicates()
    assert not exposures.duplicated(["request", "position"]).any()
    assert events.user.nunique() > 60
