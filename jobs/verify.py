"""Verify: a training set made again from facts alone, and held against what it was."""

import json
from pathlib import Path
from typing import Any

import click
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.shipped_views import hash_features
from ingest.fact_tables import first_seen
from jobs.build_signals import knowledge_of
from jobs.runtime.command_options import job_command
from jobs.runtime.run_context import RunContext
from jobs.train import open_tracker
from longplay.definitions.reward import signals_of
from longplay.errors import QualityError
from longplay.paths import SourcePaths, StorePaths, record_file
from rankers.dataset.from_facts import TrainingFacts, build_from_facts
from rankers.dataset.manifest import Manifest, manifest_name, read_manifest
from tables.catalog import TRAINING_SET
from tables.checksum import checksum


def verify(context: RunContext, name: str) -> str:
    """Build the training set of a run, or of a checksum, again; gives the checksum.

    Raises:
        NotFoundError: when there is no such run or set.
        QualityError: when what comes out is not what it was, saying what differs.
    """
    manifest, expected = read_manifest(context.folder, digest_of(context, name))
    if manifest.code != context.code:
        context.progress.say(f"note: the code has changed since ({manifest.code} then, {context.code} now)")
    rebuilt = rebuild(context.upto(manifest.batch), manifest).persist()
    found = checksum(rebuilt, TRAINING_SET.audit)
    if found != expected:
        said = [*erased_since(context, expected), *other_features(manifest), *differences(context, rebuilt, expected)]
        raise QualityError(
            "The training set does not come out as it was.",
            where=f"set {expected}, release {manifest.release_id}",
            got=f"{found} now; " + "; ".join(said),
            fix="see what changed in the facts or in the code",
        )
    context.progress.say(
        f"verified: {found} again, from deliveries up to {manifest.batch} as known at {manifest.known_at}"
    )
    return found


def digest_of(context: RunContext, name: str) -> str:
    """The checksum that a name stands for: the tag of an MLflow run, else the name itself."""
    database = StorePaths.from_address(context.root).tracking_database
    return open_tracker(context).training_set_digest(name) or name if database.exists() else name


def rebuild(context: RunContext, manifest: Manifest) -> DataFrame:
    """The training set of a manifest from events and exposures alone: no derived table is read. Grain: exposure_id.

    Features that were added since are left out.
    """
    reads_episodes = any(d.needs.episodes for d in signals_of(manifest.definitions))
    tables = ("events", "exposures", *(["episodes"] if reads_episodes else []))
    inputs = context.versions(*tables)
    episodes = context.delivered(inputs, "episodes") if "episodes" in tables else None
    events, exposures = context.delivered(inputs, "events"), context.delivered(inputs, "exposures")
    # The first seen of all deliveries, as the tables hold it: also of those that are not complete yet.
    firsts = first_seen(context.read(inputs, "events").where(F.col("batch") <= context.batch))
    whole = TrainingFacts(events, exposures, firsts, context.store.bucket_count({"events": None}), episodes)
    knowledge = manifest.restore_knowledge(knowledge_of(context, context.known_at(None)))
    rows = build_from_facts(whole, manifest.definitions, manifest.plan, manifest.known_at, knowledge)
    added = () if manifest.features is None else hash_features().keys() - manifest.features.keys()
    return rows.drop(*added)


def differences(context: RunContext, rebuilt: DataFrame, expected: str) -> list[str]:
    """What differs from the set as it was published, where that version is still there."""
    newest = context.store.read("training_set")
    if checksum(newest, TRAINING_SET.audit) == expected:
        return _compare(newest, rebuilt)
    for version in range(context.store.version("training_set") - 1, -1, -1):
        told = context.store.commit_metadata("training_set", version)
        if told.get("audit", {}).get("checksum") == expected and _is_there(context, version):
            return _compare(context.store.read("training_set", version), rebuilt)
    return ["the set itself is no longer there to compare with"]


def other_features(manifest: Manifest) -> list[str]:
    """Features of a set that are no more, or mean something else now."""
    now = hash_features()
    then = manifest.features or {}
    gone = [f"the feature {name} is no more" for name in then if name not in now]
    return [*gone, *(f"the feature {n} means something else now" for n in then if n in now and now[n] != then[n])]


def erased_since(context: RunContext, digest: str) -> list[str]:
    """What the manifest says of people in the set who were erased since."""
    file = record_file(SourcePaths(context.folder).manifests, manifest_name(digest))
    receipts = json.loads(file.read_text(encoding="utf-8")).get("erasures", [])
    return [f"{len(receipts)} people who were in it were erased (receipts {receipts})"] if receipts else []


def _is_there(context: RunContext, version: int) -> bool:
    return all(Path(file).exists() for file in context.store.files("training_set", version))


def _compare(old: DataFrame, new: DataFrame) -> list[str]:
    both_have = [name for name in old.columns if name in new.columns]
    columns = [name for name in both_have if name not in ("exposure_id", *TRAINING_SET.audit)]
    alone = [f"{name} is not made any more" for name in old.columns if name not in new.columns]
    alone += [f"{name} was not there" for name in new.columns if name not in old.columns]
    both = old.alias("o").join(new.alias("n"), "exposure_id", "full_outer")
    gone, come = F.col("n.as_of").isNull(), F.col("o.as_of").isNull()
    counts = {"rows are gone": gone, "rows are new": come}
    for name in columns:
        differs = ~F.col(f"o.{name}").eqNullSafe(F.col(f"n.{name}"))
        counts[f"rows have another {name}"] = differs & ~gone & ~come
    row: Any = both.agg(*[F.count_if(what).alias(words) for words, what in counts.items()]).first()
    return [*alone, *(f"{n:,} {words}" for words, n in row.asDict().items() if n)]


@job_command("verify", alone=False, short_help="Build a training set again from facts and compare checksums.")
@click.argument("name", metavar="RUN")
def command(context: RunContext, name: str) -> None:
    """Build the training set of RUN (an MLflow run, or a training set's checksum) again, and compare checksums.

    Only events and exposures are read, as they were known at the set's cut-off; no derived table and no old version of
    any. So it works after files were compacted and old versions removed. It ends with exit code 4, and says what
    differs, if the set does not come out bit for bit.

    Example: longplay verify --source world 4f0c2f9e
    """
    with context.progress.step("verify"):
        verify(context, name)


if __name__ == "__main__":
    command()
