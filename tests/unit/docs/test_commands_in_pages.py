"""Every ``longplay`` command that a page shows exists and takes the options that it is shown with. None is run."""

import re
import shlex
from pathlib import Path

import click
import pytest

from longplay.cli import cli
from tests.unit.docs.pages import FENCE, ROOT, list_pages, read_code_blocks

HISTORY = ("docs/log.md", "docs/adr/", "docs/reference/")
"""Pages of what was once, and those that are generated from the commands themselves."""
PAGES = [page for page in list_pages() if not str(page.relative_to(ROOT)).startswith(HISTORY)]


def shown_commands(page: Path) -> list[str]:
    """The commands of a page's shell blocks and of its inline code."""
    blocks = [block.replace("\\\n", " ") for block in read_code_blocks(page, "sh", "bash")]
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    inline = [" ".join(code.split()) for code in re.findall(r"`(longplay [^`]*)`", prose)]
    return [line for line in [*lines, *inline] if line.startswith("longplay ")]


def parse_command(line: str) -> None:
    """Parse a command as click would, without running it.

    Raises:
        click.UsageError: there is no such command or option, or an option lacks its value.
    """
    arguments = shlex.split(re.sub(r"^([^-]*) \.\.\.", r"\1", line), comments=True)[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="longplay")
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name, subcommand, arguments = command.resolve_command(context, arguments)
        assert subcommand is not None
        command, context = subcommand, click.Context(subcommand, info_name=name, parent=context)
    _, unexpected, _ = command.make_parser(context).parse_args(arguments)
    if unexpected:
        raise click.UsageError(f"unexpected arguments: {unexpected}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_exist(page: Path) -> None:
    faults = []
    for line in shown_commands(page):
        try:
            parse_command(line)
        except click.UsageError as fault:
            faults.append(f"{line}: {fault.format_message()}")
    assert faults == []


def test_a_wrong_command_is_noticed() -> None:
    wrong = ("longplay ingst", "longplay ingest --sorce x", "longplay ingest --source", "longplay signals show a b")
    for line in wrong:
        with pytest.raises(click.ClickException):
            parse_command(line)
