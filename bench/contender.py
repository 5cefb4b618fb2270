"""A contender in a race: a process that stays warm, runs requests, and measures what they cost.

It reads requests from standard input, one JSON object a line, and answers each with one line: CPU-seconds of its
process tree (with JVM and Python workers), wall seconds, and what the run itself returned.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil


def tree_cpu() -> float:
    """CPU-seconds of this process and all of its descendants, running or finished."""
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
    os.dup2(2, 1)  # libraries print to standard error; standard output carries answers only
    for line in sys.stdin:
        request = json.loads(line)
        cpu, wall = tree_cpu(), time.monotonic()
        result = run(request)
        answer = {"cpu": tree_cpu() - cpu, "wall": time.monotonic() - wall, **result}
        answers.write(json.dumps(answer, default=str) + "\n")
        answers.flush()
