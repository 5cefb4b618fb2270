"""Where the registry file is, and who asks."""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from longplay.errors import ConfigError, NotFoundError
from longplay.paths import StorePaths

VARIABLE = "LONGPLAY_REGISTRY"
TABLE_ROWS = 50
"""Rows that a table shows unless --limit says otherwise."""


@dataclass(frozen=True)
class CommandTarget:
    """Where a command looks, and how it prints.

    Attributes:
        store: root of all tables.
        given: the registry file that was named.
        as_json: whether to print JSON.
        definitions: further folders of definitions.
    """

    store: Path
    given: Path | None
    as_json: bool
    definitions: tuple[Path, ...] = ()

    @property
    def file(self) -> Path:
        """The registry file, there or not."""
        return registry_file(self.store, self.given)

    @property
    def existing(self) -> Path | None:
        """The registry file to read from; None where there is none yet."""
        return find_registry_file(self.store, self.given)


@dataclass(frozen=True)
class ListPage:
    """Which part of a list to show."""

    limit: int | None
    offset: int

    def limit_of(self, place: CommandTarget) -> int | None:
        """How many rows to print: as said, else a screenful of a table, and all of JSON."""
        return self.limit or (None if place.as_json else TABLE_ROWS)


def registry_file(store: Path, given: Path | None) -> Path:
    """The registry file: as given, else that of the store."""
    return given or StorePaths(store).registry


def find_registry_file(store: Path, given: Path | None) -> Path | None:
    """The registry file to read from; None where there is none yet.

    Raises:
        NotFoundError: when one was named and is not there.
    """
    file = registry_file(store, given)
    if file.is_file() and file.stat().st_size:
        return file
    if given is None:
        return None
    fix = "check --registry or LONGPLAY_REGISTRY; 'longplay signals apply' makes a new one"
    raise NotFoundError("There is no registry.", where=str(file), fix=fix)


def find_shared_registry_file(store: Path, given: Path | str | None = None) -> Path | None:
    """The registry file to read from, as commands find it: as given, else ``LONGPLAY_REGISTRY``, else the store's.

    Raises:
        NotFoundError: when one was named and is not there.
    """
    named = given or os.environ.get(VARIABLE)
    return find_registry_file(store, Path(named) if named else None)


def current_user(by: str | None = None) -> str:
    """Who asks: as said, else ``LONGPLAY_USER``, else the user of the system.

    Raises:
        ConfigError: when none of these says.
    """
    user = by or os.environ.get("LONGPLAY_USER")
    if user:
        return user
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise ConfigError("Nobody says who does this.", fix="say it: --as NAME, or LONGPLAY_USER") from error
