"""The options that commands on signals share, each group handed to a command as one argument."""

from collections.abc import Callable, Iterable
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

from longplay.errors import ConfigError
from longplay.registry.location import VARIABLE, CommandTarget, ListPage, current_user

Command = Callable[..., None]

registry_option = click.option(
    "--registry",
    type=click.Path(path_type=Path),
    envvar=VARIABLE,
    help="The registry file that teams share. [LONGPLAY_REGISTRY, else STORE/registry.db]",
)
_PLACE = (
    click.option(
        "--store",
        type=click.Path(path_type=Path),
        default=Path("warehouse"),
        show_default=True,
        help="Root of all tables.",
    ),
    registry_option,
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text."),
)
_DEFINITIONS = click.option(
    "--definitions", multiple=True, type=click.Path(path_type=Path), help="A further folder of definitions."
)
_TERMS = (
    click.option("--as", "by", help="Who does it. [LONGPLAY_USER, else the user of the system]"),
    click.option("--reason", default="", help="Why; kept in the history."),
)
_TAKE_OVER = click.option(
    "--take-over", multiple=True, metavar="NAME", help="Take this name from its owner; needs --reason. Repeatable."
)
_PAGE = (
    click.option("--limit", type=click.IntRange(min=1), help="Show so many at most."),
    click.option("--offset", type=click.IntRange(min=0), default=0, help="Leave so many out first."),
)


def with_target(function: Command) -> Command:
    """Give a command its :class:`CommandTarget` first."""

    def body(store: Path, registry: Path | None, as_json: bool, **own: Any) -> None:
        function(CommandTarget(store, registry, as_json, own.pop("definitions", ())), **own)

    return _with(body, function, _PLACE)


def with_definitions(function: Command) -> Command:
    """Give a command its :class:`CommandTarget` first, further folders of definitions included."""
    return _DEFINITIONS(with_target(function))


def with_page(function: Command) -> Command:
    """Give a command a ``page``."""

    def body(*given: Any, limit: int | None, offset: int, **own: Any) -> None:
        function(*given, page=ListPage(limit, offset), **own)

    return _with(body, function, _PAGE)


def with_terms(function: Command) -> Command:
    """Give a command its ``terms``: who does it, and why."""

    def body(*given: Any, by: str | None, reason: str, take_over: tuple[str, ...] = (), **own: Any) -> None:
        from longplay.registry.plan import ChangeTerms

        if take_over and not reason:
            raise ConfigError("A take-over needs a reason.", got=", ".join(take_over), fix="say it: --reason '...'")
        function(*given, terms=ChangeTerms(current_user(by), frozenset(take_over), reason), **own)

    return _with(body, function, _TERMS)


def with_takeover(function: Command) -> Command:
    """Like :func:`acting`; names may be taken over."""
    return _TAKE_OVER(with_terms(function))


def _with(body: Command, function: Command, options: Iterable[Callable[[Command], Command]]) -> Command:
    update_wrapper(body, function)
    made = body
    for option in options:
        made = option(made)
    return made
