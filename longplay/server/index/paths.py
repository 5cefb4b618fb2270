"""Where a source's tables are, where their index is kept, and how to see cheaply that something was published."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from longplay.client import find_source_folder
from longplay.paths import SourcePaths, delta_log
from longplay.server.index.segment import hash_ids

FORMAT_VERSION = 1
"""Version of the index's files; each format and each hash function has folders of its own."""
MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True)
class PublicationMark:
    """A cheap mark of the published state; every release and every erasure changes it.

    Attributes:
        commit: file name of the newest commit of ``releases``; empty without one.
        erasures: number of erased people, counted by their receipts.
    """

    commit: str
    erasures: int


@dataclass(frozen=True)
class IndexLocation:
    """A source's tables and the folder of their indexes.

    Attributes:
        folder: folder of the tables.
        cache: folder of the indexes, with one folder a release.
    """

    folder: Path
    cache: Path

    @classmethod
    def from_store(cls, store: Path, source: str, cache: Path | None = None) -> Self:
        """Locate the tables and indexes of a source.

        Args:
            store: root of all tables.
            source: name of the source.
            cache: root of all indexes (default: ``longplay`` in the user's cache folder).

        Raises:
            NotFoundError: when the store has no such source.
        """
        folder = find_source_folder(store, source)
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "longplay"
        digest = hashlib.sha256(f"{folder} {FORMAT_VERSION} {hash_ids([source])}".encode()).hexdigest()[:16]
        return cls(folder, (cache or home).absolute() / f"{source}-{digest}")

    def read_mark(self) -> PublicationMark:
        """The current mark. Lists two folders and reads no file."""
        log = delta_log(SourcePaths(self.folder).table("releases"))
        commits = (name for name in _list_names(log) if name.endswith(".json"))
        return PublicationMark(max(commits, default=""), self.count_erasures())

    def count_erasures(self) -> int:
        """Number of erased people."""
        return sum(name.endswith(".json") for name in _list_names(SourcePaths(self.folder).receipts))

    def index(self, release_id: str) -> Path:
        """The folder of a release's index. An erasure changes the name, so older indexes are not used again."""
        return self.cache / f"{release_id}.{self.count_erasures()}"


def _list_names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []
