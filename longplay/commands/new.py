"""``longplay signals new``: the file of a new signal, or of the next version of one. Starts no Spark and no Java."""

import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from longplay.commands.options import with_target
from longplay.errors import ConfigError
from longplay.registry.location import CommandTarget, current_user

if TYPE_CHECKING:
    from longplay.registry.records import RegistryVersion


@click.command(short_help="Write the file of a new signal.")
@click.argument("name")
@click.option("--to", "folder", type=click.Path(path_type=Path), default=Path("definitions"), show_default=True)
@click.option("--owner", help="The team that answers for it. [as LONGPLAY_USER, else the user of the system]")
@click.option("--from", "model", metavar="REF", help="Copy this version: the next one of NAME, or the first.")
@with_target
def new(place: CommandTarget, name: str, folder: Path, owner: str | None, model: str | None) -> None:
    """Write FOLDER/NAME.v1.yaml: a draft that is valid as it stands, with what each key means.

    With --from it is a copy of another version; if that has the same NAME, the copy is the next version.

    Example: longplay signals new return_to_item_7d --owner podcasts
    """
    from longplay.commands.output import print_json
    from longplay.definitions.template import copy_definition, render_template

    source, version = _source(place, name, model)
    file = folder / f"{name}.v{version}.yaml"
    if file.exists():
        raise ConfigError("This file is there already.", where=str(file), fix="edit it, or name another folder: --to")
    if source is None:
        text = render_template(name, owner or current_user(), str(file))
    else:
        new_owner = owner or (source.owner if source.name == name else current_user())
        text = copy_definition(
            source.text, {"name": name, "version": version, "status": "draft", "owner": new_owner}, source.ref
        )
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    if place.as_json:
        print_json({"signal": f"{name}@{version}", "file": str(file)})
        return
    click.echo(f"written: {file}; edit it, then 'longplay signals plan {file}'")


def _source(place: CommandTarget, name: str, model: str | None) -> tuple["RegistryVersion | None", int]:
    """What a new definition is copied from, if anything, and which version of NAME it is."""
    from longplay.registry.registry import build_registry, open_layers

    if not re.fullmatch(r"[a-z][a-z0-9_]{2,62}", name):
        raise ConfigError("This is no name of a signal.", got=name, fix="lower case letters, digits and _, 3 to 63")
    with closing(open_layers(place.existing)) as layers:
        model_definition = build_registry(layers, place.existing).get(model) if model else None
        source = layers.version(model_definition.name, model_definition.version) if model_definition else None
        versions = layers.versions(name)
    if versions and (source is None or source.name != name):
        fix = f"write its next version, --from {name}; or take another name"
        raise ConfigError(f"The signal '{name}' is there already.", where=versions[-1].applied, fix=fix)
    return source, versions[-1].version + 1 if versions else 1
