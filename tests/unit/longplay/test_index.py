"""The index answers as a plain filter does, is built once, switched as a whole, and forgets who was erased."""

import asyncio
import json
import os
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longplay import Client, default_registry
from longplay.errors import NotFoundError, StoreError
from longplay.lookup.cursor import Cursor
from longplay.lookup.point_query import Key, the_one
from longplay.lookup.query import Selection
from longplay.server.index import scan as scanning
from longplay.server.index.build import build
from longplay.server.index.paths import MANIFEST, Place
from longplay.server.index.scan import rows_of, scan
from longplay.server.index.segment import Segment
from longplay.server.open_releases import Served, Shelf, open_index
from longplay.server.watcher import Builder, Watcher, build_apart
from tests.unit.longplay.small_tables import at, build_here, open_row, row, void_row, write_release, write_values

Row = dict[str, Any]


def random_rows(rng: np.random.Generator, anchors: int, signal: str) -> list[Row]:
    """Anchors of few users and items at few moments, some void or open, with up to three revisions each."""
    rows = []
    for n in range(anchors):
        t0 = at(int(rng.integers(1, 8)), int(rng.integers(0, 3)))
        who = {
            "signal": signal,
            "user_id": f"u{rng.integers(0, 12)}",
            "item_id": f"i{rng.integers(0, 5)}" if rng.random() < 0.8 else None,
        }
        name, kind = f"{signal}-{rng.integers(0, 10**9)}-{n}", rng.random()
        if kind < 0.2:
            rows.append(open_row(name, t0, at(10), **who))
            continue
        known = t0 + timedelta(days=1)
        first = void_row if kind < 0.4 else row
        rows.append(first(name, t0, **who))
        for revision in range(1, int(rng.integers(1, 4)) if kind >= 0.4 else 1):
            known += timedelta(hours=int(rng.integers(0, 40)))
            rows.append(row(name, t0, known_ts=known, revision=revision, value=float(n + revision), **who))
    return rows


def plainly(rows: Sequence[Row], signal: str, known_at: datetime, **wanted: Any) -> list[tuple[Any, ...]]:
    """The answer by a plain search: anchor, state, value."""
    newest: dict[str, Row] = {}
    for one in rows:
        told = one["signal"] == signal and one["known_ts"] <= known_at
        if told and (one["known_ts"], one["revision"]) >= _rank(newest.get(one["anchor_id"])):
            newest[one["anchor_id"]] = one
    first, last = wanted.pop("first", date.min), wanted.pop("last", date.max)
    kept = [
        one
        for one in newest.values()
        if first <= one["t0_day"] <= last and all(one[key] == value for key, value in wanted.items())
    ]
    kept.sort(key=lambda one: (one["t0"], one["anchor_id"]))
    return [(one["anchor_id"], one["state"], one["value"]) for one in kept]


def _rank(one: Row | None) -> tuple[Any, ...]:
    return (one["known_ts"], one["revision"]) if one else (at(-9), -1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], Served, Path]:
    """Random rows of two signals, in several files; their index; the store."""
    store, rng = tmp_path_factory.mktemp("store"), np.random.default_rng(7)
    rows = [*random_rows(rng, 400, "click"), *random_rows(rng, 150, "regret")]
    order = rng.permutation(len(rows))
    for part in np.array_split(order, 3):
        version = write_values(store / "shop", [rows[n] for n in part])
    write_release(store / "shop", at(10), version)
    return rows, opened(store), store


def opened(store: Path) -> Served:
    told = build(Place.of(store, "shop", store / "cache"))
    return open_index(Path(told["folder"]), default_registry(), told["releases"])


def all_pages(segment: Segment, asked: Selection, signal: str, known_at: datetime) -> list[tuple[Any, ...]]:
    found, after = [], None
    while True:
        changed = {**vars(asked), "after": after}
        page = scan(segment, Selection(**changed), known_at)
        assert len(page.rows) <= asked.limit
        found += [(r["anchor_id"], r["state"], r["value"]) for r in segment.told(page.rows)]
        if page.last is None:
            return found
        after = Cursor("r", signal, known_at, *page.last)


