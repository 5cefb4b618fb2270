"""Errors as problem details (RFC 9457): what, where, what was found, the fix, and the nearest names."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import Scope

from longplay.errors import ConfigError, InputError, LongplayError, NotFoundError
from longplay.lookup.releases import OtherDefinition
from longplay.server.open_releases import NothingServed

log = logging.getLogger("longplay.serving")
MEDIA = "application/problem+json"
_STATUS = {NotFoundError: (404, "Not found"), ConfigError: (422, "Wrong question"), InputError: (422, "Wrong question")}
_OTHERWISE = (503, "Cannot answer now")
_FOR_CLIENTS = (NotFoundError, ConfigError, InputError, NothingServed, OtherDefinition)
"""Errors that concern the question or the release. Others name files of the server, which only its log may."""
_LONGEST = 500
"""Letters of a field: it may repeat what was asked."""


class Problem(BaseModel):
    """An error document."""

    type: str = Field(description="URN of the kind of error")
    title: str = Field(description="the kind of error in words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="all of what follows as a text")
    instance: str = Field(description="the path that was asked")
    what: str = Field(description="what went wrong")
    where: str = Field(description="parameter, table or file it concerns")
    got: str = Field(description="what was found there")
    fix: str = Field(description="what can be done about it")
    nearest: list[str] = Field(description="known names close to the one that was asked for, closest first")


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": title, "model": Problem}
    for status, title in (
        (401, "Unauthorized: the server was started with a token, and the request does not carry it"),
        (404, "Not found"),
        (422, "Wrong question"),
        (503, "Cannot answer now"),
    )
}
"""The error documents, for OpenAPI. FastAPI describes them as plain JSON; ``complete_document`` corrects that."""


def handle_problems(app: FastAPI) -> None:
    """Answer every error of an app with a problem document."""
    app.add_exception_handler(LongplayError, _answer_longplay_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_parameter)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer_longplay_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LongplayError)
    kinds = [status for kind, status in _STATUS.items() if isinstance(error, kind)]
    if not isinstance(error, _FOR_CLIENTS):
        log.error("%s", error.render())
        error = LongplayError(error.what, fix="the server's log says where and why")
    return answer_problem(request.scope, *(kinds or [_OTHERWISE])[0], error, getattr(error, "nearest", ()))


async def _answer_invalid_parameter(request: Request, error: Exception) -> JSONResponse:
    """Answer a malformed parameter."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name, where = str(first["loc"][-1]), " ".join(map(str, (first["loc"][0], first["loc"][-1])))
    problem = ConfigError(
        f"Wrong value for '{name}'.", where=where, got=repr(first.get("input")), fix=str(first["msg"])
    )
    return answer_problem(request.scope, 422, "Wrong question", problem)


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses: an unknown path, or a method that changes something."""
    assert isinstance(error, HTTPException)
    where, got = request.scope["path"], request.method if error.status_code == 405 else ""
    problem = LongplayError(str(error.detail), where=where, got=got, fix="see /v1/openapi.json")
    return answer_problem(request.scope, error.status_code, str(error.detail), problem, headers=error.headers)


async def _answer_bug(request: Request, error: Exception) -> JSONResponse:
    """Answer a bug of the server; its log has the traceback."""
    problem = LongplayError("The server failed.", got=type(error).__name__, fix="read the server's log")
    return answer_problem(request.scope, 500, "Fault", problem)


def answer_problem(
    scope: Scope,
    status: int,
    title: str,
    error: LongplayError,
    close: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error as the answer to a request.

    Args:
        scope: of the request.
        status: of HTTP.
        title: the kind of error in words.
        error: what, where, what was found, and the fix.
        close: the names nearest to an unknown one.
        headers: further headers of the answer.
    """
    what, where, got, fix = (_shorten(text) for text in (error.what, error.where, error.got, error.fix))
    problem = Problem(
        type=f"urn:longplay:problem:{title.lower().replace(' ', '-')}",
        title=title,
        status=status,
        detail=LongplayError(what, where=where, got=got, fix=fix).render(),
        instance=scope["path"],
        what=what,
        where=where,
        got=got,
        fix=fix,
        nearest=list(close),
    )
    return JSONResponse(problem.model_dump(), status, media_type=MEDIA, headers=headers)


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
