"""Release: one row that ties the audited versions of all tables together."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import click

from jobs.context import Job
from jobs.options import date_option, job_command
from jobs.plan import computed
from longplay.delta import read_arrow
from longplay.errors import NotFoundError, nearest
from tables import catalog
from tables.rows import one_row
from tables.store import Lineage


def release(job: Job, date: datetime | None = None) -> str:
    """Append the release of the newest versions, unless it is there; returns its id."""
    known_at, batch = job.known_at(date), job.batch
    versions = job.versions(*catalog.RELEASED)
    hashes = {d.ref: d.hash for d in computed(job)}
    whole = [known_at, batch, sorted(versions.items()), sorted(hashes.items())]
    fingerprint = hashlib.sha256(json.dumps(whole, default=str).encode()).hexdigest()[:16]
    release_id = f"{known_at:%Y-%m-%d}-{fingerprint[:8]}"
    row = {
        "release_id": release_id,
        "known_at": known_at,
        "watermark": job.watermark(known_at),
        "batch": batch,
        "versions": versions,
        "definition_hashes": hashes,
        "fingerprint": fingerprint,
    }
    if release_id in _releases(job):
        job.progress.say(f"release {release_id} is there already")
        return release_id
    spec = catalog.get("releases")
    frame = one_row(job.spark, row, spec)
    job.progress.table(job.store.publish(frame, spec, Lineage(job.run_id, fingerprint, versions), job.gate))
    job.progress.say(f"release {release_id}")
    return release_id


def _releases(job: Job) -> set[str]:
    """Ids of the releases that are there, read without Spark."""
    if not job.store.exists("releases"):
        return set()
    return set(read_arrow(job.store.path("releases"), ["release_id"])["release_id"].to_pylist())


def open_release(job: Job, release_id: str | None = None) -> dict[str, Any]:
    """A release by id (default: the one that was published last for the newest known_at).

    Raises:
        NotFoundError: when there is none, or none of that id.
    """
    rows = job.store.read("releases").select("*", "_metadata.file_modification_time").collect()
    found = {row["release_id"]: row.asDict() for row in rows}
    if release_id is None:
        row = max(found.values(), key=lambda r: (r["known_at"], r["file_modification_time"]))
    elif release_id in found:
        row = found[release_id]
    else:
        raise NotFoundError(f"There is no release '{release_id}'.", fix=nearest(release_id, found))
    return {k: v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for k, v in row.items()}


release_option = click.option("--release", "release_id", help="The release to open. [the newest]")


@job_command("release", short_help="Tie the audited versions of all tables together.")
@date_option
def command(job: Job, date: datetime | None) -> None:
    """Publish one row that names the version of every table: readers and training sets open that.

    Example: longplay release --source world
    """
    with job.progress.step("release"):
        release(job, date)


if __name__ == "__main__":
    command()
