"""Errors as problem details (RFC 9457): what, where, what was found, the fix, and the nearest names."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from longplay.config.strict_model import UNKNOWN_KEY
from longplay.errors import ConfigError, InputError, LongplayError, NotFoundError, nearest
from longplay.server.requests import PARAMETERS_BY_ROUTE

MEDIA = "application/problem+json"
_STATUS = {NotFoundError: (404, "Not found"), ConfigError: (422, "Wrong question"), InputError: (422, "Wrong question")}
_OTHERWISE = (503, "Cannot answer now")


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
    status: {"description": title, "model": Problem, "content": {MEDIA: {}}}
    for status, title in ((404, "Not found"), (422, "Wrong question"), (503, "Cannot answer now"))
}
"""The error documents, for OpenAPI."""


class UnknownName(NotFoundError):
    """An unknown name, with the names that are close to it.

    Args:
        what: one sentence that says what went wrong.
        name: the requested name.
        valid: all valid names.
        fix: what can be done (default: the nearest name).
    """

    def __init__(self, what: str, name: str, valid: Iterable[str], fix: str = "") -> None:
        names = sorted(valid)
        self.nearest = get_close_matches(name, names, n=3, cutoff=0.6)
        super().__init__(what, got=name, fix=fix or nearest(name, names))


def handle_problems(app: FastAPI) -> None:
    """Answer every error of an app with a problem document."""
    app.add_exception_handler(LongplayError, _answer_longplay_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_parameter)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer_longplay_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LongplayError)
    kinds = [status for kind, status in _STATUS.items() if isinstance(error, kind)]
    return _create_document(request, *(kinds or [_OTHERWISE])[0], error, getattr(error, "nearest", ()))


async def _answer_invalid_parameter(request: Request, error: Exception) -> JSONResponse:
    """Answer a malformed or unknown parameter."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    location, name, got = str(first["loc"][0]), str(first["loc"][-1]), repr(first.get("input"))[:200]
    if first["type"] != UNKNOWN_KEY:
        what, fix = f"Wrong value for '{name}'.", str(first["msg"])
        return _create_document(
            request, 422, "Wrong question", ConfigError(what, where=f"{location} {name}", got=got, fix=fix)
        )
    valid = PARAMETERS_BY_ROUTE[request.scope["route"].name]
    close = get_close_matches(name, valid, n=3, cutoff=0.6)
    problem = ConfigError(
        f"There is no parameter '{name}'.", where=f"{location} {name}", got=got, fix=nearest(name, valid)
    )
    return _create_document(request, 422, "Wrong question", problem, close)


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses: an unknown path, or a method other than GET."""
    assert isinstance(error, HTTPException)
    problem = LongplayError(str(error.detail), where=request.url.path, got=request.method, fix="see /v1/openapi.json")
    return _create_document(request, error.status_code, str(error.detail), problem, headers=error.headers)


async def _answer_bug(request: Request, error: Exception) -> JSONResponse:
    """Answer a bug of the server; its log has the traceback."""
    problem = LongplayError("The server failed.", got=type(error).__name__, fix="read the server's log")
    return _create_document(request, 500, "Fault", problem)


def _create_document(
    request: Request,
    status: int,
    title: str,
    error: LongplayError,
    close: Sequence[str] = (),
    headers: Any = None,  # noqa: ANN401 - as the framework has them
) -> JSONResponse:
    problem = Problem(
        type=f"urn:longplay:problem:{title.lower().replace(' ', '-')}",
        title=title,
        status=status,
        detail=error.render(),
        instance=request.url.path,
        what=error.what,
        where=error.where,
        got=error.got,
        fix=error.fix,
        nearest=list(close),
    )
    return JSONResponse(problem.model_dump(), status, media_type=MEDIA, headers=headers)
