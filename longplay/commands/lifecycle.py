"""``longplay signals plan|apply|alias|deprecate``: plan and make changes to a registry. Needs no Spark or Java."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from longplay.commands.options import with_owner, with_takeover, with_target
from longplay.errors import ConfigError
from longplay.registry.location import CommandTarget

if TYPE_CHECKING:
    from longplay.registry.plan import ChangeTerms, PlanStep

_PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FOLDER_OR_FILES...")


@click.command(short_help="Show what applying definitions would do.")
@_PATHS
@with_takeover
@with_target
def plan(target: CommandTarget, paths: tuple[Path, ...], terms: "ChangeTerms") -> None:
    """Show what 'apply' would change, key by key, and which consumers it affects. Changes nothing.

    A change is 'breaking' if it can break code that reads the signal (anchor, keys, direction, unit, kind of measure),
    'data' if it only changes values, and 'text' if it changes no value. The exit code is 2 if any definition would be
    refused.

    Example: longplay signals plan definitions
    """
    from longplay.registry import lifecycle
    from longplay.registry.plan import raise_refusals

    steps = lifecycle.plan(target.existing, paths, terms)
    _print_steps(steps, target)
    raise_refusals(steps)


@click.command(short_help="Add definitions to the registry, all or none.")
@_PATHS
@with_takeover
@with_target
def apply(target: CommandTarget, paths: tuple[Path, ...], terms: "ChangeTerms") -> None:
    """Add the definitions in some folders and files to the registry: all of them, or none if any is refused.

    A name belongs to the owner of its first version. To take it over, pass --take-over NAME and --reason.

    Example: longplay signals apply definitions --as ana
    """
    from longplay.registry import lifecycle
    from longplay.registry.definition_files import read_proposals

    _print_steps(lifecycle.apply(target.file, read_proposals(paths).values(), terms), target)


@click.command(short_help="Point an alias to a version.")
@click.argument("alias", metavar="NAME@ALIAS")
@click.argument("version", type=click.IntRange(min=1))
@with_owner
@with_target
def alias(target: CommandTarget, alias: str, version: int, terms: "ChangeTerms") -> None:
    """Point an alias to a version. From now on, users of the alias get that version.

    The aliases of a name belong to its owner, those of shipped names to nobody.

    Example: longplay signals alias return_to_item_7d@champion 1 --owner podcasts
    """
    from longplay.commands.output import differences_as_text, print_json, print_warnings
    from longplay.registry import lifecycle

    moved = lifecycle.move_alias(target.file, alias, version, terms)
    print_warnings([moved.warning] if moved.warning else [])
    if target.as_json:
        print_json(moved.as_json())
        return
    click.echo(f"{alias}: {moved.old + ' -> ' if moved.old else ''}{moved.new}")
    for line in differences_as_text(moved.differences):
        click.echo(line)
    for consumer in moved.consumers:
        click.echo(f"  {consumer.kind} '{consumer.consumer}' uses {alias} and will now get {moved.new}")


@click.command(short_help="Deprecate a version.")
@click.argument("ref")
@click.option("--replaced-by", default="", metavar="REF", help="The version to use instead.")
@click.option("--on", type=click.DateTime(formats=["%Y-%m-%d"]), help="Day from which it is deprecated (UTC). [today]")
@click.option("--withdraw", is_flag=True, help="Withdraw the deprecation.")
@with_owner
@with_target
def deprecate(
    target: CommandTarget, ref: str, replaced_by: str, on: datetime | None, withdraw: bool, terms: "ChangeTerms"
) -> None:
    """Deprecate a version from a given day. It is still computed, and its users get a warning.

    Only the owner of its name can deprecate a version; shipped ones cannot be deprecated.

    Example: longplay signals deprecate return_to_item_7d@1 --replaced-by return_to_item_28d --owner podcasts
    """
    from longplay.commands.output import print_json
    from longplay.registry import lifecycle

    if withdraw and (on or replaced_by):
        raise ConfigError("--withdraw cannot be combined with --on or --replaced-by.")
    day = None if withdraw else f"{on or datetime.now(UTC):%Y-%m-%d}"
    change = lifecycle.deprecate(target.file, ref, day, replaced_by, terms)
    if target.as_json:
        print_json(change.as_json())
        return
    click.echo(change.warning or f"{ref}: the deprecation has been withdrawn")
    for alias_name in change.aliases if change.warning else ():
        click.echo(f"  {alias_name} still points to it: move it with 'longplay signals alias'")
    for consumer in change.consumers if change.warning else ():
        use = f"asked for {consumer.asked}, last used {consumer.last_at[:16]}"
        click.echo(f"  {consumer.kind} '{consumer.consumer}' ({use}) will get a warning")


def _print_steps(steps: Sequence["PlanStep"], target: CommandTarget) -> None:
    from longplay.commands.output import print_json, steps_as_text

    if target.as_json:
        print_json([step.as_json() for step in steps])
    else:
        click.echo(steps_as_text(steps))
