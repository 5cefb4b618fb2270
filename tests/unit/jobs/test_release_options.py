"""What a release from quarantine is asked for: said once, and without Spark where it is wrong."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.runtime.quarantine_selection import ReleaseSelection
from jobs.table_quality import command
from longplay.errors import ConfigError


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        (ReleaseSelection("bad_amount"), "none"),
        (ReleaseSelection("bad_amount", as_is=True, changes={"much": "1"}), "--as-is and --set-column"),
        (ReleaseSelection("bad_amount", repaired=Path("rows.jsonl"), as_is=True), "--repaired and --as-is"),
        (ReleaseSelection("bad_amount", repaired=Path("rows.jsonl"), ids=Path("ids")), "--ids and --repaired"),
    ],
)
def test_a_release_says_once_how_rows_were_repaired(wanted: ReleaseSelection, got: str) -> None:
    with pytest.raises(ConfigError) as caught:
        wanted.check()
    assert caught.value.got == got
    assert caught.value.fix


def test_one_way_is_enough() -> None:
    for wanted in (
        ReleaseSelection("bad_amount", as_is=True, ids=Path("ids")),
        ReleaseSelection("bad_amount", changes={"much": "1"}, where="batch = 1"),
        ReleaseSelection("bad_amount", repaired=Path("rows.jsonl")),
    ):
        wanted.check()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--as-is"], "Missing option '--reason'"),
        (["--reason", "r", "--set-column", "much"], "'much' is not COLUMN=SQL"),
        (["--reason", "r", "--ids", "nowhere"], "'nowhere' does not exist"),
        (["--reason", "r", "--log", "plays"], "'plays' is not one of"),
    ],
)
def test_wrong_options_are_told_before_anything_starts(options: list[str], message: str) -> None:
    run = CliRunner().invoke(command, ["release", "--source", "world", *options])
    assert run.exit_code == 2
    assert message in run.stderr
