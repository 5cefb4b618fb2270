"""Locks between processes, by files: Delta's own commit is not safe between processes on a local file system."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from longplay.errors import StoreError

LOCK_TIMEOUT_S = 600


@contextmanager
def process_lock(file: Path, busy: str, where: Path, waits: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock between processes while the block runs.

    Args:
        file: the lock's file; its folder is created.
        busy: how the error begins: what the process that holds the lock is doing.
        where: the place that the error names.
        waits: called once if another process holds the lock.

    Raises:
        StoreError: when another process has held it for ten minutes.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if waits is not None:
                waits()
            lock.acquire(timeout=LOCK_TIMEOUT_S, poll_interval=0.2)
    except Timeout as error:
        raise StoreError(
            f"{busy} for {LOCK_TIMEOUT_S} s.",
            where=str(where),
            fix="wait for it, or stop it; the lock ends with its process",
        ) from error
    try:
        yield
    finally:
        lock.release()
