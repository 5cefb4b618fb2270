"""Middleware that logs and counts every request."""

import logging
import time
from urllib.parse import unquote_plus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longplay.server.metrics import ServerMetrics
from longplay.server.requests import PARAMETERS_BY_ROUTE

log = logging.getLogger("longplay.access")
UNKNOWN_ROUTE = "unknown"
_LONGEST_METHOD, _LONGEST_PATH = 20, 200


class AccessLog:
    """Counts every request, and logs it in one line.

    A line has the client, method, path, names of parameters, status, bytes and duration. Values of parameters and
    headers are left out, because they hold user ids and the token.

    Args:
        app: what answers the requests.
        metrics: where they are counted.
        with_lines: whether they are logged, too.
    """

    def __init__(self, app: ASGIApp, metrics: ServerMetrics, with_lines: bool = True) -> None:
        self.app, self.metrics, self.with_lines = app, metrics, with_lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and record its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, size, begin = 500, 0, time.perf_counter()  # an exception becomes 500 outside of this middleware

        async def count_and_send(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b"")) if scope["method"] != "HEAD" else 0
            await send(message)

        try:
            await self.app(scope, receive, count_and_send)
        finally:
            seconds, route = time.perf_counter() - begin, scope.get("route")
            self.metrics.record(route.path if route else UNKNOWN_ROUTE, scope["method"], status, seconds)
            if self.with_lines:
                client = scope["client"][0] if scope.get("client") else "-"
                target = _describe_target(scope)
                method = scope["method"][:_LONGEST_METHOD]
                log.info("%s %s %s %d %d B %.1f ms", client, method, target, status, size, 1_000 * seconds)


def _describe_target(scope: Scope) -> str:
    """The path as it was sent, and the names of the parameters; those that the route does not have are ``...``."""
    path = scope["raw_path"].decode("ascii", "replace")
    route = scope.get("route")
    valid = PARAMETERS_BY_ROUTE[route.name] if route else ()
    parts = [part for part in scope["query_string"].decode("ascii", "replace").split("&", 20) if part]
    sent = dict.fromkeys(unquote_plus(part.partition("=")[0]) for part in parts)
    names = dict.fromkeys(name if name in valid else "..." for name in sent)
    shown = path if len(path) <= _LONGEST_PATH else path[:_LONGEST_PATH] + "..."
    return f"{shown}?{'&'.join(names)}" if names else shown
