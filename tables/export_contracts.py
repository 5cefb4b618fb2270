"""Writes the contracts of tables that a Python module declares as ``TableSpec``.

    python -m tables.export_contracts MODULE

Then ``tables/catalog.py`` can load the table: ``NAME = load("name")``.
"""

import sys
from importlib import import_module
from pathlib import Path

import click
import yaml

from longplay.errors import ConfigError, LongplayError
from tables.contract import FOLDER, contract_of
from tables.spec import TableSpec


def export(module: str, update: bool = False, folder: Path = FOLDER) -> list[Path]:
    """Write the contract of every table that a module declares; returns the files.

    Args:
        module: name of a Python module, such as ``tables.catalog``.
        update: overwrite contracts that exist.
        folder: of the contracts.

    Raises:
        ConfigError: when there is no such module, it declares no table, or a contract exists and ``update`` is false.
    """
    try:
        declared = vars(import_module(module))
    except ModuleNotFoundError as error:
        raise ConfigError(f"There is no module '{module}'.", fix="name one as Python does: tables.catalog") from error
    specs = {spec.name: spec for spec in declared.values() if isinstance(spec, TableSpec)}
    files = {folder / f"{name}.yaml": spec for name, spec in specs.items()}
    if not files:
        raise ConfigError(f"'{module}' declares no table.", where=module)
    existing = [path.name for path in files if path.exists()]
    if existing and not update:
        fix = "overwrite it with --update"
        raise ConfigError("A contract exists already.", where=str(folder), got=", ".join(existing), fix=fix)
    folder.mkdir(parents=True, exist_ok=True)
    for path, spec in files.items():
        path.write_text(text_of(spec), encoding="utf-8")
    return list(files)


def text_of(spec: TableSpec) -> str:
    """A spec as the YAML text of a contract."""
    return yaml.safe_dump(contract_of(spec), sort_keys=False, width=110, allow_unicode=True)


@click.command("export")
@click.argument("module")
@click.option("--update", is_flag=True, help="Overwrite contracts that exist.")
def command(module: str, update: bool) -> None:
    """Write the contracts of the tables that MODULE declares into tables/contracts.

    Example: python -m tables.export_contracts tables.catalog
    """
    try:
        for path in export(module, update):
            click.echo(path)
    except LongplayError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    command()
