"""What a run shows that something is wrong: an error, a check that failed, a warning that was said."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from jobs.runtime.metric_history import keep_metrics
from jobs.runtime.run_context import RunContext
from longplay.errors import LongplayError
from tables.spark import SPARK_ERRORS


@dataclass
class Signs:
    """What was seen of one run.

    Attributes:
        name: which run.
        how: ``error`` (nothing of the table was published), ``warning``, ``crash`` (an error that is none of
            Longplay's), or empty: nothing was seen.
        by: the checks that saw it.
        seconds: how long it took.
    """

    name: str
    how: str = ""
    by: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def caught(self) -> bool:
        """Whether anything was seen."""
        return bool(self.how)

    def line(self) -> str:
        """One line of a table."""
        return f"{self.name:36} {self.how or 'nothing':8} {self.seconds:5.1f} s  {'; '.join(self.by)[:150]}"


def watched(one: RunContext, name: str, work: Callable[[RunContext], None]) -> Signs:
    """Run some work and see what it shows."""
    before, start, found = set(verdicts(one)), time.monotonic(), Signs(name)
    try:
        work(one)
        keep_metrics(one)  # as the commands do
    except LongplayError as error:
        found.how, found.by = "error", [said_of(error)]
    except (*SPARK_ERRORS, pa.ArrowException, OSError) as error:  # a fault of ours ends the harness: it caught nothing
        found.how, found.by = "crash", [f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"]
    failed = [check for path in verdicts(one) if path not in before for check in failed_checks(path)]
    failed += [line for lines in one.progress.notes.values() for line in lines if line.startswith("warning:")]
    if failed and not found.how:
        found.how = "warning"
    found.by = list(dict.fromkeys([*failed, *found.by]))
    found.seconds = time.monotonic() - start
    return found


def verdicts(one: RunContext) -> list[Path]:
    """Files of verdicts, oldest first."""
    return sorted((one.folder / "_quality").glob("*.json"), key=lambda path: path.stat().st_mtime)


def failed_checks(path: Path) -> list[str]:
    """The checks that failed in a verdict, as TABLE.CHECK; in one of signals, as SIGNAL.CHECK."""
    verdict = json.loads(path.read_text(encoding="utf-8"))
    if "findings" in verdict:
        return [f"{one['signal']}.{one['check']}" for one in verdict["findings"] if not one["passed"]]
    return [f"{verdict['table']}.{name}" for name, passed in verdict["checks"].items() if not passed]


def said_of(error: LongplayError) -> str:
    """One line of an error: what went wrong, and what was found."""
    return " ".join(f"{error.what} {error.got}".split())[:300]
