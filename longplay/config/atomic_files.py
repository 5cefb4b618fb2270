"""Small files that are written completely or not at all."""

from pathlib import Path


def write_atomically(file: Path, text: str) -> None:
    """Write a text file under a temporary name, then rename it: an interrupted write leaves the old file, or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
