"""Where a source's tables are, where their index is kept, and how to see cheaply that something was published."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from longplay.client import source_folder
from longplay.paths import SourcePaths, delta_log
from longplay.server.index.segment import hashes_of

FORMAT = 1
"""Of the index's files: another format, or another hash function, is another folder."""
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Mark:
    """What the tables looked like at a glance; it changes whenever a release or an erasure is there.

    Attributes:
        commit: file name of the newest commit of ``releases``, empty where there is none.
        erasures: how many people were erased, by their receipts.
    """

    commit: str
    erasures: int


@dataclass(frozen=True)
class Place:
    """A source's tables and the folder of their indexes.

    Attributes:
        folder: the tables.
        cache: the indexes, one folder a release.
    """

    folder: Path
    cache: Path

    @classmethod
    def of(cls, store: Path, source: str, cache: Path | None = None) -> Self:
        """The place of a source.

        Args:
            store: root of all tables.
            source: name of the source.
            cache: root of all indexes (default: ``longplay`` in the user's cache folder).

        Raises:
            NotFoundError: when the store has no such source.
        """
        folder = source_folder(store, source)
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "longplay"
        own = hashlib.sha256(f"{folder} {FORMAT} {hashes_of([source])}".encode()).hexdigest()[:16]
        return cls(folder, (cache or home).absolute() / f"{source}-{own}")

    def mark(self) -> Mark:
        """The state now: two folders are listed, nothing is read."""
        log = delta_log(SourcePaths(self.folder).table("releases"))
        commits = (name for name in _names(log) if name.endswith(".json"))
        return Mark(max(commits, default=""), self.erasures())

    def erasures(self) -> int:
        """How many people were erased."""
        return sum(name.endswith(".json") for name in _names(SourcePaths(self.folder).receipts))

    def index(self, release_id: str) -> Path:
        """The folder of a release's index. One that was made before an erasure has another name."""
        return self.cache / f"{release_id}.{self.erasures()}"


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []
