"""Verdict: did rankers trained on the mid-term reward keep more listeners? A table in the terminal and an HTML page."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from pyspark.sql import functions as F

from experiments.analysis.verdict import PooledFamily, Verdict
from experiments.report.data import (
    DefinitionHash,
    IngestCount,
    RankerRow,
    ReportInput,
    SignalMaturity,
    StepTime,
    TableVersion,
)
from experiments.report.page import render_report
from experiments.report.terminal import build_terminal_tables
from jobs.deploy import deploy, truth_file
from jobs.runtime.command_options import job_command
from jobs.runtime.labels import label_names, record_label_use
from jobs.runtime.releases import open_release
from jobs.runtime.run_context import RunContext
from jobs.train import list_arms, open_tracker, read_study
from longplay.commands.full_width import print_full_width
from longplay.delta import open_table
from longplay.paths import SourcePaths
from rankers.models.families import get_family


def verdict(context: RunContext, data: Path | None) -> Verdict | None:
    """Write the report of the newest training study and print its tables; deploys first if the log is a world's.

    Returns:
        The verdict of the deployment; None without a simulated world to deploy in.
    """
    outcome = deploy(context, data) if data is not None and truth_file(data).exists() else None
    record_label_use(context, "experiment", read_study(context).experiment)
    for table in build_terminal_tables(write_report(context, outcome)):
        print_full_width(table, context.progress.console)
    context.progress.say(f"report: {report_file(context)}")
    return outcome


def report_file(context: RunContext) -> Path:
    """The file of a source's report."""
    return SourcePaths(context.folder).report


def write_report(context: RunContext, outcome: Verdict | None, pooled: Sequence[PooledFamily] = ()) -> ReportInput:
    """Write the report; returns its content."""
    report = collect_report(context, outcome, pooled)
    report_file(context).write_text(render_report(report), encoding="utf-8")
    return report


def collect_report(context: RunContext, outcome: Verdict | None, pooled: Sequence[PooledFamily] = ()) -> ReportInput:
    """The content of the report, from MLflow, the release and the deliveries."""
    labels, release = label_names(context), open_release(context)
    return ReportInput(
        title=f"Longplay: {context.source.name}",
        source=context.source.about.strip(),
        release_id=release["release_id"],
        run_id=context.run_id,
        created_at=f"{release['known_at']:%Y-%m-%d}",
        click_label=labels[0],
        return_label=labels[-1],
        facts={
            "known at": f"{release['known_at']:%Y-%m-%d %H:%M} UTC",
            "watermark": f"{release['watermark']:%Y-%m-%d %H:%M} UTC",
            "split": read_study(context).split,
        },
        rankers=collect_ranker_rows(context),
        verdict=outcome,
        pooled=tuple(pooled),
        ingest=collect_ingest_counts(context),
        maturity=count_signal_states(context, release["versions"]["signal_values"]),
        steps=tuple(StepTime(step, seconds) for step, seconds in context.progress.seconds.items()),
        tables=collect_table_versions(context, release["versions"]),
        definitions=tuple(DefinitionHash(ref, h) for ref, h in sorted(release["definition_hashes"].items())),
    )


def collect_ranker_rows(context: RunContext) -> tuple[RankerRow, ...]:
    """Offline metrics of every finished run of the newest training study."""
    tracker, study = open_tracker(context), read_study(context)
    rows = []
    for arm in list_arms(context):
        run_id = tracker.find_run(study, arm.spec)
        if run_id is not None:
            trained_on = arm.spec.label if get_family(arm.spec.family).is_learned else ""
            rows.append(RankerRow(arm.name, arm.spec.family, trained_on, tracker.test_metrics(run_id)))
    return tuple(rows)


def collect_ingest_counts(context: RunContext) -> tuple[IngestCount, ...]:
    """Rows of all deliveries by log and reason; the exclusive counts add up to the rows read."""
    counts = sum_delivery_counts(context)
    rows: list[IngestCount] = []
    for log in sorted({name.split("/")[0] for name in counts}):
        rows.append(IngestCount(log, "accepted", counts[f"{log}/clean"], counts[f"{log}/clean"]))
        for name in counts:
            if name.startswith(f"{log}/raw:") and counts[name]:
                reason = name.split(":")[1]
                rows.append(IngestCount(log, reason, counts[name], counts[f"{log}/exclusive:{reason}"]))
    return tuple(rows)


def sum_delivery_counts(context: RunContext) -> dict[str, int]:
    """The counts of all deliveries, added up by name."""
    total: Counter[str] = Counter()
    for row in context.log.deliveries():
        total.update(row["counts"])
    return dict(total)


def count_signal_states(context: RunContext, version: int) -> tuple[SignalMaturity, ...]:
    """Number of each signal's values by state, first revisions only."""
    values = context.store.read("signal_values", version).where("revision = 0")
    states = [F.count_if(F.col("state") == state).alias(state) for state in ("open", "mature", "void")]
    rows: list[Any] = values.groupBy("signal").agg(*states).collect()
    return tuple(
        SignalMaturity(r["signal"], r["open"], r["mature"], r["void"]) for r in sorted(rows, key=lambda r: r[0])
    )


def collect_table_versions(context: RunContext, versions: dict[str, int]) -> tuple[TableVersion, ...]:
    """Every table of the release with its number of rows, from file statistics."""
    rows = []
    for name, version in sorted(versions.items()):
        actions = open_table(context.store.path(name), version).get_add_actions(flatten=True)
        rows.append(TableVersion(name, version, sum(actions["num_records"].to_pylist())))
    return tuple(rows)


@job_command("verdict")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="A world's log folder, to deploy there first. Without it: offline metrics only.",
)
def command(context: RunContext, data: Path | None) -> None:
    """Print the comparison and write STORE/SOURCE/report.html, a page that loads nothing else.

    Example: longplay verdict --source world --data world/log
    """
    with context.progress.step("verdict"):
        verdict(context, data)


if __name__ == "__main__":
    command()
