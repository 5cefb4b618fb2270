"""The HTTP API, through a real server: answers, bounds, error documents, OpenAPI."""

import asyncio
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import requests

from longplay import default_registry
from longplay.definitions.describe import describe_definition
from longplay.definitions.signal_fields import Anchor
from longplay.server.index.paths import IndexLocation
from longplay.server.open_releases import OpenReleases
from longplay.server.responses import ValueAnswer, ValuesAnswer
from longplay.server.watcher import ReleaseWatcher
from tests.unit.longplay.server.running_server import Server
from tests.unit.longplay.small_tables import at, build_here, open_row, row, void_row, write_release, write_values

ROWS = [
    row("a", at(1), user_id="u1", item_id="i1"),
    row("a", at(1), user_id="u1", item_id="i1", value=0.0, revision=1, known_ts=at(5)),
    row("b", at(1), user_id="u2", item_id="i1", value=0.0),
    void_row("c", at(2), user_id="u2", item_id="i2"),
    open_row("d", at(9), at(10), user_id="u1", item_id="i2"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, list[str]]]:
    """A server of two releases, and their ids, newest first."""
    store, open_releases = tmp_path_factory.mktemp("store"), OpenReleases()
    location, ids = IndexLocation(store / "shop", store / "cache"), []
    watcher = ReleaseWatcher(location, open_releases, 1.0, builder=build_here)
    for day, rows in ((10, ROWS), (11, [row("e", at(3), user_id="u3", value=1.0)])):
        ids.append(write_release(store / "shop", at(day), write_values(store / "shop", rows)))
        asyncio.run(watcher.check())
    with Server(open_releases) as server:
        yield server, ids[::-1]


def test_one_value_names_its_release_and_state(served: tuple[Server, list[str]]) -> None:
    server, (newest, before) = served
    answer = server.get("/v1/signals/click/value", anchor_id="a").json()
    assert answer == {
        "signal": "click@1",
        "definition_hash": default_registry().get("click").hash,
        "anchor_id": "a",
        "user_id": "u1",
        "item_id": "i1",
        "t0": "2026-05-01T00:00:00Z",
        "window_end": "2026-05-02T00:00:00Z",
        "matures_at": "2026-05-02T00:00:00Z",
        "state": "mature",
        "void_reason": None,
        "value": 0.0,
        "prefix": None,
        "elapsed_share": 1.0,
        "known_ts": "2026-05-05T00:00:00Z",
        "revision": 1,
        "release_id": newest,
        "known_at": "2026-05-11T00:00:00Z",
        "failure": None,
    }
    earlier = server.get("/v1/signals/click@1/value", anchor_id="a", known_at="2026-05-03", release=before).json()
    assert (earlier["value"], earlier["revision"], earlier["release_id"]) == (1.0, 0, before)
    assert earlier["known_at"] == "2026-05-03T00:00:00Z"


@pytest.mark.parametrize(
    ("parameters", "state", "value", "prefix", "reason"),
    [
        ({"anchor_id": "d"}, "open", None, 1.0, None),
        ({"user_id": "u2", "item_id": "i2", "t0": "2026-05-02T00:00:00Z"}, "void", None, None, "outage"),
        ({"user_id": "u2", "item_id": "i1", "t0": "2026-05-01T02:00:00+02:00"}, "mature", 0.0, None, None),
    ],
)
def test_what_is_not_known_is_never_a_value(
    served: tuple[Server, list[str]], parameters: Any, state: str, value: Any, prefix: Any, reason: Any
) -> None:
    answer = ValueAnswer.model_validate(served[0].get("/v1/signals/click/value", **parameters).json())
    assert (answer.state, answer.value, answer.prefix, answer.void_reason) == (state, value, prefix, reason)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, "abced"),
        ({"user_id": "u1"}, "ad"),
        ({"item_id": "i1"}, "ab"),
        ({"anchor_id": "c", "user_id": "u2"}, "c"),
        ({"anchor_id": "c", "user_id": "u1"}, ""),
        ({"from": "2026-05-02", "to": "2026-05-03"}, "ce"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "abced"),
        ({"from": "9999-12-31"}, ""),
        ({"to": "0001-01-01"}, ""),
        ({"state": "mature"}, "abe"),
        ({"known_at": "2026-05-04T00:00:00Z"}, "abce"),
        ({"known_at": "2026-05-02T00:00:00Z"}, "ab"),
    ],
)
def test_a_range_of_values(served: tuple[Server, list[str]], parameters: Any, expected: str) -> None:
    server, (newest, _) = served
    page = ValuesAnswer.model_validate(server.get("/v1/signals/click/values", **parameters).json())
    assert "".join(row.anchor_id for row in page.rows) == expected
    assert (page.signal, page.release_id, page.more, page.next) == ("click@1", newest, False, None)


