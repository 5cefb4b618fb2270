"""Random requests never make the server fail, and every answer is as the OpenAPI document says.

Set ``LONGPLAY_TEST_REQUESTS`` and ``LONGPLAY_TEST_SEED`` for more, or other, requests.
"""

import asyncio
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from longplay.lookup.cursor import PageCursor
from longplay.server.app import create_app
from longplay.server.index.paths import IndexLocation
from longplay.server.open_releases import OpenReleases
from longplay.server.watcher import ReleaseWatcher
from tests.unit.longplay.server.in_process import Received, ask
from tests.unit.longplay.server.random_requests import ROUTES, RequestGenerator
from tests.unit.longplay.small_tables import (
    at,
    build_here,
    default_registry,
    open_row,
    row,
    void_row,
    write_release,
    write_values,
)

REQUESTS, SEED = int(os.environ.get("LONGPLAY_TEST_REQUESTS", "6000")), int(os.environ.get("LONGPLAY_TEST_SEED", "1"))
USERS = ["u1", "007", "u\0", "u" * 2_000, "\U0001f3b5"]
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
ROWS = [
    *(row(f"a{n}", at(1 + n), user_id=USERS[n % 5], value=value) for n, value in enumerate([1.0, 0.0, 2.5] * 4)),
    *(row(f"b{n}", at(3, n), value=value) for n, value in enumerate([float("inf"), float("-inf")])),
    void_row("c", at(2), item_id=None),
    open_row("d", at(9), at(10), prefix=float("inf")),
]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[OpenReleases, Path]:
    """An open release, and the folder of all of its files."""
    store, open_releases = tmp_path_factory.mktemp("store"), OpenReleases()
    write_release(store / "shop", at(20), write_values(store / "shop", ROWS))
    location = IndexLocation(store / "shop", store / "cache")
    asyncio.run(ReleaseWatcher(location, open_releases, 1.0, builder=build_here).check())
    return open_releases, store


@pytest.mark.parametrize("served", [True, False])
def test_no_request_makes_the_server_fail(release: tuple[OpenReleases, Path], served: bool) -> None:
    open_releases, store = release
    app = create_app(open_releases if served else OpenReleases())
    statuses = asyncio.run(send_all(app, store, open_releases.newest().release.release_id, REQUESTS if served else 300))
    if served:
        assert {route for route, status in statuses if status == 200} == set(ROUTES)
        assert {status for _, status in statuses} == {200, 204, 404, 405, 422}
    else:
        assert {status for _, status in statuses} == {200, 204, 404, 405, 422, 503}


async def send_all(app: Any, store: Path, release_id: str, count: int) -> Counter[tuple[str, int]]:
    """Send random requests and check every answer. Gives the statuses by route."""
    contract = Contract(json.loads((await ask(app, "GET", "/v1/openapi.json")).body))
    values = {
        "user_id": USERS,
        "item_id": ["i", "j"],
        "anchor_id": ["a0", "b0", "b1", "c", "d"],
        "t0": [f"{at(1):%Y-%m-%dT%H:%M:%SZ}", f"{at(3):%Y-%m-%dT%H:%M:%SZ}"],
        "known_at": [f"{at(19):%Y-%m-%d}", f"{at(2):%Y-%m-%dT%H:%M:%SZ}"],
        "release": [release_id],
        "from": [f"{at(1):%Y-%m-%d}"],
        "to": [f"{at(9):%Y-%m-%d}"],
        "state": ["mature", "open", "void"],
        "limit": ["1", "2", "1000", "1001"],
        "offset": ["0", "1", "1000000", "1000001"],
        "q": ["return ITEM", "click"],
        "status": ["published", "draft"],
        "anchor": ["exposure"],
        "owner": ["longplay"],
    }
    page = await ask(app, "GET", "/v1/signals/click/values?limit=2")
    cursors = [json.loads(page.body).get("next") or PageCursor(release_id, "click@1", at(20), at(2), "a0").text()]
    refs = [d.ref for d in default_registry().newest()]
    names = ["click"] * 20 + ["click@1"] * 9 + ["clik", "click@99", "kept_return"] + [r.split("@")[0] for r in refs]
    statuses: Counter[tuple[str, int]] = Counter()
    for method, target in RequestGenerator(SEED, names, values, cursors).draw(count):
        answer = await ask(app, method, target)
        route = contract.check(method, target, answer)
        assert str(store) not in answer.body.decode(), target
        assert "Traceback" not in answer.body.decode(), target
        statuses[route, answer.status] += 1
    return statuses


class Contract:
    """The OpenAPI document, to check answers against."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.components, self.validators = document["components"], dict[str, Draft202012Validator]()
        ok = {"200": {}, "204": {}, "422": {"content": PROBLEM}}
        undocumented = {"/v1/openapi.json": {method: {"responses": ok} for method in ("get", "options")}}
        self.paths = document["paths"] | undocumented

    def check(self, method: str, target: str, answer: Received) -> str:
        """Check an answer. Gives the template of the path; empty where there is no such path."""
        described, route = f"{method} {target[:300]}: {answer.status} {answer.body[:300]!r}", find_route(target)
        if not route:
            responses: dict[str, Any] = {"404": {"content": PROBLEM}}
        elif method not in ("GET", "HEAD", "OPTIONS"):
            responses = {"405": {"content": PROBLEM}}
            assert answer.headers["allow"] == "GET, HEAD, OPTIONS", described
        else:
            responses = self.paths[route]["options" if method == "OPTIONS" else "get"]["responses"]
        assert str(answer.status) in responses, described
        if content := responses[str(answer.status)].get("content"):
            media = answer.headers["content-type"]
            assert media in content, described
            if "json" in media:
                self.check_body(content[media]["schema"], answer.body, described)
        return route

    def check_body(self, schema: dict[str, Any], body: bytes, described: str) -> None:
        key = json.dumps(schema)
        if key not in self.validators:
            self.validators[key] = Draft202012Validator(schema | {"components": self.components})
        errors = list(self.validators[key].iter_errors(json.loads(body, parse_constant=pytest.fail)))
        assert not errors, f"{described}: {errors[0].message}"


def find_route(target: str) -> str:
    parts = target.partition("?")[0].replace("%2F", "/").split("/")
    for template in ROUTES:
        expected = template.split("/")
        if len(parts) == len(expected) and all(
            (want == got) or (want == "{name}" and got) for want, got in zip(expected, parts, strict=True)
        ):
            return template
    return ""
