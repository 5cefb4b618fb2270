"""What a person sees while a job works: the step, its time, the tables it published or left."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.markup import escape

from tables.publish import PublishedVersion


class Watcher(Protocol):
    """What is told of steps; each call may give a warning, which is shown."""

    def begin(self, step: str) -> str | None:
        """A step begins."""

    def end(self, step: str, tables: Sequence[PublishedVersion], error: BaseException | None) -> str | None:
        """A step ended, after it came to some tables; ``error`` is what stopped it."""


@dataclass
class Progress:
    """Prints steps as they happen and keeps their times.

    Attributes:
        seconds: wall time of each finished step, in order.
        notes: what each step said it did.
        watchers: who is told of each step.
    """

    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True))
    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    watchers: list[Watcher] = field(default_factory=list)
    _tables: list[PublishedVersion] = field(default_factory=list)
    _current: str = ""
    _last: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; steps inside a step belong to the outer one."""
        if self._current:
            yield
            return
        self._current = name
        began = self._last = time.monotonic()
        self.console.print(f"[bold]{name}[/bold] ...")
        self._tables.clear()
        for watcher in self.watchers:
            self._warn(watcher.begin(name))
        with ExitStack() as ending:
            ending.push(self._ended)
            yield
        self.seconds[name] = time.monotonic() - began
        self.console.print(f"[bold]{name}[/bold] done in {self.seconds[name]:.1f} s")

    def say(self, text: str) -> None:
        """One line of a step, with the seconds since the line before."""
        now = time.monotonic()
        self.notes.setdefault(self._current, []).append(text)
        self.console.print(f"  {text} [dim]({now - self._last:.1f} s)[/dim]")
        self._last = now

    def _ended(self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        name, self._current = self._current, ""
        for watcher in self.watchers:
            self._warn(watcher.end(name, self._tables, error))

    def _warn(self, text: str | None) -> None:
        if text:
            self.console.print(f"[bold yellow]warning:[/bold yellow] {escape(text)}")

    def table(self, done: PublishedVersion) -> None:
        """Say what became of a table."""
        self._tables.append(done)
        if done.written:
            self.say(f"{done.table}: {done.rows:,} rows, version {done.version}")
        else:
            self.say(f"{done.table}: unchanged at version {done.version} ({done.why})")
