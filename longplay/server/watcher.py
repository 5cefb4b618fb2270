"""Watches for new releases, has their index built in a subprocess, and switches the server to them."""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from longplay.errors import LongplayError, StoreError
from longplay.registry.registry import Registry, default_registry
from longplay.server.index.paths import IndexLocation, PublicationMark
from longplay.server.open_releases import OpenReleases, open_index

log = logging.getLogger("longplay.serving")
IndexBuilder = Callable[[IndexLocation], Awaitable[dict[str, Any]]]
RETRY_S = 60.0
"""Wait after a failed build before it is tried again although nothing was published."""


class ReleaseWatcher:
    """Keeps the newest release open.

    Args:
        location: the tables and their indexes.
        open_releases: the served releases.
        interval_s: seconds between two checks.
        load_registry: loads the definitions; called for every release.
        builder: builds the index of the newest release.
    """

    def __init__(
        self,
        location: IndexLocation,
        open_releases: OpenReleases,
        interval_s: float,
        load_registry: Callable[[], Registry] = default_registry,
        builder: IndexBuilder | None = None,
    ) -> None:
        self.location, self.open_releases = location, open_releases
        self.interval_s, self.load_registry = interval_s, load_registry
        self.builder = builder or build_in_subprocess
        self._last_mark: PublicationMark | None = None
        self._failed_at = 0.0

    def start(self) -> "asyncio.Task[None]":
        """Check for ever, in a task of its own."""
        task = asyncio.create_task(self.run())
        task.add_done_callback(self._report_end)
        return task

    def _report_end(self, task: "asyncio.Task[None]") -> None:
        """Report a bug that ended the task; otherwise the server would silently serve outdated releases."""
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("the server no longer checks for releases", exc_info=fault)
            fix = "restart it; its log has the traceback"
            self.open_releases.problem = StoreError(
                "The server no longer checks for releases.", got=repr(fault), fix=fix
            )

    async def run(self) -> None:
        """Check for ever."""
        while True:
            await self.check()
            await asyncio.sleep(self.interval_s)

    async def check(self) -> None:
        """Check once, and open the newest release if anything was published. A failure keeps the old one open."""
        try:
            await self._check()
        except LongplayError as error:
            self._fail(error)
        except OSError as error:
            self._fail(StoreError("The tables cannot be read.", where=str(self.location.folder), got=str(error)))

    async def _check(self) -> None:
        mark = await asyncio.to_thread(self.location.read_mark)
        if self._last_mark is not None and mark.erasures != self._last_mark.erasures:
            self.open_releases.clear()  # the open releases still contain a person who was erased
        is_due = self.open_releases.problem is not None and _now() >= self._failed_at + RETRY_S
        if mark == self._last_mark and not is_due:
            return
        self._last_mark = mark
        await self._open_newest()

    def _fail(self, error: LongplayError) -> None:
        self.open_releases.problem, self._failed_at = error, _now()
        log.warning("the newest release cannot be served: %s", error.render())

    async def _open_newest(self) -> None:
        built = await self.builder(self.location)
        registry = await asyncio.to_thread(self.load_registry)
        opened = await asyncio.to_thread(open_index, Path(built["folder"]), registry, built["releases"])
        self.open_releases.switch(opened)
        log.info("serving release %s", opened.release.release_id)


async def build_in_subprocess(location: IndexLocation) -> dict[str, Any]:
    """Build the index in a subprocess and read its answer.

    Raises:
        StoreError: with the builder's error, or when the subprocess ended without an answer.
    """
    arguments = ("-m", "longplay.server.index.build", str(location.folder), str(location.cache))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError as error:
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        raise StoreError(
            "The process that builds the index failed.",
            got="".join(last) or f"exit code {process.returncode}",
            fix=f"run it by hand: python {' '.join(arguments)}",
        ) from error
    if "error" in answer:
        raise StoreError(**answer["error"])
    return answer


def _now() -> float:
    return asyncio.get_running_loop().time()