@pytest.mark.parametrize("seed", range(60))
def test_the_index_answers_as_a_plain_filter(made: tuple[list[Row], Served, Path], seed: int, monkeypatch: Any) -> None:
    rows, served, _ = made
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(scanning, "CHUNK", int(rng.integers(1, 60)))
    monkeypatch.setattr(scanning, "MOST", int(rng.integers(1, 200)))
    signal = ("click@1", "regret@1")[int(rng.random() < 0.3)]
    known_at = at(int(rng.integers(1, 11)), int(rng.integers(0, 24))) if rng.random() < 0.6 else at(10)
    known_at, wanted = min(known_at, at(10)), {}
    if rng.random() < 0.5:
        wanted["user_id"] = f"u{rng.integers(0, 13)}"
    if rng.random() < 0.3:
        wanted["item_id"] = f"i{rng.integers(0, 6)}"
    if rng.random() < 0.3:
        wanted["state"] = ("open", "mature", "void")[int(rng.integers(0, 3))]
    if rng.random() < 0.3:
        wanted["first"] = date(2026, 5, int(rng.integers(1, 9)))
    if rng.random() < 0.3:
        wanted["last"] = date(2026, 5, int(rng.integers(1, 9)))
    lists = {key: (wanted[name],) for name, key in _LISTS.items() if name in wanted}
    asked = Selection(
        **lists, first_day=wanted.get("first"), last_day=wanted.get("last"), limit=int(rng.integers(1, 120))
    )
    found = all_pages(served.segments[signal], asked, signal, known_at)
    assert found == plainly(rows, signal, known_at, **wanted)


_LISTS = {"user_id": "users", "item_id": "items", "state": "states"}


@pytest.mark.parametrize("known_at", [at(3), at(6, 5), at(10)])
def test_one_value_by_the_index_the_client_and_a_plain_search(made: Any, known_at: datetime) -> None:
    rows, served, store = made
    segment, client = served.segments["click@1"], Client(store, "shop")
    expected = {name: (state, value) for name, state, value in plainly(rows, "click@1", known_at)}
    for one in rows[:60]:
        if one["anchor_id"] not in expected:
            with pytest.raises(NotFoundError, match="Nothing was known"):
                the_one(rows_of(segment, Key(one["anchor_id"])), "click@1", Key(one["anchor_id"]), known_at)
            continue
        found = the_one(rows_of(segment, Key(one["anchor_id"])), "click@1", Key(one["anchor_id"]), known_at)
        assert (found["state"], found["value"]) == expected[one["anchor_id"]]
        by_user = rows_of(segment, Key(None, one["user_id"], one["item_id"], one["t0"]))
        assert one["anchor_id"] in {r["anchor_id"] for r in by_user}
        assert {(r["user_id"], r["t0"]) for r in by_user} == {(one["user_id"], one["t0"])}
    told = client.values("click", known_at=known_at).arrow().to_pylist()
    assert {r["anchor_id"]: (r["state"], r["value"]) for r in told} == expected
    assert rows_of(segment, Key("nobody's")) == []


def test_a_page_that_stops_early_says_where_to_go_on(made: Any, monkeypatch: Any) -> None:
    _, served, _ = made
    monkeypatch.setattr(scanning, "CHUNK", 10)
    monkeypatch.setattr(scanning, "MOST", 20)
    page = scan(served.segments["click@1"], Selection(items=("i0",), states=("void",)), at(10))
    assert page.last is not None
    assert len(page.rows) < 20


