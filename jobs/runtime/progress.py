"""Progress on the terminal: each step, its time, and the tables that it published or left unchanged."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.markup import escape

from longplay.config.redaction import redact
from tables.publish import PublishedVersion


class StepObserver(Protocol):
    """Is notified of steps; each call may return a warning, which is printed."""

    def begin(self, step: str) -> str | None:
        """A step begins."""

    def end(self, step: str, tables: Sequence[PublishedVersion], error: BaseException | None) -> str | None:
        """A step ended after it had published or skipped some tables; ``error`` stopped it."""


@dataclass
class Progress:
    """Prints steps as they happen and records their times.

    Attributes:
        seconds: wall time of each finished step, in order.
        notes: lines that each step printed.
        observers: are notified of each step.
    """

    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True))
    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    observers: list[StepObserver] = field(default_factory=list)
    _tables: list[PublishedVersion] = field(default_factory=list)
    _current: str = ""
    _last: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; a step inside another counts as part of the outer one."""
        if self._current:
            yield
            return
        self._current = name
        started_at = self._last = time.monotonic()
        self.console.print(f"[bold]{name}[/bold] ...")
        self._tables.clear()
        for observer in self.observers:
            self._warn(observer.begin(name))
        with ExitStack() as ending:
            ending.push(self._ended)
            yield
        self.seconds[name] = time.monotonic() - started_at
        self.console.print(f"[bold]{name}[/bold] done in {self.seconds[name]:.1f} s")

    def say(self, text: str) -> None:
        """Print one line of a step, with the seconds since the line before."""
        now, text = time.monotonic(), redact(text)
        self.notes.setdefault(self._current, []).append(text)
        self.console.print(f"  {escape(text)} [dim]({now - self._last:.1f} s)[/dim]")
        self._last = now

    def _ended(self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        name, self._current = self._current, ""
        for observer in self.observers:
            self._warn(observer.end(name, self._tables, error))

    def _warn(self, text: str | None) -> None:
        if text:
            self.console.print(f"[bold yellow]warning:[/bold yellow] {escape(redact(text))}")

    def table(self, published: PublishedVersion) -> None:
        """Report whether a table was published or left unchanged."""
        self._tables.append(published)
        if published.written:
            self.say(f"{published.table}: {published.rows:,} rows, version {published.version}")
        else:
            self.say(f"{published.table}: unchanged at version {published.version} ({published.why})")
