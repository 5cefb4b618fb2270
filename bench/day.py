"""Measures the day of a service: what ``longplay run --until release`` costs for one delivery, and for what.

    python -m bench.day --peers /path/to/peers/bin/python --millions 0.5 5 20

The log is that of ``bench.daily_build``: 0.5, 5 and 20 million events over 150 days, taken in one delivery, then single
days of the same volume. A day is taken once by a fresh process, with all that its start costs, and the next one by the
same process. Beside CPU-seconds stand the numbers of Spark's executions and jobs, and of calls into its JVM: they do
not depend on the machine, so a regression shows in them. The peer is a script for DuckDB that stays in one process; it
has no checks, known times or versions.
"""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.daily_build import write
from bench.race import Contender, arguments, scratch

COUNTS = ("executions", "jobs", "calls")
FRESH, SAME = "fresh process", "same process"
Answer = dict[str, Any]


def take_days(contender: Contender, runs: int) -> dict[str, list[Answer]]:
    """Take a base, then days; the answers of days that a fresh process took, and of those that followed in it."""
    days: dict[str, list[Answer]] = {FRESH: [], SAME: []}
    ask(contender)
    for _ in range(runs):
        if contender.name == "longplay":
            contender.stop()
            days[FRESH].append(ask(contender))
        days[SAME].append(ask(contender))
    contender.stop()
    return days


def ask(contender: Contender) -> Answer:
    """Take the next delivery."""
    answer = contender.ask({"do": "day"})
    if "failed" in answer:
        raise SystemExit(f"{contender.name}: {answer['failed']}; see {contender.log}")
    return answer


def describe(case: str, contender: str, kind: str, answers: Sequence[Answer]) -> str:
    """A row of the table: medians, with extremes of the CPU-seconds."""
    cpu = [answer["process_cpu" if kind == FRESH else "cpu"] for answer in answers]
    counts = [f"{statistics.median(a[name] for a in answers):,.0f}" if name in answers[0] else "" for name in COUNTS]
    seconds = f"{statistics.median(cpu):.2f} ({min(cpu):.2f} to {max(cpu):.2f})"
    return f"| {' | '.join([case, contender, kind, seconds, *counts])} |"


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--millions", nargs="*", type=float, default=[0.5, 5, 20])
    args = parser.parse_args()
    print(f"| events before | contender | session | CPU-s (min to max) | {' | '.join(COUNTS)} |\n|{'---|' * 7}")
    scratched = scratch("day")
    for millions in args.millions:
        case, folder = f"{millions:g} M", scratched / f"{millions:g}"
        write(folder / "log", int(millions * 1_000_000), 2 * args.runs)
        for contender in contenders(folder, args.peers, args.limit):
            for kind, answers in take_days(contender, args.runs).items():
                if answers:
                    print(describe(case, contender.name, kind, answers), flush=True)


def contenders(folder: Path, peers: str | None, limit_s: float) -> list[Contender]:
    """Longplay, and DuckDB where an environment of peers is given."""
    commands = {"longplay": [sys.executable, "-m", "bench.day_longplay", str(folder)]}
    if peers:
        commands["duckdb"] = [peers, "-m", "bench.peers.daily_build_duckdb", str(folder)]
    return [Contender(name, command, limit_s, folder / f"{name}.log") for name, command in commands.items()]


if __name__ == "__main__":
    main()
