"""``longplay signals values``: a table, JSON, CSV or Arrow, with the release that the values come from."""

import json
from pathlib import Path

import pyarrow.csv as csv
import pyarrow.feather as feather
import pytest
from click.testing import CliRunner

from longplay.cli import cli
from longplay.errors import ConfigError, NotFoundError
from tests.unit.longplay.small_tables import at, open_row, row, write_release, write_values


@pytest.fixture
def command_and_release(tmp_path: Path) -> tuple[list[str], str]:
    """The command up to its options, and the release."""
    rows = [row("a", at(1), user_id="u1" * 40), row("b", at(2), value=0.0), open_row("c", at(9), at(10))]
    release = write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", rows))
    return ["signals", "values", "click", "--store", str(tmp_path), "--source", "shop"], release


def test_values_as_a_table(command_and_release: tuple[list[str], str]) -> None:
    command, release = command_and_release
    shown = CliRunner().invoke(cli, [*command, "--limit", "2"]).output
    assert [line.split()[0] for line in shown.splitlines()[:3]] == ["anchor_id", "a", "b"]
    assert f" {'u1' * 40} " in shown  # however narrow the terminal
    assert f"2 rows of click@1, release {release}, known at 2026-05-10 00:00" in shown
    after = shown.split("--after ")[1].strip()
    rest = CliRunner().invoke(cli, [*command, "--after", after]).output
    assert rest.splitlines()[1].split()[:7] == ["c", "u", "i", "2026-05-09", "00:00:00", "open", "-"]
    assert "last page" in rest


def test_the_source_is_given_by_its_name_or_its_file(
    command_and_release: tuple[list[str], str], tmp_path: Path
) -> None:
    command, _ = command_and_release
    file = tmp_path / "anything.yaml"
    file.write_text("name: shop\nabout: Plays.\n", encoding="utf-8")
    by_file = [*command[:-1], str(file)]
    assert CliRunner().invoke(cli, by_file).output == CliRunner().invoke(cli, command).output
    file.write_text("about: Plays.\n", encoding="utf-8")
    shown = CliRunner().invoke(cli, by_file)
    assert isinstance(shown.exception, ConfigError)
    assert str(shown.exception).startswith("This source file has no name.")


def test_values_as_json(command_and_release: tuple[list[str], str]) -> None:
    command, release = command_and_release
    shown = json.loads(CliRunner().invoke(cli, [*command, "--json", "--user", "u1" * 40]).output)
    assert (shown["signal"], shown["release_id"], shown["next"]) == ("click@1", release, None)
    assert shown["known_at"] == "2026-05-10T00:00:00+00:00"
    assert [(r["anchor_id"], r["state"], r["value"], r["t0"]) for r in shown["rows"]] == [
        ("a", "mature", 1.0, "2026-05-01T00:00:00+00:00")
    ]


def test_values_as_files(command_and_release: tuple[list[str], str], tmp_path: Path) -> None:
    command, release = command_and_release
    files = ["--csv", str(tmp_path / "v.csv"), "--arrow", str(tmp_path / "v.arrow")]
    shown = CliRunner().invoke(cli, [*command, *files, "--from", "2026-05-02"])
    assert shown.output.startswith(f"2 rows of click@1, release {release}")
    for table in (csv.read_csv(tmp_path / "v.csv"), feather.read_table(tmp_path / "v.arrow")):
        assert table["anchor_id"].to_pylist() == ["b", "c"]
        assert table["value"].to_pylist() == [0.0, None]
        assert table["release_id"].to_pylist() == [release, release]


def test_slips_are_errors_of_ours(command_and_release: tuple[list[str], str], tmp_path: Path) -> None:
    command, _ = command_and_release
    shown = CliRunner().invoke(cli, [*command, "--state", "matur"])
    assert isinstance(shown.exception, ConfigError)
    assert shown.exception.fix == "did you mean 'mature'?"
    shown = CliRunner().invoke(cli, [*command[:2], "clik", *command[3:]])
    assert isinstance(shown.exception, NotFoundError)
    shown = CliRunner().invoke(cli, [*command, "--csv", str(tmp_path / "missing" / "v.csv")])
    assert isinstance(shown.exception, ConfigError)
    assert shown.exception.where == str(tmp_path / "missing" / "v.csv")