def test_pages_go_on_within_the_release_that_they_began_with(served: tuple[Server, list[str]]) -> None:
    server, (_, before) = served
    anchors, after = "", {}
    while after is not None:
        start = {} if after else {"release": before}
        page = server.get("/v1/signals/click/values", limit=2, **start, **after).json()
        assert page["release_id"] == before
        anchors += "".join(row["anchor_id"] for row in page["rows"])
        assert page["more"] == (page["next"] is not None)
        after = {"after": page["next"]} if page["more"] else None
    assert anchors == "abcd"


def test_a_signal_without_values_is_an_empty_page_and_no_value(served: tuple[Server, list[str]]) -> None:
    server, _ = served
    assert server.get("/v1/signals/regret/values").json()["rows"] == []
    problem = server.problem(404, "/v1/signals/regret/value", anchor_id="a")
    assert problem.what == "There is no value of 'regret@1' for this key."


def test_definitions(served: tuple[Server, list[str]]) -> None:
    server, _ = served
    answer = server.get("/v1/signals").json()
    assert answer["signals"] == [describe_definition(d) for d in default_registry().newest()]
    assert (answer["total"], answer["more"]) == (len(answer["signals"]), False)
    names = [d.ref for d in default_registry().newest()]
    page = server.get("/v1/signals", limit=2, offset=1).json()
    assert [signal["signal"] for signal in page["signals"]] == names[1:3]
    assert page["more"]
    matches = server.get("/v1/signals", q="return ITEM", anchor="exposure").json()["signals"]
    assert {signal["signal"] for signal in matches} >= {"return_to_item_14d@1"}
    assert all("return" in f"{signal}".lower() and signal["anchor"] == "exposure" for signal in matches)
    assert server.get("/v1/signals", q="no such words").json() == {"signals": [], "total": 0, "more": False}
    assert server.get("/v1/signals/click").json() == describe_definition(default_registry().get("click"))
    assert server.get("/v1/signals/click@1").json()["signal"] == "click@1"


@pytest.mark.parametrize("anchor", get_args(Anchor))
def test_signals_of_every_anchor(served: tuple[Server, list[str]], anchor: str) -> None:
    answer = served[0].get("/v1/signals", anchor=anchor)
    expected = [d.ref for d in default_registry().newest() if d.anchor == anchor]
    assert [signal["signal"] for signal in answer.json()["signals"]] == expected
    assert expected, "every kind of anchor has a shipped signal"


def test_rewards_are_listed_and_shown(served: tuple[Server, list[str]]) -> None:
    server, _ = served
    shipped = {reward.ref: reward for reward in default_registry().newest_rewards()}
    answer = server.get("/v1/rewards").json()
    assert [reward["reward"] for reward in answer["rewards"]] == list(shipped)
    assert (answer["total"], answer["more"]) == (len(shipped), False)
    second_page = server.get("/v1/rewards", limit=1, offset=1).json()["rewards"]
    assert [reward["reward"] for reward in second_page] == list(shipped)[1:2]
    assert server.get("/v1/rewards", anchor="active_day").json()["rewards"] == []
    described = describe_definition(shipped["kept_return@1"])
    described["reward"] = described.pop("signal")
    assert server.get("/v1/rewards/kept_return").json() == described
    assert "return_to_item" in server.get("/v1/rewards/kept_return@1").json()["parts"]
    assert server.problem(404, "/v1/rewards/kept_retrun").nearest[0] == "kept_return"
    assert "look its signals up" in server.problem(404, "/v1/signals/kept_return").fix


def test_releases(served: tuple[Server, list[str]]) -> None:
    server, ids = served
    answer = server.get("/v1/releases").json()
    assert [release["release_id"] for release in answer["releases"]] == ids
    assert answer["releases"][0]["versions"] == {"signal_values": 1}
    assert [release["served"] for release in answer["releases"]] == [True, True]
    assert server.get("/v1/releases", limit=1).json()["more"]


def test_health_and_readiness(served: tuple[Server, list[str]]) -> None:
    server, (newest, _) = served
    assert server.get("/v1/health").json() == {"status": "ok"}
    assert server.get("/v1/ready").json() == {"status": "ready", "release_id": newest, "problem": None}
    with Server(OpenReleases()) as empty:
        assert empty.get("/v1/health").status_code == 200
        problem = empty.problem(503, "/v1/ready")
        assert problem.what == "No release is served yet."
        assert problem.got == "the index of the newest release is being built"
        assert empty.problem(503, "/v1/signals/click/value", anchor_id="a").fix == "try again later"


