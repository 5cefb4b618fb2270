"""Prints without losing text: output to a pipe or a file is neither cut nor wrapped."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_UNLIMITED = 10_000
"""Width in columns, wider than any line that is printed."""


def print_full_width(renderable: "RenderableType", console: "Console | None" = None, in_terminal: bool = False) -> None:
    """Print at full width, unless the output is a terminal: then fit its width.

    Args:
        renderable: a table or a text.
        console: where to print (default: standard output).
        in_terminal: print at full width in a terminal too.
    """
    from rich.console import Console
    from rich.measure import Measurement

    console = console or Console()
    if in_terminal or not console.is_terminal:
        width = Measurement.get(console, console.options.update(max_width=_UNLIMITED), renderable).maximum
        console = Console(file=console.file, width=max(width, console.width), highlight=False)
    console.print(renderable)
