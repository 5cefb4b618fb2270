"""What a person sees while a job works: the step, its time, the tables it published or left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from tables.store import Published


@dataclass
class Progress:
    """Prints steps as they happen and keeps their times.

    Attributes:
        seconds: wall time of each finished step, in order.
        notes: what each step said it did.
    """

    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True))
    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
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
        try:
            yield
        finally:
            self._current = ""
        self.seconds[name] = time.monotonic() - began
        self.console.print(f"[bold]{name}[/bold] done in {self.seconds[name]:.1f} s")

    def say(self, text: str) -> None:
        """One line of a step, with the seconds since the line before."""
        now = time.monotonic()
        self.notes.setdefault(self._current, []).append(text)
        self.console.print(f"  {text} [dim]({now - self._last:.1f} s)[/dim]")
        self._last = now

    def table(self, done: Published) -> None:
        """Say what became of a table."""
        if done.written:
            self.say(f"{done.table}: {done.rows:,} rows, version {done.version}")
        else:
            self.say(f"{done.table}: unchanged at version {done.version} ({done.why})")
