"""The server that ``longplay ui`` starts ends with the command, and so does every process that it has started."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

# Starts a worker that ignores SIGHUP, as a server's workers do, writes both process ids, and serves.
SERVER = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {worker.pid}\\n")
time.sleep(60)
"""
COMMAND = f"""
import sys
from jobs.runtime.server_process import run_server
sys.exit(run_server([sys.executable, "-c", {SERVER!r}, sys.argv[1]], {{}}))
"""


def process_ids(file: Path) -> list[int]:
    deadline = time.monotonic() + 30
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.05)
    return [int(number) for number in file.read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_no_process_of_the_server_outlives_the_command(number: signal.Signals, tmp_path: Path) -> None:
    file = tmp_path / "pids"
    command = subprocess.Popen([sys.executable, "-c", COMMAND, str(file)])
    server_processes = process_ids(file)
    command.send_signal(number)
    assert command.wait(timeout=20) == 128 + number
    assert [pid for pid in server_processes if is_running(pid)] == []


def test_the_exit_code_is_the_servers() -> None:
    call = "sys.exit(run_server([sys.executable, '-c', 'exit(7)'], {}))"
    script = f"import sys; from jobs.runtime.server_process import run_server; {call}"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 7
