"""The client returns values as known at a moment, from one release, page by page."""

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longplay import Client
from longplay.delta import truncate_log
from longplay.errors import ConfigError, EnvironmentProblem, NotFoundError, StoreError
from longplay.lookup.values import Values
from tests.unit.longplay.small_tables import at, open_row, row, void_row, write_release, write_values

ROOT = Path(__file__).parents[4]
ROWS = [
    row("a", at(1), user_id="u1", item_id="i1"),
    row("a", at(1), user_id="u1", item_id="i1", value=0.0, revision=1, known_ts=at(5)),
    row("b", at(1), user_id="u2", item_id="i1", value=0.0),
    void_row("c", at(2), user_id="u2", item_id="i2"),
    open_row("d", at(9), at(10), user_id="u1", item_id="i2"),
    row("x", at(1), signal="regret", user_id="u1"),
]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    version = write_values(tmp_path / "shop", ROWS)
    write_release(tmp_path / "shop", at(10), version)
    return tmp_path


def list_values(page: Values) -> list[tuple[Any, ...]]:
    return [(r["anchor_id"], r["state"], r["value"]) for r in page.arrow().to_pylist()]


def test_values_are_the_newest_rows_known_at_the_release(store: Path) -> None:
    page = Client(store, "shop").values("click")
    assert list_values(page) == [("a", "mature", 0.0), ("b", "mature", 0.0), ("c", "void", None), ("d", "open", None)]
    assert page.arrow()["prefix"].to_pylist() == [None, None, None, 1.0]
    assert page.arrow()["void_reason"].to_pylist() == [None, None, "outage", None]
    assert page.signal == "click@1"
    assert page.known_at == at(10)
    assert not page.more


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (at(2) - timedelta(microseconds=1), []),
        (at(2), [("a", "mature", 1.0), ("b", "mature", 0.0)]),
        (at(5) - timedelta(microseconds=1), [("a", "mature", 1.0), ("b", "mature", 0.0), ("c", "void", None)]),
        (at(5), [("a", "mature", 0.0), ("b", "mature", 0.0), ("c", "void", None)]),
    ],
)
def test_values_as_known_at_an_earlier_moment(store: Path, moment: Any, expected: list[tuple[Any, ...]]) -> None:
    assert list_values(Client(store, "shop").values("click", known_at=moment)) == expected
    assert list_values(Client(store, "shop").values("click", known_at=moment.isoformat())) == expected


def test_a_tie_in_known_ts_goes_to_the_later_revision(tmp_path: Path) -> None:
    rows = [row("a", at(1), value=float(n), revision=n, known_ts=at(3)) for n in (2, 0, 1)]
    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", rows))
    client = Client(tmp_path, "shop")
    assert list_values(client.values("click")) == [("a", "mature", 2.0)]
    assert client.value("click", anchor_id="a").revision == 2


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ({"users": "u1"}, "ad"),
        ({"users": ["u1", "u2"], "items": ["i2"]}, "cd"),
        ({"anchors": ["b", "zz"]}, "b"),
        ({"days": (date(2026, 5, 2), None)}, "cd"),
        ({"days": (None, "2026-05-01")}, "ab"),
        ({"days": ("2026-05-02", "2026-05-02")}, "c"),
        ({"states": "mature"}, "ab"),
        ({"states": ["open", "void"]}, "cd"),
        ({"users": ["nobody"]}, ""),
    ],
)
def test_values_by_user_item_anchor_day_and_state(store: Path, which: Any, expected: str) -> None:
    page = Client(store, "shop").values("click", **which)
    assert "".join(page.arrow()["anchor_id"].to_pylist()) == expected


def test_a_state_is_asked_for_as_it_was_known(tmp_path: Path) -> None:
    rows = [row("a", at(1)), void_row("a", at(1), revision=1, known_ts=at(4), void_reason="superseded")]
    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", rows))
    client = Client(tmp_path, "shop")
    assert list_values(client.values("click", states="mature")) == []
    assert list_values(client.values("click", states="mature", known_at=at(3))) == [("a", "mature", 1.0)]


def test_pages_give_every_row_once_whatever_is_published_meanwhile(tmp_path: Path) -> None:
    folder, rng = tmp_path / "shop", np.random.default_rng(3)
    rows = [row(f"a{n:03d}", at(int(rng.integers(1, 4)))) for n in rng.permutation(100)]
    first = write_release(folder, at(10), write_values(folder, rows))
    client, anchors, after, sizes = Client(tmp_path, "shop"), [], None, []
    while after is not None or not anchors:
        page = client.values("click", limit=7, **({} if after is None else {"after": after}))
        assert page.release_id == first
        anchors += page.arrow()["anchor_id"].to_pylist()
        sizes.append(len(page))
        after = page.next
        if len(sizes) == 2:
            write_release(folder, at(11), write_values(folder, [row("new", at(1))]))
    assert anchors == [r["anchor_id"] for r in sorted(rows, key=lambda r: (r["t0"], r["anchor_id"]))]
    assert sizes == [7] * 14 + [2]


