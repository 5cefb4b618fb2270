"""Finds the registry file and the name of the current user."""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from longplay.errors import ConfigError, NotFoundError
from longplay.paths import StorePaths

VARIABLE = "LONGPLAY_REGISTRY"
TABLE_ROWS = 50
"""Rows that a table shows without --limit."""


@dataclass(frozen=True)
class CommandTarget:
    """The store and registry that a command works on, and its output format.

    Attributes:
        store: root of all tables.
        given: the registry file named by the user; None if none was.
        as_json: whether to print JSON.
        definitions: further folders of definitions.
    """

    store: Path
    given: Path | None
    as_json: bool
    definitions: tuple[Path, ...] = ()

    @property
    def file(self) -> Path:
        """The registry file, which need not exist yet."""
        return registry_file(self.store, self.given)

    @property
    def existing(self) -> Path | None:
        """The registry file to read; None if there is none yet."""
        return find_registry_file(self.store, self.given)


@dataclass(frozen=True)
class ListPage:
    """Which part of a list to show."""

    limit: int | None
    offset: int

    def limit_of(self, target: CommandTarget) -> int | None:
        """How many rows to print: the given limit, else 50 rows of a table or all of JSON (None)."""
        return self.limit or (None if target.as_json else TABLE_ROWS)


def registry_file(store: Path, given: Path | None) -> Path:
    """The given registry file, else the store's."""
    return given or StorePaths(store).registry


def find_registry_file(store: Path, given: Path | None) -> Path | None:
    """The registry file to read; None if there is none yet.

    Raises:
        NotFoundError: when the named file does not exist or is empty.
    """
    file = registry_file(store, given)
    if file.is_file() and file.stat().st_size:
        return file
    if given is None:
        return None
    fix = "check --registry or LONGPLAY_REGISTRY; 'longplay signals apply' creates a new one"
    raise NotFoundError("There is no registry at this path.", where=str(file), fix=fix)


def find_shared_registry_file(store: Path, given: Path | str | None = None) -> Path | None:
    """The registry file to read: ``given``, else ``LONGPLAY_REGISTRY``, else the store's; None if there is none yet.

    Raises:
        NotFoundError: when the named file does not exist or is empty.
    """
    named = given or os.environ.get(VARIABLE)
    return find_registry_file(store, Path(named) if named else None)


def current_user(by: str | None = None) -> str:
    """The name of the user: ``by``, else ``LONGPLAY_USER``, else the operating system's user.

    Raises:
        ConfigError: when none of them is set.
    """
    user = by or os.environ.get("LONGPLAY_USER")
    if user:
        return user
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise ConfigError("The name of the user is unknown.", fix="pass --as NAME, or set LONGPLAY_USER") from error
