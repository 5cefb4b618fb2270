"""Signs that something is wrong with a run: an error, a failed check, a warning."""

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
    """The signs of one run.

    Attributes:
        name: of the run.
        how: ``error`` (nothing of the table was published), ``warning``, ``crash`` (an error that is not one of
            Longplay's), or empty: no sign.
        by: the checks that raised them.
        seconds: duration of the run.
    """

    name: str
    how: str = ""
    by: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def caught(self) -> bool:
        """Whether there was any sign."""
        return bool(self.how)

    def line(self) -> str:
        """Describe the signs as one line of a table."""
        return f"{self.name:36} {self.how or 'nothing':8} {self.seconds:5.1f} s  {'; '.join(self.by)[:150]}"


def watch_run(context: RunContext, name: str, work: Callable[[RunContext], None]) -> Signs:
    """Run some work and collect its signs."""
    before, start, signs = set(verdict_files(context)), time.monotonic(), Signs(name)
    try:
        work(context)
        keep_metrics(context)  # as the commands do
    except LongplayError as error:
        signs.how, signs.by = "error", [summarise(error)]
    except (*SPARK_ERRORS, pa.ArrowException, OSError) as error:  # our own faults end the harness
        signs.how, signs.by = "crash", [f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"]
    failed = [check for path in verdict_files(context) if path not in before for check in failed_checks(path)]
    failed += [line for lines in context.progress.notes.values() for line in lines if line.startswith("warning:")]
    if failed and not signs.how:
        signs.how = "warning"
    signs.by = list(dict.fromkeys([*failed, *signs.by]))
    signs.seconds = time.monotonic() - start
    return signs


def verdict_files(context: RunContext) -> list[Path]:
    """List the verdict files, oldest first."""
    return sorted((context.folder / "_quality").glob("*.json"), key=lambda path: path.stat().st_mtime)


def failed_checks(path: Path) -> list[str]:
    """List the failed checks of a verdict, as TABLE.CHECK, or SIGNAL.CHECK for signals."""
    verdict = json.loads(path.read_text(encoding="utf-8"))
    if "findings" in verdict:
        return [f"{finding['signal']}.{finding['check']}" for finding in verdict["findings"] if not finding["passed"]]
    return [f"{verdict['table']}.{name}" for name, passed in verdict["checks"].items() if not passed]


def summarise(error: LongplayError) -> str:
    """Summarise an error in one line."""
    return " ".join(f"{error.what} {error.got}".split())[:300]
