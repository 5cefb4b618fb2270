"""Times look-ups over HTTP without and with half-open connections to the same server.

``python -m bench.half_open`` writes 200,000 values, starts ``longplay serve`` as a process, and sends requests at a
fixed rate, first alone, then beside a process of clients that send half a request and wait. When the server closes such
a connection, its client opens another one some seconds later. Prints the latencies of both, since each request was due.
"""

import asyncio
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np

from bench import lookups_tables as tables
from bench.lookups import SOURCE, server
from bench.lookups_load import FIRST, Answer, Load, Request, drive, requests_of
from longplay.registry.registry import default_registry

HALVES = [b"", b"GET /v1/signals HT", b"GET /v1/signals HTTP/1.1\r\nHost: a\r\nX-Slow: "]


@dataclass(frozen=True)
class HalfOpenClients:
    """Clients that each send half a request and wait.

    Attributes:
        port: of the server.
        count: how many there are.
        reopen_s: mean time until one opens its next connection (s).
        opened: how many connections they opened so far.
    """

    port: int
    count: int
    reopen_s: float
    opened: Any = field(default_factory=lambda: multiprocessing.Value("q", 0))

    def run(self) -> None:
        """Keep all of them waiting, for ever."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        await asyncio.gather(*(self._wait_again_and_again() for _ in range(self.count)))

    async def _wait_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(2 * self.reopen_s * random.random())
            with suppress(OSError):
                await self._wait()

    async def _wait(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.opened.value += 1
        try:
            writer.write(random.choice(HALVES))
            await reader.read()
        finally:
            writer.close()


def measure(load: Load, requests: Sequence[Request], clients: HalfOpenClients) -> list[Answer]:
    """Send the requests beside half-open connections."""
    process = multiprocessing.Process(target=clients.run)
    process.start()
    time.sleep(3 * clients.reopen_s)  # every client has opened its first connection
    answers, _ = asyncio.run(drive(load, requests, lambda: None))
    process.kill()
    process.join()
    return answers


def percentiles(answers: Sequence[Answer]) -> tuple[float, float]:
    """Median and 99th percentile of the latency, in ms."""
    p50, p99 = np.percentile([1_000 * answer.took for answer in answers], [50, 99])
    return float(p50), float(p99)


@click.command()
@click.option("--values", default=200_000, show_default=True, help="Stored values.")
@click.option("--rate", default=200.0, show_default=True, help="Requests per second.")
@click.option("--seconds", default=15.0, show_default=True, help="Duration of each part.")
@click.option("--skew", default=1.0, show_default=True, help="Exponent of Zipf's law over keys.")
@click.option("--half-open", default=1_000, show_default=True, help="Clients that send half a request.")
@click.option("--reopen-s", default=1.0, show_default=True, help="Mean seconds until such a client connects again.")
@click.option("--port", default=8472, show_default=True)
def command(half_open: int, reopen_s: float, **options: Any) -> None:
    """Send requests to a server without and with half-open connections."""
    load, definitions = Load(**options), [d for d in default_registry().newest() if d.keys == "user_item"]
    requests = list(requests_of(load, definitions, np.random.default_rng(1)))
    with tempfile.TemporaryDirectory(prefix="longplay-half-open-") as name:
        store = Path(name)
        version = tables.write_values(store / SOURCE, load.values, 0, definitions)
        tables.write_release(store / SOURCE, FIRST, tables.KNOWN_AT, version, definitions)
        with server(store, load, poll=1.0):
            crowds = [HalfOpenClients(load.port, count, reopen_s) for count in (0, half_open)]
            parts = [(measure(load, requests, clients), clients) for clients in crowds]
    print(f"{load.values:,} values, {load.rate:g} requests/s for {load.seconds:g} s each")
    print("| half-open clients | connections opened | errors | median, ms | p99, ms |")
    print("| --- | --- | --- | --- | --- |")
    for answers, clients in parts:
        p50, p99 = percentiles(answers)
        kinds = Counter(answer.wrong for answer in answers if answer.wrong)
        errors = ", ".join(f"{kind} {count}" for kind, count in kinds.items()) or "none"
        print(f"| {clients.count:,} | {clients.opened.value:,} | {errors} | {p50:.1f} | {p99:.1f} |")
    (p50, p99), (p50_beside, p99_beside) = (percentiles(answers) for answers, _ in parts)
    print(f"ratio: median {p50_beside / p50:.2f}, p99 {p99_beside / p99:.2f}")


if __name__ == "__main__":
    command()
