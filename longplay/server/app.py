"""The read-only HTTP API: definitions, releases and values, under ``/v1``.

A handler takes one release and answers from it alone. It does a bounded amount of work on memory-mapped files, so it
runs on the event loop; another process does everything that reads tables.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import SecretStr

from longplay.client import resolve_known_at
from longplay.definitions.describe import describe_definition
from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.errors import ConfigError, StoreError
from longplay.lookup.cursor import PageCursor
from longplay.lookup.point_query import parse_key, select_value
from longplay.lookup.query import ValueSelection
from longplay.lookup.releases import check_meaning
from longplay.server import requests, responses
from longplay.server.access_log import AccessLog
from longplay.server.api_token import TokenCheck
from longplay.server.connections import ConnectionLimits
from longplay.server.description import complete_document
from longplay.server.errors import DOCUMENTED, handle_problems
from longplay.server.index.scan import find_rows, scan_page
from longplay.server.metrics import ServerMetrics
from longplay.server.open_releases import OpenRelease, OpenReleases
from longplay.server.route import ReadOnlyRoute
from longplay.server.watcher import ReleaseWatcher

T = TypeVar("T")
_NoParameters = Annotated[requests.NoParameters, Query()]


def create_app(
    open_releases: OpenReleases,
    watcher: ReleaseWatcher | None = None,
    token: SecretStr | None = None,
    limits: ConnectionLimits | None = None,
    access_log: bool = True,
) -> FastAPI:
    """Create the application.

    Args:
        open_releases: the releases that it serves.
        watcher: opens new releases while the application runs (None: the served releases stay the same).
        token: what requests must carry (None: nothing).
        limits: the connections that its metrics count (None: none).
        access_log: whether every request is logged.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = watcher.start() if watcher else None
        yield
        if task:
            task.cancel()
            await asyncio.wait([task])

    app = FastAPI(
        title="Longplay look-ups",
        version=version("longplay"),
        summary="Definitions and values of signals, read only. All times are UTC.",
        openapi_url=None,  # served below, with what FastAPI does not know
        redirect_slashes=False,  # the address would be made from the Host header
        lifespan=lifespan,
    )
    metrics = ServerMetrics(open_releases, limits or ConnectionLimits())
    handle_problems(app)
    for create_router in (_create_health_router, _create_definitions_router, _create_releases_router):
        app.include_router(create_router(open_releases))
    app.include_router(_create_values_router(open_releases))
    app.include_router(_create_metrics_router(metrics))
    app.include_router(_create_description_router(complete_document(app.openapi())))
    if token:
        app.add_middleware(TokenCheck, token=token)
    app.add_middleware(AccessLog, metrics=metrics, with_lines=access_log)
    return app


def _create_router(prefix: str) -> APIRouter:
    return APIRouter(
        prefix=prefix,
        responses=DOCUMENTED,
        route_class=ReadOnlyRoute,
        dependencies=[Depends(requests.check_parameter_names)],
    )


def _create_health_router(open_releases: OpenReleases) -> APIRouter:
    router = _create_router("/v1")

    @router.get("/health")
    async def health(_: _NoParameters) -> responses.HealthAnswer:
        """Whether the process runs. Needs no token."""
        return responses.HealthAnswer(status="ok")

    @router.get("/ready")
    async def ready(_: _NoParameters) -> responses.ReadyAnswer:
        """Whether values can be read."""
        newest, problem = open_releases.newest(), open_releases.problem
        return responses.ReadyAnswer(
            status="ready", release_id=newest.release.release_id, problem=problem.what if problem else None
        )

    return router


