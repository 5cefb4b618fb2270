"""The load of the look-up bench: requests, sent when they are due, and checks of their answers."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import numpy as np

from bench import lookups_tables as tables
from longplay.config.timestamps import from_microseconds
from longplay.definitions.signal import Definition

FIRST, SECOND = "first", "second"
Request = tuple[str, int, str]
"""Kind, row number, path."""
BY_ANCHOR, BY_USER, PAGE = "value by anchor", "value by user, item, t0", "page of a user"


@dataclass(frozen=True)
class Load:
    """The requests, and how often they are sent.

    Attributes:
        values: stored values.
        rate: requests per second.
        seconds: duration.
        skew: exponent of Zipf's law over keys.
        port: of the server.
    """

    values: int
    rate: float
    seconds: float
    skew: float
    port: int


@dataclass(frozen=True)
class Answer:
    """The outcome of a request.

    Attributes:
        kind: of the request.
        due: when it was due, in seconds after the start.
        took: seconds from then to the answer.
        release: the release that answered.
        wrong: what was wrong with the answer; empty: nothing.
    """

    kind: str
    due: float
    took: float
    release: str
    wrong: str = ""


def requests_of(
    load: Load, definitions: Sequence[Definition], rng: np.random.Generator
) -> Iterator[tuple[str, int, str]]:
    """Generate requests; rows are drawn by Zipf's law, with ranks assigned at random."""
    count = round(load.rate * load.seconds)
    weight = np.cumsum(np.arange(1, load.values + 1, dtype=np.float64) ** -load.skew)
    ranks = np.searchsorted(weight, rng.random(count) * weight[-1])
    drawn = rng.permutation(load.values)[ranks]
    kinds = rng.choice([BY_ANCHOR, BY_USER, PAGE], count, p=[0.8, 0.1, 0.1])
    for kind, number in zip(kinds.tolist(), drawn.tolist(), strict=True):
        name = definitions[number % len(definitions)].name
        user, t0 = tables.user_of(number, load.values), from_microseconds(int(tables.t0_of(np.array([number]))[0]))
        query = {
            BY_ANCHOR: f"value?anchor_id={tables.anchor_of(number)}",
            BY_USER: f"value?user_id={user}&item_id={tables.item_of(number)}&t0={t0:%Y-%m-%dT%H:%M:%S.%fZ}",
            PAGE: f"values?user_id={user}",
        }[kind]
        yield kind, number, f"/v1/signals/{name}/{query}"


def describe_fault(kind: str, number: int, content: dict[str, Any]) -> str:
    """Describe what is wrong with an answer; empty if it is the requested row, with the value of its release."""
    rows = content["rows"] if kind == PAGE else [content]
    anchors = {row["anchor_id"] for row in rows}
    if tables.anchor_of(number) not in anchors or (kind != PAGE and len(anchors) > 1):
        return "another row"
    version = {FIRST: 0, SECOND: 1}[content["release_id"]]
    expected = tables.value_at(np.array([int(row["anchor_id"][1:]) for row in rows]), version)
    if any(row["state"] != "mature" for row in rows):
        return "another state"
    return "" if [row["value"] for row in rows] == expected.tolist() else "mixed"


async def drive(load: Load, requests: Sequence[Request], publish: Callable[[], None]) -> tuple[list[Answer], float]:
    """Send every request when it is due, and publish half-way. Gives the answers and the time of publishing (s)."""
    base, start = f"http://127.0.0.1:{load.port}", time.perf_counter() + 1.0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def send(kind: str, number: int, path: str, due: float) -> Answer:
            await asyncio.sleep(start + due - time.perf_counter())
            try:
                async with session.get(base + path, timeout=aiohttp.ClientTimeout(30)) as answer:
                    body = await answer.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                return Answer(kind, due, time.perf_counter() - start - due, "", type(error).__name__)
            took = time.perf_counter() - start - due
            if answer.status != 200:
                return Answer(kind, due, took, "", f"status {answer.status}")
            content = json.loads(body)
            return Answer(kind, due, took, content["release_id"], describe_fault(kind, number, content))

        async def published() -> float:
            await asyncio.sleep(start + load.seconds / 2 - time.perf_counter())
            await asyncio.to_thread(publish)
            return time.perf_counter() - start

        tasks = [asyncio.create_task(send(*each, n / load.rate)) for n, each in enumerate(requests)]
        moment = await published()
        return list(await asyncio.gather(*tasks)), moment
