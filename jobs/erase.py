"""Erase: a person is removed from every table, old versions included, and kept from coming back."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.row_validation import MALFORMED_ROW
from jobs.runtime.command_options import job_command
from jobs.runtime.metric_history import REWRITTEN
from jobs.runtime.quarantine_release import TABLE as RELEASES
from jobs.runtime.run_context import RunContext
from longplay.config.atomic_files import write_atomically
from longplay.errors import NotFoundError
from longplay.paths import SourcePaths, record_file, record_files
from longplay.server.index.paths import Place
from longplay.status.row_accounting import accounted
from quality.publication_history import forget_ids
from rankers.dataset.manifest import read_manifest
from rankers.dataset.training_set import select_spine
from tables import catalog
from tables.erasure.receipts import (
    ERASED,
    ErasureInProgress,
    begin_erasure,
    find_interrupted,
    finish_erasure,
    next_receipt_number,
)
from tables.erasure.tombstones import Tombstones
from tables.maintenance import erase_rows

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


def erase(context: RunContext, user: str) -> dict[str, Any]:
    """Remove one person; gives the receipt, which does not name them. Cut off at any moment, it can be run again.

    Raises:
        NotFoundError: when nothing of them is there and nothing of them was erased before.
    """
    # Releases from quarantine last: they say which quarantined rows were the person's.
    there = sorted((table for table in catalog.ALL if context.store.exists(table)), key=lambda table: table == RELEASES)
    one = _begin(context, user, there)
    for name in one.training_sets:
        _note(record_file(SourcePaths(context.folder).manifests, name), one.receipt)
    released = _released(context, user)
    for table in there:
        _erase(context, table, user, released)
    _clear_rejected(context.folder, user)
    forget_ids(SourcePaths(context.folder).verdicts)
    # What a server has copied out of the tables to answer from; one that runs makes its index anew.
    shutil.rmtree(Place.of(context.root, context.source.name).cache, ignore_errors=True)
    receipt, file = finish_erasure(context.folder, one, accounted(context.folder))
    context.progress.say(f"{sum(one.rows.values()):,} rows of {sum(n > 0 for n in one.rows.values())} tables removed")
    context.progress.say(
        f"{len(one.training_sets)} training sets held the person; their manifests say so. Receipt: {file}"
    )
    return receipt


def _begin(context: RunContext, user: str, there: Sequence[str]) -> ErasureInProgress:
    """What is to be erased, kept before anything is removed; what was kept, where an earlier run was cut off."""
    tombstones = Tombstones.from_source(context.folder)
    mark = tombstones.mark(user)
    earlier = find_interrupted(context.folder, mark)
    if earlier is not None:
        context.progress.say(f"erasure {earlier.receipt} was cut off; going on with it")
        return earlier
    released = _released(context, user)
    rows = {table: _count(context, table, condition_of(table, user, released)) for table in there}
    if mark not in tombstones.marks and not any(rows.values()) and not _rejected(context.folder, user):
        raise NotFoundError(f"There is nothing of user '{user}'.", where=str(context.folder), fix="check --user")
    number = next_receipt_number(context.folder)
    erasure = ErasureInProgress(number, mark, rows, manifests_with(context, user), accounted(context.folder))
    return begin_erasure(context.folder, erasure)


def manifests_with(context: RunContext, user: str) -> list[str]:
    """Names of the manifests whose training sets hold exposures of a person."""
    found = []
    for file in record_files(SourcePaths(context.folder).manifests):
        manifest, _ = read_manifest(context.folder, file.stem)
        log = context.log.up_to(manifest.batch)
        exposures = context.tables.read_delivered(context.tables.versions("exposures"), "exposures", log)
        own = exposures.where(f"user_id = {_text(user)}")
        if select_spine(own, manifest.plan).limit(1).count():
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
        # A row that could not be read may hold the id anywhere in its text, and anything where its user should stand.
        unread = f"user_id IS NULL OR reason = '{MALFORMED_ROW}'"
        own = f"user_id = {_text(user)} OR (({unread}) AND raw RLIKE {_text(_as_word(user))})"
        return f"{own} OR row_id IN ({', '.join(map(_text, released))})" if released else own
    if "user_id" in catalog.get(table).column_names():
        return f"user_id = {_text(user)}"
    return None


def _count(context: RunContext, table: str, condition: str | None) -> int:
    return context.store.read(table).where(condition).count() if condition is not None else 0


def _released(context: RunContext, user: str) -> list[str]:
    """Quarantined rows that were released as rows of a person."""
    if not context.store.exists(RELEASES):
        return []
    condition = condition_of(RELEASES, user)
    assert condition is not None
    return sorted(row["row_id"] for row in context.store.read(RELEASES).where(condition).select("row_id").collect())


def _erase(context: RunContext, table: str, user: str, released: Sequence[str]) -> None:
    condition, told = condition_of(table, user, released), context.store.commit_metadata(table)
    told = {**told, "audit": {**told.get("audit", {}), REWRITTEN: True}}
    if table in MADE_ANEW and "facts" in told:
        told = {**told, "facts": {**told["facts"], "recipe": ERASED}}
    if condition is not None or table in MADE_ANEW:
        erase_rows(context.store, table, condition or "false", told)


def _as_word(user: str) -> str:
    """A pattern that finds an id in a raw row, but no longer word that contains it."""
    own = json.dumps(user, ensure_ascii=False)[1:-1].replace("\\E", "\\E\\\\E\\Q")
    return rf"(?<![\p{{L}}\p{{N}}_])\Q{own}\E(?![\p{{L}}\p{{N}}_])"


def _text(value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{quoted}'"


def _clear_rejected(folder: Path, user: str) -> None:
    for one in _rejected(folder, user):
        shutil.rmtree(one)


def _rejected(folder: Path, user: str) -> list[Path]:
    """Rows that the gate refused, and what a killed run left staged: nobody reads them, so whole folders go."""
    folders = SourcePaths(folder).unpublished()
    return [one for one in folders if any(_holds(file, user) for file in one.rglob("*.parquet"))]


def _holds(file: Path, user: str) -> bool:
    table = pq.read_table(file)
    texts = [c for c in table.column_names if str(table.schema.field(c).type) in ("string", "large_string")]
    return any(pc.any(pc.match_substring(table[c], user)).as_py() for c in texts)


def _note(file: Path, receipt: int) -> None:
    told = json.loads(file.read_text(encoding="utf-8"))
    told["erasures"] = sorted({*told.get("erasures", []), receipt})
    write_atomically(file, json.dumps(told, indent=1, sort_keys=True))


@job_command("erase", short_help="Remove a person from every table, old versions included.")
@click.option("--user", required=True, help="The user's id, as the log has it.")
def command(context: RunContext, user: str) -> None:
    """Remove a person from every table and from all that is left of older versions, and keep them from coming back.

    Old versions of the tables can no longer be read afterwards; releases that name them can no longer be opened. A
    receipt without the id goes to STORE/SOURCE/_erasures/, with a keyed hash by which later deliveries leave the person
    out. Manifests of training sets that held the person say so. Raw deliveries are not Longplay's: erase there too.

    Example: longplay erase --source world --user u000017
    """
    with context.progress.step("erase"):
        erase(context, user)


if __name__ == "__main__":
    command()
