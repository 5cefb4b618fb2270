"""Values of a signal that failed are marked as stale wherever they are read: client, command line, HTTP, pages."""

import asyncio
import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from longplay.cli import cli
from longplay.client import Client
from longplay.errors import StoreError
from longplay.lookup.signal_failures import SignalFailure, check_not_failed, read_signal_failures
from longplay.server.app import create_app
from longplay.server.index.build import build_index
from longplay.server.index.paths import IndexLocation
from longplay.server.open_releases import OpenReleases, open_index
from longplay.site.quality.site import write_pages
from longplay.site.signals.site import CatalogueInputs, write_site
from longplay.status.status import load_status
from tables.catalog import SIGNAL_FAILURES
from tests.unit.longplay.server.in_process import ask
from tests.unit.longplay.small_tables import ARROW, at, default_registry, row, write_release, write_values

FAILURE = SignalFailure(
    "click@1", default_registry().get("click").hash, "team-radio", "numbers ran out", at(9), at(8, 12)
)
TEXT = (
    "click@1 (owner: team-radio) failed on 2026-05-09: numbers ran out; "
    "its values are as of watermark 2026-05-08 12:00 UTC"
)


def write_failures(folder: Path, *failures: SignalFailure) -> int:
    schema = pa.schema([(column.name, ARROW[column.type]) for column in SIGNAL_FAILURES.columns])
    rows = pa.Table.from_pylist([vars(failure) for failure in failures], schema=schema)
    write_deltalake(str(folder / "signal_failures"), rows, mode="overwrite")
    return len(list((folder / "signal_failures" / "_delta_log").glob("*.json"))) - 1


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A release in which ``click`` had failed, and the newest, in which it has recovered."""
    folder = tmp_path / "warehouse" / "shop"
    values = write_values(folder, [row("a", at(1)), row("b", at(2), signal="regret")])
    failed = write_failures(folder, FAILURE)
    versions = [("signal_values", values), ("signal_failures", failed)]
    write_release(folder, at(9), values, versions=versions)
    write_failures(folder)
    return tmp_path / "warehouse"


def test_a_release_knows_which_values_are_stale(store: Path) -> None:
    client = Client(store, "shop")
    assert client.values("click").failure == FAILURE
    assert client.values("regret").failure is None
    (release,) = client.releases()
    assert client.failures(release) == {"click@1": FAILURE}
    assert read_signal_failures(store / "shop") == {}
    with pytest.raises(StoreError, match="A training set cannot use signals that failed") as caught:
        check_not_failed(client.failures(release), ["regret@1", "click@1"], "A training set")
    assert (caught.value.where, caught.value.got) == ("click@1", TEXT)


def test_the_command_warns_and_prints_the_failure_as_json(store: Path) -> None:
    options = ["--store", str(store), "--source", "shop"]
    shown = CliRunner().invoke(cli, ["signals", "values", "click", *options, "--json"])
    assert shown.stderr == f"warning: these values are stale: {TEXT}\n"
    assert json.loads(shown.stdout[: shown.stdout.rindex("}") + 1])["failure"] == FAILURE.plain()
    assert CliRunner().invoke(cli, ["signals", "values", "regret", *options]).stderr == ""


def test_the_server_answers_with_the_failure(store: Path, tmp_path: Path) -> None:
    built = build_index(IndexLocation.from_store(store, "shop", tmp_path / "cache"))
    open_releases = OpenReleases()
    open_releases.switch(open_index(Path(built["folder"]), default_registry(), built["releases"]))
    app = create_app(open_releases)

    def failure(target: str) -> object:
        return json.loads(asyncio.run(ask(app, "GET", target)).body)["failure"]

    expected = {
        "signal": "click@1", "definition_hash": FAILURE.definition_hash, "owner": "team-radio",
        "reason": "numbers ran out", "failed_at": "2026-05-09T00:00:00Z", "watermark": "2026-05-08T12:00:00Z",
    }  # fmt: skip
    assert failure("/v1/signals/click/values") == expected
    assert failure("/v1/signals/click/value?anchor_id=a") == expected
    assert failure("/v1/signals/regret/values") is None


def test_status_and_pages_say_what_fails_now(store: Path, tmp_path: Path) -> None:
    assert load_status(store / "shop").plain()["signal_failures"] == []
    write_failures(store / "shop", FAILURE)
    assert [failure.text() for failure in load_status(store / "shop").signal_failures] == [TEXT]
    write_pages(store / "shop", tmp_path / "pages", {})
    assert f"<p>{TEXT}.</p>" in (tmp_path / "pages" / "index.html").read_text(encoding="utf-8")
    write_site(CatalogueInputs(store, (), None), tmp_path / "site", print)
    page = (tmp_path / "site" / "signals" / "click.v1.html").read_text(encoding="utf-8")
    assert "could not be computed for shop since 2026-05-09: numbers ran out" in page
    assert "could not be computed" not in (tmp_path / "site" / "signals" / "regret.v1.html").read_text(encoding="utf-8")
