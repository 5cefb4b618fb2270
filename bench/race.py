"""Runs contenders in turn on the same inputs, after a warm-up, and prints medians and ratios."""

import argparse
import atexit
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NOTED_KEYS = ("rows", "files", "sum", "bytes_read", "rows_read", "wrong")


def arguments(about: str | None) -> argparse.ArgumentParser:
    """Create a parser with the options of all races."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="Python of an environment with bench/peers/requirements.txt")
    parser.add_argument("--runs", type=int, default=5, help="counted rounds, after one that warms up")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which a run is stopped")
    return parser


def scratch(name: str) -> Path:
    """Create a folder for a bench's data; it is removed at the end, unless the bench fails."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))

    def clear() -> None:
        if not hasattr(sys, "last_type"):  # set by an uncaught exception
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(clear)
    return folder


@dataclass
class Contender:
    """A process that answers requests; it starts with the first one."""

    name: str
    command: Sequence[str]
    limit_s: float = 600.0
    log: Path | None = None
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run one request; ``{"failed": why}`` if the process died or exceeded its limit."""
        if self._process is None or self._process.poll() is not None:
            errors = self.log.open("a") if self.log else subprocess.DEVNULL
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=HERE.parent
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(self.limit_s, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            self.stop()
            return {"failed": f"died, or was stopped after {self.limit_s:.0f} s"}
        return dict(json.loads(line))

    def stop(self) -> None:
        """Kill the process and its descendants."""
        if self._process is not None:
            import psutil

            try:
                below = psutil.Process(self._process.pid).children(recursive=True)
            except psutil.NoSuchProcess:
                below = []
            for running in [*below, self._process]:
                running.kill()
            self._process.wait()
            self._process = None


def race(
    contenders: Sequence[Contender],
    requests: Mapping[str, Mapping[str, Any]],
    runs: int,
    warmups: int = 1,
    keep: bool = True,
    stop: bool = True,
) -> list[dict[str, Any]]:
    """Run every contender on every request, in turn, round by round.

    Args:
        contenders: to run.
        requests: by name of the case.
        runs: counted rounds.
        warmups: rounds that do not count.
        keep: whether processes stay warm between cases.
        stop: whether processes end after the last case.

    Returns:
        One row per case and contender: medians, extremes, and what the last run returned.
    """
    rows = []
    for case, request in requests.items():
        answers_by_contender: dict[str, list[dict[str, Any]]] = {c.name: [] for c in contenders}
        failed: set[str] = set()
        for number in range(warmups + runs):
            for contender in contenders:
                if contender.name in failed:
                    continue
                answer = contender.ask({**request, "round": number})
                note = answer.get("failed") or f"{answer['cpu']:.2f} CPU-s"
                print(f"  {case} round {number} {contender.name}: {note}", file=sys.stderr, flush=True)
                if "failed" in answer:
                    failed.add(contender.name)
                    answers_by_contender[contender.name] = [answer]
                elif number >= warmups:
                    answers_by_contender[contender.name].append(answer)
        rows += [_row(case, name, answers) for name, answers in answers_by_contender.items()]
        if not keep:
            for contender in contenders:
                contender.stop()
    for contender in contenders if stop else []:
        contender.stop()
    return rows


def _row(case: str, name: str, answers: list[dict[str, Any]]) -> dict[str, Any]:
    if "failed" in answers[-1]:
        return {"case": case, "contender": name, "failed": answers[-1]["failed"]}
    cpu = [a["cpu"] for a in answers]
    rest = {k: v for k, v in answers[-1].items() if k not in ("cpu", "wall")}
    for counted in ("bytes_read", "rows_read", "bytes_shuffled"):
        if counted in rest:
            rest[counted] = statistics.median(a[counted] for a in answers)
    return {
        "case": case,
        "contender": name,
        "cpu": statistics.median(cpu),
        "low": min(cpu),
        "high": max(cpu),
        "wall": statistics.median(a["wall"] for a in answers),
        **rest,
    }


def table(rows: Sequence[Mapping[str, Any]], against: str) -> str:
    """Render rows as a Markdown table, with ratios to one contender in the same case."""
    base = {row["case"]: row.get("cpu") for row in rows if row["contender"] == against}
    lines = [f"| case | contender | CPU-s (min to max) | wall s | / {against} | notes |", "|---|---|---|---|---|---|"]
    for row in rows:
        if "failed" in row:
            lines.append(f"| {row['case']} | {row['contender']} | {row['failed']} | | | |")
            continue
        base_cpu = base.get(row["case"])
        notes = ", ".join(f"{k} {v}" for k, v in row.items() if k in NOTED_KEYS)
        lines.append(
            f"| {row['case']} | {row['contender']} | {row['cpu']:.2f} ({row['low']:.2f} to {row['high']:.2f}) "
            f"| {row['wall']:.2f} | {row['cpu'] / base_cpu:.2f} | {notes} |"
            if base_cpu
            else f"| {row['case']} | {row['contender']} | {row['cpu']:.2f} | {row['wall']:.2f} | | {notes} |"
        )
    return "\n".join(lines)
