"""Servers that a command starts: they end with the command, together with every process that they started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType

from jobs.runtime.termination import ignore_signals, list_handled_signals

SHUTDOWN_TIMEOUT_S = 10.0


def run_server(command_line: Sequence[str], settings: Mapping[str, str]) -> int:
    """Run a server until it ends or this process is asked to end; no process of the server outlives the call.

    Args:
        command_line: the program and its arguments.
        settings: environment variables, added to this process's own.

    Returns:
        The server's exit code.

    Raises:
        SystemExit: with 128 + the signal's number, when a signal asked this process to end.
    """

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in list_handled_signals():
        signal.signal(number, end)
    # A session of its own makes the server and all its workers one process group, which can be ended together.
    server = subprocess.Popen(command_line, env={**os.environ, **settings}, start_new_session=True)
    try:
        return server.wait()
    finally:
        ignore_signals()
        end_group(server)


def end_group(leader: subprocess.Popen[bytes]) -> None:
    """Ask every process of a group to end, and kill those that have not ended in time."""
    with suppress(ProcessLookupError):  # the group is empty
        os.killpg(leader.pid, signal.SIGTERM)
        deadline = time.monotonic() + SHUTDOWN_TIMEOUT_S
        while time.monotonic() < deadline:
            leader.poll()  # an ended leader stays in its group until it is collected
            os.killpg(leader.pid, 0)
            time.sleep(0.05)
        os.killpg(leader.pid, signal.SIGKILL)
        leader.wait()
