"""Contracts: what a YAML file says is what the store and the gate take, and a wrong one says where it is wrong."""

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from longplay.errors import ConfigError, NotFoundError
from tables import catalog
from tables.checks import Bounded, Leak, Query, Reference, Sampled, Steady
from tables.contract import FOLDER, contract_of, load
from tables.export_contracts import command, export
from tables.spec import RowRule, TableSpec, columns

PLAYS = TableSpec(
    "plays",
    "Test plays, by user and day.",
    ("day", "user_id"),
    columns("""
        user_id | string              | who
        day     | date                | when
        counts  | map<string,bigint>? | how often, by kind
        parts   | array<double>?      | shares of the day
    """),
    rules=(RowRule("user_is_named", "user_id = ''", "user_id must not be empty", "warning"),),
    families=("f_",),
    allow_empty=True,
    mode="increment",
    time="day",
    known="CAST(day AS timestamp)",
    audit=("parts",),
    partition_by=("day", "user_id"),
    owner="listening",
    retention="18 months",
    checks=(
        Bounded("days_named", "COUNT(day)", "days are named", 1.0, 9.0),
        Bounded("few_days", "COUNT(day)", "few days", None, 9.0, "warning"),
        Query("users", "SELECT COUNT(*) FROM (SELECT user_id FROM {object})", "there are users", 1.0, None),
        Query("none", "SELECT COUNT(*) FROM (SELECT 1 FROM {object})", "there is none", 0.0, 0.0),
        Steady("volume", "COUNT(*)", "as many as usual", 0.4),
        Steady("lateness", "AVG(late)", "as late as usual", 0.4, "difference", "publication", "warning"),
        Sampled("known", "familiar", ("user_id", "day"), "were there before", 0.1),
        Reference("users_exist", ("user_id",), "users", ("id",), "users exist"),
        Leak("no_leak", "f_", "label_", "a feature is its label", 0.9),
    ),
    version="1.2.3",
)


def written(folder: Path, **changes: Any) -> Path:
    """The contract of PLAYS with some keys changed; a dotted key with numbers goes into lists."""
    data: Any = contract_of(PLAYS)
    for dotted, value in changes.items():
        *way, last = dotted.split("__")
        inner = data
        for key in way:
            inner = inner[int(key) if key.isdigit() else key]
        inner[last] = value
    path = folder / "plays.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


def test_a_contract_holds_all_that_a_spec_says(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert load("plays", tmp_path) == PLAYS
    message = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (message["apiVersion"], message["kind"], message["id"]) == ("v3.1.0", "DataContract", "longplay.plays")
    (table,) = message["schema"]
    assert table["properties"][0] == {
        "name": "user_id",
        "logicalType": "string",
        "physicalType": "string",
        "required": True,
        "primaryKey": True,
        "primaryKeyPosition": 2,
        "partitioned": True,
        "partitionKeyPosition": 2,
        "description": "who",
    }
    assert table["quality"][0]["query"] == "SELECT COUNT(*) FROM {object} WHERE user_id = ''"
    assert table["quality"][0]["severity"] == "warning"


def test_every_contract_that_ships_is_in_the_catalogue_and_says_no_more_than_its_spec() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(catalog.ALL)
    for name, spec in catalog.ALL.items():
        assert yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")) == contract_of(spec)


def test_all_contracts_are_read_in_less_than_the_blink_of_an_eye() -> None:
    seconds = []
    for _ in range(3):  # the collector may come in between
        begin = time.thread_time()  # of this thread: what others in the process do is not ours
        for name in catalog.ALL:
            load(name)
        seconds.append(time.thread_time() - begin)
    assert min(seconds) < 0.25  # 0.02 s on a quiet core


@pytest.mark.parametrize(
    ("changes", "what", "key", "got"),
    [
        ({"statsu": "active"}, "unknown key 'statsu': did you mean 'status'?", "statsu", "'active'"),
        ({"version": "1.2"}, "Wrong value for 'version'", "version", "'1.2'"),
        (
            {"schema__0__properties__1__logicalType": "timestamp"},
            "logical type of date is 'date'",
            "logicalType",
            "'timestamp'",
        ),
        ({"schema__0__properties__1__physicalType": "dat"}, "did you mean 'date'?", "physicalType", "'dat'"),
        ({"schema__0__quality__0__severity": "warn"}, "Wrong value", "schema.0.quality.0.severity", "'warn'"),
        (
            {"schema__0__quality__0__query": "SELECT 1"},
            "a query must begin with SELECT",
            "schema.0.quality.0.query",
            "'SELECT 1'",
        ),
        ({"schema__0__quality__5__implementation__within": 0}, "greater than 0", "implementation.within", "0"),
        ({"schema__0__quality__5__implementation__by": "log"}, "Wrong value", "implementation.by", "'log'"),
        ({"customProperties__0__property": "mod"}, "did you mean 'mode'?", "customProperties.0.property", "'mod'"),
        ({"customProperties__0__value": "merge"}, "'mode' is one of append", "customProperties.0.value", "'merge'"),
        ({"slaProperties__0__unit": "fortnights"}, "Wrong value", "slaProperties.0.unit", "'fortnights'"),
    ],
)
def test_a_fault_is_named_with_file_line_and_key(
    tmp_path: Path, changes: dict[str, Any], what: str, key: str, got: str
) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(ConfigError) as caught:
        load("plays", tmp_path)
    assert what in caught.value.what
    assert caught.value.where.startswith(f"{path}, line ")
    assert caught.value.where.endswith(key)
    assert caught.value.got == got


def test_a_table_needs_a_grain_and_names_only_once(tmp_path: Path) -> None:
    data = contract_of(PLAYS)
    for column in data["schema"][0]["properties"]:
        column.pop("primaryKey", None)
    (tmp_path / "plays.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(ConfigError, match="no column is a primaryKey"):
        load("plays", tmp_path)
    written(tmp_path, schema__0__properties__1__name="user_id")
    with pytest.raises(ConfigError, match="'user_id' appears twice"):
        load("plays", tmp_path)


def test_a_contract_is_found_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        load("event")
    assert caught.value.fix == "did you mean 'events'?"
    written(tmp_path).rename(tmp_path / "songs.yaml")
    with pytest.raises(NotFoundError, match="The contract 'songs' describes another table") as caught:
        load("songs", tmp_path)
    assert caught.value.got == "plays"


def test_a_table_declared_in_python_becomes_a_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = "X = TableSpec('xs', 'Test xs.....', ('x',), columns('x|int|which'))"
    module = f"from tables.spec import TableSpec, columns\n{declared}\n"
    (tmp_path / "declared_for_export.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "out"
    assert export("declared_for_export", folder=out) == [out / "xs.yaml"]
    assert load("xs", out) == TableSpec("xs", "Test xs.....", ("x",), columns("x|int|which"))
    with pytest.raises(ConfigError, match="A contract exists already") as caught:
        export("declared_for_export", folder=out)
    assert (caught.value.got, caught.value.fix) == ("xs.yaml", "overwrite it with --update")
    (out / "xs.yaml").write_text("", encoding="utf-8")
    export("declared_for_export", update=True, folder=out)
    assert load("xs", out).grain == ("x",)


def test_the_command_says_what_it_cannot_export() -> None:
    for module, message in (("tables.facst", "There is no module"), ("tables.arrow_store", "declares no table")):
        result = CliRunner().invoke(command, [module])
        assert result.exit_code == 2
        assert message in result.output
