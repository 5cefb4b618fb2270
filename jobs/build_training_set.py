"""Training sets: exposures x features as of x mature signals, from one release."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.shipped_views import ITEM
from jobs.build_signals import knowledge_of
from jobs.release import open_release, release_option
from jobs.runtime.command_options import job_command
from jobs.runtime.labels import label_definitions, split_plan, use_labels
from jobs.runtime.run_context import RunContext
from longplay.definitions.signal import Definition
from longplay.errors import QualityError
from quality.training_sets import Told, carried, of_span, strays, told_by, told_by_signals, with_own_rules
from rankers.dataset.manifest import Manifest, write_manifest
from rankers.dataset.training_set import join_training_set, select_spine
from tables.publish import PublishedVersion
from tables.spec import TableSpec

_TABLES = ("exposures", "signal_values", "sequences", "exposure_features", ITEM.name)


def build_training_set(context: RunContext, release_id: str | None = None) -> PublishedVersion:
    """Publish the training set of a release, with the manifest from which it can be built again."""
    opened = open_release(context, release_id)
    versions, known_at, pinned = opened["versions"], opened["known_at"], context.upto(opened["batch"])
    definitions, plan = label_definitions(context), split_plan(pinned, known_at)
    inputs = {name: versions[name] for name in _TABLES}
    manifest = Manifest.from_release(opened, definitions, plan, context.code).with_knowledge(
        knowledge_of(pinned, known_at)
    )

    def spine() -> DataFrame:
        exposures = pinned.delivered(inputs, "exposures")
        return select_spine(exposures.where(F.col("known_ts") <= F.lit(known_at)), plan)

    def build() -> DataFrame:
        features = (context.read(inputs, "exposure_features"), context.read(inputs, ITEM.name))
        # An outcome is one user's: dealt by user once, values meet by anchor and by what they share.
        values = context.read(inputs, "signal_values").repartition("user_id")
        return join_training_set(spine(), features, (definitions, values), plan, known_at)

    def audited(frame: DataFrame, spec: TableSpec) -> Mapping[str, Any]:
        audit = dict(context.gate(frame, with_own_rules(spec, frame.dtypes, plan.parts())))
        audit["spine"] = audit_rows(frame, spine().count(), audit["rows"], known_at)
        refs = {label.name: label.ref for label in definitions if isinstance(label, Definition)}
        span = (plan.train_start, plan.test_end)
        of_signals = told_by_signals(context.read(inputs, "signal_values"), refs, span, known_at)
        made_of = [context.read(inputs, name) for name in ("exposures", "exposure_features")]
        _check_columns(frame, of_signals, [of_span(source, span, known_at) for source in made_of])
        return audit | {"weights": weights_of(frame, [d.name for d in definitions])}

    done = context.publish("training_set", inputs, manifest.commit_metadata(), build, audited)
    if done.written:
        context.progress.say(f"row-preserving: {done.rows:,} exposures in, {done.rows:,} rows out")
        say_labels(context)
    audit = context.store.commit_metadata("training_set")["audit"]
    digest = audit["checksum"]
    use_labels(context, "training_set", f"{context.source.name} {digest}")
    file = write_manifest(context.folder, manifest, digest, {"weights": audit["weights"]})
    context.progress.say(f"manifest: {file}; 'longplay verify' builds the set from it again")
    return done


def audit_rows(frame: DataFrame, spine: int, rows: int, known_at: datetime) -> int:
    """See that no row of the spine was lost or doubled, and that no label was known after the cut-off.

    That features rest on the past alone and labels on what followed are rules of the table. Gives the spine's rows.

    Raises:
        QualityError: saying how many.
    """
    if spine != rows:
        raise QualityError(
            "The training set does not preserve its spine.", where="training_set", got=f"{spine:,} in, {rows:,} out"
        )
    late = frame.where(F.col("labels_known_ts") > F.lit(known_at)).count()
    if late:
        raise QualityError(
            "The training set holds labels that were not known at its cut-off.",
            where="training_set",
            got=f"{late:,} rows with labels_known_ts after {known_at}",
        )
    return spine


def weights_of(frame: DataFrame, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """What the training part's labels weigh, by label.

    Returns:
        ``rows`` that are mature, ``outcomes``, the sum of their weights (of administrative censoring: how many outcomes
        they have among them), and ``n_eff``, Kish's effective sample size ``(sum w)^2 / sum w^2``.
    """
    columns = []
    for name in labels:
        weight = F.col(f"weight_{name}")
        columns += [F.count_if(weight > 0).alias(f"rows_{name}"), F.sum(weight).alias(f"sum_{name}")]
        columns += [F.sum(weight * weight).alias(f"square_{name}")]
    told = frame.where("split = 'train'").agg(*columns).first()
    assert told is not None
    return {name: _weight_of(told[f"rows_{name}"], told[f"sum_{name}"], told[f"square_{name}"]) for name in labels}


def _weight_of(rows: int, whole: float | None, square: float | None) -> dict[str, float]:
    n_eff = whole**2 / square if whole and square else 0.0
    return {"rows": rows, "outcomes": round(whole or 0.0, 3), "n_eff": round(n_eff, 3)}


def _check_columns(frame: DataFrame, of_signals: Told, sources: Sequence[DataFrame]) -> None:
    """See that labels are the values that their signals have for the same exposures, and features theirs."""
    taken = [carried(frame.dtypes, source.columns) for source in sources]
    labels = [name for name in of_signals if name in frame.columns]
    of_set = told_by(frame, [*labels, *chain(*taken)])
    found = strays(of_set, of_signals, "signal")
    for source, names in zip(sources, taken, strict=True):
        found += strays(of_set, told_by(source, names), "source")
    if found:
        raise QualityError(
            "Columns of the training set are not what they were made of.",
            where="training_set",
            got="; ".join(found),
            fix="build signals, features and training set again from one release; a column that is filled or scaled is "
            "another one",
        )


def say_labels(context: RunContext) -> None:
    """Say, per split and label, how many values are mature and their mean."""
    frame = context.store.read("training_set")
    names = [c.removeprefix("state_") for c in frame.columns if c.startswith("state_")]
    columns = [F.count("*").alias("rows")]
    for name in names:
        columns += [F.count(f"label_{name}").alias(f"n_{name}"), F.avg(f"label_{name}").alias(f"mean_{name}")]
    for row in sorted(frame.groupBy("split").agg(*columns).collect(), key=lambda r: str(r["split"])):
        labels = ", ".join(f"{n}: {row[f'n_{n}']:,} mature, mean {row[f'mean_{n}'] or 0:.4f}" for n in names)
        context.progress.say(f"{row['split']}: {row['rows']:,} rows; {labels}")
    for name, told in context.store.commit_metadata("training_set")["audit"]["weights"].items():
        context.progress.say(f"train, {name}: {told['outcomes']:,.0f} outcomes, n_eff {told['n_eff']:,.0f}")


@job_command("build-training-set", short_help="Exposures x features as of x mature signals.")
@release_option
def command(context: RunContext, release_id: str | None) -> None:
    """Join exposures with features as of and mature signals, pinned to one release, split by global time.

    Every exposure is one row. A label is null unless its signal is mature; an open label is never a 0. The set's
    manifest goes to STORE/SOURCE/_manifests/: 'longplay verify' builds the set from it again, months later too.

    Example: longplay build-training-set --source world
    """
    with context.progress.step("build-training-set"):
        build_training_set(context, release_id)


if __name__ == "__main__":
    command()