def test_an_index_is_built_once_and_whole_or_not_at_all(tmp_path: Path, monkeypatch: Any) -> None:
    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", [row("a", at(1))]))
    place = Place.of(tmp_path, "shop", tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr("longplay.server.index.build.write_segment", _fails)
        with pytest.raises(StoreError, match="no room"):
            build(place)
    assert [f.name for f in place.cache.iterdir() if f.is_dir()] == []
    folder = Path(build(place)["folder"])
    assert {f.name for f in place.cache.iterdir() if f.is_dir()} == {folder.name}
    made = (folder / MANIFEST).stat().st_mtime_ns
    assert build(place)["folder"] == str(folder)
    assert (folder / MANIFEST).stat().st_mtime_ns == made
    assert place.cache.stat().st_mode & 0o077 == 0  # nobody else reads it


def _fails(*_: object) -> None:
    raise StoreError("no room")


def test_indexes_of_older_releases_are_removed_but_the_last(tmp_path: Path) -> None:
    place, ids = Place(tmp_path / "shop", tmp_path / "cache"), []
    for day in (10, 11, 12):
        ids.append(write_release(tmp_path / "shop", at(day), write_values(tmp_path / "shop", [row("a", at(day))])))
        build(place)
    assert {f.name for f in place.cache.iterdir() if f.is_dir()} == {f"{ids[1]}.0", f"{ids[2]}.0"}


def test_a_damaged_index_is_an_error(tmp_path: Path) -> None:
    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", [row("a", at(1))]))
    told = build(Place.of(tmp_path, "shop", tmp_path / "cache"))
    folder = Path(told["folder"])
    file = folder / json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["signals"]["click@1"]
    os.truncate(file, file.stat().st_size - 8)
    with pytest.raises(StoreError, match="damaged"):
        open_index(folder, default_registry(), told["releases"])
    with pytest.raises(StoreError, match="There is no index"):
        open_index(folder / "nowhere", default_registry(), told["releases"])


def watcher_of(store: Path, builder: Builder = build_here) -> tuple[Watcher, Shelf]:
    shelf = Shelf()
    return Watcher(Place.of(store, "shop", store / "cache"), shelf, 0.1, builder=builder), shelf


def value_of(served: Served, anchor: str) -> float:
    return float(rows_of(served.segments["click@1"], Key(anchor))[-1]["value"])


def test_a_switch_is_whole_and_what_was_taken_before_stays_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    first = write_release(folder, at(10), write_values(folder, [row("a", at(1), value=1.0)]))
    watcher, shelf = watcher_of(tmp_path)
    with pytest.raises(StoreError, match="No release is served yet"):
        shelf.newest()
    asyncio.run(watcher.look())
    before = shelf.newest()
    version = write_values(folder, [row("a", at(1), value=2.0, revision=1, known_ts=at(9))])
    asyncio.run(watcher.look())
    assert shelf.newest() is before  # values alone are no release
    second = write_release(folder, at(11), version)
    asyncio.run(watcher.look())
    after = shelf.newest()
    assert (before.release.release_id, value_of(before, "a")) == (first, 1.0)
    assert (after.release.release_id, value_of(after, "a")) == (second, 2.0)
    assert shelf.pick(first) is before
    third = write_release(folder, at(12), version)
    asyncio.run(watcher.look())
    assert shelf.served() == {second, third}
    with pytest.raises(NotFoundError, match="is not served") as caught:
        shelf.pick(first)
    assert "longplay signals values --release" in caught.value.fix
    assert value_of(before, "a") == 1.0  # its file is gone, what is mapped is not


def test_a_process_of_its_own_builds_and_says_what_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    write_values(folder, [row("a", at(1))])
    watcher, shelf = watcher_of(tmp_path, build_apart)
    asyncio.run(watcher.look())
    assert shelf.problem is not None
    assert shelf.problem.what == "There is no release yet."
    release = write_release(folder, at(10), 0)
    asyncio.run(watcher.look())
    assert shelf.newest().release.release_id == release
    assert value_of(shelf.newest(), "a") == 1.0


def test_a_release_that_cannot_be_read_leaves_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    first = write_release(folder, at(10), write_values(folder, [row("a", at(1))]))
    watcher, shelf = watcher_of(tmp_path)
    asyncio.run(watcher.look())
    write_release(folder, at(11), 7)
    asyncio.run(watcher.look())
    assert shelf.newest().release.release_id == first
    assert shelf.problem is not None
    assert "has no version 7" in shelf.problem.what
    good = write_release(folder, at(12), 0)
    asyncio.run(watcher.look())
    assert shelf.newest().release.release_id == good
    assert shelf.problem is None


def test_after_an_erasure_nothing_older_is_served_or_kept(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    write_release(folder, at(10), write_values(folder, [row("a", at(1), user_id="u1"), row("b", at(1))]))
    watcher, shelf = watcher_of(tmp_path)
    asyncio.run(watcher.look())
    old = list((folder / "signal_values").glob("*/*.parquet"))
    version = write_values(folder, [row("b", at(1))], mode="overwrite")
    for file in old:
        file.unlink()
    (folder / "_erasures").mkdir()
    (folder / "_erasures" / "000001.json").write_text("{}", encoding="utf-8")
    asyncio.run(watcher.look())
    with pytest.raises(StoreError, match="No release is served yet") as caught:
        shelf.newest()
    assert "can no longer be read" in caught.value.got
    assert [f for f in watcher.place.cache.iterdir() if f.is_dir()] == []
    release = write_release(folder, at(11), version)
    asyncio.run(watcher.look())
    assert shelf.newest().release.release_id == release
    assert rows_of(shelf.newest().segments["click@1"], Key("a")) == []
    assert value_of(shelf.newest(), "b") == 1.0


def test_a_fault_of_the_watcher_does_not_go_unseen(tmp_path: Path) -> None:
    async def faulty(_: Place) -> dict[str, Any]:
        raise RuntimeError("a fault")

    async def run(watcher: Watcher) -> None:
        await asyncio.wait([watcher.start()])

    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", [row("a", at(1))]))
    watcher, shelf = watcher_of(tmp_path, faulty)
    asyncio.run(run(watcher))
    assert shelf.problem is not None
    assert shelf.problem.what == "The server no longer looks for releases."
    assert shelf.problem.got == "RuntimeError('a fault')"
