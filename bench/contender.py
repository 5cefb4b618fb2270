"""One side of a race: a process that is warm, runs what it is told, and says what that cost.

It reads requests from standard input, one JSON object a line, and answers each with one line: CPU-seconds of its whole
process tree (JVM and Python workers included), wall seconds, and what the run itself returned.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil


def tree_cpu() -> float:
    """CPU-seconds of this process, all that live below it, and all that they have buried."""
    total = 0.0
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        try:
            t = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += t.user + t.system + t.children_user + t.children_system
    return total


def serve(run: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to standard error, so that answers stay alone
    for line in sys.stdin:
        request = json.loads(line)
        cpu, wall = tree_cpu(), time.monotonic()
        result = run(request)
        answer = {"cpu": tree_cpu() - cpu, "wall": time.monotonic() - wall, **result}
        answers.write(json.dumps(answer, default=str) + "\n")
        answers.flush()