@pytest.mark.parametrize(
    ("status", "path", "parameters", "what", "nearest"),
    [
        (404, "clik/value", {"anchor_id": "a"}, "There is no signal 'clik'.", ["click", "click@1"]),
        (404, "clik", {}, "There is no signal 'clik'.", ["click", "click@1"]),
        (404, "click/value", {"anchor_id": "zz"}, "There is no value of 'click@1' for this key.", []),
        (404, "click/value", {"anchor_id": "a", "known_at": "2026-05-01"}, "was not yet known at", []),
        (404, "click/values", {"release": "r"}, "Release 'r' is not served: there is none of that name.", []),
        (422, "click/value", {}, "The key does not identify a single value.", []),
        (422, "click/value", {"user_id": "u1"}, "The key does not identify a single value.", []),
        (422, "click/value", {"anchor_id": "a", "known_at": "2027-01-01"}, "holds nothing known after", []),
        (422, "click/value", {"anchor_id": "a", "known_at": "soon"}, "Wrong value for 'known_at'.", []),
        (422, "click/value", {"anchor_id": ""}, "Wrong value for 'anchor_id'.", []),
        (422, "click/values", {"to": "0"}, "Wrong value for 'to'.", []),
        (422, "click/values", {"from": "10000-01-01"}, "Wrong value for 'from'.", []),
        (422, "click/value", {"anchor_id": "a", "known_at": "0001-01-01T00:00:00+14:00"}, "Wrong value for", []),
        (404, "click/value", {"anchor_id": "a", "known_at": "0001-01-01T00:00:00Z"}, "was not yet known at", []),
        (404, "click/value", {"anchor_id": "x" * 20_000}, "There is no value of 'click@1' for this key.", []),
        (422, "click/value", {"anchor": "a"}, "There is no parameter 'anchor'.", ["anchor_id"]),
        (422, "click/values", {"user": "u1"}, "There is no parameter 'user'.", ["user_id"]),
        (422, "click/values", {"limit": 1001}, "Wrong value for 'limit'.", []),
        (422, "click/values", {"limit": 0}, "Wrong value for 'limit'.", []),
        (422, "click/values", {"state": "ripe"}, "Wrong value for 'state'.", []),
        (422, "click/values", {"from": "May"}, "Wrong value for 'from'.", []),
        (422, "click/values", {"from": "2026-05-02", "to": "2026-05-01"}, "The days end before they begin.", []),
        (422, "click/values", {"after": "nonsense"}, "This is not a cursor.", []),
    ],
)
def test_errors_say_what_and_how_to_mend_it(
    served: tuple[Server, list[str]], status: int, path: str, parameters: Any, what: str, nearest: list[str]
) -> None:
    problem = served[0].problem(status, f"/v1/signals/{path}", **parameters)
    assert what in problem.what
    assert problem.fix
    assert problem.what in problem.detail
    assert problem.nearest == nearest
    assert problem.type == {404: "urn:longplay:problem:not-found", 422: "urn:longplay:problem:wrong-question"}[status]


def test_unknown_paths_and_methods_are_problems_too(served: tuple[Server, list[str]]) -> None:
    server, _ = served
    assert server.problem(404, "/v2/signals").fix == "see /v1/openapi.json"
    refused = requests.post(f"{server.address}/v1/signals", timeout=10)
    assert (refused.status_code, refused.headers["content-type"]) == (405, "application/problem+json")
    assert server.get("/docs").status_code == 404  # those pages would load scripts from elsewhere


def test_the_api_describes_itself(served: tuple[Server, list[str]]) -> None:
    answer = served[0].get("/v1/openapi.json").json()
    assert answer["openapi"].startswith("3.1")
    assert sorted(answer["paths"]) == [
        "/metrics",
        "/v1/health",
        "/v1/ready",
        "/v1/releases",
        "/v1/rewards",
        "/v1/rewards/{name}",
        "/v1/signals",
        "/v1/signals/{name}",
        "/v1/signals/{name}/value",
        "/v1/signals/{name}/values",
    ]
    assert all(sorted(methods) == ["get", "head", "options"] for methods in answer["paths"].values())
    assert "401" in answer["paths"]["/metrics"]["get"]["responses"]
    assert "401" not in answer["paths"]["/v1/health"]["get"]["responses"]
    values = answer["paths"]["/v1/signals/{name}/values"]["get"]
    by_name = {parameter["name"]: parameter for parameter in values["parameters"]}
    assert {"from", "to", "user_id", "known_at", "release", "limit", "after"} <= set(by_name)
    assert (by_name["limit"]["schema"]["minimum"], by_name["limit"]["schema"]["maximum"]) == (1, 1000)
    for status in ("404", "422", "503"):
        assert "application/problem+json" in values["responses"][status]["content"]
    row = answer["components"]["schemas"]["Row"]["properties"]
    assert row["state"]["enum"] == ["open", "mature", "void"]
    assert row["value"]["description"] == "in the definition's unit; null unless mature"
