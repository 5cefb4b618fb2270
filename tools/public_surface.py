"""Print what users rely on as JSON: commands and flags, HTTP routes, YAML keys, definition hashes, tables and columns.

Run it on two checkouts and compare the outputs: a change that should not be visible leaves them equal.
"""

import json
from collections.abc import Mapping
from typing import Any

import click
from pydantic import BaseModel

import longplay
from ingest.source_config import Source
from jobs.runtime.settings import RunSettings
from longplay.cli import cli
from longplay.definitions.reward import Reward
from longplay.definitions.signal import Definition
from longplay.registry.definition_files import shipped_rewards
from longplay.registry.registry import load, shipped_definitions
from longplay.server.app import create_app
from longplay.server.open_releases import OpenReleases
from tables import catalog

YAML_MODELS: Mapping[str, type[BaseModel]] = {
    "signal": Definition,
    "reward": Reward,
    "source": Source,
    "settings": RunSettings,
}


def public_surface() -> dict[str, Any]:
    """Everything that a release promises to keep, by kind; the same code and data give the same answer."""
    signals, rewards = load([shipped_definitions()]).by_ref, load(shipped_rewards()).rewards
    return {
        "commands": command_flags(cli, "longplay", click.Context(cli)),
        "routes": route_parameters(create_app(OpenReleases()).openapi()),
        "hashes": {ref: d.hash for ref, d in signals.items()} | {ref: r.hash for ref, r in rewards.items()},
        "keys": {kind: model_keys(model) for kind, model in YAML_MODELS.items()},
        "tables": {
            spec.name: {
                "columns": [[column.name, column.type] for column in spec.columns],
                "grain": list(spec.grain),
                "mode": spec.mode,
            }
            for spec in catalog.ALL.values()
        },
        "public": sorted(longplay.__all__),
    }


def command_flags(command: click.Command, name: str, context: click.Context) -> dict[str, list[str]]:
    """The flags of a command and of every command below it, by the full name."""
    options = [option for param in command.params for option in (*param.opts, *param.secondary_opts)]
    flags = {name: sorted(options)}
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            subcommand = command.get_command(context, child)
            assert subcommand is not None
            flags |= command_flags(subcommand, f"{name} {child}", context)
    return flags


def route_parameters(openapi: Mapping[str, Any]) -> dict[str, list[str]]:
    """The parameters of every HTTP route, by method and path."""
    return {
        f"{method.upper()} {path}": sorted(parameter["name"] for parameter in operation.get("parameters", []))
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    }


def model_keys(model: type[BaseModel]) -> list[list[str]]:
    """The keys of a YAML model and of every model inside it, sorted: names of classes do not count."""
    schema = model.model_json_schema(by_alias=True)
    models = [schema, *schema.get("$defs", {}).values()]
    return sorted(sorted(part["properties"]) for part in models if "properties" in part)


@click.command("public-surface")
def command() -> None:
    """Print the public surface as JSON.

    Example: python -m tools.public_surface > surface.json
    """
    click.echo(json.dumps(public_surface(), indent=1, sort_keys=True))


if __name__ == "__main__":
    command()
