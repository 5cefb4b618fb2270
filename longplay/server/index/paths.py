"""Where a source's tables are, where their index is kept, and how to see cheaply that something was published."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from longplay.client import find_source_folder
from longplay.paths import SourcePaths, delta_log
from longplay.server.index.segment import hash_ids

FORMAT_VERSION = 1
"""Version of the index's files; each format and each hash function has folders of its own."""
MANIFEST_FILE = "manifest.json"
STORE_FILE = "tables"
"""In a folder of indexes: the path of the tables that they are built from, without links."""


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
        # However the path of a store is spelled, its indexes are in one place.
        digest = hashlib.sha256(f"{folder.resolve()} {FORMAT_VERSION} {hash_ids([source])}".encode()).hexdigest()[:16]
        return cls(folder, (cache or default_cache()).absolute() / f"{source}-{digest}")

    def record_store(self) -> None:
        """Write into the folder of the indexes which tables they are built from."""
        (self.cache / STORE_FILE).write_text(str(self.folder.resolve()), encoding="utf-8")

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


def default_cache() -> Path:
    """The root of all indexes, unless ``longplay serve`` is given another: ``longplay`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "longplay"


def list_index_folders(cache: Path, source: str) -> list[Path]:
    """Folders of indexes below a root of indexes, of any tables of a source with this name."""
    name = re.compile(rf"{re.escape(source)}-[0-9a-f]{{16}}")
    return sorted(cache / folder for folder in _list_names(cache) if name.fullmatch(folder))


def may_index(index: Path, folder: Path) -> bool:
    """Whether a folder of indexes may be built from some tables.

    True also where that is not recorded, as in earlier versions, and where the recorded tables are gone: an index that
    was removed in vain is built again.
    """
    record = index / STORE_FILE
    recorded = Path(record.read_text(encoding="utf-8")) if record.is_file() else None
    return recorded is None or not recorded.exists() or recorded.samefile(folder)


def _list_names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []
