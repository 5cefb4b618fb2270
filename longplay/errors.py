"""Every error Longplay raises on purpose, and the exit code each class ends a command with.

An error says four things: what went wrong, where, what was found there, and how to mend it.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_MAX_NAMES = 50
"""The most names that an error lists."""


class LongplayError(Exception):
    """Base of all deliberate errors.

    Args:
        what: one sentence, what went wrong.
        where: file, table, column, row or key it concerns.
        got: what was found there.
        fix: what the reader can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", got: str = "", fix: str = "") -> None:
        self.what, self.where, self.got, self.fix = what, where, got, fix
        super().__init__(self.render())

    def render(self) -> str:
        """The error as the lines a terminal shows."""
        parts = [("where", self.where), ("found", self.got), ("fix", self.fix)]
        return "\n".join([self.what, *(f"  {name + ':':<7}{text}" for name, text in parts if text)])


class ConfigError(LongplayError):
    """A setting, source file or definition is wrong (exit code 2)."""

    exit_code = 2


class InputError(LongplayError):
    """Raw data cannot be read as the source says (exit code 3)."""

    exit_code = 3


class QualityError(LongplayError):
    """A check failed and nothing was published, or a rebuilt training set differs (exit code 4)."""

    exit_code = 4


class StoreError(LongplayError):
    """A table is missing, locked, corrupted or was written by somebody else (exit code 5)."""

    exit_code = 5


class EnvironmentProblem(LongplayError):
    """The machine lacks something: Java, a jar, a free port (exit code 6)."""

    exit_code = 6


class NotFoundError(LongplayError):
    """A name that is looked up does not exist (exit code 7)."""

    exit_code = 7


class SignalError(LongplayError):
    """Some signals failed; the values of all others were published (exit code 8)."""

    exit_code = 8


def file_system_problem(error: OSError, where: str) -> EnvironmentProblem:
    """An error of the file system; ``where`` is named if the error names no file."""
    return EnvironmentProblem(
        "A file could not be read or written.",
        where=str(error.filename or where),
        got=error.strerror or first_line(error),
        fix="check that the folder is writable and that the disk has space",
    )


def first_line(error: BaseException) -> str:
    """The first line of a foreign error's text, or its class where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint naming the known name closest to ``name``, or the first of the list when none is close."""
    names = sorted(known)
    return suggest(get_close_matches(name, names, n=1, cutoff=0.6), names)


def suggest(close: Sequence[str], names: Sequence[str]) -> str:
    """A hint naming the closest known name, or the first of the sorted ``names`` when none is close."""
    more = f", ... ({len(names):,} names)" if len(names) > _MAX_NAMES else ""
    return f"did you mean '{close[0]}'?" if close else f"known names: {', '.join(names[:_MAX_NAMES]) or 'none'}{more}"