def _create_metrics_router(metrics: ServerMetrics) -> APIRouter:
    router = _create_router("")

    @router.get("/metrics", name="metrics", response_class=PlainTextResponse)
    async def show_metrics(_: _NoParameters) -> Response:
        """Requests, latencies, closed connections and the age of what is served, in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router


def _create_description_router(document: dict[str, Any]) -> APIRouter:
    router, text = _create_router("/v1"), json.dumps(document)

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi(_: _NoParameters) -> Response:
        return Response(text, media_type="application/json")

    return router


def _create_definitions_router(open_releases: OpenReleases) -> APIRouter:
    router = _create_router("/v1")

    @router.get("/signals")
    async def signals(parameters: Annotated[requests.SearchParameters, Query()]) -> responses.SignalsAnswer:
        """The current version of each signal whose name, title or description contains every word of 'q', by name."""
        matches = [d for d in open_releases.newest().registry.newest() if _matches(d, parameters)]
        page, more = _paginate(matches, parameters.limit, parameters.offset)
        answers = [responses.DefinitionAnswer(**describe_definition(definition)) for definition in page]
        return responses.SignalsAnswer(signals=answers, total=len(matches), more=more)

    @router.get("/signals/{name}")
    async def definition(name: str, _: _NoParameters) -> responses.DefinitionAnswer:
        """One definition, by name@version, name@alias or name alone.

        A name alone stands for the current version: the newest that is not a draft, or the newest draft.
        """
        return responses.DefinitionAnswer(**describe_definition(_find_definition(open_releases.newest(), name)))

    @router.get("/rewards")
    async def rewards(parameters: Annotated[requests.SearchParameters, Query()]) -> responses.RewardsAnswer:
        """The current version of each reward whose name, title or description contains every word of 'q', by name."""
        matches = [r for r in open_releases.newest().registry.newest_rewards() if _matches(r, parameters)]
        page, more = _paginate(matches, parameters.limit, parameters.offset)
        return responses.RewardsAnswer(rewards=[_describe_reward(r) for r in page], total=len(matches), more=more)

    @router.get("/rewards/{name}")
    async def reward(name: str, _: _NoParameters) -> responses.RewardAnswer:
        """One reward, by name@version, name@alias or name alone.

        A reward has no stored values: look up those of its signals.
        """
        return _describe_reward(_find(open_releases.newest().registry.reward, name))

    return router


def _create_releases_router(open_releases: OpenReleases) -> APIRouter:
    router = _create_router("/v1")

    @router.get("/releases")
    async def releases(parameters: Annotated[requests.ReleasesParameters, Query()]) -> responses.ReleasesAnswer:
        """Releases, newest first."""
        published, served_ids = open_releases.newest().releases, open_releases.ids()
        page, more = _paginate(published, parameters.limit, parameters.offset)
        answers = [responses.ReleaseAnswer(**vars(r), served=r.release_id in served_ids) for r in page]
        return responses.ReleasesAnswer(releases=answers, total=len(published), more=more)

    return router


def _create_values_router(open_releases: OpenReleases) -> APIRouter:
    router = _create_router("/v1/signals/{name}")

    @router.get("/value")
    async def value(name: str, parameters: Annotated[requests.ValueParameters, Query()]) -> responses.ValueAnswer:
        """One value, by anchor_id, or by user_id, t0, and item_id where the signal has items."""
        return _answer_value(open_releases.pick(parameters.release), name, parameters)

    @router.get("/values")
    async def values(name: str, parameters: Annotated[requests.ValuesParameters, Query()]) -> responses.ValuesAnswer:
        """A page of values, ordered by t0, then anchor_id.

        A page may hold fewer than 'limit' rows although more follow; check 'more'.
        """
        selection = parameters.selection()
        cursor = selection.after
        return _answer_values(open_releases.pick(cursor.release_id if cursor else selection.release), name, selection)

    return router


def _answer_value(opened: OpenRelease, name: str, parameters: requests.ValueParameters) -> responses.ValueAnswer:
    known_at, ref = resolve_known_at(opened.release, parameters.known_at), _resolve_released_ref(opened, name)
    key = parse_key(parameters.anchor_id, parameters.user_id, parameters.item_id, parameters.t0)
    segment = opened.segments.get(ref)
    row = select_value(find_rows(segment, key) if segment else [], ref, key, known_at)
    failure = _describe_failure(opened, ref)
    return responses.ValueAnswer(**row, release_id=opened.release.release_id, known_at=known_at, failure=failure)


def _answer_values(opened: OpenRelease, name: str, selection: ValueSelection) -> responses.ValuesAnswer:
    ref, release_id, cursor = _resolve_released_ref(opened, name), opened.release.release_id, selection.after
    if cursor is not None:
        cursor.check(ref, selection.release, selection.known_at)
    known_at = resolve_known_at(opened.release, cursor.known_at if cursor else selection.known_at)
    rows, next_cursor = [], None
    if ref in opened.segments:
        page = scan_page(opened.segments[ref], selection, known_at)
        rows = [responses.Row(**row) for row in opened.segments[ref].to_dicts(page.rows)]
        next_cursor = PageCursor(release_id, ref, known_at, *page.last).text() if page.last else None
    return responses.ValuesAnswer(
        signal=ref,
        release_id=release_id,
        known_at=known_at,
        failure=_describe_failure(opened, ref),
        rows=rows,
        more=next_cursor is not None,
        next=next_cursor,
    )


def _describe_failure(opened: OpenRelease, ref: str) -> responses.FailureAnswer | None:
    failure = opened.failures.get(ref)
    return responses.FailureAnswer(**vars(failure)) if failure else None


def _resolve_released_ref(opened: OpenRelease, name: str) -> str:
    """The pinned name of a signal, after checking that the release was built with this definition."""
    definition = _find_definition(opened, name)
    check_meaning(definition, opened.release)
    return definition.ref


def _find_definition(opened: OpenRelease, name: str) -> Definition:
    return _find(opened.registry.get, name)


def _find(get: Callable[[str], T], name: str) -> T:
    """What a name stands for. A definition that cannot be read is not a mistake of the client."""
    try:
        return get(name)
    except ConfigError as error:
        raise StoreError(error.what, where=error.where, got=error.got, fix=error.fix) from error


def _describe_reward(reward: Reward) -> responses.RewardAnswer:
    description = describe_definition(reward)
    return responses.RewardAnswer(reward=description.pop("signal"), **description)


def _matches(definition: Definition | Reward, parameters: requests.SearchParameters) -> bool:
    text = f"{definition.ref} {definition.title} {definition.description}".lower()
    expected = {"status": parameters.status, "anchor": parameters.anchor, "owner": parameters.owner}
    fits = all(value is None or getattr(definition, key) == value for key, value in expected.items())
    return fits and all(word in text for word in parameters.q.lower().split())


def _paginate(rows: Sequence[T], limit: int, offset: int) -> tuple[Sequence[T], bool]:
    """The rows of a page, and whether more follow."""
    return rows[offset : offset + limit], len(rows) > offset + limit
