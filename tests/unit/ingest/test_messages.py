"""A message for every reason, which names the column of the log that it is about."""

import pytest

from ingest.log_mapping import BUILT_IN_REASONS, LogMapping
from ingest.rejection_messages import build_rejection_messages
from tests.unit.ingest.small_logs import RADIO, build_source

EPISODES = {
    "path": "out.csv",
    "item": "what",
    "episode": "part",
    "season_episodes": "size",
    "time": {"column": "when"},
    "known": {"column": "told"},
}
WHOLE = build_source(
    RADIO,
    episodes=EPISODES,
    events=RADIO["events"] | {"episode": "part", "filters": [{"reason": "staff", "where": "who = 'test'"}]},
)


def log(name: str) -> LogMapping:
    mapping = getattr(WHOLE, name)
    assert isinstance(mapping, LogMapping)
    return mapping


def test_every_built_in_reason_has_a_message_in_some_log() -> None:
    reasons = {reason for name in ("events", "exposures", "episodes") for reason in build_rejection_messages(log(name))}
    assert reasons == {*BUILT_IN_REASONS, "staff"}


@pytest.mark.parametrize(
    ("name", "reason", "message"),
    [
        ("events", "null_user", "the user is missing: column 'who' is empty"),
        ("events", "null_key", "the key is missing: 'who', 'what', 'when' holds no value"),
        ("exposures", "null_request", "the request is missing: column 'slate' is empty"),
        ("events", "bad_time", "column 'when' holds no time of the form 'iso'"),
        ("events", "staff", "the source file sets aside rows with: who = 'test'"),
        ("events", "unknown_kind", "column 'how' holds no kind that the source file knows: play, tap, skip"),
        ("events", "bad_amount", "column 'much' holds no number of 0 s or more"),
        ("events", "duplicate", "another row of the delivery has the same 'who', 'what', 'when'"),
        ("exposures", "bad_position", "column 'place' holds no place in a slate: a whole number from 1 on"),
        ("exposures", "bad_propensity", "column 'chance' holds no probability above 0 and up to 1"),
        ("episodes", "bad_time", "column 'when' or 'told' holds no time of the form 'iso'"),
        ("episodes", "null_episode", "the episode is missing: column 'part' is empty"),
        ("episodes", "bad_season", "column 'size' holds no number of episodes from 1 on"),
    ],
)
def test_messages_name_the_column(name: str, reason: str, message: str) -> None:
    assert build_rejection_messages(log(name))[reason] == message


def test_releases_of_episodes_are_nobodys() -> None:
    assert "null_user" not in build_rejection_messages(log("episodes"))
