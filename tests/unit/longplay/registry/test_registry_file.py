"""The registry file: what is published stays, changes are classed, names have owners, and one of two who apply wins."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from longplay.definitions.diff import find_differences
from longplay.errors import ConfigError, NotFoundError, StoreError
from longplay.registry import lifecycle
from longplay.registry.layered import LayeredRegistry
from longplay.registry.plan import ChangeTerms
from longplay.registry.registry import default_registry, open_layers
from tests.unit.longplay.signal_files import ANA, proposal, write

ROOT = Path(__file__).parents[4]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@contextmanager
def known(file: Path) -> Iterator[LayeredRegistry]:
    with closing(open_layers(file)) as layers:
        yield layers


def apply(file: Path, *, terms: ChangeTerms = ANA, **changes: Any) -> list[str]:
    return [step.kind for step in lifecycle.apply(file, [proposal(file.parent / "d", **changes)], terms)]


def test_a_version_is_kept_as_it_was_applied(file: Path) -> None:
    original = proposal(file.parent / "d")
    lifecycle.apply(file, [original], ANA)
    with known(file) as layers:
        kept = layers.version("came_back", 1)
    assert kept is not None
    assert (kept.text, kept.hash, kept.owner, kept.applied_by) == (
        original.text,
        original.definition.hash,
        "podcasts",
        "ana",
    )
    assert kept.applied_at.endswith("+00:00")
    assert json.loads(kept.body)["window"] == {"kind": "calendar", "from": 1, "to": 7}
    assert default_registry(file=file).get("came_back") == original.definition


def test_texts_change_without_a_new_version_and_are_all_kept(file: Path) -> None:
    assert apply(file) == ["new"]
    assert apply(file) == ["unchanged"]
    assert apply(file, title="Came back in a week") == ["text change"]
    assert apply(file, title="Came back again") == ["text change"]
    assert default_registry(file=file).get("came_back@1").title == "Came back again"
    with closing(sqlite3.connect(file)) as raw:
        assert [json.loads(row[0])["title"] for row in raw.execute("SELECT body FROM texts ORDER BY id")] == [
            "Came back in a week",
            "Came back again",
        ]
        assert json.loads(raw.execute("SELECT body FROM versions").fetchone()[0])["title"] == "Came back"


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"window": {"kind": "calendar", "from": 1, "to": 9}}, "window.to: 7 -> 9"),
        ({"lateness": "2 d"}, "lateness: 1 d -> 2 d"),
        ({"unit": "days"}, "unit: 0 or 1 -> days"),
        ({"direction": "lower_is_better"}, "direction: higher_is_better -> lower_is_better"),
    ],
)
def test_a_silent_change_is_refused_and_nothing_of_the_batch_is_written(
    file: Path, changes: dict[str, Any], difference: str
) -> None:
    apply(file)
    folder = file.parent / "d"
    with pytest.raises(ConfigError, match="The published signal 'came_back@1' has changed in meaning") as caught:
        lifecycle.apply(file, [proposal(folder, name="another"), proposal(folder, **changes)], ANA)
    assert difference in caught.value.got
    assert "came_back@1 belongs to podcasts, applied by ana at 20" in caught.value.got
    assert caught.value.fix == "undo the change, or apply it as version 2 in a new file"
    with known(file) as layers:
        assert layers.versions("another") == []
        assert layers.journal("another") == []


def test_differences_have_a_class_key_by_key(tmp_path: Path) -> None:
    old = proposal(tmp_path).definition
    new = proposal(
        tmp_path,
        version=2,
        title="T",
        unit="days",
        measure={"kind": "days", "of": "click"},
        window={"kind": "elapsed", "from": "1 d", "to": "7 d"},
    ).definition
    assert [(difference.key, difference.effect) for difference in find_differences(old, new)] == [
        ("measure.kind", "breaking"),
        ("measure.of", "data"),
        ("title", "text"),
        ("unit", "breaking"),
        ("window.from", "data"),
        ("window.kind", "data"),
        ("window.to", "data"),
    ]
    credited = proposal(tmp_path, credit={"rule": "clicked", "within": "24 h"}).definition
    assert [str(difference) for difference in find_differences(old, credited)] == [
        "credit.rule: (none) -> clicked",
        "credit.within: (none) -> 1 d",
    ]
    assert find_differences(old, old) == ()


def test_versions_only_grow_and_a_batch_is_judged_in_order(file: Path) -> None:
    folder = file.parent / "d"
    batch = [proposal(folder, version=3, lateness="3 d"), proposal(folder, version=1)]
    assert [(s.kind, s.base.ref if s.base else "") for s in lifecycle.plan(None, [folder], ANA)] == [
        ("new", ""),
        ("new version", "came_back@1"),
    ]
    lifecycle.apply(file, batch, ANA)
    with pytest.raises(ConfigError, match="'came_back@2' is lower than the latest version, came_back@3") as caught:
        apply(file, version=2)
    assert caught.value.fix == "make it version 4"


def test_a_plan_writes_nothing_and_says_what_applying_does(file: Path) -> None:
    apply(file)
    before = file.read_bytes()
    write(file.parent / "d", version=2, unit="days")
    planned = lifecycle.plan(file, [file.parent / "d"], ANA)
    assert [step.kind for step in planned] == ["unchanged", "new version"]
    assert planned[1].effect == "breaking"
    assert file.read_bytes() == before
    steps = lifecycle.apply(file, [step.proposal for step in planned], ANA)
    assert [step.as_json() for step in steps] == [step.as_json() for step in planned]


def test_a_draft_may_change_until_it_is_published_and_stands_for_nothing(file: Path) -> None:
    apply(file)
    assert apply(file, version=2, status="draft", lateness="2 d") == ["new version"]
    assert apply(file, version=2, status="draft", lateness="3 d") == ["draft change"]
    assert default_registry(file=file).get("came_back").ref == "came_back@1"
    assert apply(file, version=2, lateness="4 d") == ["publish"]
    assert default_registry(file=file).get("came_back").ref == "came_back@2"
    with pytest.raises(ConfigError, match="'came_back@2' is published and cannot become a draft again"):
        apply(file, version=2, status="draft", lateness="4 d")


def test_a_name_belongs_to_the_owner_of_its_first_version(file: Path) -> None:
    apply(file)
    with pytest.raises(ConfigError, match="The signal 'came_back' belongs to podcasts") as caught:
        apply(file, version=2, owner="music", terms=ChangeTerms("bo"))
    assert "owner: music; came_back@1 was applied by ana at 20" in caught.value.got
    assert "--take-over came_back" in caught.value.fix
    with pytest.raises(ConfigError, match="'click' ships with Longplay: its name cannot be taken"):
        apply(file, name="click", version=2)
    terms = ChangeTerms("bo", frozenset({"came_back"}), "podcasts was dissolved")
    assert apply(file, version=2, owner="music", terms=terms) == ["new version"]
    with known(file) as layers:
        assert layers.owner("came_back") == "music"
        line = next(line for line in layers.journal("came_back") if line["action"] == "take over")
    assert line["by"] == "bo"
    assert line["detail"] == {"from": "podcasts", "to": "music", "reason": "podcasts was dissolved"}
    assert apply(file) == ["unchanged"]  # the old owner's file, as it was
    with pytest.raises(ConfigError, match="belongs to music"):
        apply(file, version=3, owner="podcasts")


RACE = """
import json, sys, time
from pathlib import Path
from longplay.registry import lifecycle
from longplay.errors import LongplayError
from longplay.registry.plan import ChangeTerms
from longplay.registry.records import Proposal

