"""Signals in the registry file are looked up like those that ship: by client, command line and server."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from longplay import Client
from longplay.cli import cli
from longplay.commands.serve import load_current_registry
from longplay.errors import NotFoundError
from longplay.registry import lifecycle
from longplay.registry.registry import default_registry
from tests.unit.longplay.signal_files import ANA, proposal
from tests.unit.longplay.small_tables import at, row, write_release, write_values

NAME = "came_back"


def shared(store: Path, file: Path) -> None:
    """A value of ``came_back``, which was applied to a registry file and to nothing else."""
    lifecycle.apply(file, [proposal(store / "drafts")], ANA)
    definition = default_registry(file=file).get(NAME)
    columns = {"signal": "click", "user_id": "u1"}
    rows = [row("a", at(1), **columns) | {"signal": definition.ref, "definition_hash": definition.hash}]
    version = write_values(store / "shop", rows)
    write_release(store / "shop", at(10), version, hashes={definition.ref: definition.hash})


def test_the_registry_of_the_store_is_read(tmp_path: Path) -> None:
    shared(tmp_path, tmp_path / "registry.db")
    client = Client(tmp_path, "shop")
    assert client.definition(NAME).owner == "podcasts"
    assert client.value(NAME, anchor_id="a").value == 1.0
    assert NAME in {signal.name for signal in client.signals()}
    assert NAME in {signal.name for signal in load_current_registry((), tmp_path, None).newest()}


def test_another_registry_is_named_as_an_argument_or_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "teams" / "signals.db"
    shared(tmp_path, elsewhere)
    with pytest.raises(NotFoundError, match=f"There is no signal '{NAME}'"):
        Client(tmp_path, "shop").values(NAME)
    assert len(Client(tmp_path, "shop", registry=elsewhere).values(NAME)) == 1
    assert NAME in {signal.name for signal in load_current_registry((), tmp_path, elsewhere).newest()}
    monkeypatch.setenv("LONGPLAY_REGISTRY", str(elsewhere))
    assert len(Client(tmp_path, "shop").values(NAME)) == 1
    monkeypatch.setenv("LONGPLAY_REGISTRY", str(tmp_path / "nowhere.db"))
    with pytest.raises(NotFoundError, match="There is no registry"):
        Client(tmp_path, "shop")


def test_the_command_line_prints_them_warns_of_a_deprecation_and_records_who_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "registry.db"
    shared(tmp_path, file)
    lifecycle.deprecate(file, f"{NAME}@1", "2026-05-01", "click@1", ANA)
    monkeypatch.setenv("LONGPLAY_USER", "radio")
    arguments = ["signals", "values", NAME, "--store", str(tmp_path), "--source", "shop"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "1 rows of came_back@1" in result.output
    assert "deprecated" in result.output
    assert "click@1" in result.output
    with closing(sqlite3.connect(file)) as ledger:
        assert ledger.execute("SELECT kind, consumer, name, version FROM consumers").fetchall() == [
            ("lookup", "radio", NAME, 1)
        ]
