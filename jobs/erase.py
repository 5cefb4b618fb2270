"""Erase: a person is removed from every table, old versions included, and kept from coming back."""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.tombstones import RECEIPTS, Tombstones
from jobs.context import VERDICTS, Job
from jobs.manifest import FOLDER as MANIFESTS
from jobs.manifest import find
from jobs.metrics import REWRITTEN
from jobs.options import job_command
from jobs.quarantine_release import TABLE as RELEASES
from longplay.errors import NotFoundError
from longplay.quality.ledger import COUNTED, accounted
from longplay.serving.place import Place
from quality.published import forget_ids
from rankers.training_set import spine_of
from tables import catalog

MADE_ANEW = (
    "item_days",
    "item_exposure_days",
    "item_features",
    "first_seen",
    "day_counts",
    "progressive_priors",
    "progressive_sums",
    "progressive_estimates",
    "signal_delays",
)
"""Tables that add people up: the next build makes them anew, without the person."""


def erase(job: Job, user: str) -> dict[str, Any]:
    """Remove one person; gives the receipt, which does not name them.

    Raises:
        NotFoundError: when nothing of them is there and nothing of them was erased before.
    """
    tombstones = Tombstones.of(job.folder)
    mark = tombstones.mark(user)
    there = [table for table in catalog.ALL if job.store.exists(table)]
    if mark not in tombstones.marks and not any(_has(job, table, user) for table in there):
        raise NotFoundError(f"There is nothing of user '{user}'.", where=str(job.folder), fix="check --user")
    affected, before = manifests_with(job, user), accounted(job.folder)
    released = _released(job, user)
    rows = {table: _erase(job, table, user, released) for table in there}
    after = accounted(job.folder)
    _clear_rejected(job.folder, user)
    forget_ids(job.folder / VERDICTS)
    # What a server has copied out of the tables to answer from; one that runs makes its index anew.
    shutil.rmtree(Place.of(job.root, job.source.name).cache, ignore_errors=True)
    number = len(list((job.folder / RECEIPTS).glob("*.json"))) + 1
    receipt = {
        "receipt": number,
        "erased_at": datetime.now(UTC).isoformat(),
        "tombstone": mark,
        "rows": {table: n for table, n in rows.items() if n},
        "training_sets": affected,
        COUNTED: {log: n - after[log] for log, n in before.items() if n != after[log]},
    }
    file = job.folder / RECEIPTS / f"{number:06d}.json"
    file.write_text(json.dumps(receipt, indent=1), encoding="utf-8")
    for name in affected:
        _note(job.folder / MANIFESTS / f"{name}.json", number)
    job.progress.say(f"{sum(rows.values()):,} rows of {sum(n > 0 for n in rows.values())} tables removed")
    job.progress.say(f"{len(affected)} training sets held the person; their manifests say so. Receipt: {file}")
    return receipt


def manifests_with(job: Job, user: str) -> list[str]:
    """Names of the manifests whose training sets hold exposures of a person."""
    found = []
    for file in sorted((job.folder / MANIFESTS).glob("*.json")):
        manifest, _ = find(job.folder, file.stem)
        own = (
            job.upto(manifest.batch).delivered(job.versions("exposures"), "exposures").where(f"user_id = {_text(user)}")
        )
        if spine_of(own, manifest.plan).limit(1).count():
            found.append(file.stem)
    return found


def condition_of(table: str, user: str, released: Sequence[str] = ()) -> str | None:
    """Which rows of a table are a person's, as SQL; None where it holds no persons.

    Args:
        table: which table.
        user: who.
        released: quarantined rows that were repaired into rows of theirs, whatever they said before.
    """
    if table == "first_seen":
        return f"kind = 'user' AND key = {_text(user)}"
    if table in ("quarantine", "quarantine_releases"):
        # A row that could not be read may hold the id anywhere in its text.
        own = f"user_id = {_text(user)} OR (user_id IS NULL AND contains(raw, {_text(user)}))"
        return f"{own} OR row_id IN ({', '.join(map(_text, released))})" if released else own
    if "user_id" in catalog.get(table).column_names():
        return f"user_id = {_text(user)}"
    return None


def _has(job: Job, table: str, user: str) -> bool:
    condition = condition_of(table, user)
    return condition is not None and not job.store.read(table).where(condition).isEmpty()


def _released(job: Job, user: str) -> list[str]:
    """Quarantined rows that were released as rows of a person."""
    if not job.store.exists(RELEASES):
        return []
    condition = condition_of(RELEASES, user)
    assert condition is not None
    return sorted(row["row_id"] for row in job.store.read(RELEASES).where(condition).select("row_id").collect())


def _erase(job: Job, table: str, user: str, released: Sequence[str]) -> int:
    condition, told = condition_of(table, user, released), job.store.commit(table)
    told = {**told, "audit": {**told.get("audit", {}), REWRITTEN: True}}
    if table in MADE_ANEW and "facts" in told:
        told = {**told, "facts": {**told["facts"], "recipe": "a person was erased"}}
    if condition is None:
        return job.store.erase(table, "false", told) if table in MADE_ANEW else 0
    return job.store.erase(table, condition, told)


def _text(value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{quoted}'"


def _clear_rejected(folder: Path, user: str) -> None:
    """Rows that the gate refused, and what a killed run left staged: nobody reads them, so whole folders go."""
    for kind in ("rejected", "_staging"):
        for one in (folder / kind).glob("*"):
            if any(_holds(file, user) for file in one.rglob("*.parquet")):
                shutil.rmtree(one)


def _holds(file: Path, user: str) -> bool:
    table = pq.read_table(file)
    texts = [c for c in table.column_names if str(table.schema.field(c).type) in ("string", "large_string")]
    return any(pc.any(pc.match_substring(table[c], user)).as_py() for c in texts)


def _note(file: Path, receipt: int) -> None:
    told = json.loads(file.read_text(encoding="utf-8"))
    told["erasures"] = sorted({*told.get("erasures", []), receipt})
    file.write_text(json.dumps(told, indent=1, sort_keys=True), encoding="utf-8")


@job_command("erase", short_help="Remove a person from every table, old versions included.")
@click.option("--user", required=True, help="The user's id, as the log has it.")
def command(job: Job, user: str) -> None:
    """Remove a person from every table and from all that is left of older versions, and keep them from coming back.

    Old versions of the tables can no longer be read afterwards; releases that name them can no longer be opened. A
    receipt without the id goes to STORE/SOURCE/_erasures/, with a keyed hash by which later deliveries leave the person
    out. Manifests of training sets that held the person say so. Raw deliveries are not Longplay's: erase there too.

    Example: longplay erase --source world --user u000017
    """
    with job.progress.step("erase"):
        erase(job, user)


if __name__ == "__main__":
    command()
