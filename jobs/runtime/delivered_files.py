"""The files of a delivery: which they are, what identifies them, and whether they stayed as they were."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from longplay.errors import InputError

FileStates = Mapping[Path, tuple[int, int]]
"""Size in bytes and time of the last change (ns) of each file."""


def list_file_states(data: Path, extra_files: Sequence[Path] = ()) -> FileStates:
    """The files of a delivery as they are now.

    Args:
        data: the delivered file or folder.
        extra_files: further files that belong to the delivery (a heartbeat).
    """
    delivered = {path for path in (data.rglob("*") if data.is_dir() else [data]) if path.is_file()}
    stats = {path: path.stat() for path in sorted(delivered | set(extra_files))}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def delivery_id(files: FileStates, source: str) -> str:
    """A hash over the delivered bytes and the source file's content: the same delivery is never counted twice."""
    digest = hashlib.sha256(source.encode())
    for path in files:
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def check_unchanged(before: FileStates, now: FileStates, data: Path) -> None:
    """Check that no file of a delivery changed while it was read.

    Raises:
        InputError: naming the files that did; what was read of them is no state that they ever had.
    """
    changed = sorted({path for path, _ in before.items() ^ now.items()})
    if changed:
        raise InputError(
            f"{len(changed)} files changed while they were read; nothing was published.",
            where=str(data),
            got=", ".join(path.name for path in changed[:5]),
            fix="ingest the delivery once nothing writes to it any more",
        )
