"""The commands of a definition's life, and who is recorded as using what."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import longplay.registry.usage
from longplay.cli import cli
from longplay.errors import ConfigError, NotFoundError, nearest
from longplay.registry import lifecycle
from longplay.registry.database import Ledger
from longplay.registry.registry import default_registry
from longplay.registry.usage import SignalUser, record_lookup, record_use
from tests.unit.longplay.signal_files import ANA, proposal, write


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LONGPLAY_USER", "cleo")
    monkeypatch.setenv("LONGPLAY_OWNER", "podcasts")
    monkeypatch.delenv("LONGPLAY_REGISTRY", raising=False)


FILE = Path("warehouse") / "registry.db"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["signals", *arguments])


def ok(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output + str(result.exception)
    return result.stdout


def uses(file: Path = FILE) -> list[tuple[str, str, str, str]]:
    with closing(sqlite3.connect(file)) as raw:
        sql = "SELECT kind, consumer, asked, name || '@' || version FROM consumers ORDER BY 1, 2, 3, 4"
        return [tuple(row) for row in raw.execute(sql)]


def test_a_new_file_is_valid_as_it_stands() -> None:
    draft = json.loads(ok("new", "return_to_item_7d", "--owner", "podcasts", "--json"))
    assert draft == {"signal": "return_to_item_7d@1", "file": "definitions/return_to_item_7d.v1.yaml"}
    planned = json.loads(ok("plan", "definitions", "--json"))
    assert [(step["signal"], step["kind"]) for step in planned] == [("return_to_item_7d@1", "new")]
    shown = json.loads(ok("show", "return_to_item_7d", "--definitions", "definitions", "--json"))
    assert (shown["owner"], shown["status"]) == ("podcasts", "draft")
    copied = json.loads(ok("new", "click_twice", "--from", "click", "--json"))
    text = Path(copied["file"]).read_text(encoding="utf-8")
    assert text.splitlines()[:2] == ["name: click_twice", "version: 1"]
    assert {"owner: cleo", "status: draft"} <= set(text.splitlines())
    for name, problem in (
        ("click", "ships with Longplay: its name cannot be taken"),
        ("Bad-Name", "not a valid signal name"),
        ("return_to_item_7d", "file already exists"),
    ):
        refused = run("new", name)
        assert isinstance(refused.exception, ConfigError)
        assert problem in refused.exception.what


def test_a_plan_names_keys_class_and_consumers_and_a_refusal_ends_with_2() -> None:
    write(Path("d"))
    ok("apply", "d", "--as", "ana")
    registry = default_registry(file=FILE)
    record_use(registry, SignalUser("experiment", "follows"), ["came_back"])
    record_use(registry, SignalUser("training_set", "pinned"), ["came_back@1"])
    write(Path("d"), version=2, unit="days", title="T")
    text = ok("plan", "d")
    assert text.splitlines() == [
        "came_back@1: unchanged",
        "came_back@2: new version, breaking (compared with came_back@1)",
        "  text:     title: Came back -> T",
        "  breaking: unit: 0 or 1 -> days",
        "  experiment 'follows' uses the newest version and will move to came_back@2",
        "  training_set 'pinned' asked for came_back@1 and stays on came_back@1",
        "plan: 1 unchanged, 1 new version",
    ]
    write(Path("d"), lateness="2 d")
    refused = run("plan", "d")
    assert isinstance(refused.exception, ConfigError)
    assert refused.exception.exit_code == 2
    assert "came_back@1: refused, data\n  data:     lateness: 1 d -> 2 d" in refused.stdout
    assert "fix: undo the change, or apply it as version 2 in a new file" in refused.stdout
    write(Path("d"), name="other", owner="music")
    write(Path("d"), name="click", owner="music", version=2)
    both = run("apply", "d")
    assert isinstance(both.exception, ConfigError)
    assert both.exception.what.startswith("2 of 4 definitions cannot be applied; none was applied.")
    assert "'click' ships with Longplay: its name cannot be taken" in both.exception.what


def test_a_take_over_is_by_name_with_a_reason() -> None:
    write(Path("d"))
    ok("apply", "d", "--as", "ana")
    write(Path("d"), version=2, owner="music")
    silent = run("apply", "d", "--take-over", "came_back")
    assert isinstance(silent.exception, ConfigError)
    assert silent.exception.what == "A take-over needs a reason."
    output = ok("apply", "d", "--take-over", "came_back", "--reason", "merged teams")
    assert "  owner: podcasts -> music" in output.splitlines()
    assert "from: podcasts, reason: merged teams, to: music" in ok("history", "came_back")


def test_show_list_and_search_see_what_was_applied() -> None:
    for name, owner, title in (("podcast_habit", "podcasts", "A weekly habit"), ("music_habit", "music", "Listens on")):
        write(Path("d"), name=name, owner=owner, title=title)
    write(Path("d"), name="half_done", status="draft")
    ok("apply", "d", "--as", "ana")
    shown = json.loads(ok("show", "podcast_habit", "--json"))
    assert (shown["owner"], shown["applied"][:17]) == ("podcasts", "applied by ana at")
    assert [signal["signal"] for signal in json.loads(ok("list", "--owner", "music", "--json"))] == ["music_habit@1"]
    assert [signal["signal"] for signal in json.loads(ok("list", "--status", "draft", "--json"))] == ["half_done@1"]
    assert "click@1" in ok("list", "--anchor", "exposure")
    assert [signal["signal"] for signal in json.loads(ok("search", "habits", "podcas", "--json"))] == [
        "podcast_habit@1"
    ]
    matches = {signal["signal"] for signal in json.loads(ok("search", "habit", "--json"))}
    assert {"habit_formed_28d@1", "music_habit@1", "podcast_habit@1"} <= matches
    assert not matches & {"half_done@1", "click@1"}
    assert "No signal matches 'musc_habit'; did you mean 'music_habit'?" in ok("search", "musc_habit")
    assert json.loads(ok("search", '"@', "--json")) == []
    assert ok("list", "--owner", "musc").startswith("No signal matches; --owner: did you mean 'music'?")
    assert "; --tag: known names: " in ok("list", "--tag", "no_such_tag")
    everything = [signal["signal"] for signal in json.loads(ok("list", "--json"))]
    paged = run("list", "--limit", "2", "--offset", "1", "--json")
    assert [signal["signal"] for signal in json.loads(paged.stdout)] == everything[1:3]
    assert paged.stderr == f"2 of {len(everything)}; --offset 3 shows the next page\n"


def test_diff_takes_names_aliases_and_files() -> None:
    write(Path("d"))
    write(Path("d"), version=2, lateness="2 d")
    ok("apply", "d")
    ok("alias", "came_back@champion", "1")
    difference = {"key": "lateness", "old": "1 d", "new": "2 d", "effect": "data"}
    for a, b in (("came_back@champion", "came_back"), ("d/came_back.v1.yaml", "came_back@2")):
        assert json.loads(ok("diff", a, b, "--json")) == {
            "a": "came_back@1",
            "b": "came_back@2",
            "class": "data",
            "differences": [difference],
        }
    assert ok("diff", "came_back@1", "came_back@champion") == "came_back@1 -> came_back@1: no difference\n"
    assert isinstance(run("diff", "clck", "click").exception, NotFoundError)


def test_history_tells_everything_in_order() -> None:
    write(Path("d"))
    ok("apply", "d", "--as", "ana")
    write(Path("d"), title="T")
    ok("apply", "d", "--as", "bo")
    ok("alias", "came_back@champion", "1", "--reason", "first")
    ok("deprecate", "came_back@1", "--replaced-by", "click", "--on", "2030-01-01")
    ok("deprecate", "came_back", "--withdraw", "--reason", "too early")
    actions = [(entry["action"], entry["by"]) for entry in json.loads(ok("history", "came_back", "--json"))]
    assert actions == [
        ("new", "ana"),
        ("text change", "bo"),
        ("alias", "cleo"),
        ("deprecate", "cleo"),
        ("withdraw deprecation", "cleo"),
    ]
    first, *_ = ok("history", "click").splitlines()
    assert first.split() == ["-", "shipped", "click@1", "by", first.split()[-1]]
    assert first.endswith("click.v1.yaml")


def test_a_deprecation_warns_whoever_uses_the_version() -> None:
    write(Path("d"))
    ok("apply", "d")
    record_use(default_registry(file=FILE), SignalUser("deployment", "world 1"), ["came_back"])
    warning = "came_back@1 will be deprecated on 2099-01-01: use click@1"
    ok("alias", "came_back@champion", "1")
    output = ok("deprecate", "came_back", "--replaced-by", "click", "--on", "2099-01-01")
    pointing = "  came_back@champion still points to it: move it with 'longplay signals alias'"
    assert output.startswith(f"{warning}\n{pointing}\n  deployment 'world 1' (asked for came_back, last used 20")
    assert output.endswith(") will get a warning\n")
    for command in (("show", "came_back"), ("consumers", "came_back")):
        assert run(*command).stderr == f"warning: {warning}\n"
    assert record_use(default_registry(file=FILE), SignalUser("experiment", "e"), ["came_back"]) == [warning]
    assert json.loads(ok("list", "--status", "deprecated", "--json")) == []
    ok("deprecate", "came_back", "--reason", "now")  # today
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    shown = json.loads(ok("show", "came_back", "--json"))
    assert shown["warning"] == f"came_back@1 has been deprecated since {today} (now)"
    assert shown["status"] == "deprecated"
    assert [signal["signal"] for signal in json.loads(ok("list", "--status", "deprecated", "--json"))] == [
        "came_back@1"
    ]
    for wrong in (("click", "--replaced-by", "click@1"), ("click", "--withdraw")):
        assert isinstance(run("deprecate", *wrong).exception, ConfigError)


def test_consumers_are_listed_by_signal_and_kind() -> None:
    write(Path("d"))
    ok("apply", "d")
    registry = default_registry(file=FILE)
    record_use(registry, SignalUser("reward", "long term"), ["came_back", "click@1"])
    record_lookup(registry, "came_back@1", "ana")
    rows = json.loads(ok("consumers", "--json"))
    assert {(row["kind"], row["consumer"], row["asked"], row["signal"]) for row in rows} == {
        ("reward", "long term", "came_back", "came_back@1"),
        ("reward", "long term", "click@1", "click@1"),
        ("lookup", "ana", "came_back@1", "came_back@1"),
    }
    assert [row["kind"] for row in json.loads(ok("consumers", "came_back", "--kind", "lookup", "--json"))] == ["lookup"]
    assert "long term" in ok("consumers", "click")


def test_the_registry_is_an_option_or_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path("d"))
    ok("apply", "d", "--registry", "shared/r.db")
    assert isinstance(run("show", "came_back").exception, NotFoundError)
    assert json.loads(ok("show", "came_back", "--registry", "shared/r.db", "--json"))["signal"] == "came_back@1"
    monkeypatch.setenv("LONGPLAY_REGISTRY", "shared/r.db")
    assert json.loads(ok("show", "came_back", "--json"))["signal"] == "came_back@1"
    monkeypatch.setenv("LONGPLAY_REGISTRY", "shared/gone.db")
    missing = run("show", "click")
    assert isinstance(missing.exception, NotFoundError)
    assert missing.exception.where == "shared/gone.db"
    assert not Path("shared/gone.db").exists()


def test_a_look_up_leaves_nothing_where_there_is_no_registry() -> None:
    ok("show", "click")
    assert not Path("warehouse").exists()


def test_a_read_does_not_fail_where_nothing_can_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path("d"))
    ok("apply", "d")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
    ok("show", "came_back")
    assert uses() == []
    monkeypatch.setattr(os, "access", real)
    monkeypatch.setattr(longplay.registry.usage, "LOCK_TIMEOUT_S", 0.05)
    with Ledger.open_for_writing(FILE):  # somebody else is writing
        assert record_lookup(default_registry(file=FILE), "came_back", "ana") == []
    assert uses() == []
    assert record_lookup(default_registry(file=FILE), "came_back", "ana") == []
    assert uses() == [("lookup", "ana", "came_back", "came_back@1")]


def test_a_use_is_renewed_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    lifecycle.apply(FILE, [proposal(Path("d"))], ANA)
    registry, at = default_registry(file=FILE), datetime(2026, 11, 24, 10, tzinfo=UTC)
    for minutes in (0, 59, 61, 200):
        monkeypatch.setattr(longplay.registry.usage, "now", lambda m=minutes: (at + timedelta(minutes=m)).isoformat())
        record_lookup(registry, "came_back", "ana")
    with closing(sqlite3.connect(FILE)) as raw:
        assert raw.execute("SELECT first_at, last_at FROM consumers").fetchall() == [
            ("2026-11-24T10:00:00+00:00", "2026-11-24T13:20:00+00:00")
        ]


def test_an_alias_tells_who_moves_with_it() -> None:
    write(Path("d"))
    write(Path("d"), version=2, measure={"kind": "days", "of": "consumption"})
    ok("apply", "d")
    lifecycle.move_alias(FILE, "came_back@champion", 1, ANA)
    record_use(default_registry(file=FILE), SignalUser("experiment", "e"), ["came_back@champion"])
    assert ok("alias", "came_back@champion", "2").splitlines() == [
        "came_back@champion: came_back@1 -> came_back@2",
        "  breaking: measure.kind: any -> days",
        "  experiment 'e' uses came_back@champion and will now get came_back@2",
    ]


def test_a_long_list_of_names_is_cut() -> None:
    hint = nearest("zzz", [f"name_{number:03d}" for number in range(60)])
    assert hint.startswith("known names: name_000, ")
    assert hint.endswith(", name_049, ... (60 names)")
