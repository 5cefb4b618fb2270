"""The HTTP API on a free port of this machine, in a thread."""

import socket
import threading
from typing import Any

import requests
import uvicorn
from pydantic import SecretStr

from longplay.server.app import create_app
from longplay.server.connections import SERVER_OPTIONS, ConnectionLimits, limit_connections
from longplay.server.errors import Problem
from longplay.server.open_releases import OpenReleases


class Server:
    """The application as 'longplay serve' runs it."""

    def __init__(
        self, open_releases: OpenReleases, limits: ConnectionLimits | None = None, token: SecretStr | None = None
    ) -> None:
        limits = limits or ConnectionLimits()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self.socket.getsockname()[1]
        self.open_releases, self.limits, self.address = open_releases, limits, f"http://127.0.0.1:{self.port}"
        app = create_app(open_releases, token=token, limits=limits)
        self.uvicorn = uvicorn.Server(uvicorn.Config(app, http=limit_connections(limits), **SERVER_OPTIONS))
        self.thread = threading.Thread(target=self.uvicorn.run, kwargs={"sockets": [self.socket]})

    def get(self, path: str, **parameters: Any) -> requests.Response:
        return requests.get(self.address + path, params=parameters, timeout=10)

    def send(self, method: str, path: str, **headers: str) -> requests.Response:
        return requests.request(method, self.address + path, headers=headers, timeout=10, allow_redirects=False)

    def connect(self, text: bytes = b"") -> socket.socket:
        """A connection that has sent some bytes."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(text)
        return connection

    def problem(self, status: int, path: str, **parameters: Any) -> Problem:
        """The error document of a refused request."""
        refused = self.get(path, **parameters)
        assert refused.status_code == status, refused.text
        assert refused.headers["content-type"] == "application/problem+json"
        problem = Problem.model_validate(refused.json())
        assert (problem.status, problem.instance) == (status, path)
        return problem

    def __enter__(self) -> "Server":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.uvicorn.should_exit = True
        self.thread.join()
