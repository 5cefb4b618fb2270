"""Options shared by the commands on signals. A command gets each group as one argument."""

from collections.abc import Callable, Iterable
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

from longplay.config.strict_model import read_yaml
from longplay.errors import ConfigError
from longplay.paths import check_store_address
from longplay.registry.location import VARIABLE, CommandTarget, ListPage, current_user

Command = Callable[..., None]

registry_option = click.option(
    "--registry",
    type=click.Path(path_type=Path),
    envvar=VARIABLE,
    help="Registry file shared by teams. [LONGPLAY_REGISTRY, else STORE/registry.db]",
)


def _check_store(_context: click.Context, _parameter: click.Parameter, value: Path) -> Path:
    """The root folder of all tables; an address with a scheme is refused."""
    try:
        return check_store_address(value)
    except ConfigError as error:
        raise click.UsageError(error.render()) from error


store_option = click.option(
    "--store",
    type=click.Path(path_type=Path),
    callback=_check_store,
    default=Path("warehouse"),
    show_default=True,
    help="Root folder of all tables.",
)


def _read_source_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """The name of a source that is given by its name or by its file."""
    if not value.endswith((".yaml", ".yml")):
        return value
    name = read_yaml(Path(value)).get("name")
    if not isinstance(name, str):
        raise ConfigError(
            "This source file has no name.", where=value, got=f"name: {name}", fix="add a line 'name: ...'"
        )
    return name


source_option = click.option(
    "--source", required=True, callback=_read_source_name, help="Name of the source, or its file (.yaml)."
)
_TARGET = (
    store_option,
    registry_option,
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text."),
)
_DEFINITIONS = click.option(
    "--definitions",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Additional folder of definitions. Repeatable.",
)
_TERMS = (
    click.option("--as", "by", help="Your name. [LONGPLAY_USER, else the system user]"),
    click.option("--reason", default="", help="Reason; recorded in the history."),
)
_OWNER = click.option(
    "--owner", default="", envvar="LONGPLAY_OWNER", help="The team you act for. [LONGPLAY_OWNER, else yourself]"
)
_TAKE_OVER = click.option(
    "--take-over", multiple=True, metavar="NAME", help="Take this name over from its owner; needs --reason. Repeatable."
)
_PAGE = (
    click.option("--limit", type=click.IntRange(min=1), help="Maximum number of rows."),
    click.option("--offset", type=click.IntRange(min=0), default=0, help="Number of rows to skip."),
)


def with_target(function: Command) -> Command:
    """Pass a command its :class:`CommandTarget` as the first argument."""

    def body(store: Path, registry: Path | None, as_json: bool, **options: Any) -> None:
        function(CommandTarget(store, registry, as_json, options.pop("definitions", ())), **options)

    return _add_options(body, function, _TARGET)


def with_definitions(function: Command) -> Command:
    """Like :func:`with_target`, with additional folders of definitions."""
    return _DEFINITIONS(with_target(function))


def with_page(function: Command) -> Command:
    """Pass a command its ``page``."""

    def body(*args: Any, limit: int | None, offset: int, **options: Any) -> None:
        function(*args, page=ListPage(limit, offset), **options)

    return _add_options(body, function, _PAGE)


def with_terms(function: Command) -> Command:
    """Pass a command its ``terms``: who makes the change, and why."""

    def body(
        *args: Any, by: str | None, reason: str, take_over: tuple[str, ...] = (), owner: str = "", **options: Any
    ) -> None:
        from longplay.registry.plan import ChangeTerms

        if take_over and not reason:
            raise ConfigError("A take-over needs a reason.", got=", ".join(take_over), fix="add --reason '...'")
        function(*args, terms=ChangeTerms(current_user(by), frozenset(take_over), reason, owner), **options)

    return _add_options(body, function, _TERMS)


def with_takeover(function: Command) -> Command:
    """Like :func:`with_terms`, with names to take over."""
    return _TAKE_OVER(with_terms(function))


def with_owner(function: Command) -> Command:
    """Like :func:`with_terms`, with the team for which the user acts."""
    return _OWNER(with_terms(function))


def _add_options(body: Command, function: Command, options: Iterable[Callable[[Command], Command]]) -> Command:
    update_wrapper(body, function)
    command = body
    for option in options:
        command = option(command)
    return command
