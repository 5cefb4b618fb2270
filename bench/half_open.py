"""Times look-ups over HTTP without and with half-open connections to the same server.

``python -m bench.half_open`` writes 200,000 values, starts ``longplay serve`` as a process, and sends requests at a
fixed rate, first alone, then beside clients that send half a request and wait. When the server closes such a
connection, its client opens another one a second later. Prints the latencies of both, since each request was due.
"""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import numpy as np

from bench import lookups_tables as tables
from bench.lookups import SOURCE, server
from bench.lookups_load import FIRST, Answer, Load, Request, drive, requests_of
from longplay.registry.registry import default_registry

HALVES = [b"", b"GET /v1/signals HT", b"GET /v1/signals HTTP/1.1\r\nHost: a\r\nX-Slow: "]


class HalfOpenClients:
    """Clients that each send half a request and wait.

    Attributes:
        opened: how many connections they opened so far.
    """

    def __init__(self, port: int, count: int) -> None:
        self.port, self.count, self.opened = port, count, 0

    async def run(self) -> None:
        """Keep all of them waiting, for ever."""
        await asyncio.gather(*(self._wait_again_and_again() for _ in range(self.count)))

    async def _wait_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(random.random())
            with suppress(OSError):
                await self._wait()
            await asyncio.sleep(0.5)

    async def _wait(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.opened += 1
        try:
            writer.write(random.choice(HALVES))
            await reader.read()
        finally:
            writer.close()


async def measure(load: Load, requests: Sequence[Request], half_open: int) -> tuple[list[Answer], HalfOpenClients]:
    """Send the requests beside half-open connections."""
    clients = HalfOpenClients(load.port, half_open)
    task = asyncio.create_task(clients.run())
    await asyncio.sleep(3)  # every client has opened its first connection
    answers, _ = await drive(load, requests, lambda: None)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return answers, clients


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
@click.option("--port", default=8472, show_default=True)
def command(half_open: int, **options: Any) -> None:
    """Send requests to a server without and with half-open connections."""
    load, definitions = Load(**options), [d for d in default_registry().newest() if d.keys == "user_item"]
    requests = list(requests_of(load, definitions, np.random.default_rng(1)))
    with tempfile.TemporaryDirectory(prefix="longplay-half-open-") as name:
        store = Path(name)
        version = tables.write_values(store / SOURCE, load.values, 0, definitions)
        tables.write_release(store / SOURCE, FIRST, tables.KNOWN_AT, version, definitions)
        with server(store, load, poll=1.0):
            parts = [asyncio.run(measure(load, requests, count)) for count in (0, half_open)]
    print(f"{load.values:,} values, {load.rate:g} requests/s for {load.seconds:g} s each")
    print("| half-open clients | connections opened | errors | median, ms | p99, ms |")
    print("| --- | --- | --- | --- | --- |")
    for answers, clients in parts:
        p50, p99 = percentiles(answers)
        kinds = Counter(answer.wrong for answer in answers if answer.wrong)
        errors = ", ".join(f"{kind} {count}" for kind, count in kinds.items()) or "none"
        print(f"| {clients.count:,} | {clients.opened:,} | {errors} | {p50:.1f} | {p99:.1f} |")
    (p50, p99), (p50_beside, p99_beside) = (percentiles(answers) for answers, _ in parts)
    print(f"ratio: median {p50_beside / p50:.2f}, p99 {p99_beside / p99:.2f}")


if __name__ == "__main__":
    command()
