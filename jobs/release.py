"""Release: one row that ties the audited versions of all tables together."""

import hashlib
import json
from datetime import datetime

from jobs.runtime.command_options import date_option, job_command
from jobs.runtime.labels import computed_definitions
from jobs.runtime.run_context import RunContext
from longplay.errors import StoreError
from longplay.lookup.releases import releases
from longplay.pipeline import find_publishing_step
from tables import catalog
from tables.arrow_store import frame_from_row
from tables.checkpoint import Checkpoint
from tables.erasure.receipts import ERASED
from tables.publish import Lineage


def release(context: RunContext, date: datetime | None = None) -> str:
    """Append the release of the newest versions, unless it is there; returns its id.

    Raises:
        StoreError: when a table was not brought to the newest delivery: a release ties tables of one state.
    """
    known_at, batch = context.log.known_at(date), context.log.batch
    check_state(context)
    versions = context.tables.versions(*catalog.RELEASED, *filter(context.store.exists, catalog.ALSO_RELEASED))
    hashes = {d.ref: d.hash for d in computed_definitions(context)}
    whole = [known_at, batch, sorted(versions.items()), sorted(hashes.items())]
    fingerprint = hashlib.sha256(json.dumps(whole, default=str).encode()).hexdigest()[:16]
    release_id = f"{known_at:%Y-%m-%d}-{fingerprint[:8]}"
    row = {
        "release_id": release_id,
        "known_at": known_at,
        "watermark": context.log.watermark(known_at),
        "batch": batch,
        "versions": versions,
        "definition_hashes": hashes,
        "fingerprint": fingerprint,
    }
    if release_id in _releases(context):
        context.progress.say(f"release {release_id} is there already")
        return release_id
    spec = catalog.get("releases")
    frame = frame_from_row(context.spark, row, spec)
    context.progress.table(
        context.store.publish(frame, spec, Lineage(context.run_id, fingerprint, versions), context.gate)
    )
    context.progress.say(f"release {release_id}")
    return release_id


def check_state(context: RunContext) -> None:
    """See that derived tables hold all deliveries, up to the newest watermark.

    Raises:
        StoreError: naming those that lag behind, and the steps that bring them on.
    """
    batch, frontier = context.log.batch, context.log.frontier
    lags = {}
    for table in (name for name in catalog.RELEASED if catalog.get(name).mode == "increment"):
        told = context.store.commit_metadata(table).get("facts", {}) if context.store.exists(table) else {}
        if ERASED in told.get("recipe", ""):
            lags[table] = "still counts a person who was erased"
        elif not told:
            lags[table] = "is not there"
        elif (done := Checkpoint.from_commit(told)).batch < batch or done.frontier < frontier:
            lags[table] = f"holds delivery {done.batch} until {done.frontier}"
    if lags:
        steps = dict.fromkeys(find_publishing_step(table) for table in lags)
        raise StoreError(
            "Not all tables are of one state, so no release can tie them.",
            where=str(context.folder),
            got="; ".join([f"deliveries up to {batch}, until {frontier}", *(f"{t} {s}" for t, s in lags.items())]),
            fix=f"run {', then '.join(f'longplay {step}' for step in steps)} again",
        )


def _releases(context: RunContext) -> set[str]:
    """Ids of the releases that are there, read without Spark."""
    return {one.release_id for one in releases(context.folder)}


@job_command("release", short_help="Tie the audited versions of all tables together.")
@date_option
def command(context: RunContext, date: datetime | None) -> None:
    """Publish one row that names the version of every table: readers and training sets open that.

    Example: longplay release --source world
    """
    with context.progress.step("release"):
        release(context, date)


if __name__ == "__main__":
    command()
