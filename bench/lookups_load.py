"""The load of the bench of look-ups: which requests, sent when they are due, and what is wrong with an answer."""

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
Asked = tuple[str, int, str]
"""Kind, number of the row, path."""
BY_ANCHOR, BY_USER, PAGE = "value by anchor", "value by user, item, t0", "page of a user"


@dataclass(frozen=True)
class Load:
    """What is asked, and how often.

    Attributes:
        values: stored values.
        rate: requests a second.
        seconds: how long.
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
    """What came of a request: when it was due (s after the start), how long after that it was answered (s), by which
    release, and what was wrong with it."""

    kind: str
    due: float
    took: float
    release: str
    wrong: str = ""


def requests_of(
    load: Load, definitions: Sequence[Definition], rng: np.random.Generator
) -> Iterator[tuple[str, int, str]]:
    """Kind, number of the row and path of every request; rows are drawn by Zipf's law, ranks dealt at random."""
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


def fault(kind: str, number: int, told: dict[str, Any]) -> str:
    """What is wrong with an answer; nothing if it is the row that was asked for, with the value of its release."""
    rows = told["rows"] if kind == PAGE else [told]
    anchors = {row["anchor_id"] for row in rows}
    if tables.anchor_of(number) not in anchors or (kind != PAGE and len(anchors) > 1):
        return "another row"
    version = {FIRST: 0, SECOND: 1}[told["release_id"]]
    expected = tables.value_at(np.array([int(row["anchor_id"][1:]) for row in rows]), version)
    if any(row["state"] != "mature" for row in rows):
        return "another state"
    return "" if [row["value"] for row in rows] == expected.tolist() else "mixed"


async def drive(load: Load, asked: Sequence[Asked], publish: Callable[[], None]) -> tuple[list[Answer], float]:
    """Send every request when it is due; publish half-way. Gives the answers and when it was published (s)."""
    base, start = f"http://127.0.0.1:{load.port}", time.perf_counter() + 1.0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(kind: str, number: int, path: str, due: float) -> Answer:
            await asyncio.sleep(start + due - time.perf_counter())
            try:
                async with session.get(base + path, timeout=aiohttp.ClientTimeout(30)) as answer:
                    said = await answer.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                return Answer(kind, due, time.perf_counter() - start - due, "", type(error).__name__)
            took = time.perf_counter() - start - due
            if answer.status != 200:
                return Answer(kind, due, took, "", f"status {answer.status}")
            told = json.loads(said)
            return Answer(kind, due, took, told["release_id"], fault(kind, number, told))

        async def published() -> float:
            await asyncio.sleep(start + load.seconds / 2 - time.perf_counter())
            await asyncio.to_thread(publish)
            return time.perf_counter() - start

        tasks = [asyncio.create_task(one(*each, n / load.rate)) for n, each in enumerate(asked)]
        moment = await published()
        return list(await asyncio.gather(*tasks)), moment
