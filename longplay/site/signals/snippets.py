"""How a signal is used: as a label, from Python, in SQL. Texts to copy, made for one source of one store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longplay.definitions.signal import Definition


@dataclass(frozen=True)
class Snippet:
    """A text to copy: a heading, a sentence about it, its language and itself."""

    title: str
    about: str
    language: str
    text: str


def label(definition: Definition, newest: Definition) -> Snippet | None:
    """The setting that makes a label of it; None where it cannot be one: a label is what the bare name stands for."""
    if definition.anchor != "exposure" or definition.status == "draft" or definition.ref != newest.ref:
        return None
    return learned_from(definition.name)


def learned_from(name: str) -> Snippet:
    """The setting that makes a label of a signal or a reward."""
    text = f"training:\n  labels: [{', '.join(dict.fromkeys(['click', name]))}]\n"
    about = "In the settings; the newest version is taken. Labels must lie between 0 and 1."
    return Snippet("As a label", about, "yaml", text)


def client(definition: Definition, table: Path, folders: Sequence[Path], file: Path | None = None) -> Snippet:
    """Python that reads the mature values as they stand now; ``file``: the registry file, where there is one."""
    own = f"[{', '.join(f'Path({folder.as_posix()!r})' for folder in folders)}]" if folders else ""
    own += f"{', ' if own else ''}file=Path({file.absolute().as_posix()!r})" if file else ""
    text = f"""\
from pathlib import Path

from longplay import default_registry
from longplay.delta import read_arrow

signal = default_registry({own}).get({definition.ref!r})
rows = read_arrow(
    Path({table.as_posix()!r}),
    ["anchor_id", "t0", "state", "value", "revision"],
    [("signal", "=", signal.ref), ("definition_hash", "=", signal.hash)],
).to_pandas()
newest = rows.sort_values("revision").drop_duplicates("anchor_id", keep="last")
mature = newest[newest["state"] == "mature"]
"""
    return Snippet("From Python", "Without Spark. The last revision of each anchor, mature ones only.", "python", text)


def sql(definition: Definition, table: Path) -> Snippet:
    """The same in Spark's SQL."""
    text = f"""\
SELECT anchor_id, user_id, item_id, t0, value
FROM (
  SELECT *, row_number() OVER (PARTITION BY anchor_id ORDER BY revision DESC) AS place
  FROM delta.`{table.as_posix()}`
  WHERE signal = '{definition.ref}' AND definition_hash = '{definition.hash}'
) AS ranked
WHERE place = 1 AND state = 'mature'
"""
    return Snippet("In SQL", "For Spark with Delta; other engines name the table in their own way.", "sql", text)
