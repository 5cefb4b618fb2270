"""Methods, the token, the access log, metrics and answers that name nothing of the server's machine."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from longplay.errors import ConfigError, StoreError
from longplay.server.api_token import is_loopback, read_token
from longplay.server.app import create_app
from longplay.server.index.paths import IndexLocation
from longplay.server.open_releases import OpenReleases
from longplay.server.watcher import ReleaseWatcher
from tests.unit.longplay.server.in_process import Received, ask
from tests.unit.longplay.server.running_server import Server
from tests.unit.longplay.small_tables import at, build_here, open_row, row, write_release, write_values

TOKEN = "correct-horse-battery-staple-0123"
PATHS = [
    *("/v1/health", "/v1/ready", "/v1/openapi.json", "/metrics", "/v1/releases", "/v1/signals", "/v1/rewards"),
    *(
        "/v1/signals/click",
        "/v1/rewards/kept_return",
        "/v1/signals/click/value?anchor_id=a",
        "/v1/signals/click/values",
    ),
]
ROWS = [
    row("a", at(1), user_id="u1", value=float("inf")),
    row("b", at(2), value=float("-inf")),
    row("c", at(3), value=0.5),
    open_row("d", at(9), at(10), prefix=float("inf")),
]


@pytest.fixture(scope="module")
def open_releases(tmp_path_factory: pytest.TempPathFactory) -> OpenReleases:
    store, releases = tmp_path_factory.mktemp("store"), OpenReleases()
    write_release(store / "shop", at(20), write_values(store / "shop", ROWS))
    watcher = ReleaseWatcher(IndexLocation(store / "shop", store / "cache"), releases, 1.0, builder=build_here)
    asyncio.run(watcher.check())
    return releases


def get(app: Any, target: str, method: str = "GET", **headers: str) -> Received:
    return asyncio.run(ask(app, method, target, **headers))


def test_head_answers_like_get_and_options_names_the_methods(open_releases: OpenReleases) -> None:
    with Server(open_releases) as server:
        for path in (*PATHS, "/v1/signals/clik", "/v1/signals?limit=0", "/nothing"):
            get_, head = server.send("GET", path), server.send("HEAD", path)
            assert (head.status_code, head.content) == (get_.status_code, b""), path
            assert head.headers["content-type"] == get_.headers["content-type"]
            if path != "/metrics":  # its numbers change with every request
                assert head.headers["content-length"] == get_.headers["content-length"] == str(len(get_.content))
        for path in PATHS:
            options = server.send("OPTIONS", path)
            assert (options.status_code, options.headers["allow"], options.content) == (204, "GET, HEAD, OPTIONS", b"")
            for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
                refused = server.send(method, path)
                assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
                assert refused.json()["got"] == method
        assert server.send("OPTIONS", "/nothing").status_code == 404


@pytest.mark.parametrize(
    ("query", "name"),
    [("user_id=u1&user_id=007", "user_id"), ("limit=1&state=open&limit=1", "limit"), ("from=&from=", "from")],
)
def test_a_repeated_parameter_is_refused(open_releases: OpenReleases, query: str, name: str) -> None:
    refused = get(create_app(open_releases), f"/v1/signals/click/values?{query}")
    problem = json.loads(refused.body)
    assert (refused.status, problem["what"]) == (422, f"'{name}' is given twice.")
    assert problem["where"] == f"query {name}"


@pytest.mark.parametrize("path", ["/v1/signals/", "/v1/health/", "//evil.example/v1/signals/", "/v1//signals"])
def test_no_answer_depends_on_the_host_header(open_releases: OpenReleases, path: str) -> None:
    for host in ("evil.example", "[", "a/b", ""):
        answer = get(create_app(open_releases), path, host=host)
        assert (answer.status, "location" in answer.headers) == (404, False)
        assert json.loads(answer.body)["instance"] == path


def test_infinite_values_are_strings(open_releases: OpenReleases) -> None:
    app = create_app(open_releases)
    rows = json.loads(get(app, "/v1/signals/click/values").body, parse_constant=pytest.fail)["rows"]
    assert [r["value"] for r in rows] == ["Infinity", "-Infinity", 0.5, None]
    assert [r["prefix"] for r in rows] == [None, None, None, "Infinity"]
    assert json.loads(get(app, "/v1/signals/click/value?anchor_id=b").body)["value"] == "-Infinity"
    schema = json.loads(get(app, "/v1/openapi.json").body)["components"]["schemas"]["Row"]["properties"]["value"]
    assert {"type": "string", "enum": ["Infinity", "-Infinity", "NaN"]} in schema["anyOf"]


def test_no_answer_names_a_path_of_the_server(open_releases: OpenReleases, caplog: pytest.LogCaptureFixture) -> None:
    releases = OpenReleases()
    releases.problem = StoreError("A file is damaged.", where="/srv/a", got="/srv/b is short", fix="delete /srv/c")
    answer = get(create_app(releases), "/v1/ready")
    problem = json.loads(answer.body)
    assert (answer.status, problem["got"]) == (503, "A file is damaged.")
    assert problem["fix"] == "the server's log says where and why"
    assert b"/srv" not in answer.body

    class BrokenReleases(OpenReleases):
        def newest(self) -> Any:
            raise releases.problem or AssertionError

    answer = get(create_app(BrokenReleases()), "/v1/signals")
    problem = json.loads(answer.body)
    assert (answer.status, problem["what"], problem["where"], problem["got"]) == (503, "A file is damaged.", "", "")
    assert b"/srv" not in answer.body
    assert "/srv/b is short" in caplog.text


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": f"bearer {TOKEN}"}, 200),
        ({"authorization": f"Bearer {TOKEN}x"}, 401),
        ({"authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"authorization": TOKEN}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": "Bearer \u00e9"}, 401),
        ({"x-api-key": TOKEN}, 401),
    ],
)
def test_requests_need_the_token(
    open_releases: OpenReleases, header: dict[str, str], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app = create_app(open_releases, token=SecretStr(TOKEN))
    for path in PATHS[1:]:
        for method in ("GET", "HEAD"):
            answer = get(app, path, method, **header)
            assert answer.status == status
            assert TOKEN not in f"{answer}"
    for method, path in (("OPTIONS", "/v1/signals"), ("POST", "/v1/signals"), ("GET", "/nothing")):
        assert (get(app, path, method, **header).status == 401) == (status == 401)
    if status == 401:
        answer = get(app, "/metrics", **header)
        assert answer.headers["www-authenticate"] == 'Bearer realm="longplay"'
        assert json.loads(answer.body)["title"] == "Unauthorized"
    assert get(app, "/v1/health").status == 200
    assert TOKEN not in caplog.text + repr(app) + repr(vars(app))


def test_a_token_given_twice_is_none(open_releases: OpenReleases) -> None:
    header = f"Authorization: Bearer {TOKEN}\r\n"
    with Server(open_releases, token=SecretStr(TOKEN)) as server:
        for headers, status in ((header, b"200"), (header * 2, b"401")):
            with server.connect(f"GET /v1/ready HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode()) as connection:
                assert connection.recv(100).split()[1] == status


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "", "10.0.0.7", "example.org", "localhost.example.org")],
)
def test_other_addresses_than_loopback_need_a_token(
    host: str, loopback: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LONGPLAY_API_TOKEN", raising=False)
    assert is_loopback(host) == loopback
    if loopback:
        assert read_token(None, host) is None
    else:
        with pytest.raises(ConfigError, match=r"openssl rand -hex 32.*LONGPLAY_API_TOKEN.*--token-file"):
            read_token(None, host)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    from_file = read_token(tmp_path / "token", host)
    assert from_file is not None
    assert from_file.get_secret_value() == TOKEN
    assert TOKEN not in f"{from_file!r} {from_file}"
    monkeypatch.setenv("LONGPLAY_API_TOKEN", TOKEN[::-1])
    from_variable = read_token(None, host)
    assert from_variable is not None
    assert from_variable.get_secret_value() == TOKEN[::-1]


@pytest.mark.parametrize(
    ("text", "what"),
    [(b"", "needs a token"), (b"short", "not a token"), (b"two words " * 4, "not a token"), (b"\xff" * 40, "be read")],
)
def test_a_malformed_token_is_refused_and_not_shown(tmp_path: Path, text: bytes, what: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(text)
    with pytest.raises(ConfigError, match=what) as caught:
        read_token(file, "127.0.0.1")
    assert text.decode("latin-1").strip() not in str(caught.value) or not text
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token(tmp_path / "missing", "127.0.0.1")


def test_one_line_a_request_without_values_of_parameters(
    open_releases: OpenReleases, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "longplay.access")
    app = create_app(open_releases, token=SecretStr(TOKEN))
    bearer = {"authorization": f"Bearer {TOKEN}"}
    get(app, "/v1/signals/click/values?user_id=u1&limit=2&u1=x", **bearer)
    get(app, "/v1/signals/click/values?user_id=u1&limit=2", "HEAD", **bearer)
    get(app, "/nothing%0A?u1", **bearer)
    get(app, "/v1/ready?token=" + TOKEN)
    begins = [message.rpartition(" B ")[0] for message in caplog.messages]
    assert begins[0].startswith("127.0.0.1 GET /v1/signals/click/values?user_id&limit&... 422 ")
    assert begins[1] == "127.0.0.1 HEAD /v1/signals/click/values?user_id&limit 200 0"
    assert begins[2].startswith("127.0.0.1 GET /nothing%0A?... 404 ")
    assert begins[3].startswith("127.0.0.1 GET /v1/ready?... 401 ")
    assert "u1" not in caplog.text
    assert TOKEN not in caplog.text
    caplog.clear()
    get(create_app(open_releases, access_log=False), "/v1/health")
    assert not caplog.messages


def test_metrics_count_by_route_and_know_ages(open_releases: OpenReleases) -> None:
    app = create_app(open_releases)
    for path in ("/v1/signals/click", "/v1/signals/regret", "/v1/signals/clik", "/x", "/y"):
        get(app, path)
    get(app, "/v1/signals/click", "BREW")
    get(app, "/v1/signals/click", "BOIL")
    answer = get(app, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = dict(line.rsplit(" ", 1) for line in answer.body.decode().splitlines() if not line.startswith("#"))
    counts = {name: value for name, value in lines.items() if name.startswith("longplay_http_requests_total")}
    one = "/v1/signals/{name}"
    assert counts == {
        f'longplay_http_requests_total{{method="GET",route="{one}",status="200"}}': "2.0",
        f'longplay_http_requests_total{{method="GET",route="{one}",status="404"}}': "1.0",
        f'longplay_http_requests_total{{method="other",route="{one}",status="405"}}': "2.0",
        'longplay_http_requests_total{method="GET",route="unknown",status="404"}': "2.0",
    }
    assert lines[f'longplay_http_request_duration_seconds_count{{route="{one}"}}'] == "5.0"
    age = float(lines["longplay_release_age_seconds"])
    assert age == pytest.approx(float(lines['longplay_signal_age_seconds{signal="click@1"}']), abs=1)
    assert lines['longplay_connections_closed_total{reason="timeout"}'] == "0.0"
    empty = get(create_app(OpenReleases()), "/metrics")
    assert empty.status == 200
    assert b"\nlongplay_release_age_seconds " not in empty.body
