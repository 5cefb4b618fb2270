"""Sail as the engine: a Spark Connect server in the step's own process, on the loopback interface."""

import os
import re
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NoReturn

from longplay.errors import ConfigError, EnvironmentProblem

LOOPBACK = "127.0.0.1"
_LOCAL_MASTER = re.compile(r"local\[(\d+|\*)\]|local")
_servers: list[Any] = []


def start_server(master: str, log_level: str) -> str:
    """Start a server that ends with the process, and return its address.

    Args:
        master: ``local[N]``; the number of threads.
        log_level: of Sail's own messages on stderr.

    Raises:
        ConfigError: when the master is none of this process.
        EnvironmentProblem: when pysail is missing, or does not start.
    """
    threads = _count_threads(master)
    if find_spec("pysail") is None:
        raise EnvironmentProblem(
            "Sail is missing.", where="spark.engine: sail", fix="run: pip install 'longplay-platform[sail]'"
        )
    os.environ["SAIL_EXECUTION__DEFAULT_PARALLELISM"] = str(threads)
    os.environ.setdefault("RUST_LOG", log_level.lower())
    server = import_module("pysail.spark").SparkConnectServer(ip=LOOPBACK, port=0)
    try:
        server.start(background=True)
    except (OSError, RuntimeError) as error:
        raise EnvironmentProblem("Sail did not start.", where=LOOPBACK, got=str(error)) from error
    _servers.append(server)  # it ends when nothing refers to it
    return "sc://{}:{}".format(*server.listening_address)


def _count_threads(master: str) -> int:
    match = _LOCAL_MASTER.fullmatch(master)
    if match is None or "PYSPARK_GATEWAY_PORT" in os.environ:
        submitted = match is not None
        raise ConfigError(
            "Sail runs in the step's own process.",
            where="spark.engine: sail",
            got="spark-submit, which started Spark" if submitted else f"spark.master: {master.split('://')[0]}://...",
            fix="start the step without it" if submitted else "write spark.master=local[*], or spark.engine=spark",
        )
    threads = match[1] or "1"
    return (os.cpu_count() or 1) if threads == "*" else int(threads)


def exit_process(code: int) -> NoReturn:
    """End the process. Python would wait for threads of Sail that still compute."""
    if _servers:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
