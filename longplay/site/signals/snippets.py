"""Snippets to copy that use a signal: as a label, from Python and in SQL, for one source of the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longplay.definitions.signal import Definition


@dataclass(frozen=True)
class Snippet:
    """A text to copy, with a title, a sentence about it and its language."""

    title: str
    about: str
    language: str
    text: str


def build_label_snippet(definition: Definition, newest: Definition) -> Snippet | None:
    """Build the setting that makes a signal a label.

    Returns:
        None if the version cannot be a label: only the version that the bare name stands for can.
    """
    if definition.anchor != "exposure" or definition.status == "draft" or definition.ref != newest.ref:
        return None
    return build_label_setting(definition.name)


def build_label_setting(name: str) -> Snippet:
    """Build the setting that makes a signal or a reward a label."""
    text = f"training:\n  labels: [{', '.join(dict.fromkeys(['click', name]))}]\n"
    about = "In the settings. The newest version is used. Labels must lie between 0 and 1."
    return Snippet("As a label", about, "yaml", text)


def build_python_snippet(
    definition: Definition, table: Path, folders: Sequence[Path], registry_file: Path | None = None
) -> Snippet:
    """Build Python code that reads the current mature values."""
    arguments = [f"[{', '.join(f'Path({folder.as_posix()!r})' for folder in folders)}]"] if folders else []
    arguments += [f"file=Path({registry_file.absolute().as_posix()!r})"] if registry_file else []
    text = f"""\
from pathlib import Path

from longplay import default_registry
from longplay.delta import read_arrow

signal = default_registry({", ".join(arguments)}).get({definition.ref!r})
rows = read_arrow(
    Path({table.as_posix()!r}),
    ["anchor_id", "t0", "state", "value", "revision"],
    [("signal", "=", signal.ref), ("definition_hash", "=", signal.hash)],
).to_pandas()
newest = rows.sort_values("revision").drop_duplicates("anchor_id", keep="last")
mature = newest[newest["state"] == "mature"]
"""
    about = "Without Spark. Keeps the newest revision of each anchor, if it is mature."
    return Snippet("From Python", about, "python", text)


def build_sql_snippet(definition: Definition, table: Path) -> Snippet:
    """Build Spark SQL that reads the current mature values."""
    text = f"""\
SELECT anchor_id, user_id, item_id, t0, value
FROM (
  SELECT *, row_number() OVER (PARTITION BY anchor_id ORDER BY revision DESC) AS place
  FROM delta.`{table.as_posix()}`
  WHERE signal = '{definition.ref}' AND definition_hash = '{definition.hash}'
) AS ranked
WHERE place = 1 AND state = 'mature'
"""
    about = "For Spark with Delta. Other engines refer to the table differently."
    return Snippet("In SQL", about, "sql", text)
