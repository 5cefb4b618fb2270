"""'longplay serve' as a process: the token it needs, what it logs, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.unit.longplay.small_tables import at, row, write_release, write_values

TOKEN = "0123456789abcdef0123456789abcdef"
COMMAND = [sys.executable, "-c", "from longplay.cli import main; main()", "serve", "--source", "shop"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    write_release(folder / "shop", at(20), write_values(folder / "shop", [row("a", at(1), user_id="secret_user")]))
    (folder / "token").write_text(TOKEN)
    return folder


@pytest.fixture
def process(store: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A server with a token and its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ["--store", store, "--cache", store / "cache", "--port", port, "--token-file", store / "token"]
    with subprocess.Popen([*COMMAND, *map(str, options)], stderr=subprocess.PIPE, text=True) as server:
        wait_for(f"http://127.0.0.1:{port}/v1/health")
        yield server, f"http://127.0.0.1:{port}"
        server.kill()


def wait_for(address: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if requests.get(address, timeout=10).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail("the server did not start")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_without_a_token_it_does_not_listen_on_other_addresses(store: Path, host: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LONGPLAY_API_TOKEN"}
    command = [*COMMAND, "--store", str(store), "--host", host]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: The server needs a token.\n  where: LONGPLAY_API_TOKEN\n")
    assert "openssl rand -hex 32" in ended.stderr


def test_it_logs_requests_and_ends_with_half_open_connections(process: tuple["subprocess.Popen[str]", str]) -> None:
    server, address = process
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert requests.get(f"{address}/v1/ready", timeout=10).status_code == 401
    values = requests.get(f"{address}/v1/signals?q=secret_user", headers=bearer, timeout=10)
    assert values.status_code in (200, 503)  # 503 until the index is built
    port = int(address.rpartition(":")[2])
    half_open = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(30)]
    for connection in half_open:
        connection.sendall(b"GET /v1/health HT")
    time.sleep(0.2)
    begin = time.monotonic()
    server.send_signal(signal.SIGTERM)
    _, log = server.communicate(timeout=30)
    assert time.monotonic() - begin < 8
    assert "127.0.0.1 GET /v1/ready 401 " in log
    assert f"127.0.0.1 GET /v1/signals?q {values.status_code} " in log
    assert "Traceback" not in log
    assert TOKEN not in log
    assert "secret_user" not in log
    for connection in half_open:
        connection.close()
