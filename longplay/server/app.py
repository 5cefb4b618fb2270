"""The read-only HTTP API: definitions, releases and values, under ``/v1``.

A handler takes one release and answers from it alone. It does no more than bounded work on mapped memory, so it runs on
the event loop; all that reads tables is done by another process.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, TypeVar

from fastapi import APIRouter, FastAPI, Query

from longplay.client import moment_of
from longplay.definitions.describe import describe_definition
from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.errors import NotFoundError
from longplay.lookup.cursor import Cursor
from longplay.lookup.point_query import key_of, the_one
from longplay.lookup.releases import check_meaning
from longplay.server import requests, responses
from longplay.server.errors import DOCUMENTED, NoSuchName, handle_problems
from longplay.server.index.scan import rows_of, scan
from longplay.server.open_releases import Served, Shelf
from longplay.server.watcher import Watcher

T = TypeVar("T")


def create_app(shelf: Shelf, watcher: Watcher | None = None) -> FastAPI:
    """The application.

    Args:
        shelf: what is served.
        watcher: keeps the shelf at the newest release while the application runs (None: it stays as it is).
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
        openapi_url="/v1/openapi.json",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    handle_problems(app)
    app.include_router(_about(shelf))
    app.include_router(_values(shelf))
    return app


def _about(shelf: Shelf) -> APIRouter:
    """Definitions, releases, and how the server is."""
    router = APIRouter(prefix="/v1", responses=DOCUMENTED)

    @router.get("/health")
    async def health(_: Annotated[requests.NoQuestion, Query()]) -> responses.HealthAnswer:
        """Whether the process runs."""
        return responses.HealthAnswer(status="ok")

    @router.get("/ready")
    async def ready(_: Annotated[requests.NoQuestion, Query()]) -> responses.ReadyAnswer:
        """Whether values can be asked for."""
        newest, problem = shelf.newest(), shelf.problem
        return responses.ReadyAnswer(
            status="ready", release_id=newest.release.release_id, problem=problem.what if problem else None
        )

    @router.get("/signals")
    async def signals(asked: Annotated[requests.SearchQuestion, Query()]) -> responses.SignalsAnswer:
        """Definitions, newest versions, by name; those that hold every word of 'q'."""
        found = [one for one in shelf.newest().registry.newest() if _fits(one, asked)]
        page, more = _paged(found, asked.limit, asked.offset)
        told = [responses.DefinitionAnswer(**describe_definition(one)) for one in page]
        return responses.SignalsAnswer(signals=told, total=len(found), more=more)

    @router.get("/signals/{name}")
    async def definition(name: str, _: Annotated[requests.NoQuestion, Query()]) -> responses.DefinitionAnswer:
        """One definition, by name@version, or by name alone (its newest version)."""
        return responses.DefinitionAnswer(**describe_definition(_definition(shelf.newest(), name)))

    @router.get("/rewards")
    async def rewards(asked: Annotated[requests.SearchQuestion, Query()]) -> responses.RewardsAnswer:
        """Rewards, newest versions, by name; those that hold every word of 'q'."""
        found = [one for one in shelf.newest().registry.newest_rewards() if _fits(one, asked)]
        page, more = _paged(found, asked.limit, asked.offset)
        return responses.RewardsAnswer(rewards=[_reward(one) for one in page], total=len(found), more=more)

    @router.get("/rewards/{name}")
    async def reward(name: str, _: Annotated[requests.NoQuestion, Query()]) -> responses.RewardAnswer:
        """One reward, by name@version, or by name alone (its newest version). Ask for the values of its signals."""
        registry = shelf.newest().registry
        return _reward(_named(registry.reward, name, registry.rewards))

    @router.get("/releases")
    async def releases(asked: Annotated[requests.ReleasesQuestion, Query()]) -> responses.ReleasesAnswer:
        """Releases, newest first."""
        found, served = shelf.newest().releases, shelf.served()
        page, more = _paged(found, asked.limit, asked.offset)
        told = [responses.ReleaseAnswer(**vars(one), served=one.release_id in served) for one in page]
        return responses.ReleasesAnswer(releases=told, total=len(found), more=more)

    return router


def _values(shelf: Shelf) -> APIRouter:
    router = APIRouter(prefix="/v1/signals/{name}", responses=DOCUMENTED)

    @router.get("/value")
    async def value(name: str, asked: Annotated[requests.ValueQuestion, Query()]) -> responses.ValueAnswer:
        """One value, by anchor_id, or by user_id, t0, and item_id where the signal has items."""
        served = shelf.pick(asked.release)
        known_at, ref = moment_of(served.release, asked.known_at), _signal(served, name)
        key = key_of(asked.anchor_id, asked.user_id, asked.item_id, asked.t0)
        segment = served.segments.get(ref)
        row = the_one(rows_of(segment, key) if segment else [], ref, key, known_at)
        return responses.ValueAnswer(**row, release_id=served.release.release_id, known_at=known_at)

    @router.get("/values")
    async def values(name: str, asked: Annotated[requests.ValuesQuestion, Query()]) -> responses.ValuesAnswer:
        """A page of values, ordered by t0, then anchor_id. It may be short where few of many rows fit."""
        which = asked.selection()
        served = shelf.pick(which.after.release_id if which.after else which.release)
        ref, release_id = _signal(served, name), served.release.release_id
        if which.after is not None:
            which.after.check(ref, which.release, which.known_at)
        known_at = moment_of(served.release, which.after.known_at if which.after else which.known_at)
        rows, following = [], None
        if ref in served.segments:
            found = scan(served.segments[ref], which, known_at)
            rows = [responses.Row(**row) for row in served.segments[ref].told(found.rows)]
            following = Cursor(release_id, ref, known_at, *found.last).text() if found.last else None
        return responses.ValuesAnswer(
            signal=ref, release_id=release_id, known_at=known_at, rows=rows, more=following is not None, next=following
        )

    return router


def _signal(served: Served, name: str) -> str:
    """The pinned name of a signal whose values a release holds in the meaning of the definitions here."""
    definition = _definition(served, name)
    check_meaning(definition, served.release)
    return definition.ref


def _definition(served: Served, name: str) -> Definition:
    return _named(served.registry.get, name, served.registry.by_ref)


def _named(get: Callable[[str], T], name: str, refs: Collection[str]) -> T:
    """What a name stands for; where it stands for nothing, the answer says which names and versions are near."""
    try:
        return get(name)
    except NotFoundError as error:
        known = {*refs, *(ref.partition("@")[0] for ref in refs)}
        raise NoSuchName(error.what, name, known, error.fix) from error


def _reward(one: Reward) -> responses.RewardAnswer:
    told = describe_definition(one)
    return responses.RewardAnswer(reward=told.pop("signal"), **told)


def _fits(definition: Definition | Reward, asked: requests.SearchQuestion) -> bool:
    text = f"{definition.ref} {definition.title} {definition.description}".lower()
    wanted = {"status": asked.status, "anchor": asked.anchor, "owner": asked.owner}
    own = all(value is None or getattr(definition, key) == value for key, value in wanted.items())
    return own and all(word in text for word in asked.q.lower().split())


def _paged(found: Sequence[T], limit: int, offset: int) -> tuple[Sequence[T], bool]:
    return found[offset : offset + limit], len(found) > offset + limit
