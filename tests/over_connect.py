"""Runs tests over Spark Connect: starts a server as an operator would, runs pytest on it, and stops it.

python -m tests.over_connect tests/spec
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark

from jobs.runtime.settings import SparkSettings
from jobs.runtime.spark_session import engine_options

ROOT = Path(__file__).parents[1]
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
START_SECONDS = 120


@contextmanager
def server(settings: SparkSettings) -> Iterator[str]:
    """A Spark Connect server of this machine with Delta; gives its address."""
    port = free_port()
    options = engine_options(settings) | {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    command = [str(submit), "--class", SERVER, "--master", settings.master]
    command += [part for key, value in options.items() for part in ("--conf", f"{key}={value}")]
    # Its Python workers run features/ and signals/: they must find them, on the same Python.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable, "TZ": "UTC"}
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "log", "w+") as log:
        process = subprocess.Popen([*command, "spark-internal"], cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            wait_for(port, process)
            yield f"sc://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)
            if process.returncode not in (0, 143):  # 143: ended by our signal
                log.seek(0)
                sys.stderr.write(log.read()[-4000:])


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until something listens."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise SystemExit("The Spark Connect server did not start.")


def main() -> int:
    """Run pytest with the given arguments; gives its exit status."""
    settings = SparkSettings(master="local[2]", shuffle_partitions=2, driver_memory="2g", log_level="ERROR")
    with server(settings) as address:
        environment = {**os.environ, "LONGPLAY_TEST_MASTER": address}
        return subprocess.call([sys.executable, "-m", "pytest", *sys.argv[1:]], cwd=ROOT, env=environment)


if __name__ == "__main__":
    sys.exit(main())