def test_a_page_goes_on_within_its_own_question(store: Path) -> None:
    client = Client(store, "shop")
    after = client.values("click", limit=1).next
    with pytest.raises(ConfigError, match="'after' belongs to another signal"):
        client.values("regret", after=after)
    with pytest.raises(ConfigError, match="'after' belongs to another known_at"):
        client.values("click", after=after, known_at=at(3))
    with pytest.raises(ConfigError, match="This is not a cursor"):
        client.values("click", after="nonsense")


def test_a_release_pins_what_it_was_whatever_is_written_later(store: Path) -> None:
    folder, client = store / "shop", Client(store, "shop")
    first = client.releases()[0].release_id
    later = write_values(folder, [row("a", at(1), user_id="u1", value=7.0, revision=2, known_ts=at(9))])
    assert list_values(client.values("click"))[0] == ("a", "mature", 0.0)
    second = write_release(folder, at(11), later)
    assert [r.release_id for r in client.releases()] == [second, first]
    assert client.releases()[0].versions == {"signal_values": 1}
    assert list_values(client.values("click"))[0] == ("a", "mature", 7.0)
    assert list_values(client.values("click", release=first))[0] == ("a", "mature", 0.0)
    assert client.value("click", anchor_id="a", release=first).value == 0.0
    assert set(client.values("click", release=first).arrow()["release_id"].to_pylist()) == {first}


