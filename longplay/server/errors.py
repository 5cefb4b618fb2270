"""Errors as problem details (RFC 9457): what, where, what was found, how to mend it, and the nearest names."""

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
from longplay.server.requests import PARAMETERS

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


class NoSuchName(NotFoundError):
    """A name that is not there, with those that are close.

    Args:
        what: one sentence, what went wrong.
        name: what was asked for.
        known: the names there are.
        fix: what can be done (default: the nearest name).
    """

    def __init__(self, what: str, name: str, known: Iterable[str], fix: str = "") -> None:
        names = sorted(known)
        self.nearest = get_close_matches(name, names, n=3, cutoff=0.6)
        super().__init__(what, got=name, fix=fix or nearest(name, names))


def handle_problems(app: FastAPI) -> None:
    """Make every error of an app a problem document."""
    app.add_exception_handler(LongplayError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _foreign)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LongplayError)
    kinds = [told for kind, told in _STATUS.items() if isinstance(error, kind)]
    return _document(request, *(kinds or [_OTHERWISE])[0], error, getattr(error, "nearest", ()))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """A parameter of the wrong form, or one that there is not."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place, name, got = str(first["loc"][0]), str(first["loc"][-1]), repr(first.get("input"))[:200]
    if first["type"] != UNKNOWN_KEY:
        what, fix = f"Wrong value for '{name}'.", str(first["msg"])
        return _document(request, 422, "Wrong question", ConfigError(what, where=f"{place} {name}", got=got, fix=fix))
    known = PARAMETERS[request.scope["route"].name]
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    problem = ConfigError(
        f"There is no parameter '{name}'.", where=f"{place} {name}", got=got, fix=nearest(name, known)
    )
    return _document(request, 422, "Wrong question", problem, close)


async def _foreign(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses by itself: an unknown path, a method other than GET."""
    assert isinstance(error, HTTPException)
    problem = LongplayError(str(error.detail), where=request.url.path, got=request.method, fix="see /v1/openapi.json")
    return _document(request, error.status_code, str(error.detail), problem, headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    """A fault of ours: the log has its trace."""
    problem = LongplayError("The server failed.", got=type(error).__name__, fix="look into the server's log")
    return _document(request, 500, "Fault", problem)


def _document(
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
