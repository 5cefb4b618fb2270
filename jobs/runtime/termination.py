"""Termination: a step that is asked to end leaves a message, its exit code, and no process behind."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from subprocess import Popen, TimeoutExpired
from types import FrameType

from pyspark import SparkContext

JAVA_SHUTDOWN_TIMEOUT_S = 4.0
RAISE_AGAIN_AFTER_S = 0.05
"""Until Python has left the callback in which it drops exceptions."""
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a supervisor, and a terminal that is closed."""


class Termination(BaseException):
    """A signal asked the process to end. No ``Exception``, because nothing may handle it as a failure of its own.

    Args:
        number: the signal's number.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"ended by {self.name}")

    @property
    def name(self) -> str:
        """Name of the signal, such as SIGTERM."""
        return signal.Signals(self.number).name

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, as shells report it."""
        return 128 + self.number


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Raise ``Termination`` out of the block when a signal asks the process to end, after ending its other processes.

    Signals that the process ignores stay ignored, as under ``nohup``.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can set handlers
        return
    handlers = {number: signal.getsignal(number) for number in list_handled_signals()}
    for number in handlers:
        signal.signal(number, _end)
    try:
        with _DroppedSignals(handlers):
            yield
    except Termination:
        end_java()
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class _DroppedSignals:
    """Sends signals again whose exception was dropped, because they came while Python freed an object of PySpark.

    An error that ends the block after one is its consequence: the connection to Spark was cut off during a call.

    Args:
        numbers: the signals that raise ``Termination``.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers, self._hook = numbers, sys.unraisablehook
        self._dropped: list[Termination] = []
        self._timers: list[threading.Timer] = []

    def __enter__(self) -> None:
        sys.unraisablehook = self._send_again

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        sys.unraisablehook = self._hook
        for timer in self._timers:
            timer.cancel()
        if self._dropped and isinstance(error, Exception):
            raise self._dropped[0] from None

    def _send_again(self, unraisable: "sys.UnraisableHookArgs") -> None:
        ended = unraisable.exc_value
        if not isinstance(ended, Termination):
            self._hook(unraisable)
            return
        self._dropped.append(ended)
        for number in self._numbers:
            signal.signal(number, _end)
        self._timers.append(threading.Timer(RAISE_AGAIN_AFTER_S, os.kill, (os.getpid(), ended.number)))
        self._timers[-1].start()


def _end(number: int, _frame: FrameType | None) -> None:
    ignore_signals()
    for process in multiprocessing.active_children():
        process.kill()  # a pool waits for its processes before the exception can pass
    raise Termination(number)


def list_handled_signals() -> list[signal.Signals]:
    """The signals that end this process; those that it ignores stay ignored, as under ``nohup``."""
    return [number for number in ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def ignore_signals() -> None:
    """Ignore signals from now on: an impatient second Ctrl-C must not leave processes behind."""
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def end_java() -> None:
    """End the Java process that PySpark started, and with it Spark's Python workers."""
    gateway = SparkContext._gateway  # PySpark has no public name for it
    process: Popen[bytes] | None = getattr(gateway, "proc", None)
    if process is None:
        return
    logging.disable()  # calls into Spark that are cut off now would be logged with their tracebacks
    process.terminate()
    try:
        process.wait(JAVA_SHUTDOWN_TIMEOUT_S)
    except TimeoutExpired:
        process.kill()
        process.wait()
