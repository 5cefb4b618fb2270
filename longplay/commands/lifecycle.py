"""``longplay signals plan|apply|alias|deprecate``: what changes a registry. Starts no Spark and no Java."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from longplay.commands.options import with_takeover, with_target, with_terms
from longplay.errors import ConfigError
from longplay.registry.location import CommandTarget

if TYPE_CHECKING:
    from longplay.registry.plan import ChangeTerms, PlanStep

_PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FOLDER_OR_FILES...")


@click.command(short_help="What applying definitions would do; changes nothing.")
@_PATHS
@with_takeover
@with_target
def plan(place: CommandTarget, paths: tuple[Path, ...], terms: "ChangeTerms") -> None:
    """Show what 'apply' would do with every definition of some folders and files, key by key, and whom it touches.

    A change is 'breaking' where code that reads the signal would trip over it (anchor, keys, direction, unit, kind of
    measure), 'data' where values differ otherwise, 'text' where none does. Ends with exit code 2 where a definition
    would be refused.

    Example: longplay signals plan definitions
    """
    from longplay.registry import lifecycle
    from longplay.registry.plan import raise_refusals

    steps = lifecycle.plan(place.existing, paths, terms)
    _print_steps(steps, place)
    raise_refusals(steps)


@click.command(short_help="Add definitions to the registry: all of them, or none.")
@_PATHS
@with_takeover
@with_target
def apply(place: CommandTarget, paths: tuple[Path, ...], terms: "ChangeTerms") -> None:
    """Add the definitions of some folders and files to the registry, planned again under its lock.

    A name belongs to the owner of its first version. Another owner takes it over only by name, with a reason.

    Example: longplay signals apply definitions --as ana
    """
    from longplay.registry import lifecycle
    from longplay.registry.definition_files import read_proposals

    _print_steps(lifecycle.apply(place.file, read_proposals(paths).values(), terms), place)


@click.command(short_help="Point an alias to a version.")
@click.argument("alias", metavar="NAME@ALIAS")
@click.argument("version", type=click.IntRange(min=1))
@with_terms
@with_target
def alias(place: CommandTarget, alias: str, version: int, terms: "ChangeTerms") -> None:
    """Point an alias to a version: who asks for it by the alias gets that version from now on.

    Example: longplay signals alias click@champion 1 --reason "passed the evidence run"
    """
    from longplay.commands.output import differences_as_text, print_json, print_warnings
    from longplay.registry import lifecycle

    moved = lifecycle.move_alias(place.file, alias, version, terms)
    print_warnings([moved.warning] if moved.warning else [])
    if place.as_json:
        print_json(moved.as_json())
        return
    click.echo(f"{alias}: {moved.old + ' -> ' if moved.old else ''}{moved.new}")
    for line in differences_as_text(moved.differences):
        click.echo(line)
    for consumer in moved.consumers:
        click.echo(f"  {consumer.kind} '{consumer.consumer}' asks for {alias} and gets {moved.new} from now on")


@click.command(short_help="Say that a version should no longer be used.")
@click.argument("ref")
@click.option("--replaced-by", default="", metavar="REF", help="What to use instead.")
@click.option("--on", type=click.DateTime(formats=["%Y-%m-%d"]), help="From which day on (UTC). [today]")
@click.option("--withdraw", is_flag=True, help="Take a deprecation back.")
@with_terms
@with_target
def deprecate(
    place: CommandTarget, ref: str, replaced_by: str, on: datetime | None, withdraw: bool, terms: "ChangeTerms"
) -> None:
    """Deprecate a version from a day on. It stays, and is computed as before; who uses it is warned.

    Example: longplay signals deprecate return_to_item_14d@1 --replaced-by return_to_item_28d --on 2027-01-31
    """
    from longplay.commands.output import print_json
    from longplay.registry import lifecycle

    if withdraw and (on or replaced_by):
        raise ConfigError("--withdraw takes a deprecation back: it needs no --on and no --replaced-by.")
    day = None if withdraw else f"{on or datetime.now(UTC):%Y-%m-%d}"
    done = lifecycle.deprecate(place.file, ref, day, replaced_by, terms)
    if place.as_json:
        print_json(done.as_json())
        return
    click.echo(done.warning or f"{ref}: the deprecation is withdrawn")
    for pointing in done.aliases if done.warning else ():
        click.echo(f"  {pointing} points to it: 'longplay signals alias' moves it")
    for consumer in done.consumers if done.warning else ():
        use = f"asked for {consumer.asked}, last {consumer.last_at[:16]}"
        click.echo(f"  {consumer.kind} '{consumer.consumer}' ({use}) is warned")


def _print_steps(steps: Sequence["PlanStep"], place: CommandTarget) -> None:
    from longplay.commands.output import print_json, steps_as_text

    if place.as_json:
        print_json([step.as_json() for step in steps])
    else:
        click.echo(steps_as_text(steps))
