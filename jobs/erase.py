"""Erase: a person is removed from every table, old versions included, and kept from coming back."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ingest.row_validation import MALFORMED_ROW
from jobs.runtime.command_options import job_command
from jobs.runtime.erased_places import erase_outside_tables, find_unpublished
from jobs.runtime.lost_items import REBUILT_TABLES, condition_of_lost_items
from jobs.runtime.metric_history import REWRITTEN
from jobs.runtime.quarantine_release import RELEASES
from jobs.runtime.run_context import RunContext
from longplay.config.atomic_files import write_atomically
from longplay.definitions.sql_literals import text_sql, texts_sql
from longplay.errors import NotFoundError
from longplay.paths import SourcePaths, record_file, record_files
from longplay.status.row_accounting import count_accounted_rows
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


def erase(context: RunContext, user: str, caches: Sequence[Path] = ()) -> dict[str, Any]:
    """Remove one person and return the receipt, which does not name them. If interrupted, run it again.

    Args:
        context: the run.
        user: id of the person.
        caches: roots of look-up indexes beside the default one.

    Raises:
        NotFoundError: when no table holds the person and no erasure of the person was made before.
    """
    # Releases from quarantine come last: a repeated run needs them to find the person's quarantined rows.
    tables = sorted((t for t in catalog.ALL if context.store.exists(t)), key=lambda table: table == RELEASES)
    erasure = _begin_erasure(context, user, tables)
    for name in erasure.training_sets:
        _note_erasure(record_file(SourcePaths(context.folder).manifests, name), erasure.receipt)
    released_rows = _find_released_rows(context, user)
    # Facts come before what is built from them: an item that no fact names any more belonged to this person alone.
    for table in tables:
        _erase_from_table(context, table, user, released_rows)
    places = erase_outside_tables(context, user, caches)
    receipt, file = finish_erasure(context.folder, erasure, count_accounted_rows(context.folder), places)
    rows, training_sets = erasure.rows.values(), len(erasure.training_sets)
    context.progress.say("; ".join(f"{name}: {p.changed:,} of {p.searched:,} changed" for name, p in places.items()))
    context.progress.say(f"removed {sum(rows):,} rows from {sum(number > 0 for number in rows)} tables")
    context.progress.say(
        f"{training_sets} training sets contained the person, as their manifests now record. Receipt: {file}"
    )
    return receipt


def _begin_erasure(context: RunContext, user: str, tables: Sequence[str]) -> ErasureInProgress:
    """Record what is to be erased before anything is removed, or continue an interrupted erasure from its record."""
    tombstones = Tombstones.from_source(context.folder)
    mark = tombstones.mark(user)
    interrupted = find_interrupted(context.folder, mark)
    if interrupted is not None:
        context.progress.say(f"erasure {interrupted.receipt} was interrupted; continuing it")
        return interrupted
    released_rows = _find_released_rows(context, user)
    rows = {table: _count_rows(context, table, condition_of(table, user, released_rows)) for table in tables}
    if mark not in tombstones.marks and not any(rows.values()) and not find_unpublished(context.folder, user):
        raise NotFoundError(f"No table holds user '{user}'.", where=str(context.folder), fix="check --user")
    number = next_receipt_number(context.folder)
    manifests = list_manifests_with(context, user)
    return begin_erasure(
        context.folder, ErasureInProgress(number, mark, rows, manifests, count_accounted_rows(context.folder))
    )


def list_manifests_with(context: RunContext, user: str) -> list[str]:
    """Names of the manifests whose training sets hold exposures of a person."""
    names = []
    for file in record_files(SourcePaths(context.folder).manifests):
        manifest, _ = read_manifest(context.folder, file.stem)
        log = context.log.up_to(manifest.batch)
        exposures = context.tables.read_delivered(context.tables.versions("exposures"), "exposures", log)
        own_exposures = exposures.where(f"user_id = {text_sql(user)}")
        if select_spine(own_exposures, manifest.plan).limit(1).count():
            names.append(file.stem)
    return names


def condition_of(table: str, user: str, released_rows: Sequence[str] = ()) -> str | None:
    """SQL for the rows of a person in a table; None if the table has no column of people.

    Args:
        table: which table.
        user: id of the person.
        released_rows: ids of quarantined rows that were repaired into rows of the person.
    """
    if table == "first_seen":
        return f"kind = 'user' AND key = {text_sql(user)}"
    if table in ("quarantine", RELEASES):
        # A malformed row may hold the id anywhere in its text, and its column user_id may hold any other text.
        no_reliable_id = f"user_id IS NULL OR reason = '{MALFORMED_ROW}'"
        own = f"user_id = {text_sql(user)} OR (({no_reliable_id}) AND raw RLIKE {text_sql(_word_pattern(user))})"
        return f"{own} OR row_id IN ({texts_sql(released_rows)})" if released_rows else own
    if "user_id" in catalog.get(table).column_names():
        return f"user_id = {text_sql(user)}"
    return None


def _count_rows(context: RunContext, table: str, condition: str | None) -> int:
    return context.store.read(table).where(condition).count() if condition is not None else 0


def _find_released_rows(context: RunContext, user: str) -> list[str]:
    """Ids of quarantined rows that were released as rows of a person."""
    if not context.store.exists(RELEASES):
        return []
    condition = condition_of(RELEASES, user)
    assert condition is not None
    return sorted(row["row_id"] for row in context.store.read(RELEASES).where(condition).select("row_id").collect())


def _erase_from_table(context: RunContext, table: str, user: str, released_rows: Sequence[str]) -> None:
    condition, metadata = condition_of(table, user, released_rows), context.store.commit_metadata(table)
    if (of_lost_items := condition_of_lost_items(context, table)) is not None:
        condition = f"({condition}) OR {of_lost_items}" if condition is not None else of_lost_items
    metadata = {**metadata, "audit": {**metadata.get("audit", {}), REWRITTEN: True}}
    if table in REBUILT_TABLES and "facts" in metadata:
        metadata = {**metadata, "facts": {**metadata["facts"], "recipe": ERASED}}
    if condition is not None or table in REBUILT_TABLES:
        erase_rows(context.store, table, condition or "false", metadata)


def _word_pattern(user: str) -> str:
    """A pattern that matches an id in a raw row, but not as part of a longer word."""
    own = json.dumps(user, ensure_ascii=False)[1:-1].replace("\\E", "\\E\\\\E\\Q")
    return rf"(?<![\p{{L}}\p{{N}}_])\Q{own}\E(?![\p{{L}}\p{{N}}_])"


def _note_erasure(file: Path, receipt: int) -> None:
    manifest = json.loads(file.read_text(encoding="utf-8"))
    manifest["erasures"] = sorted({*manifest.get("erasures", []), receipt})
    write_atomically(file, json.dumps(manifest, indent=1, sort_keys=True))


@job_command("erase")
@click.option("--user", required=True, help="The user's id, as the log has it.")
@click.option(
    "--cache",
    "caches",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of indexes, if 'longplay serve' was given one with --cache. Repeatable.",
)
def command(context: RunContext, user: str, caches: tuple[Path, ...]) -> None:
    """Remove a person from every table and from all old versions, and leave them out of later deliveries.

    Old versions of the tables can no longer be read afterwards; releases that name them can no longer be opened. A
    receipt without the id goes to STORE/SOURCE/_erasures/, with a keyed hash by which later deliveries recognise the
    person; it counts what was searched. Manifests of training sets that held the person note it. Rejected and staged
    rows, the gate's verdicts, look-up indexes and logged models are searched too. Longplay does not touch raw
    deliveries: erase the person there too.

    Example: longplay erase --source world --user u000017
    """
    with context.progress.step("erase"):
        erase(context, user, caches)


if __name__ == "__main__":
    command()
