"""Builds the index of the newest release: ``python -m longplay.server.index.build FOLDER CACHE``.

The server runs it in a subprocess with low priority and one core, so that requests do not wait for it. It prints one
line of JSON: the folder of the index and all releases, or the error.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError
from filelock import FileLock
from pydantic import TypeAdapter

from longplay.delta import open_dataset
from longplay.errors import LongplayError, StoreError, first_line
from longplay.lookup.releases import VALUES_TABLE, Release, find_values_version, read_releases, select_release
from longplay.lookup.signal_failures import SignalFailure, read_released_failures
from longplay.lookup.values import VALUE_COLUMNS
from longplay.paths import SourcePaths
from longplay.server.index.paths import MANIFEST_FILE, IndexLocation
from longplay.server.index.segment import write_segment

RELEASE_LIST = TypeAdapter(list[Release])
FAILURES = TypeAdapter(dict[str, SignalFailure])
BATCH_ROWS = 131_072
"""Rows read at once."""
NICENESS = 10
"""Below requests, but high enough for a release to be indexed on a busy machine."""
_LARGE_STRINGS = ("anchor_id", "user_id", "item_id")
"""Columns whose strings may exceed 2 GiB in one signal."""


def build_index(location: IndexLocation) -> dict[str, Any]:
    """Build the index of the newest release unless it exists; keep the one before it and remove older ones.

    The index is written to a temporary folder and renamed, so nobody sees a partial one. One process builds at a time.

    Returns:
        ``folder`` of the index, and all ``releases``, as JSON data.

    Raises:
        NotFoundError: when there is no release, or its values can no longer be read.
        StoreError: when a table is corrupted.
    """
    location.cache.mkdir(parents=True, exist_ok=True, mode=0o700)  # the index contains user ids
    with FileLock(location.cache / ".lock"):
        location.record_store()
        _remove_outdated(location, keep=2)
        releases = read_releases(location.folder)
        release = select_release(releases)
        target = location.index(release.release_id)
        if not (target / MANIFEST_FILE).exists():
            part = target.with_name(f"{target.name}.part")
            try:
                part.mkdir()
                _write_index(location.folder, release, part)
                part.rename(target)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        os.utime(target)
        _remove_outdated(location, keep=2)
    return {"folder": str(target), "releases": RELEASE_LIST.dump_python(releases, mode="json")}


def _remove_outdated(location: IndexLocation, keep: int) -> None:
    """Remove partial indexes, indexes from before an erasure, and all but the newest ``keep`` of the others."""
    suffix = f".{location.count_erasures()}"
    folders = [folder for folder in location.cache.iterdir() if folder.is_dir()]
    complete = sorted((f for f in folders if f.name.endswith(suffix)), key=lambda f: f.stat().st_mtime_ns)
    for folder in set(folders) - set(complete[-keep:]):
        shutil.rmtree(folder)


def _write_index(folder: Path, release: Release, into: Path) -> None:
    files = {}
    for number, (signal, part) in enumerate(sorted(_partition_by_signal(folder, release, into).items())):
        with pa.memory_map(str(part)) as source:
            write_segment(pa.ipc.open_file(source).read_all(), into / f"{number}.arrow")
        part.unlink()
        files[signal] = f"{number}.arrow"
    sizes = {name: (into / name).stat().st_size for name in files.values()}
    manifest = {
        "release": RELEASE_LIST.dump_python([release], mode="json")[0],
        "signals": files,
        "bytes": sizes,
        "failures": FAILURES.dump_python(read_released_failures(folder, release.versions), mode="json"),
    }
    (into / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _partition_by_signal(folder: Path, release: Release, into: Path) -> dict[str, Path]:
    """Write the rows of a release to one file per signal. Rows are read once and never all held in memory."""
    files: dict[str, Path] = {}
    writers: dict[str, Any] = {}
    try:
        with ExitStack() as stack:
            for batch in _read_batches(folder, release):
                for signal in batch["signal"].unique().to_pylist():
                    if signal not in writers:
                        files[signal] = into / f"{len(files)}.part"
                        sink = stack.enter_context(pa.OSFile(str(files[signal]), "wb"))
                        writers[signal] = stack.enter_context(pa.ipc.new_file(sink, batch.schema))
                    writers[signal].write_table(batch.filter(pc.equal(batch["signal"], signal)))
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise StoreError(
            "The index cannot be built.",
            where=f"{SourcePaths(folder).table(VALUES_TABLE)}, {into}",
            got=first_line(error),
            fix="check that the disk has room and that 'longplay signals values' can read the table",
        ) from error
    return files


def _read_batches(folder: Path, release: Release) -> Iterator[pa.Table]:
    """Rows of a release, batch by batch."""
    known_at = pa.scalar(release.known_at, pa.timestamp("us", "UTC"))
    values = SourcePaths(folder).table(VALUES_TABLE)
    dataset = open_dataset(values, find_values_version(folder, release))
    schema = pa.schema([_widen(dataset.schema.field(name)) for name in VALUE_COLUMNS])
    for batch in dataset.to_batches(
        columns=list(VALUE_COLUMNS),
        filter=pc.field("known_ts") <= known_at,
        batch_size=BATCH_ROWS,
        batch_readahead=1,
        fragment_readahead=1,
        use_threads=False,
    ):
        yield pa.Table.from_batches([batch]).cast(schema)


def _widen(field: pa.Field) -> pa.Field:
    return pa.field(field.name, pa.large_string()) if field.name in _LARGE_STRINGS else pa.field(field.name, field.type)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("cache", type=click.Path(path_type=Path))
def command(folder: Path, cache: Path) -> None:
    """Build the index of the newest release of the tables in FOLDER, under CACHE."""
    os.nice(NICENESS)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    try:
        click.echo(json.dumps(build_index(IndexLocation(folder, cache))))
    except LongplayError as error:
        fields = {name: getattr(error, name) for name in ("what", "where", "got", "fix")}
        click.echo(json.dumps({"error": fields}))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    command()
