"""Builds the index of the newest release: ``python -m longplay.server.index.build TABLES CACHE``.

The server runs it as a process of its own, at a low priority and on one core, so that requests do not wait for it.
Prints one line of JSON: the index's folder and the releases there are, or the error.
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

from longplay.delta import open_table
from longplay.errors import LongplayError, StoreError, first_line
from longplay.lookup.releases import VALUES, Release, pick, pinned, releases
from longplay.lookup.values import COLUMNS
from longplay.paths import SourcePaths
from longplay.server.index.paths import MANIFEST, Place
from longplay.server.index.segment import write_segment

RELEASES = TypeAdapter(list[Release])
BATCH = 131_072
"""Rows read at once."""
NICE = 10
"""Below the requests; not so low that on a busy machine a release never comes."""
_WIDE = ("anchor_id", "user_id", "item_id")
"""Texts of which one signal may have more than 2 GiB."""


def build(place: Place) -> dict[str, Any]:
    """Build the index of the newest release unless it is there; indexes of older ones but the last are removed.

    Written beside its place and put there in one step: nobody sees half of one. One process builds at a time.

    Returns:
        ``folder`` of the index, and ``releases``, as plain data.

    Raises:
        NotFoundError: when there is no release, or its values can no longer be read.
        StoreError: when a table is corrupted.
    """
    place.cache.mkdir(parents=True, exist_ok=True, mode=0o700)  # the index names people
    with FileLock(place.cache / ".lock"):
        _remove(place, keep=2)
        found = releases(place.folder)
        release = pick(found)
        target = place.index(release.release_id)
        if not (target / MANIFEST).exists():
            part = target.with_name(f"{target.name}.part")
            try:
                part.mkdir()
                _write(place.folder, release, part)
                part.rename(target)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        os.utime(target)
        _remove(place, keep=2)
    return {"folder": str(target), "releases": RELEASES.dump_python(found, mode="json")}


def _remove(place: Place, keep: int) -> None:
    """Remove what was left half-made, was made before an erasure, or is older than the last few."""
    ending = f".{place.erasures()}"
    folders = [folder for folder in place.cache.iterdir() if folder.is_dir()]
    whole = sorted((f for f in folders if f.name.endswith(ending)), key=lambda f: f.stat().st_mtime_ns)
    for folder in set(folders) - set(whole[-keep:]):
        shutil.rmtree(folder)


def _write(folder: Path, release: Release, into: Path) -> None:
    files = {}
    for number, (signal, dealt) in enumerate(sorted(_deal(folder, release, into).items())):
        with pa.memory_map(str(dealt)) as source:
            write_segment(pa.ipc.open_file(source).read_all(), into / f"{number}.arrow")
        dealt.unlink()
        files[signal] = f"{number}.arrow"
    sizes = {name: (into / name).stat().st_size for name in files.values()}
    told = {"release": RELEASES.dump_python([release], mode="json")[0], "signals": files, "bytes": sizes}
    (into / MANIFEST).write_text(json.dumps(told, indent=1), encoding="utf-8")


def _deal(folder: Path, release: Release, into: Path) -> dict[str, Path]:
    """The rows that a release knows, one file a signal, read once and never all in memory."""
    files: dict[str, Path] = {}
    writers: dict[str, Any] = {}
    try:
        with ExitStack() as stack:
            for batch in _batches(folder, release):
                for signal in batch["signal"].unique().to_pylist():
                    if signal not in writers:
                        files[signal] = into / f"{len(files)}.dealt"
                        sink = stack.enter_context(pa.OSFile(str(files[signal]), "wb"))
                        writers[signal] = stack.enter_context(pa.ipc.new_file(sink, batch.schema))
                    writers[signal].write_table(batch.filter(pc.equal(batch["signal"], signal)))
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise StoreError(
            "The index cannot be built.",
            where=f"{SourcePaths(folder).table(VALUES)}, {into}",
            got=first_line(error),
            fix="see that the disk has room, and that 'longplay signals values' can read the table",
        ) from error
    return files


def _batches(folder: Path, release: Release) -> Iterator[pa.Table]:
    """The rows that a release knows, some at once."""
    known_at = pa.scalar(release.known_at, pa.timestamp("us", "UTC"))
    values = SourcePaths(folder).table(VALUES)
    dataset = open_table(values, pinned(folder, release)).to_pyarrow_dataset()
    schema = pa.schema([_field(dataset.schema.field(name)) for name in COLUMNS])
    for batch in dataset.to_batches(
        columns=list(COLUMNS),
        filter=pc.field("known_ts") <= known_at,
        batch_size=BATCH,
        batch_readahead=1,
        fragment_readahead=1,
        use_threads=False,
    ):
        yield pa.Table.from_batches([batch]).cast(schema)


def _field(field: pa.Field) -> pa.Field:
    return pa.field(field.name, pa.large_string()) if field.name in _WIDE else pa.field(field.name, field.type)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("cache", type=click.Path(path_type=Path))
def command(folder: Path, cache: Path) -> None:
    """Build the index of the newest release of the tables in FOLDER, under CACHE."""
    os.nice(NICE)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    try:
        click.echo(json.dumps(build(Place(folder, cache))))
    except LongplayError as error:
        told = {name: getattr(error, name) for name in ("what", "where", "got", "fix")}
        click.echo(json.dumps({"error": told}))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    command()
