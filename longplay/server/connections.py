"""Limits of connections: how long a client may take to send a request, and how many connections are open.

uvicorn's protocol has neither. A client that sends half a header would keep its connection for ever.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from longplay.errors import LongplayError
from longplay.server.errors import MEDIA, answer_problem

MAX_REQUEST_BYTES = 65_536
"""Largest request line and header."""
GRACE_S = 0.1
"""A connection that was just made is not closed before an idle one: its request may be on its way."""
SERVER_OPTIONS: Mapping[str, Any] = MappingProxyType(
    {
        "access_log": False,  # the application has its own
        "h11_max_incomplete_event_size": MAX_REQUEST_BYTES,
        "log_level": "error",
        "timeout_graceful_shutdown": 10,
        "ws": "none",
    }
)
"""uvicorn's other settings."""
REASONS = ("timeout", "displaced", "refused", "malformed")
"""Why the server closes a connection: no request in time; a newer one took its place; no place for it; not HTTP."""


@dataclass
class ConnectionLimits:
    """The limits of one server, and its connections that wait for their client.

    Attributes:
        connections: how many may be open at once.
        request_s: seconds from when a connection is ready for a request until its header and body must have arrived.
        waiting: the connections that wait for a request, longest wait first.
        closed: how many were closed by the server, by reason.
    """

    connections: int = 500
    request_s: float = 10.0
    waiting: dict["LimitedProtocol", None] = field(default_factory=dict)
    closed: Counter[str] = field(default_factory=Counter)

    def find_replaceable(self) -> "LimitedProtocol | None":
        """The connection to close for a new one: the oldest half-open one, else the one that has waited longest."""
        half_open = (connection for connection in self.waiting if connection.is_half_open)
        return next(half_open, next(iter(self.waiting), None))


class LimitedProtocol(H11Protocol):
    """A connection that is closed when its client takes too long, or when there are too many.

    Attributes:
        limits: those of the server; set in a subclass by ``limit_connections``.
        is_half_open: whether part of a request has arrived, or nothing some time after the connection was made.
    """

    limits: ConnectionLimits
    is_half_open = False
    _deadline: asyncio.TimerHandle | None = None
    _unsent = float("inf")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for the connection, or refuse it when every other one is being answered."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            replaceable = self.limits.find_replaceable()
            if replaceable is None:
                self.limits.closed["refused"] += 1
                self._refuse(503, "Cannot answer now", "Too many requests are being answered.", "try again")
                return
            replaceable.abort("displaced")
        self._wait_for_request()
        self._schedule(GRACE_S, self._end_grace)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Stop the clock once the whole request has arrived. Further bytes of a partial one do not reset it."""
        self.is_half_open = True
        super().data_received(data)
        self._stop_waiting_if_answering()

    def on_response_complete(self) -> None:
        """Wait for the next request, even if this one was answered before its body arrived."""
        self.is_half_open = False
        self._wait_for_request()
        super().on_response_complete()  # begins to answer the next request if that has arrived already
        self._stop_waiting_if_answering()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, or has too long a header, with a problem document."""
        if self.cycle is not None and self.conn.our_state is not h11.IDLE:  # a malformed body: its answer is on its way
            self.abort("malformed")
            return
        self.limits.closed["malformed"] += 1
        fix = f"send HTTP/1.1 with at most {MAX_REQUEST_BYTES:,} bytes of address and headers"
        self._refuse(400, "Bad Request", msg, fix)

    def abort(self, reason: str) -> None:
        """Close the connection now, whatever has not been sent, and count the reason."""
        self.limits.closed[reason] += 1
        self._stop_waiting()
        self.connections.discard(self)
        self.transport.abort()

    def _wait_for_request(self) -> None:
        self._stop_waiting()
        self.limits.waiting[self] = None
        self._unsent = float("inf")
        self._schedule(self.limits.request_s, self._expire)

    def _schedule(self, seconds: float, action: Callable[[], None]) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, action)

    def _end_grace(self) -> None:
        """Runs after the event loop has looked for data, however late that was."""
        self.is_half_open = True
        self._schedule(self.limits.request_s - GRACE_S, self._expire)

    def _stop_waiting_if_answering(self) -> None:
        """Stop the clock, unless the rest of a request or a client that does not read holds up the answer."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and self.conn.their_state is not h11.SEND_BODY and not self.flow.write_paused:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        self.limits.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        """Close the connection, unless its client is still reading the previous answer."""
        unsent = self.transport.get_write_buffer_size()
        if 0 < unsent < self._unsent:
            self._unsent = unsent
            self._schedule(self.limits.request_s, self._expire)
        else:
            self.abort("timeout")

    def _refuse(self, status: int, title: str, what: str, fix: str) -> None:
        """Answer with a problem document without asking the application, and close."""
        answer = answer_problem({"path": ""}, status, title, LongplayError(what, fix=fix))
        head = [f"HTTP/1.1 {status} {title}", f"content-type: {MEDIA}", f"content-length: {len(answer.body)}"]
        self.transport.write("\r\n".join([*head, "connection: close", "", ""]).encode() + bytes(answer.body))
        self.connections.discard(self)
        self.transport.close()


def limit_connections(limits: ConnectionLimits) -> type[LimitedProtocol]:
    """The protocol of a server with these limits, for uvicorn's setting ``http``."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})
