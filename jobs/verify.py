"""Verify: a training set is rebuilt from facts alone and compared with what was published."""

import json
from typing import Any

import click
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.shipped_views import hash_features
from ingest.fact_tables import build_first_seen
from jobs.runtime.command_options import job_command
from jobs.runtime.fingerprint import TRAINING_SET_FROM_FACTS, hash_table_code
from jobs.runtime.run_context import RunContext
from jobs.runtime.signal_inputs import read_knowledge
from jobs.train import open_tracker
from longplay.definitions.reward import list_label_signals
from longplay.errors import QualityError
from longplay.paths import SourcePaths, StorePaths, record_file
from rankers.dataset.from_facts import TrainingFacts, build_from_facts
from rankers.dataset.manifest import Manifest, manifest_name, read_manifest
from tables.catalog import TRAINING_SET
from tables.checksum import checksum


def verify(context: RunContext, name: str) -> str:
    """Rebuild the training set that a run used or a checksum names; return its checksum.

    Raises:
        NotFoundError: when there is no such run or set.
        QualityError: when the rebuilt set differs, with the differences.
    """
    manifest, expected = read_manifest(context.folder, find_checksum(context, name))
    _report_changed_code(context, manifest)
    rebuilt = rebuild(context, manifest).persist()
    actual = checksum(rebuilt, TRAINING_SET.audit)
    if actual != expected:
        differences = [
            *describe_erasures(context, expected),
            *describe_changed_features(manifest),
            *describe_differences(context, rebuilt, expected),
        ]
        raise QualityError(
            "The rebuilt training set differs from the published one.",
            where=f"set {expected}, release {manifest.release_id}",
            got=f"{actual} now; " + "; ".join(differences),
            fix="see what changed in the facts or in the code",
        )
    context.progress.say(
        f"verified: checksum {actual} reproduced from the deliveries up to {manifest.batch}, "
        f"as known at {manifest.known_at}"
    )
    return actual


def _report_changed_code(context: RunContext, manifest: Manifest) -> None:
    code = hash_table_code(TRAINING_SET_FROM_FACTS)
    if manifest.code != code:
        context.progress.say(f"note: the code has changed since ({manifest.code} then, {code} now)")


def find_checksum(context: RunContext, name: str) -> str:
    """The checksum that a name stands for: the tag of an MLflow run, else the name itself."""
    database = StorePaths.from_address(context.root).tracking_database
    return open_tracker(context).training_set_digest(name) or name if database.exists() else name


def rebuild(context: RunContext, manifest: Manifest) -> DataFrame:
    """The training set of a manifest from facts alone: no derived table is read. Grain: exposure_id.

    Features that were added since are left out.
    """
    log, tables = context.log.up_to(manifest.batch), context.tables
    reads_episodes = any(definition.needs.episodes for definition in list_label_signals(manifest.definitions))
    versions = tables.versions("events", "exposures", *(["episodes"] if reads_episodes else []))
    facts = {table: tables.read_delivered(versions, table, log) for table in versions}
    # Like the table first_seen, first-seen moments use all deliveries, including incomplete ones.
    firsts = build_first_seen(tables.read(versions, "events").where(F.col("batch") <= log.batch))
    buckets = context.store.bucket_count({"events": None})
    all_facts = TrainingFacts(facts["events"], facts["exposures"], firsts, buckets, facts.get("episodes"))
    knowledge = manifest.restore_knowledge(read_knowledge(context, log, log.known_at()))
    rows = build_from_facts(all_facts, manifest.definitions, manifest.plan, manifest.known_at, knowledge)
    added_features = () if manifest.features is None else hash_features().keys() - manifest.features.keys()
    return rows.drop(*added_features)


def describe_differences(context: RunContext, rebuilt: DataFrame, expected: str) -> list[str]:
    """How the rebuilt set differs from the published version, if that still exists."""
    newest = context.store.read(TRAINING_SET.name)
    if checksum(newest, TRAINING_SET.audit) == expected:
        return _compare(newest, rebuilt)
    for version in range(context.store.version(TRAINING_SET.name) - 1, -1, -1):
        audit = context.store.commit_metadata(TRAINING_SET.name, version).get("audit", {})
        if audit.get("checksum") == expected and _has_all_files(context, version):
            return _compare(context.store.read(TRAINING_SET.name, version), rebuilt)
    return ["the published set no longer exists, so it cannot be compared"]


def describe_changed_features(manifest: Manifest) -> list[str]:
    """Features of a set that no longer exist, or mean something else now."""
    hashes_now, hashes_then = hash_features(), manifest.features or {}
    removed = [f"the feature {name} no longer exists" for name in hashes_then if name not in hashes_now]
    changed = [n for n, digest in hashes_then.items() if n in hashes_now and hashes_now[n] != digest]
    return [*removed, *(f"the feature {name} means something else now" for name in changed)]


def describe_erasures(context: RunContext, digest: str) -> list[str]:
    """How many people in the set were erased since, by its manifest."""
    file = record_file(SourcePaths(context.folder).manifests, manifest_name(digest))
    receipts = json.loads(file.read_text(encoding="utf-8")).get("erasures", [])
    return [f"{len(receipts)} people who were in it were erased (receipts {receipts})"] if receipts else []


def _has_all_files(context: RunContext, version: int) -> bool:
    return all(file.exists() for file in context.store.files(TRAINING_SET.name, version))


def _compare(published: DataFrame, rebuilt: DataFrame) -> list[str]:
    """Columns that only one set has, and numbers of rows that differ, column by column."""
    shared = [name for name in published.columns if name in rebuilt.columns]
    compared = [name for name in shared if name not in ("exposure_id", *TRAINING_SET.audit)]
    unmatched = [f"column {name} is no longer built" for name in published.columns if name not in rebuilt.columns]
    unmatched += [f"column {name} is new" for name in rebuilt.columns if name not in published.columns]
    both = published.alias("o").join(rebuilt.alias("n"), "exposure_id", "full_outer")
    is_gone, is_new = F.col("n.as_of").isNull(), F.col("o.as_of").isNull()
    conditions = {"rows are gone": is_gone, "rows are new": is_new}
    for name in compared:
        differs = ~F.col(f"o.{name}").eqNullSafe(F.col(f"n.{name}"))
        conditions[f"rows differ in {name}"] = differs & ~is_gone & ~is_new
    counts: Any = both.agg(*[F.count_if(condition).alias(text) for text, condition in conditions.items()]).first()
    return [*unmatched, *(f"{number:,} {text}" for text, number in counts.asDict().items() if number)]


@job_command("verify", writes_tables=False)
@click.argument("name", metavar="RUN")
def command(context: RunContext, name: str) -> None:
    """Rebuild the training set of RUN (an MLflow run, or a training set's checksum), and compare checksums.

    The rebuild reads only facts, as known at the set's cut-off, so it works after compaction and after old versions
    were removed. If the result is not bit-for-bit identical, the command prints the differences, compared with the
    published set if it still exists, and exits with code 4.

    Example: longplay verify --source world 4f0c2f9e
    """
    with context.progress.step("verify"):
        verify(context, name)


if __name__ == "__main__":
    command()
