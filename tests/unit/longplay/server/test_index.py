"""The index answers as a plain filter does, is built once, switched as a whole, and forgets who was erased."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longplay import Client, default_registry
from longplay.errors import NotFoundError, StoreError
from longplay.lookup.cursor import PageCursor
from longplay.lookup.point_query import PointKey, select_value
from longplay.lookup.query import ValueSelection
from longplay.server.index import scan as scanning
from longplay.server.index.build import build_index
from longplay.server.index.paths import MANIFEST_FILE, IndexLocation, list_index_folders, may_index
from longplay.server.index.scan import find_rows, scan_page
from longplay.server.index.segment import Segment
from longplay.server.open_releases import OpenRelease, OpenReleases, open_index
from longplay.server.watcher import IndexBuilder, ReleaseWatcher, build_in_subprocess
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
        known_ts = t0 + timedelta(days=1)
        first = void_row if kind < 0.4 else row
        rows.append(first(name, t0, **who))
        for revision in range(1, int(rng.integers(1, 4)) if kind >= 0.4 else 1):
            known_ts += timedelta(hours=int(rng.integers(0, 40)))
            rows.append(row(name, t0, known_ts=known_ts, revision=revision, value=float(n + revision), **who))
    return rows


def filter_rows(rows: Sequence[Row], signal: str, known_at: datetime, **wanted: Any) -> list[tuple[Any, ...]]:
    """The expected answer from a scan of the rows: anchor, state, value."""
    newest: dict[str, Row] = {}
    for values in rows:
        is_known = values["signal"] == signal and values["known_ts"] <= known_at
        if is_known and _rank(values) >= _rank(newest.get(values["anchor_id"])):
            newest[values["anchor_id"]] = values
    first, last = wanted.pop("first", date.min), wanted.pop("last", date.max)
    matching = [
        row
        for row in newest.values()
        if first <= row["t0_day"] <= last and all(row[key] == value for key, value in wanted.items())
    ]
    matching.sort(key=lambda row: (row["t0"], row["anchor_id"]))
    return [(row["anchor_id"], row["state"], row["value"]) for row in matching]


def _rank(row: Row | None) -> tuple[Any, ...]:
    return (row["known_ts"], row["revision"]) if row else (at(-9), -1)


@pytest.fixture(scope="module")
def indexed_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], OpenRelease, Path]:
    """Random rows of two signals, in several files; their index; the store."""
    store, rng = tmp_path_factory.mktemp("store"), np.random.default_rng(7)
    rows = [*random_rows(rng, 400, "click"), *random_rows(rng, 150, "regret")]
    order = rng.permutation(len(rows))
    for part in np.array_split(order, 3):
        version = write_values(store / "shop", [rows[n] for n in part])
    write_release(store / "shop", at(10), version)
    return rows, build_and_open(store), store


def build_and_open(store: Path) -> OpenRelease:
    built = build_index(IndexLocation.from_store(store, "shop", store / "cache"))
    return open_index(Path(built["folder"]), default_registry(), built["releases"])


def all_pages(segment: Segment, selection: ValueSelection, signal: str, known_at: datetime) -> list[tuple[Any, ...]]:
    values, after = [], None
    while True:
        page = scan_page(segment, replace(selection, after=after), known_at)
        assert len(page.rows) <= selection.limit
        values += [(r["anchor_id"], r["state"], r["value"]) for r in segment.to_dicts(page.rows)]
        if page.last is None:
            return values
        after = PageCursor("r", signal, known_at, *page.last)


@pytest.mark.parametrize("seed", range(60))
def test_the_index_answers_as_a_plain_filter(
    indexed_store: tuple[list[Row], OpenRelease, Path], seed: int, monkeypatch: Any
) -> None:
    rows, served, _ = indexed_store
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(scanning, "CHUNK_ROWS", int(rng.integers(1, 60)))
    monkeypatch.setattr(scanning, "MAX_SCANNED_ROWS", int(rng.integers(1, 200)))
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
    selection = ValueSelection(
        **lists, first_day=wanted.get("first"), last_day=wanted.get("last"), limit=int(rng.integers(1, 120))
    )
    values = all_pages(served.segments[signal], selection, signal, known_at)
    assert values == filter_rows(rows, signal, known_at, **wanted)


_LISTS = {"user_id": "users", "item_id": "items", "state": "states"}


@pytest.mark.parametrize("known_at", [at(3), at(6, 5), at(10)])
def test_one_value_by_the_index_the_client_and_a_plain_search(indexed_store: Any, known_at: datetime) -> None:
    rows, served, store = indexed_store
    segment, client = served.segments["click@1"], Client(store, "shop")
    expected = {name: (state, value) for name, state, value in filter_rows(rows, "click@1", known_at)}
    for stored in rows[:60]:
        key = PointKey(stored["anchor_id"])
        if stored["anchor_id"] not in expected:
            with pytest.raises(NotFoundError, match="was not yet known"):
                select_value(find_rows(segment, key), "click@1", key, known_at)
            continue
        value = select_value(find_rows(segment, key), "click@1", key, known_at)
        assert (value["state"], value["value"]) == expected[stored["anchor_id"]]
        by_user = find_rows(segment, PointKey(None, stored["user_id"], stored["item_id"], stored["t0"]))
        assert stored["anchor_id"] in {r["anchor_id"] for r in by_user}
        assert {(r["user_id"], r["t0"]) for r in by_user} == {(stored["user_id"], stored["t0"])}
    values = client.values("click", known_at=known_at).arrow().to_pylist()
    assert {r["anchor_id"]: (r["state"], r["value"]) for r in values} == expected
    assert find_rows(segment, PointKey("nobody's")) == []


def test_a_page_that_stops_early_says_where_to_go_on(indexed_store: Any, monkeypatch: Any) -> None:
    _, served, _ = indexed_store
    monkeypatch.setattr(scanning, "CHUNK_ROWS", 10)
    monkeypatch.setattr(scanning, "MAX_SCANNED_ROWS", 20)
    page = scan_page(served.segments["click@1"], ValueSelection(items=("i0",), states=("void",)), at(10))
    assert page.last is not None
    assert len(page.rows) < 20


def test_an_index_is_built_once_and_whole_or_not_at_all(tmp_path: Path, monkeypatch: Any) -> None:
    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", [row("a", at(1))]))
    location = IndexLocation.from_store(tmp_path, "shop", tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr("longplay.server.index.build.write_segment", _fails)
        with pytest.raises(StoreError, match="no room"):
            build_index(location)
    assert [f.name for f in location.cache.iterdir() if f.is_dir()] == []
    folder = Path(build_index(location)["folder"])
    assert {f.name for f in location.cache.iterdir() if f.is_dir()} == {folder.name}
    modified_ns = (folder / MANIFEST_FILE).stat().st_mtime_ns
    assert build_index(location)["folder"] == str(folder)
    assert (folder / MANIFEST_FILE).stat().st_mtime_ns == modified_ns
    assert location.cache.stat().st_mode & 0o077 == 0  # nobody else reads it


def _fails(*_: object) -> None:
    raise StoreError("no room")


def test_indexes_of_older_releases_are_removed_but_the_last(tmp_path: Path) -> None:
    location, ids = IndexLocation(tmp_path / "shop", tmp_path / "cache"), []
    for day in (10, 11, 12):
        ids.append(write_release(tmp_path / "shop", at(day), write_values(tmp_path / "shop", [row("a", at(day))])))
        build_index(location)
    assert {f.name for f in location.cache.iterdir() if f.is_dir()} == {f"{ids[1]}.0", f"{ids[2]}.0"}


def test_a_damaged_index_is_an_error(tmp_path: Path) -> None:
    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", [row("a", at(1))]))
    built = build_index(IndexLocation.from_store(tmp_path, "shop", tmp_path / "cache"))
    folder = Path(built["folder"])
    file = folder / json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))["signals"]["click@1"]
    os.truncate(file, file.stat().st_size - 8)
    with pytest.raises(StoreError, match="damaged"):
        open_index(folder, default_registry(), built["releases"])
    with pytest.raises(StoreError, match="There is no index"):
        open_index(folder / "nowhere", default_registry(), built["releases"])


def create_watcher(store: Path, builder: IndexBuilder = build_here) -> tuple[ReleaseWatcher, OpenReleases]:
    open_releases = OpenReleases()
    location = IndexLocation.from_store(store, "shop", store / "cache")
    return ReleaseWatcher(location, open_releases, 0.1, builder=builder), open_releases


def read_value(served: OpenRelease, anchor: str) -> float:
    return float(find_rows(served.segments["click@1"], PointKey(anchor))[-1]["value"])


def test_a_switch_is_whole_and_what_was_taken_before_stays_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    first = write_release(folder, at(10), write_values(folder, [row("a", at(1), value=1.0)]))
    watcher, open_releases = create_watcher(tmp_path)
    with pytest.raises(StoreError, match="No release is served yet"):
        open_releases.newest()
    asyncio.run(watcher.check())
    before = open_releases.newest()
    version = write_values(folder, [row("a", at(1), value=2.0, revision=1, known_ts=at(9))])
    asyncio.run(watcher.check())
    assert open_releases.newest() is before  # values alone are no release
    second = write_release(folder, at(11), version)
    asyncio.run(watcher.check())
    after = open_releases.newest()
    assert (before.release.release_id, read_value(before, "a")) == (first, 1.0)
    assert (after.release.release_id, read_value(after, "a")) == (second, 2.0)
    assert open_releases.pick(first) is before
    third = write_release(folder, at(12), version)
    asyncio.run(watcher.check())
    assert open_releases.ids() == {second, third}
    with pytest.raises(NotFoundError, match="is not served") as caught:
        open_releases.pick(first)
    assert "longplay signals values --release" in caught.value.fix
    assert read_value(before, "a") == 1.0  # its file is gone, what is mapped is not


def test_a_process_of_its_own_builds_and_says_what_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    write_values(folder, [row("a", at(1))])
    watcher, open_releases = create_watcher(tmp_path, build_in_subprocess)
    asyncio.run(watcher.check())
    assert open_releases.problem is not None
    assert open_releases.problem.what == "There is no release yet."
    release = write_release(folder, at(10), 0)
    asyncio.run(watcher.check())
    assert open_releases.newest().release.release_id == release
    assert read_value(open_releases.newest(), "a") == 1.0


def test_a_release_that_cannot_be_read_leaves_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    first = write_release(folder, at(10), write_values(folder, [row("a", at(1))]))
    watcher, open_releases = create_watcher(tmp_path)
    asyncio.run(watcher.check())
    write_release(folder, at(11), 7)
    asyncio.run(watcher.check())
    assert open_releases.newest().release.release_id == first
    assert open_releases.problem is not None
    assert "has no version 7" in open_releases.problem.what
    good = write_release(folder, at(12), 0)
    asyncio.run(watcher.check())
    assert open_releases.newest().release.release_id == good
    assert open_releases.problem is None


def test_after_an_erasure_nothing_older_is_served_or_kept(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    write_release(folder, at(10), write_values(folder, [row("a", at(1), user_id="u1"), row("b", at(1))]))
    watcher, open_releases = create_watcher(tmp_path)
    asyncio.run(watcher.check())
    old = list((folder / "signal_values").glob("*/*.parquet"))
    version = write_values(folder, [row("b", at(1))], mode="overwrite")
    for file in old:
        file.unlink()
    (folder / "_erasures").mkdir()
    (folder / "_erasures" / "000001.json").write_text("{}", encoding="utf-8")
    asyncio.run(watcher.check())
    with pytest.raises(StoreError, match="No release is served yet") as caught:
        open_releases.newest()
    assert "can no longer be read" in caught.value.got
    assert [f for f in watcher.location.cache.iterdir() if f.is_dir()] == []
    release = write_release(folder, at(11), version)
    asyncio.run(watcher.check())
    assert open_releases.newest().release.release_id == release
    assert find_rows(open_releases.newest().segments["click@1"], PointKey("a")) == []
    assert read_value(open_releases.newest(), "b") == 1.0


def test_a_fault_of_the_watcher_does_not_go_unseen(tmp_path: Path) -> None:
    async def faulty(_: IndexLocation) -> dict[str, Any]:
        raise RuntimeError("a fault")

    async def run(watcher: ReleaseWatcher) -> None:
        await asyncio.wait([watcher.start()])

    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", [row("a", at(1))]))
    watcher, open_releases = create_watcher(tmp_path, faulty)
    asyncio.run(run(watcher))
    assert open_releases.problem is not None
    assert open_releases.problem.what == "The server no longer checks for releases."
    assert open_releases.problem.got == "RuntimeError('a fault')"


def test_an_index_is_in_one_place_however_its_store_is_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = write_values(tmp_path / "store" / "shop", [row("a1", at(1))])
    write_release(tmp_path / "store" / "shop", at(10), version)
    (tmp_path / "link").symlink_to(tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    spellings = ["store", "./store/", str(tmp_path / "store"), "link", "store/../link", str(tmp_path / "link") + "/"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    locations = [IndexLocation.from_store(Path(spelling), "shop") for spelling in spellings]
    assert {location.cache for location in locations} == {locations[0].cache}
    built = {build_index(location)["folder"] for location in locations}
    assert len(built) == 1


def test_indexes_of_tables_are_recognised_whoever_built_them(tmp_path: Path) -> None:
    caches, folder = tmp_path / "caches", tmp_path / "store" / "shop"
    for number, name in enumerate(("store", "other", "gone"), 3):
        (tmp_path / name / "shop").mkdir(parents=True)
        index = caches / f"shop-{number:016x}"
        index.mkdir(parents=True)
        IndexLocation(tmp_path / name / "shop", index).record_store()
    (tmp_path / "gone" / "shop").rmdir()
    (caches / f"shop-{1:016x}").mkdir()  # of an earlier version, which recorded nothing
    (caches / f"shop-b-{2:016x}").mkdir()  # of another source
    (tmp_path / "link").symlink_to(tmp_path / "store")
    listed = list_index_folders(caches, "shop")
    assert [index.name[-1] for index in listed] == ["1", "3", "4", "5"]
    for spelling in (folder, tmp_path / "link" / "shop"):
        assert [index.name[-1] for index in listed if may_index(index, spelling)] == ["1", "3", "5"]
