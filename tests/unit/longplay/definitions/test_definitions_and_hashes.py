"""Definitions as data: faults are located, meaning is hashed, published versions do not move."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from longplay.config.strict_model import validate_model
from longplay.definitions.signal import Definition
from longplay.errors import ConfigError, NotFoundError, nearest
from longplay.registry.registry import default_registry, load, shipped_definitions
from tests.unit.longplay.signal_files import RETURN


def definition(**changes: Any) -> Definition:
    return validate_model(Definition, {**RETURN, **changes}, "came_back.v1.yaml")


def write(folder: Path, **changes: Any) -> Path:
    data = {**RETURN, **changes}
    path = folder / f"{data['name']}.v{data['version']}.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"windw": {}}, "windw", "did you mean 'window'?"),
        ({"lateness": "1 day"}, "lateness", "is not a duration"),
        ({"lateness": None}, "lateness", "is not a duration"),
        ({"window": {"kind": "calendar", "from": 7, "to": 1}}, "window.to", "ends (day 1) before it begins"),
        ({"window": {"kind": "calender", "from": 1, "to": 7}}, "window", "calender"),
        ({"window": {"kind": "elapsed", "from": "2 h", "to": "2 h"}}, "window.to", "later than 'from'"),
        ({"window": {"kind": "calendar", "from": 1, "too": 7}}, "window.too", "did you mean 'to'?"),
        ({"measure": {"kind": "any", "of": "consumtion"}}, "measure.of", "consumption"),
        ({"measure": {"kind": "weeks", "of": "click", "weeks": 0, "days": 8}}, "measure.weeks", "greater than"),
        ({"anchor": "discovery"}, "void.look_back", "a discovery anchor needs void.look_back"),
        ({"anchor": "active_day"}, "keys", "keys must be 'user'"),
        ({"version": 0}, "version", "greater than or equal to 1"),
        ({"name": "Came Back"}, "name", "pattern"),
        ({"credit": {"rule": "viewed", "within": "1 h"}}, "credit.rule", "clicked"),
    ],
)
def test_a_fault_is_located_by_file_and_key(changes: dict[str, Any], key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        definition(**changes)
    assert caught.value.where == f"came_back.v1.yaml, key {key}"
    assert message in caught.value.what
    assert caught.value.fix


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match="Field required") as caught:
        validate_model(Definition, {k: v for k, v in RETURN.items() if k != "window"}, "x.yaml")
    assert caught.value.where == "x.yaml, key window"


@pytest.mark.parametrize(
    "text",
    [
        {"title": "T"},
        {"description": "D"},
        {"owner": "o"},
        {"status": "deprecated"},
        {"direction": "lower_is_better"},
        {"guardrails": ["regret"]},
        {"source": "s"},
        {"unit": "u"},
    ],
)
def test_the_hash_does_not_change_with_text(text: dict[str, Any]) -> None:
    assert definition(**text).hash == definition().hash


@pytest.mark.parametrize(
    "meaning",
    [
        {"anchor": "active_day", "keys": "user"},
        {"keys": "user"},
        {"window": {"kind": "calendar", "from": 1, "to": 8}},
        {"window": {"kind": "elapsed", "from": "1 d", "to": "8 d"}},
        {"lateness": "2 d"},
        {"measure": {"kind": "days", "of": "consumption"}},
        {"measure": {"kind": "any", "of": "click"}},
        {"credit": {"rule": "clicked", "within": "24 h"}},
        {"void": {"outage": False}},
        {"void": {"settles": "early"}},
    ],
)
def test_the_hash_changes_with_meaning(meaning: dict[str, Any]) -> None:
    assert definition(**meaning).hash != definition().hash


def test_equal_durations_have_equal_hashes() -> None:
    assert definition(lateness="24 h").hash == definition(lateness="1 d").hash


def test_windows_bound_whole_days_or_exact_durations() -> None:
    t0 = datetime(2026, 5, 3, 20, tzinfo=UTC)
    calendar, elapsed = definition(), definition(window={"kind": "elapsed", "from": "1 d", "to": "7 d"})
    assert calendar.window.bounds(t0) == (datetime(2026, 5, 4, tzinfo=UTC), datetime(2026, 5, 11, tzinfo=UTC))
    assert elapsed.window.bounds(t0) == (datetime(2026, 5, 4, 20, tzinfo=UTC), datetime(2026, 5, 10, 20, tzinfo=UTC))
    assert calendar.matures_at(t0) == datetime(2026, 5, 12, tzinfo=UTC)
    # Both counted from the start of the anchor's day: an anchor may lie at its very end.
    assert (calendar.horizon, elapsed.horizon) == (timedelta(days=9), timedelta(days=9))
    assert calendar.window.text() == "[midnight(D0 + 1 d), midnight(D0 + 8 d)) UTC"
    assert elapsed.window.text() == "[t0 + 1 d, t0 + 7 d) UTC"


def test_shipped_definitions_are_published_and_unchanged() -> None:
    registry = default_registry()
    published = yaml.safe_load((shipped_definitions() / "published.yaml").read_text(encoding="utf-8"))
    assert published == {ref: d.hash for ref, d in registry.by_ref.items() if d.status == "published"}
    for signal in registry.by_ref.values():
        assert set(signal.guardrails) <= {d.name for d in registry.newest()}


def test_a_published_definition_that_changed_its_meaning_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "published.yaml").write_text(f"came_back@1: '{definition().hash}'\n", encoding="utf-8")
    write(tmp_path, title="Another title")
    assert load([tmp_path]).get("came_back").title == "Another title"
    write(tmp_path, lateness="2 d")
    with pytest.raises(ConfigError, match="The published signal 'came_back@1' has changed in meaning") as caught:
        load([tmp_path])
    assert caught.value.where == str(path)
    assert caught.value.got == f"hash {definition(lateness='2 d').hash}, published as {definition().hash}"
    assert "version 2" in caught.value.fix


def test_versions_are_found_by_name_and_by_pin(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, version=2, lateness="2 d")
    write(tmp_path, version=10, lateness="3 d")
    write(tmp_path, name="other")
    registry = load([tmp_path])
    assert registry.get("came_back").version == 10
    assert registry.get("came_back@2").lateness == timedelta(days=2)
    assert [d.ref for d in registry.newest()] == ["came_back@10", "other@1"]


def test_unknown_names_get_the_nearest_one(tmp_path: Path) -> None:
    write(tmp_path)
    registry = load([tmp_path])
    for name, hint in (("came_bak", "did you mean 'came_back'?"), ("came_back@7", "did you mean 'came_back@1'?")):
        with pytest.raises(NotFoundError, match=f"There is no signal '{name}'") as caught:
            registry.get(name)
        assert caught.value.fix == hint
    assert nearest("zzz", ["b", "a"]) == "known names: a, b"
    assert nearest("zzz", []) == "known names: none"


def test_one_version_defined_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    write(tmp_path / "one")
    again = write(tmp_path / "two")
    with pytest.raises(ConfigError, match="'came_back@1' is defined twice") as caught:
        load([tmp_path / "one", tmp_path / "two"])
    assert caught.value.where == str(again)


@pytest.mark.parametrize(
    ("text", "what"),
    [("a: [1", "This file is not YAML."), ("- 1", "This file holds no keys."), ("", "This file holds")],
)
def test_a_file_that_holds_no_definition(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "x.v1.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=what) as caught:
        load([tmp_path])
    assert caught.value.where.startswith(str(tmp_path / "x.v1.yaml"))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such folder") as caught:
        load([tmp_path / "nowhere"])
    assert caught.value.where == str(tmp_path / "nowhere")