folder, me, other, rounds = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
for number in range(rounds):
    proposal = Proposal.from_file(folder / me / f"race_{number}.v1.yaml")
    (folder / f"{me}.{number}").touch()
    while not (folder / f"{other}.{number}").exists():
        time.sleep(0.0005)
    try:
        lifecycle.apply(folder / f"{number // 2}.db", [proposal], ChangeTerms(f"{me}_person"))
        print(json.dumps("won"), flush=True)
    except LongplayError as error:
        print(json.dumps([type(error).__name__, error.render()]), flush=True)
"""


def test_of_two_teams_that_apply_at_once_exactly_one_wins(tmp_path: Path) -> None:
    rounds = 20
    for number in range(rounds):
        for team, last in (("podcasts", 7), ("music", 14)):
            # Every second round both teams are one owner: the version is contended then, else the name.
            owner = "both" if number % 2 else team
            window = {"kind": "calendar", "from": 1, "to": last}
            write(tmp_path / team, name=f"race_{number}", owner=owner, window=window)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path), me, other, str(rounds)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for me, other in (("podcasts", "music"), ("music", "podcasts"))
    ]
    outputs = [[json.loads(line) for line in process.communicate(timeout=60)[0].splitlines()] for process in processes]
    assert [len(lines) for lines in outputs] == [rounds, rounds]
    for number, ends in enumerate(zip(*outputs, strict=True)):
        assert [end == "won" for end in ends].count(True) == 1, ends
        winner = ("podcasts", "music")[ends.index("won")]
        kind, text = next(end for end in ends if end != "won")
        assert kind == "ConfigError"
        assert f"applied by {winner}_person at 20" in text
        assert f"belongs to {'both' if number % 2 else winner}" in text
        with known(tmp_path / f"{number // 2}.db") as layers:
            kept = layers.version(f"race_{number}", 1)
            assert kept is not None
            assert json.loads(kept.body)["window"]["to"] == {"podcasts": 7, "music": 14}[winner]
            assert len(layers.journal(f"race_{number}")) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from longplay.registry.database import Ledger

with Ledger.open_for_writing(Path(sys.argv[1])) as ledger:
    ledger.rows("PRAGMA cache_size = 1")  # what is written goes to the file before the commit
    for number in range(2000):
        ledger.insert("journal", at="x", by="x", action="x", name="came_back", detail="{}")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_the_registry_as_it_was(file: Path) -> None:
    apply(file)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", KILLED, str(file)], env=environment, check=False)
    assert result.returncode == -9
    assert file.with_name("registry.db-journal").exists()
    with known(file) as layers:
        assert [line["action"] for line in layers.journal("came_back")] == ["new"]
    assert apply(file, version=2, lateness="2 d") == ["new version"]


def test_a_reader_cannot_write(file: Path) -> None:
    apply(file)
    with known(file) as layers, pytest.raises(StoreError, match="readonly"):
        layers.ledgers[0].insert("journal", at="x", by="x", action="x", name="came_back", detail="{}")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "a_file").touch()
    with pytest.raises(StoreError) as caught:
        lifecycle.apply(tmp_path / "a_file" / "registry.db", [], ANA)
    assert caught.value.where == str(tmp_path / "a_file" / "registry.db")
    assert "writable" in caught.value.fix


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("UPDATE versions SET hash = 'x'", "a published version never changes"),
        ("DELETE FROM versions", "a published version never changes"),
        ("INSERT OR REPLACE INTO versions SELECT * FROM versions", "a published version never changes"),
        *[
            (statement.format(table), f"table {table} is append-only")
            for table in ("texts", "owners", "aliases", "deprecations", "journal")
            for statement in (
                "UPDATE {0} SET name = 'x'",
                "DELETE FROM {0}",
                "INSERT OR REPLACE INTO {0} SELECT * FROM {0}",
            )
        ],
    ],
)
def test_what_happened_cannot_be_changed_in_sql(file: Path, statement: str, refusal: str) -> None:
    apply(file)
    apply(file, title="Another")
    lifecycle.move_alias(file, "came_back@champion", 1, ANA)
    lifecycle.deprecate(file, "came_back", "2026-01-01", "", ANA)
    with closing(sqlite3.connect(file)) as raw, pytest.raises(sqlite3.IntegrityError, match=refusal):
        raw.execute(statement)


def test_an_alias_moves_and_keeps_where_it_was(file: Path) -> None:
    apply(file)
    apply(file, version=2, lateness="2 d")
    apply(file, version=3, status="draft")
    first = lifecycle.move_alias(file, "came_back@champion", 1, ANA)
    assert (first.old, first.new) == ("", "came_back@1")
    moved = lifecycle.move_alias(
        file, "came_back@champion", 2, ChangeTerms("bo", reason="evidence run 12", owner="podcasts")
    )
    assert (moved.old, moved.new, [str(d) for d in moved.differences]) == (
        "came_back@1",
        "came_back@2",
        ["lateness: 1 d -> 2 d"],
    )
    registry = default_registry(file=file)
    assert registry.get("came_back@champion").ref == "came_back@2"
    with known(file) as layers:
        moves = [(line["by"], line["detail"]) for line in layers.journal("came_back") if line["action"] == "alias"]
    assert moves == [
        ("ana", {"alias": "came_back@champion", "from": None, "to": "came_back@1", "reason": ""}),
        (
            "bo",
            {"alias": "came_back@champion", "from": "came_back@1", "to": "came_back@2", "reason": "evidence run 12"},
        ),
    ]
    lifecycle.move_alias(file, "came_back@champion", 2, ANA)  # it is there already
    with known(file) as layers:
        assert len([line for line in layers.journal("came_back") if line["action"] == "alias"]) == 2
    with pytest.raises(NotFoundError, match="came_back@chmpion") as caught:
        registry.get("came_back@chmpion")
    assert caught.value.fix == "did you mean 'came_back@champion'?"
    with pytest.raises(ConfigError, match="'came_back@3' is a draft"):
        lifecycle.move_alias(file, "came_back@champion", 3, ANA)
    with pytest.raises(ConfigError, match="This is not a valid alias"):
        lifecycle.move_alias(file, "came_back@2", 1, ANA)


def test_what_is_asked_for_without_a_version_is_computed(file: Path) -> None:
    apply(file)
    apply(file, version=2, lateness="2 d")
    assert [d.ref for d in default_registry(file=file).current() if d.name == "came_back"] == ["came_back@2"]
    lifecycle.move_alias(file, "came_back@champion", 1, ANA)
    assert {d.ref for d in default_registry(file=file).current() if d.name == "came_back"} == {
        "came_back@1",
        "came_back@2",
    }


def test_a_run_sees_the_versions_that_were_there_at_its_start(file: Path) -> None:
    apply(file)
    registry = default_registry(file=file)
    apply(file, version=2, lateness="2 d")
    assert registry.get("came_back").ref == "came_back@1"
    assert "came_back@2" not in registry.by_ref
    assert default_registry(file=file).get("came_back").ref == "came_back@2"


def test_a_registry_a_folder_and_what_ships_agree_or_are_refused(file: Path, tmp_path: Path) -> None:
    apply(file)
    own = tmp_path / "own"
    write(own, title="My title")
    assert default_registry([own], file).get("came_back").title == "My title"  # the same meaning, nearer
    path = write(own, lateness="2 d")
    with pytest.raises(ConfigError, match="'came_back@1' has different meanings in two places") as caught:
        default_registry([own], file)
    assert caught.value.where == f"{path}, and {file} ({applied(file)})"
    apply(file, name="mine", status="draft")
    path.unlink()
    write(own, name="mine", status="draft", lateness="2 d")
    assert str(default_registry([own], file).get("mine").lateness) == "2 days, 0:00:00"
    write(own, name="click")
    with pytest.raises(ConfigError, match="'click@1' has different meanings in two places"):
        default_registry([own])


def applied(file: Path) -> str:
    with known(file) as layers:
        kept = layers.version("came_back", 1)
    assert kept is not None
    return kept.applied


def test_a_deprecated_file_is_a_deprecation(file: Path) -> None:
    apply(file)
    assert apply(file, status="deprecated") == ["text change"]
    registry = default_registry(file=file)
    assert registry.warning(registry.get("came_back")).startswith("came_back@1 has been deprecated since 20")
    assert apply(file, status="deprecated", title="T") == ["text change"]
    assert apply(file, title="T") == ["text change"]
    registry = default_registry(file=file)
    assert registry.warning(registry.get("came_back")) == ""
    with known(file) as layers:
        actions = [line["action"] for line in layers.journal("came_back")]
    assert [action for action in actions if "deprec" in str(action)] == ["deprecate", "withdraw deprecation"]


def test_another_meaning_of_the_code_is_not_taken_in_silence(file: Path) -> None:
    apply(file)
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("DROP TRIGGER versions_update")
        raw.execute("UPDATE versions SET hash = 'of another code'")
        raw.commit()
    with pytest.raises(StoreError, match="'came_back@1' means something different in this version") as caught:
        default_registry(file=file).get("came_back")
    assert "applied with hash of another code" in caught.value.got


@pytest.mark.parametrize("content", ["no database at all, only text " * 20, ""])
def test_a_file_that_is_no_registry_is_said(tmp_path: Path, content: str) -> None:
    other = tmp_path / "other.db"
    if content:
        other.write_text(content, encoding="utf-8")
    else:
        with closing(sqlite3.connect(other)) as raw:
            raw.execute("CREATE TABLE mlflow (x)")
            raw.commit()
    for act in (lambda: default_registry(file=other), lambda: lifecycle.move_alias(other, "click@champion", 1, ANA)):
        with pytest.raises(StoreError) as caught:
            act()
        assert caught.value.where == str(other)
        assert caught.value.fix


def test_a_newer_registry_is_not_read(file: Path) -> None:
    apply(file)
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer Longplay") as caught:
        default_registry(file=file)
    assert caught.value.got == "schema 99; this version reads up to schema 1"


def test_aliases_and_deprecations_belong_to_the_owner_of_the_name(file: Path) -> None:
    apply(file)
    stranger = ChangeTerms("bo", owner="music")
    with pytest.raises(ConfigError, match="'came_back' belongs to podcasts") as caught:
        lifecycle.move_alias(file, "came_back@champion", 1, stranger)
    assert (caught.value.got, "--owner podcasts" in caught.value.fix) == ("acting for music", True)
    with pytest.raises(ConfigError, match="'came_back' belongs to podcasts"):
        lifecycle.deprecate(file, "came_back@1", "2026-01-01", "", ChangeTerms("bo"))
    with known(file) as layers:
        assert (layers.aliases(), layers.deprecations()) == ({}, {})
    lifecycle.move_alias(file, "came_back@champion", 1, ChangeTerms("podcasts"))  # a team of one
    taken = ChangeTerms("bo", frozenset({"came_back"}), "podcasts was dissolved", "music")
    apply(file, version=2, owner="music", terms=taken)
    assert lifecycle.move_alias(file, "came_back@champion", 2, stranger).new == "came_back@2"
    with pytest.raises(ConfigError, match="'came_back' belongs to music"):
        lifecycle.move_alias(file, "came_back@champion", 1, ANA)


@pytest.mark.parametrize("owner", ["longplay", "music"])
def test_a_name_that_ships_is_nobodys_to_change(file: Path, tmp_path: Path, owner: str) -> None:
    terms = ChangeTerms("bo", frozenset({"click"}), "we need it", owner)
    with pytest.raises(ConfigError, match="'click' ships with Longplay: its name cannot be taken"):
        apply(file, name="click", version=2, owner=owner, terms=terms)
    apply(file)
    with pytest.raises(ConfigError, match="'click' ships with Longplay"):
        lifecycle.move_alias(file, "click@champion", 1, terms)
    with pytest.raises(ConfigError, match="'click' ships with Longplay"):
        lifecycle.deprecate(file, "click@1", "2026-01-01", "", terms)
    write(tmp_path / "own", name="click", version=2, owner=owner)
    with pytest.raises(ConfigError, match="'click' ships with Longplay: its name cannot be taken") as caught:
        default_registry([tmp_path / "own"], file)
    assert "click.v2.yaml" in caught.value.where
