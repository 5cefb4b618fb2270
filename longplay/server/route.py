"""Routes that only read: GET, HEAD and OPTIONS, on every path alike."""

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

ALLOWED = {"Allow": "GET, HEAD, OPTIONS"}


class ReadOnlyRoute(APIRoute):
    """A GET route that answers HEAD like GET (the server drops the body) and OPTIONS with the methods it allows."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose path matches, whatever its method."""
        if scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=ALLOWED)(scope, receive, send)
        elif scope["method"] in ("GET", "HEAD"):
            await super().handle({**scope, "method": "GET"}, receive, send)
        else:
            raise HTTPException(405, headers=ALLOWED)
