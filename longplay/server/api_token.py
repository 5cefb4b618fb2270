"""The token that requests must carry: where it comes from, when it is demanded, and how it is compared."""

import hmac
import os
import re
from ipaddress import ip_address
from pathlib import Path

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from longplay.errors import ConfigError
from longplay.server.errors import answer_problem

VARIABLE = "LONGPLAY_API_TOKEN"
OPEN_PATHS = frozenset({"/v1/health"})
"""Paths that answer without a token, for probes."""
_FORM = re.compile(r"[A-Za-z0-9._~+/-]{16,512}=*")
_HOW_TO = (
    f"make one, e.g. with 'openssl rand -hex 32', and set {VARIABLE} or write it to a file that --token-file names; "
    "without a token the server listens on this machine alone (--host 127.0.0.1)"
)


def read_token(file: Path | None, host: str) -> SecretStr | None:
    """The token from a file, else from ``LONGPLAY_API_TOKEN``; None if there is none and ``host`` needs none.

    Args:
        file: a file that contains the token alone.
        host: the address to listen on. Any but a loopback address needs a token.

    Raises:
        ConfigError: when the file cannot be read, the token is malformed, or ``host`` needs one and there is none.
    """
    where = str(file) if file else VARIABLE
    try:
        token = file.read_text(encoding="ascii").strip() if file else os.environ.get(VARIABLE, "")
    except (OSError, UnicodeDecodeError) as error:
        got = error.strerror if isinstance(error, OSError) else "characters other than ASCII"
        raise ConfigError("The token cannot be read.", where=where, got=str(got), fix=_HOW_TO) from None
    if token and not _FORM.fullmatch(token):
        form = f"{len(token)} characters; it needs 16 to 512 of A-Z, a-z, 0-9 and -._~+/, and '=' only at the end"
        raise ConfigError("This is not a token.", where=where, got=form, fix=_HOW_TO)
    if not token and (file or not is_loopback(host)):
        got = "an empty file" if file else f"no token, and --host {host} can be reached by others"
        raise ConfigError("The server needs a token.", where=where, got=got, fix=_HOW_TO)
    return SecretStr(token) if token else None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address. Names other than ``localhost`` are not looked up."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class TokenCheck:
    """Middleware that answers 401 unless the request carries the token (``Authorization: Bearer TOKEN``).

    Args:
        app: what answers requests with the token.
        token: the token.
    """

    def __init__(self, app: ASGIApp, token: SecretStr) -> None:
        self.app, self._expected = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or self._is_authorised(scope):
            await self.app(scope, receive, send)
            return
        problem = ConfigError(
            "This server needs a token.",
            where="header Authorization",
            got="no token, or another one",
            fix="send 'Authorization: Bearer TOKEN' with the token that the server was started with",
        )
        challenge = {"WWW-Authenticate": 'Bearer realm="longplay"'}
        answer = answer_problem(scope, 401, "Unauthorized", problem, headers=challenge)
        await answer(scope, receive, send)

    def _is_authorised(self, scope: Scope) -> bool:
        headers = Headers(scope=scope).getlist("authorization")
        scheme, _, given = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
        expected = self._expected.get_secret_value().encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), expected)
