"""Connections of a running server: half-open ones never starve it, and it ends with them."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
import requests

from longplay.server.connections import GRACE_S, MAX_REQUEST_BYTES, ConnectionLimits
from longplay.server.open_releases import OpenReleases
from tests.unit.longplay.server.running_server import Server

HALVES = [b"", b"GET /v1/health HT", b"GET /v1/health HTTP/1.1\r\nHost: a\r\nX-Sl"]
WHOLE = b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n"


@contextmanager
def serving(connections: int = 500, request_s: float = 10.0) -> Iterator[Server]:
    with Server(OpenReleases(), ConnectionLimits(connections, request_s)) as server:
        yield server


def read_all(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    text = b""
    try:
        while part := connection.recv(65_536):
            text += part
    except ConnectionResetError:
        pass
    return text


def read_healthy_answers(connection: socket.socket, count: int) -> bool:
    """Whether the server answers so often that it is well."""
    text = b""
    while text.count(b'{"status":"ok"}') < count and (part := connection.recv(65_536)):
        text += part
    return text.count(b"200 OK") == count


def is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    finally:
        connection.settimeout(10)


def test_many_half_open_requests_leave_room_for_whole_ones() -> None:
    with serving(connections=50, request_s=60) as server, ExitStack() as stack:
        half_open = []
        for _ in range(20):
            half_open += [stack.enter_context(server.connect(HALVES[n % 3])) for n in range(40)]
            time.sleep(2 * GRACE_S)  # those without a byte count as half-open from then on
        for _ in range(20):
            assert requests.get(f"{server.address}/v1/health", timeout=10).json() == {"status": "ok"}
        closed = [is_closed(connection) for connection in half_open]
        assert all(closed[:700]), "the oldest are closed first"
        assert not any(closed[-20:]), "the newest are not"
        assert 750 <= server.limits.closed["displaced"] <= 800


def test_idle_connections_give_way_after_half_open_ones() -> None:
    with serving(connections=10, request_s=60) as server, ExitStack() as stack:
        idle = [stack.enter_context(server.connect(WHOLE)) for _ in range(5)]
        assert all(read_healthy_answers(connection, 1) for connection in idle)
        half_open = [stack.enter_context(server.connect(HALVES[1])) for _ in range(5)]
        time.sleep(2 * GRACE_S)
        newer = [stack.enter_context(server.connect(HALVES[1])) for _ in range(4)]
        time.sleep(0.2)
        assert [is_closed(connection) for connection in half_open] == [True] * 4 + [False]
        assert not any(is_closed(connection) for connection in (*idle, *newer))
        more = [stack.enter_context(server.connect(WHOLE)) for _ in range(8)]
        assert all(read_healthy_answers(connection, 1) for connection in more)


@pytest.mark.parametrize("half", [*HALVES, b"POST /v1/health HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhal"])
def test_a_request_that_does_not_arrive_in_time_is_closed(half: bytes) -> None:
    with serving(request_s=0.5) as server, server.connect(half) as connection:
        begin = time.monotonic()
        answer = read_all(connection)
        assert 0.3 < time.monotonic() - begin < 5
        assert (b"405" in answer) == (half[:4] == b"POST")
        assert server.limits.closed["timeout"] == 1


def test_bytes_that_trickle_in_do_not_reset_the_clock() -> None:
    with serving(request_s=1.0) as server, server.connect(b"GET /v1/health HTTP/1.1\r\n") as connection:
        begin = time.monotonic()
        while not is_closed(connection) and time.monotonic() - begin < 8:
            time.sleep(0.1)
            with suppress(ConnectionError):
                connection.sendall(b"X-A: 1\r\n")
        assert 0.8 < time.monotonic() - begin < 5


def test_a_client_that_asks_again_in_time_keeps_its_connection() -> None:
    with serving(request_s=1.0) as server, server.connect() as connection:
        for _ in range(4):
            time.sleep(0.4)
            connection.sendall(WHOLE)
            assert read_healthy_answers(connection, 1)
        connection.sendall(WHOLE * 3)
        assert read_healthy_answers(connection, 3)
        assert server.limits.closed.total() == 0


@pytest.mark.parametrize("request_bytes", [b"\x16\x03\x01 not HTTP\r\n\r\n", b"GET /" + b"a" * 2 * MAX_REQUEST_BYTES])
def test_what_is_not_http_gets_a_problem_document(request_bytes: bytes) -> None:
    with serving() as server, server.connect() as connection:
        connection.sendall(request_bytes)
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json")
        assert json.loads(body)["fix"] == "send HTTP/1.1 with at most 65,536 bytes of address and headers"
        assert server.get("/v1/health").status_code == 200


def test_the_server_ends_although_requests_are_half_open() -> None:
    with ExitStack() as stack:
        with serving() as server:
            half_open = [stack.enter_context(server.connect(HALVES[n % 3])) for n in range(60)]
            assert server.get("/v1/health").status_code == 200
            begin = time.monotonic()
        assert time.monotonic() - begin < 5
        assert all(read_all(connection) == b"" for connection in half_open)


def test_a_client_that_does_not_read_its_answers_is_closed() -> None:
    request = b"GET /v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
    with serving(request_s=0.3) as server, server.connect(request * 500) as connection:
        begin = time.monotonic()
        while not server.limits.closed["timeout"] and time.monotonic() - begin < 10:
            time.sleep(0.05)
        assert server.limits.closed == {"timeout": 1}
        assert len(read_all(connection)) < 500 * 20_000
