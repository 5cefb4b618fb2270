"""Training sets: exposures x features as of x mature signals, from one release."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.shipped_views import ITEM
from ingest.log_state import LogState
from jobs.runtime.command_options import job_command
from jobs.runtime.fingerprint import TRAINING_SET_FROM_FACTS, hash_table_code
from jobs.runtime.labels import label_definitions, plan_split, record_label_use
from jobs.runtime.releases import open_release, release_option
from jobs.runtime.run_context import RunContext
from jobs.runtime.signal_inputs import read_knowledge
from jobs.runtime.training_set_audit import TrainingSetAudit
from longplay.definitions.reward import list_label_signals
from longplay.errors import ConfigError
from longplay.lookup.signal_failures import check_not_failed, read_released_failures
from rankers.dataset.manifest import Manifest, write_manifest
from rankers.dataset.training_set import join_training_set, select_spine
from tables.catalog import TRAINING_SET
from tables.publish import PublishedVersion
from tables.spec import TableSpec

_TABLES = ("exposures", "signal_values", "sequences", "exposure_features", ITEM.name)


@dataclass(frozen=True)
class TrainingSetInputs:
    """What a training set is built from.

    Attributes:
        manifest: its logical pin: release, cut-off, labels and split.
        log: the deliveries that the release holds.
        versions: versions of the tables that the release ties.
    """

    manifest: Manifest
    log: LogState
    versions: Mapping[str, int]


def build_training_set(context: RunContext, release_id: str | None = None) -> PublishedVersion:
    """Publish the training set of a release, with the manifest from which it can be rebuilt.

    Raises:
        ConfigError: when the source has no exposures.
        StoreError: when the release holds stale values of a label, because its signal failed.
    """
    if not context.source.has_exposures:
        raise ConfigError(
            "There is nothing to rank: this source has neither exposures nor candidates.",
            where=f"source '{context.source.name}'",
            fix="map a log of exposures, or sample candidates, in the source file",
        )
    inputs = _read_inputs(context, release_id)
    published = context.tables.publish(
        TRAINING_SET.name,
        inputs.versions,
        inputs.manifest.commit_metadata(),
        partial(_compute_set, context, inputs),
        partial(_audit_set, context, inputs),
    )
    if published.written:
        context.progress.say(f"{published.rows:,} exposures, one row each")
        report_labels(context)
    _keep_manifest(context, inputs.manifest)
    return published


def _read_inputs(context: RunContext, release_id: str | None) -> TrainingSetInputs:
    release = open_release(context, release_id)
    log, known_at = context.log.up_to(release["batch"]), release["known_at"]
    labels, failures = label_definitions(context), read_released_failures(context.folder, release["versions"])
    check_not_failed(failures, [signal.ref for signal in list_label_signals(labels)], "A training set")
    split = plan_split(context, log, known_at)
    code = hash_table_code(TRAINING_SET_FROM_FACTS)
    knowledge = read_knowledge(context, log, known_at)
    manifest = Manifest.from_release(release, labels, split, code).with_knowledge(knowledge)
    return TrainingSetInputs(manifest, log, {name: release["versions"][name] for name in _TABLES})


def _read_spine(context: RunContext, inputs: TrainingSetInputs) -> DataFrame:
    """The exposures of the set. Grain: exposure_id."""
    exposures = context.tables.read_delivered(inputs.versions, "exposures", inputs.log)
    is_known = F.col("known_ts") <= F.lit(inputs.manifest.known_at)
    return select_spine(exposures.where(is_known), inputs.manifest.plan)


def _compute_set(context: RunContext, inputs: TrainingSetInputs) -> DataFrame:
    """The rows of the set. Grain: exposure_id."""
    manifest, read = inputs.manifest, partial(context.tables.read, inputs.versions)
    # Partitioned by user once, values are joined by anchor, and by what users share, without another shuffle.
    values = read("signal_values").repartition("user_id")
    labels = (manifest.definitions, values)
    features = (read("exposure_features"), read(ITEM.name))
    return join_training_set(_read_spine(context, inputs), features, labels, manifest.plan, manifest.known_at)


def _audit_set(
    context: RunContext,
    inputs: TrainingSetInputs,
    rows: DataFrame,
    spec: TableSpec,
    few_rows: pa.Table | None,
) -> Mapping[str, Any]:
    manifest, read = inputs.manifest, partial(context.tables.read, inputs.versions)
    audit = TrainingSetAudit(
        context.gate,
        manifest.definitions,
        manifest.plan,
        manifest.known_at,
        _read_spine(context, inputs),
        read("signal_values"),
        (read("exposures"), read("exposure_features")),
    )
    return audit(rows, spec, few_rows)


def _keep_manifest(context: RunContext, manifest: Manifest) -> None:
    """Write the manifest next to the tables, and record in the registry who learns from the labels."""
    audit = context.store.commit_metadata(TRAINING_SET.name)["audit"]
    record_label_use(context, "training_set", f"{context.source.name} {audit['checksum']}")
    file = write_manifest(context.folder, manifest, audit["checksum"], {"weights": audit["weights"]})
    context.progress.say(f"manifest: {file}; 'longplay verify' rebuilds the set from it")


def report_labels(context: RunContext) -> None:
    """Report, per split and label, how many values are mature and their mean."""
    rows = context.store.read(TRAINING_SET.name)
    names = [column.removeprefix("state_") for column in rows.columns if column.startswith("state_")]
    columns = [F.count("*").alias("rows")]
    for name in names:
        columns += [F.count(f"label_{name}").alias(f"n_{name}"), F.avg(f"label_{name}").alias(f"mean_{name}")]
    for row in sorted(rows.groupBy("split").agg(*columns).collect(), key=lambda r: str(r["split"])):
        labels = ", ".join(f"{n}: {row[f'n_{n}']:,} mature, mean {row[f'mean_{n}'] or 0:.4f}" for n in names)
        context.progress.say(f"{row['split']}: {row['rows']:,} rows; {labels}")
    for name, weight in context.store.commit_metadata(TRAINING_SET.name)["audit"]["weights"].items():
        context.progress.say(f"train, {name}: {weight['outcomes']:,.0f} outcomes, n_eff {weight['n_eff']:,.0f}")


@job_command("build-training-set")
@release_option
def command(context: RunContext, release_id: str | None) -> None:
    """Join exposures with features as of and mature signals, pinned to one release, split by global time.

    Every exposure is one row. A label is null unless its signal is mature; an open label is never a 0. The manifest of
    the set goes to STORE/SOURCE/_manifests/: 'longplay verify' rebuilds the set from it, even months later.

    Example: longplay build-training-set --source world
    """
    with context.progress.step("build-training-set"):
        build_training_set(context, release_id)


if __name__ == "__main__":
    command()
