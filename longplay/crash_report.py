"""Crash reports: an error that Longplay did not foresee ends in one message; its traceback goes to a file."""

import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from longplay.errors import LongplayError, file_system_problem, first_line


def install_crash_report() -> None:
    """Report errors that nothing catches in one message, instead of printing their tracebacks."""
    sys.excepthook = _report


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(f"error: {describe_crash(error, trace).render()}\n")


def describe_crash(error: BaseException, trace: TracebackType | None) -> LongplayError:
    """An unforeseen error as one of Longplay, after writing its traceback to a file."""
    frame = traceback.extract_tb(trace)[-1] if trace else None
    where = f"{Path(frame.filename).name}, line {frame.lineno}" if frame else ""
    if isinstance(error, OSError):
        return file_system_problem(error, where)
    file, report = _write_report(error, trace), "please report it"
    fix = f"{report} with the file {file}, after removing personal data from it" if file else report
    return LongplayError(
        "This error was not foreseen.", where=where, got=f"{type(error).__name__}: {first_line(error)}", fix=fix
    )


def _write_report(error: BaseException, trace: TracebackType | None) -> Path | None:
    """The file with the traceback, readable by this user alone; None if none can be written."""
    with (
        suppress(OSError),
        tempfile.NamedTemporaryFile(
            "w", prefix="longplay-crash-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file,
    ):
        file.writelines(traceback.format_exception(type(error), error, trace))
        return Path(file.name)
    return None