def test_the_newest_release_is_of_the_newest_date_then_published_last(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    version = write_values(folder, ROWS)
    ids = [
        write_release(folder, known_at, version, release_id=name)
        for name, known_at in (("r1", at(10)), ("r2", at(12)), ("r3", at(12)), ("backfilled", at(9)))
    ]
    for age, file in enumerate(sorted((folder / "releases").glob("*.parquet"), key=lambda f: f.stat().st_mtime_ns)):
        os.utime(file, (1_000_000 + age, 1_000_000 + age))
    client = Client(tmp_path, "shop")
    assert [r.release_id for r in client.releases()] == ["r3", "r2", "r1", "backfilled"]
    assert set(ids) == {"r1", "r2", "r3", "backfilled"}
    assert client.values("click").release_id == "r3"


def test_rows_known_after_the_release_are_not_in_it(tmp_path: Path) -> None:
    version = write_values(tmp_path / "shop", ROWS)
    write_release(tmp_path / "shop", at(4), version)
    client = Client(tmp_path, "shop")
    assert list_values(client.values("click")) == [("a", "mature", 1.0), ("b", "mature", 0.0), ("c", "void", None)]
    with pytest.raises(ConfigError, match="holds nothing known after 2026-05-04"):
        client.values("click", known_at=at(5))


def test_a_release_whose_version_was_erased_says_so(store: Path) -> None:
    client = Client(store, "shop")
    write_values(store / "shop", [row("e", at(3))])
    truncate_log(store / "shop" / "signal_values")
    with pytest.raises(NotFoundError, match="can no longer be read") as caught:
        client.values("click")
    assert "version 0 was erased or removed; the table is at version 1" in caught.value.got


def test_a_release_whose_files_were_removed_says_so(store: Path) -> None:
    client = Client(store, "shop")
    for file in (store / "shop" / "signal_values").glob("*/*.parquet"):
        file.unlink()
    with pytest.raises(StoreError, match="a data file is missing"):
        client.values("click")
    write_values(store / "shop", ROWS, mode="overwrite")
    with pytest.raises(NotFoundError, match="can no longer be read"):
        client.value("click", anchor_id="a")


def test_one_value_by_anchor_or_by_user_item_and_t0(store: Path) -> None:
    client = Client(store, "shop")
    looked_up = client.value("click", anchor_id="a")
    assert (looked_up.state, looked_up.value, looked_up.revision, looked_up.known_at) == ("mature", 0.0, 1, at(10))
    assert client.value("click", anchor_id="a", known_at=at(3)).value == 1.0
    assert client.value("click", user_id="u1", item_id="i1", t0=at(1)).anchor_id == "a"
    assert client.value("click", user_id="u2", t0="2026-05-02T00:00:00Z").void_reason == "outage"
    is_open = client.value("click@1", anchor_id="d")
    assert (is_open.state, is_open.value, is_open.prefix) == ("open", None, 1.0)


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        ({"anchor_id": "zz"}, NotFoundError, "There is no value of 'click@1' for this key"),
        ({"anchor_id": "a", "known_at": at(1)}, NotFoundError, "was not yet known at"),
        ({"anchor_id": "a", "release": "nope"}, NotFoundError, "There is no release 'nope'"),
        ({"anchor_id": "a", "user_id": "u1"}, ConfigError, "The key does not identify a single value"),
        ({"user_id": "u1"}, ConfigError, "The key does not identify a single value"),
        ({}, ConfigError, "The key does not identify a single value"),
        ({"user_id": "u1", "t0": "yesterday"}, ConfigError, "Wrong value for 't0'"),
    ],
)
def test_a_key_that_names_no_value_is_an_error(store: Path, key: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Client(store, "shop").value("click", **key)


def test_a_key_of_several_anchors_is_an_error_that_names_them(tmp_path: Path) -> None:
    rows = [row("a", at(1)), row("b", at(1), item_id="j")]
    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", rows))
    client = Client(tmp_path, "shop")
    with pytest.raises(ConfigError, match="matches 2 anchors") as caught:
        client.value("click", user_id="u", t0=at(1))
    assert caught.value.got == "a, b"
    assert client.value("click", user_id="u", item_id="j", t0=at(1)).anchor_id == "b"


@pytest.mark.parametrize("value", [("open", 0.4), ("mature", None)])
def test_a_table_that_passes_an_open_value_off_as_known_is_refused(tmp_path: Path, value: Any) -> None:
    rows = [row("a", at(1), state=value[0], value=value[1])]
    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", rows))
    with pytest.raises(StoreError, match="rows must have a value if and only if they are mature"):
        Client(tmp_path, "shop").values("click")


def test_a_release_made_with_another_meaning_is_refused(tmp_path: Path) -> None:
    version = write_values(tmp_path / "shop", ROWS)
    write_release(tmp_path / "shop", at(10), version, hashes={"click@1": "0" * 16})
    with pytest.raises(StoreError, match="a different definition of 'click@1'"):
        Client(tmp_path, "shop").values("click")
    assert len(Client(tmp_path, "shop").values("regret")) == 1


@pytest.mark.parametrize(
    ("which", "fix"),
    [
        ({"user": ["u1"]}, "did you mean 'users'?"),
        ({"states": ["matur"]}, "did you mean 'mature'?"),
        ({"limit": 0}, "1 to 1,000,000"),
        ({"limit": 1_000_001}, "1 to 1,000,000"),
        ({"users": []}, "pass one or more strings"),
        ({"days": ("2026-05-02", "2026-05-01")}, "swap them"),
        ({"days": ("May", None)}, "give a day, such as 2026-05-03"),
        ({"known_at": "soon"}, "give a moment, such as 2026-05-03T20:00:00Z"),
    ],
)
def test_a_malformed_question_is_an_error_with_its_remedy(store: Path, which: Any, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Client(store, "shop").values("click", **which)
    assert caught.value.fix == fix


def test_slips_in_names_are_answered_with_the_nearest(store: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        Client(store, "shopp")
    assert caught.value.fix == "did you mean 'shop'?"
    client = Client(store, "shop")
    with pytest.raises(NotFoundError) as caught:
        client.values("clik")
    assert caught.value.fix == "did you mean 'click'?"
    first = client.releases()[0].release_id
    with pytest.raises(NotFoundError) as caught:
        client.values("click", release=first[:-1])
    assert caught.value.fix == f"did you mean '{first}'?"


def test_without_a_release_the_step_that_makes_one_is_named(tmp_path: Path) -> None:
    write_values(tmp_path / "shop", ROWS)
    client = Client(tmp_path, "shop")
    assert client.releases() == []
    with pytest.raises(NotFoundError, match="There is no release yet") as caught:
        client.values("click")
    assert "longplay release" in caught.value.fix


def test_pages_as_pandas_and_polars(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Client(store, "shop").values("click", states="mature")
    frame = page.pandas()
    assert frame["value"].tolist() == [0.0, 0.0]
    assert str(frame["t0"].dtype) == "datetime64[us, UTC]"
    monkeypatch.setattr("longplay.lookup.values.find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match="polars is not installed") as caught:
        page.polars()
    assert caught.value.fix == "pip install polars, or use .arrow() or .pandas()"


GENERIC = (
    "{'pyspark', 'tables', 'ingest', 'features', 'signals', 'quality', 'rankers', 'experiments', 'worlds', 'jobs'}"
)
HEAVY = "{'pyarrow', 'pydantic', 'numpy', 'deltalake', 'fastapi', 'pandas'}"


@pytest.mark.parametrize(
    ("use", "forbidden"),
    [
        ("import longplay", f"{GENERIC} | {HEAVY}"),
        ("from longplay import Client, Registry, default_registry, Definition; default_registry()", GENERIC),
        ("import longplay.server.app, longplay.server.index.build, longplay.commands.values, longplay.cli", GENERIC),
    ],
)
def test_the_client_imports_neither_the_application_nor_spark(use: str, forbidden: str) -> None:
    script = f"import sys; {use}; print(sorted({{n.split('.')[0] for n in sys.modules}} & ({forbidden})))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAVA_HOME": ""}
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"


def test_a_name_that_the_client_does_not_have() -> None:
    import longplay

    with pytest.raises(AttributeError, match="module 'longplay' has no attribute 'Klient'"):
        _ = longplay.Klient  # type: ignore[attr-defined]


def test_rewards_are_looked_up_as_definitions_are(store: Path) -> None:
    client = Client(store, "shop")
    assert {"kept_return", "lasting_value"} <= {reward.name for reward in client.rewards()}
    assert client.reward("kept_return") == client.reward("kept_return@1") == client.rewards()[0]
    with pytest.raises(NotFoundError, match="There is no reward 'kept_retrun'") as caught:
        client.reward("kept_retrun")
    assert "kept_return" in caught.value.fix
