"""Sees that a release was published, has its index built by another process, and switches to it."""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from longplay.errors import LongplayError, StoreError
from longplay.registry.registry import Registry, default_registry
from longplay.server.index.paths import Mark, Place
from longplay.server.open_releases import Shelf, open_index

log = logging.getLogger("longplay.serving")
Builder = Callable[[Place], Awaitable[dict[str, Any]]]
RETRY_SECONDS = 60.0
"""After a build that failed, though nothing was published since."""


class Watcher:
    """Keeps a shelf at the newest release.

    Args:
        place: the tables and their index.
        shelf: what is served.
        seconds: how long to wait between two looks.
        registry: reads the definitions, anew with every release.
        builder: builds the index of the newest release.
    """

    def __init__(
        self,
        place: Place,
        shelf: Shelf,
        seconds: float,
        registry: Callable[[], Registry] = default_registry,
        builder: Builder | None = None,
    ) -> None:
        self.place, self.shelf, self.seconds, self.registry = place, shelf, seconds, registry
        self.builder = builder or build_apart
        self._seen: Mark | None = None
        self._failed_at = 0.0

    def start(self) -> "asyncio.Task[None]":
        """Look for ever, in a task of its own."""
        task = asyncio.create_task(self.run())
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A fault of ours must not go unseen: what is served would grow old in silence."""
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("the server no longer looks for releases", exc_info=fault)
            fix = "start it again; its log has the trace"
            self.shelf.problem = StoreError("The server no longer looks for releases.", got=repr(fault), fix=fix)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self.seconds)

    async def look(self) -> None:
        """Look once, and renew the shelf where something was published. A failure leaves what is served as it is."""
        try:
            await self._look()
        except LongplayError as error:
            self._fail(error)
        except OSError as error:
            self._fail(StoreError("The tables cannot be looked at.", where=str(self.place.folder), got=str(error)))

    async def _look(self) -> None:
        mark = await asyncio.to_thread(self.place.mark)
        if self._seen is not None and mark.erasures != self._seen.erasures:
            self.shelf.clear()  # what is open still holds a person who was erased
        is_due = self.shelf.problem is not None and _now() >= self._failed_at + RETRY_SECONDS
        if mark == self._seen and not is_due:
            return
        self._seen = mark
        await self._renew()

    def _fail(self, error: LongplayError) -> None:
        self.shelf.problem, self._failed_at = error, _now()
        log.warning("the newest release cannot be served: %s", error.render())

    async def _renew(self) -> None:
        told = await self.builder(self.place)
        registry = await asyncio.to_thread(self.registry)
        served = await asyncio.to_thread(open_index, Path(told["folder"]), registry, told["releases"])
        self.shelf.switch(served)
        log.info("serving release %s", served.release.release_id)


async def build_apart(place: Place) -> dict[str, Any]:
    """Build as a process of its own, and read what it prints.

    Raises:
        LongplayError: the builder's own error.
        StoreError: when it ended without saying anything.
    """
    arguments = ("-m", "longplay.server.index.build", str(place.folder), str(place.cache))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        said, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    try:
        told: dict[str, Any] = json.loads(said)
    except ValueError as error:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        raise StoreError(
            "The process that builds the index failed.",
            got="".join(last) or f"exit code {process.returncode}",
            fix=f"run it by hand: python {' '.join(arguments)}",
        ) from error
    if "error" in told:
        raise StoreError(**told["error"])
    return told


def _now() -> float:
    return asyncio.get_running_loop().time()
