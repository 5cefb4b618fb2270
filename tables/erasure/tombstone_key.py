"""The secret key of a source's tombstones: written completely or not at all, and refused where it is damaged."""

import os
import secrets
from pathlib import Path

from longplay.errors import StoreError

KEY_BYTES = 32
MIN_KEY_LENGTH = 2 * KEY_BYTES
"""Characters of a key: hexadecimal digits."""


def make_key(file: Path) -> None:
    """Write a new key, readable by its owner alone. A key that another process wrote meanwhile stays.

    The key is written under a temporary name and linked, so the file never exists half-written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as target:
            target.write(secrets.token_hex(KEY_BYTES))
            target.flush()
            os.fsync(target.fileno())
        try:
            os.link(temporary, file)
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)


def read_key(file: Path, erased_people: int) -> str:
    """Read a key.

    Args:
        file: of the key.
        erased_people: how many people are recognised by it.

    Raises:
        StoreError: when it is missing, cannot be read, or is shorter than a key: hashes with it would protect nobody.
    """
    try:
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged_key(file, type(error).__name__, erased_people) from error
    if len(key) < MIN_KEY_LENGTH:
        raise _damaged_key(file, f"{len(key)} of {MIN_KEY_LENGTH} characters", erased_people)
    return key


def _damaged_key(file: Path, got: str, erased_people: int) -> StoreError:
    restore = (
        f"restore it from a backup: {erased_people:,} erased people are recognised by it. Without one, write a new key "
        f"of {MIN_KEY_LENGTH} random hexadecimal digits there (mode 600), and erase again whom a delivery brings back"
    )
    return StoreError(
        "The key of the tombstones cannot be used.",
        where=str(file),
        got=got,
        fix=restore if erased_people else "delete the file: nobody was erased with it, and a new one is made",
    )
