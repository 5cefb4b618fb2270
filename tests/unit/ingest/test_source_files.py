"""Source files are closed: what they say is used or refused, and a fault names file and key."""

from pathlib import Path
from typing import Any

import pytest

from ingest.formats import FORMATS
from ingest.source_config import load_source, shipped_sources
from longplay.errors import ConfigError
from tests.unit.ingest.small_logs import RADIO, SHOP, build_source

FORMAT_NAMES = " or ".join(", ".join(f"'{name}'" for name in FORMATS).rsplit(", ", 1))


@pytest.mark.parametrize("name", sorted(shipped_sources()))
def test_every_shipped_source_loads(name: str) -> None:
    source = load_source(name)
    assert source.name == name
    assert (source.exposures is None) != (source.candidates is None)
    assert set(source.events.click.kinds) <= set(source.events.kinds)
    assert source.events.consumption.kinds


def test_the_shipped_sources_are_those_of_the_folder() -> None:
    assert {"world", "online_retail", "lastfm1k", "gowalla"} <= set(shipped_sources())


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"quarantine_limt": 1}, "quarantine_limt", "did you mean 'quarantine_limit'?"),
        ({"events__usr": "who"}, "events.usr", "did you mean 'user'?"),
        ({"events__amount__at_last": 1}, "events.amount.at_last", "did you mean 'at_least'?"),
        (
            {"events__consumption": {"kinds": ["plays"]}},
            "events",
            "kind 'plays' is not among kinds",
        ),
        ({"events__kind": {}}, "events.kind", "either kind.column or kind.constant"),
        ({"events__kind": {"column": "how", "constant": "x"}}, "events.kind", "either kind.column or kind.constant"),
        ({"events__amount__constant": 1}, "events.amount", "either amount.column or amount.constant"),
        ({"events__known": {"column": "when", "delay": "1 h"}}, "events.known", "either known.column or known.delay"),
        ({"events__known": {"delay": "-1 h"}}, "events.known", "must not be negative"),
        ({"events__known": {"format": "unix_s"}}, "events.known", "known.format needs known.column"),
        ({"events__time": {"column": "when", "format": "unix"}}, "events.time.format", "did you mean 'unix_s'?"),
        ({"exposures": RADIO["exposures"]}, "(top level)", "exposures (logged), candidates (a sampler), or neither"),
        ({"candidates__per_request": 0}, "candidates.per_request", "greater than or equal to 1"),
        ({"candidates__uniform_share": 1.1}, "candidates.uniform_share", "less than or equal to 1"),
        ({"format": {"type": "excel"}}, "format.type", FORMAT_NAMES),
        (
            {"format": {"type": "delta", "columns": ["a"]}},
            "format",
            "'columns' does not apply to delta files",
        ),
        ({"format": {"type": "csv", "delimiter": ""}}, "format", "the delimiter is empty"),
        ({"time_zone": "Europe/Lodnon"}, "(top level)", "did you mean 'Europe/London'?"),
        ({"quarantine_limit": 2}, "quarantine_limit", "less than or equal to 1"),
        ({"outages": [{"from": "2026-05-06", "to": "2026-05-05"}]}, "outages.0", "before it begins"),
        ({"outages": [{"from": "the fifth", "to": "2026-05-05"}]}, "outages.0", "Invalid isoformat"),
        ({"events__filters": [{"reason": "duplicate", "where": "true"}]}, "events.filters.0", "every source has"),
        ({"events__filters": [{"reason": "x", "where": "a"}, {"reason": "x", "where": "b"}]}, "events", "called 'x'"),
        ({"name": "My Shop"}, "name", "pattern"),
    ],
)
def test_a_faulty_source_is_refused(changes: dict[str, Any], key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_source(SHOP, **changes)
    assert message in caught.value.what
    assert caught.value.where == f"a source of the tests, key {key}"


@pytest.mark.parametrize(
    "changes",
    [{"exposures__log_propensity": "chance"}, {"exposures__propensity": None}],
)
def test_exposures_have_one_propensity(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="either log_propensity or propensity"):
        build_source(RADIO, **changes)


@pytest.mark.parametrize("key", ["request", "position", "surface", "policy"])
def test_exposures_need_every_column(key: str) -> None:
    with pytest.raises(ConfigError, match=f"Wrong value for 'exposures.{key}'"):
        build_source(RADIO, **{f"exposures__{key}": None})


def test_unknown_sources_get_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no source 'onlineretail'") as caught:
        load_source("onlineretail")
    assert "did you mean 'online_retail'?" in caught.value.fix
    with pytest.raises(ConfigError, match="No such file") as caught:
        load_source(str(tmp_path / "own.yaml"))
    assert caught.value.where == str(tmp_path / "own.yaml")


def test_a_fault_in_a_file_names_the_file(tmp_path: Path) -> None:
    text = shipped_sources()["gowalla"].read_text(encoding="utf-8").replace("per_request", "per_reqest")
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean 'per_request'") as caught:
        load_source(str(tmp_path / "own.yaml"))
    line = text[: text.index("per_reqest")].count("\n") + 1
    assert caught.value.where == f"{tmp_path / 'own.yaml'}, line {line}, key candidates.per_reqest"
