"""The commands of docs/how-to/registry.md, in its order, in an empty folder."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from longplay.cli import cli

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "registry.md"


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_every_command_of_the_page_does_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LONGPLAY_USER", "reader")
    monkeypatch.delenv("LONGPLAY_REGISTRY", raising=False)
    output_by_command = {}
    for line in commands():
        if not line.startswith("longplay "):
            subprocess.run(["bash", "-euc", line], check=True)
            continue
        result = CliRunner().invoke(cli, shlex.split(line)[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}{result.exception}"
        output_by_command[line] = result.output
    assert {shlex.split(line)[2] for line in output_by_command} == {
        *("search", "new", "plan", "apply", "show", "list", "diff", "alias", "history", "consumers", "deprecate")
    }
    assert output_by_command["longplay signals diff return_to_item_7d@1 return_to_item_7d@2"].splitlines() == [
        "return_to_item_7d@1 -> return_to_item_7d@2: data",
        "  data:     window.to: 7 -> 10",
    ]
    assert (
        "return_to_item_7d@1 will be deprecated on 2027-01-31: use return_to_item_7d@2"
        in output_by_command["longplay signals show return_to_item_7d@1"]
    )
    history = json.loads(CliRunner().invoke(cli, ["signals", "history", "return_to_item_7d", "--json"]).stdout)
    assert [line["action"] for line in history] == ["new", "publish", "new version", "alias", "alias", "deprecate"]
