"""Times look-ups over HTTP under load, while a new release is published: errors, mixed answers, latency, memory.

``python -m bench.lookups`` writes 5 million values twice, with different values the second time, starts ``longplay
serve`` as a process, and sends requests at a fixed rate for 60 s. Each request is sent when it is due, whatever
happened to earlier ones, and its latency counts from then, so that queueing counts. Half-way the second release is
published.
"""

import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import click
import numpy as np
import psutil  # type: ignore[import-untyped]

from bench import lookups_tables as tables
from bench.lookups_load import BY_ANCHOR, BY_USER, FIRST, PAGE, SECOND, Answer, Load, drive, requests_of
from longplay.registry.registry import default_registry
from longplay.server.ports import check_port

SOURCE = "bench"


@dataclass
class Memory:
    """The server's use of memory and CPU.

    Attributes:
        server: largest size with mapped pages, in bytes.
        own: largest size without shared pages, in bytes.
        builder: largest size of an index builder, in bytes.
        cpu: CPU-seconds.
        waited: seconds that the main thread was ready to run and waited for a core.
        done: ends ``watch``.
    """

    server: int = 0
    own: int = 0
    builder: int = 0
    cpu: float = 0.0
    waited: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)

    def watch(self, pid: int) -> None:
        """Sample every quarter of a second until ``done``."""
        process, before = psutil.Process(pid), seconds_waiting_for_core(pid)
        while not self.done.wait(0.25):
            memory = process.memory_info()
            self.server, self.own = max(self.server, memory.rss), max(self.own, memory.rss - memory.shared)
            self.cpu, self.waited = sum(process.cpu_times()[:2]), seconds_waiting_for_core(pid) - before
            for child in process.children():
                try:
                    self.builder = max(self.builder, child.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue


def seconds_waiting_for_core(pid: int | str) -> float:
    """Seconds that a process's main thread was ready to run and waited for a core (Linux)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


@contextmanager
def server(store: Path, load: Load, poll: float) -> Iterator[tuple[int, float]]:
    """Run ``longplay serve`` inside the block. Gives its process id and the seconds until it was ready."""
    check_port("127.0.0.1", load.port)
    begin = time.perf_counter()
    options = ["--store", store, "--source", SOURCE, "--cache", store / "cache", "--port", load.port, "--poll", poll]
    command = [sys.executable, "-c", "from longplay.cli import main; main()", "serve", *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        asyncio.run(_ready(f"http://127.0.0.1:{load.port}/v1/ready", process))
        yield process.pid, time.perf_counter() - begin
    finally:
        process.terminate()
        process.wait(30)


async def _ready(address: str, process: "subprocess.Popen[bytes]") -> None:
    async with aiohttp.ClientSession() as session:
        while process.poll() is None:
            try:
                async with session.get(address) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.2)
    raise click.ClickException(f"the server ended with {process.returncode}")


def report(answers: Sequence[Answer], published: float, load: Load) -> None:
    wrong = [a for a in answers if a.wrong]
    mixed = sum(a.wrong == "mixed" for a in wrong)
    print(f"requests {len(answers):,}, errors {len(wrong) - mixed}, mixed answers {mixed}")
    for text in sorted({a.wrong for a in wrong}):
        print(f"  {text}: {sum(a.wrong == text for a in wrong)}")
    print("| latency since due, ms | requests | median | p95 | p99 | max |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in ("all", BY_ANCHOR, BY_USER, PAGE, "while the index is built"):
        own = np.array([1_000 * a.took for a in answers if kind in ("all", a.kind) or _building(kind, a, published)])
        if len(own):
            p50, p95, p99 = np.percentile(own, [50, 95, 99])
            print(f"| {kind} | {len(own):,} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {own.max():.1f} |")
    ends = {r: [a.due + a.took for a in answers if a.release == r] for r in (FIRST, SECOND)}
    if not ends[SECOND]:
        print(f"no answer from the second release within {load.seconds - published:.1f} s")
        return
    last, first = max(ends[FIRST]) - published, min(ends[SECOND]) - published
    print(f"published at {published:.1f} s; first new answer after {first:.1f} s, last old one {last:.1f} s")


def _building(kind: str, answer: Answer, published: float) -> bool:
    return kind == "while the index is built" and answer.due >= published and answer.release == FIRST


@click.command()
@click.option("--values", default=5_000_000, show_default=True, help="Stored values.")
@click.option("--rate", default=200.0, show_default=True, help="Requests per second.")
@click.option("--seconds", default=60.0, show_default=True, help="Duration.")
@click.option("--skew", default=1.0, show_default=True, help="Exponent of Zipf's law over keys.")
@click.option("--poll", default=1.0, show_default=True, help="Seconds between the server's checks for releases.")
@click.option("--port", default=8471, show_default=True)
def command(poll: float, **options: Any) -> None:
    """Send requests to a server while a new release is published."""
    load, definitions = Load(**options), [d for d in default_registry().newest() if d.keys == "user_item"]
    requests = list(requests_of(load, definitions, np.random.default_rng(1)))
    with tempfile.TemporaryDirectory(prefix="longplay-lookups-") as name:
        store = Path(name)
        versions = [tables.write_values(store / SOURCE, load.values, v, definitions) for v in (0, 1)]
        tables.write_release(store / SOURCE, FIRST, tables.KNOWN_AT, versions[0], definitions)

        def publish() -> None:
            later = tables.KNOWN_AT + timedelta(days=1)
            tables.write_release(store / SOURCE, SECOND, later, versions[1], definitions)

        with server(store, load, poll) as (pid, seconds):
            memory, before = Memory(), seconds_waiting_for_core("self")
            threading.Thread(target=memory.watch, args=(pid,), daemon=True).start()
            answers, published = asyncio.run(drive(load, requests, publish))
            memory.done.set()
            waited = seconds_waiting_for_core("self") - before
        size = sum(file.stat().st_size for file in (store / "cache").glob(f"*/{FIRST}.0/*.arrow"))
    print(f"{load.values:,} values, {load.rate:g} requests/s for {load.seconds:g} s, Zipf {load.skew:g}")
    print(f"first index built and served after {seconds:.1f} s; an index has {size / 1e6:,.0f} MB")
    report(answers, published, load)
    own, mapped, built = (size / 1e6 for size in (memory.own, memory.server, memory.builder))
    print(f"server: {memory.cpu:.1f} CPU-s, {own:,.0f} MB of its own, {mapped:,.0f} MB with mapped pages")
    print(f"waited for a core: server {memory.waited:.1f} s, this driver {waited:.1f} s, of {load.seconds:g} s")
    print(f"builder: {built:,.0f} MB at most")


if __name__ == "__main__":
    command()
