"""Release: one row that ties the audited versions of all tables together."""

import hashlib
import json
from datetime import datetime
from typing import Any

from ingest.log_state import LogPosition
from jobs.runtime.command_options import date_option, job_command
from jobs.runtime.labels import computed_definitions
from jobs.runtime.run_context import RunContext
from longplay.errors import StoreError
from longplay.lookup.releases import read_releases
from longplay.lookup.signal_failures import read_signal_failures
from longplay.pipeline import find_publishing_step
from tables import catalog
from tables.checkpoint import Checkpoint
from tables.erasure.receipts import ERASED
from tables.publish import Lineage


def release(context: RunContext, date: datetime | None = None) -> str:
    """Append the release of the newest versions, unless it exists; returns its id. Signals that failed are reported.

    Raises:
        StoreError: when a table lags behind the newest delivery: a release ties tables of one state.
    """
    check_state(context)
    row = _plan_release(context, date)
    release_id: str = row["release_id"]
    if release_id in {existing.release_id for existing in read_releases(context.folder)}:
        context.progress.say(f"release {release_id} exists already")
        return release_id
    context.tables.publish_rows("releases", [row], Lineage(context.run_id, row["fingerprint"], row["versions"]))
    context.progress.say(f"release {release_id}")
    for failure in read_signal_failures(context.folder).values():
        context.progress.say(f"warning: stale in this release: {failure.text()}")
    return release_id


def _plan_release(context: RunContext, date: datetime | None) -> dict[str, Any]:
    """The row of a release of the newest versions."""
    known_at, batch = context.log.known_at(date), context.log.batch
    versions = context.tables.versions(*catalog.RELEASED, *filter(context.store.exists, catalog.ALSO_RELEASED))
    hashes = {definition.ref: definition.hash for definition in computed_definitions(context)}
    content = [known_at, batch, sorted(versions.items()), sorted(hashes.items())]
    fingerprint = hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()[:16]
    return {
        "release_id": f"{known_at:%Y-%m-%d}-{fingerprint[:8]}",
        "known_at": known_at,
        "watermark": context.log.watermark(known_at),
        "batch": batch,
        "versions": versions,
        "definition_hashes": hashes,
        "fingerprint": fingerprint,
    }


def check_state(context: RunContext) -> None:
    """Check that derived tables hold all deliveries, up to the newest watermark.

    Raises:
        StoreError: naming the tables that lag behind, and the steps that bring them up to date.
    """
    position = context.log.position
    derived = [name for name in catalog.RELEASED if catalog.get(name).mode == "increment"]
    lags = {table: lag for table in derived if (lag := _describe_lag(context, table, position))}
    if lags:
        steps = dict.fromkeys(find_publishing_step(table) for table in lags)
        expected = f"deliveries up to {position.batch}, until {position.frontier}"
        raise StoreError(
            "Not all tables hold the same deliveries, so no release can tie them.",
            where=str(context.folder),
            got="; ".join([expected, *(f"{table} {lag}" for table, lag in lags.items())]),
            fix=f"run {', then '.join(f'longplay {step}' for step in steps)} again",
        )


def _describe_lag(context: RunContext, table: str, position: LogPosition) -> str | None:
    """How a table lags behind a position of the log; None if it does not."""
    commit_facts = context.store.commit_metadata(table).get("facts", {})
    if ERASED in commit_facts.get("recipe", ""):
        return "still counts a person who was erased"
    if not commit_facts:
        return "does not exist"
    checkpoint = Checkpoint.from_commit(commit_facts)
    if checkpoint.batch < position.batch or checkpoint.frontier < position.frontier:
        return f"holds delivery {checkpoint.batch} until {checkpoint.frontier}"
    return None


@job_command("release", defers_spark=True)
@date_option
def command(context: RunContext, date: datetime | None) -> None:
    """Publish one row that names the version of every table: readers and training sets open it.

    Example: longplay release --source world
    """
    with context.progress.step("release"):
        release(context, date)


if __name__ == "__main__":
    command()
