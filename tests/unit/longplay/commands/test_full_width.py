"""Tables in a pipe are neither cut nor wrapped; in a terminal they fit."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from longplay.commands import output
from longplay.commands.full_width import print_full_width

WIDE = "a cell of many words " * 20


def wide_table() -> Table:
    table = Table("name", "text", title="A title", title_justify="left")
    table.add_row("first", WIDE.strip())
    return table


def test_a_pipe_gets_every_cell_on_one_line() -> None:
    pipe = io.StringIO()
    print_full_width(wide_table(), Console(file=pipe))
    assert WIDE.strip() in pipe.getvalue()


def test_a_terminal_gets_what_fits() -> None:
    terminal = io.StringIO()
    print_full_width(wide_table(), Console(file=terminal, force_terminal=True, width=60, color_system=None))
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    print_full_width(wide_table(), Console(file=terminal, force_terminal=True, width=60), in_terminal=True)
    assert WIDE.strip() in terminal.getvalue()


def test_printed_tables_keep_long_headings_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    header = ("table", "state", "rows", "version", "published (UTC)", "checks", "trend")
    output.print_table(
        header, [("progressive_estimates", "not built", "1,234,567", "12", "2026-05-01 10:00", "21 of 22", "." * 60)]
    )
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == " ".join(header).split()
    assert second.split()[-1] == "." * 60
