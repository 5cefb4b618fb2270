"""``longplay signals new``: write the file of a new signal, or of its next version. Needs no Spark or Java."""

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
@click.option("--owner", help="Team responsible for it. [LONGPLAY_USER, else the system user]")
@click.option("--from", "model", metavar="REF", help="Copy this version.")
@with_target
def new(target: CommandTarget, name: str, folder: Path, owner: str | None, model: str | None) -> None:
    """Write FOLDER/NAME.v1.yaml: a valid draft with a comment on each key.

    With --from, copy an existing version. If it has the same NAME, the copy becomes the next version.

    Example: longplay signals new return_to_item_7d --owner podcasts
    """
    from longplay.commands.output import print_json
    from longplay.definitions.template import copy_definition, render_template

    source, version = _find_source(target, name, model)
    file = folder / f"{name}.v{version}.yaml"
    if file.exists():
        raise ConfigError(
            "This file already exists.", where=str(file), fix="edit it, or choose another folder with --to"
        )
    if source is None:
        text = render_template(name, owner or current_user(), str(file))
    else:
        new_owner = owner or (source.owner if source.name == name else current_user())
        text = copy_definition(
            source.text, {"name": name, "version": version, "status": "draft", "owner": new_owner}, source.ref
        )
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    if target.as_json:
        print_json({"signal": f"{name}@{version}", "file": str(file)})
        return
    click.echo(f"Wrote {file}. Edit it, then run 'longplay signals plan {file}'.")


def _find_source(target: CommandTarget, name: str, model: str | None) -> tuple["RegistryVersion | None", int]:
    """Find the version to copy, if any, and the version number of the new definition."""
    from longplay.registry.plan import shipped_name_error
    from longplay.registry.registry import build_registry, open_layers

    if not re.fullmatch(r"[a-z][a-z0-9_]{2,62}", name):
        raise ConfigError(
            "This is not a valid signal name.",
            got=name,
            fix="use 3 to 63 lower-case letters, digits and _, starting with a letter",
        )
    with closing(open_layers(target.existing)) as layers:
        model_definition = build_registry(layers, target.existing).get(model) if model else None
        source = layers.version(model_definition.name, model_definition.version) if model_definition else None
        versions = layers.versions(name)
        if layers.shipped_owner(name) is not None:
            raise shipped_name_error(name, "", f"signals new {name}")
    if versions and (source is None or source.name != name):
        fix = f"write its next version with --from {name}, or choose another name"
        raise ConfigError(f"The signal '{name}' already exists.", where=versions[-1].applied, fix=fix)
    return source, versions[-1].version + 1 if versions else 1
