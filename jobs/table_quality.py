"""Quality: the status of tables, the rows in quarantine, and the release of repaired rows."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

from ingest.source_config import load_source
from jobs.read import MOMENT
from jobs.runtime.command_options import guarded, job_command, utc
from jobs.runtime.metric_history import keep_metrics
from jobs.runtime.quarantine_selection import ReleaseSelection, release_selection
from jobs.runtime.run_context import RunContext
from longplay.commands import output
from longplay.commands.options import store_option
from longplay.paths import StorePaths
from longplay.registry.location import current_user
from longplay.site.quality.site import write_pages
from longplay.status import quarantine
from longplay.status.metric_series import MetricSeries
from longplay.status.row_accounting import RowAccount
from longplay.status.status import RUNS_IN_TREND, SourceStatus, TableStatus, load_status
from quality.monitoring.anomaly import Anomaly
from quality.monitoring.anomaly_detection import find_anomalies, find_recent_anomalies
from quality.monitoring.metric import Metric
from quality.monitoring.metric_history import read_metric_history
from tables import catalog

MAX_DAYS_SHOWN = 84
"""Days of a metric that a page shows."""
_SOURCE = click.option("--source", required=True, help="A shipped source (world, ...) or a source file (.yaml).")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_RUNS = click.option(
    "--runs", type=click.IntRange(1), default=RUNS_IN_TREND, show_default=True, help="Runs that a trend shows."
)
_REASON_HELP = "Only rows quarantined for this reason."
_LOG = click.option("--log", type=click.Choice(["events", "exposures", "episodes"]), help="Only rows of this raw log.")
_STATUS_HEADER = ("table", "state", "rows", "version", "published (UTC)", "checks", "trend")
_ACCOUNT_HEADER = ("log", "read", "published", "quarantined", "duplicates", "erased", "adds up")
_ADDS_UP = {True: "yes", False: "NO", None: "unknown (deliveries of an older version)"}


def _look_up(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the folder of its source's tables; it starts no Spark."""

    def body(source: str, store: Path, **options: Any) -> None:  # noqa: ANN401 - as click gives them
        guarded(lambda: function(StorePaths(store).source(load_source(source).name).folder, **options))

    return _SOURCE(store_option(update_wrapper(body, function)))


@click.group("quality")
def command() -> None:
    """Look at the quality of tables, and release repaired rows. Only 'release' starts Spark.

    Example: longplay quality status --source world
    """


@command.command("status", short_help="Per table: verdict, last good version, what waits for what.")
@_look_up
@_RUNS
@_JSON
def status_command(folder: Path, runs: int, as_json: bool) -> None:
    """Show for each table what passed, failed and warned, its last good version, and what it blocks.

    Then follow the signals that failed, the values that outages void, metrics of the last four weeks with unexpected
    values, and the account of every raw row: read = published + quarantined + duplicates + erased.

    Example: longplay quality status --source world --json
    """
    status, anomalies = load_status(folder, runs), find_recent_anomalies(read_metric_history(folder))
    if as_json:
        output.print_json({**status.plain(), "unusual": [_plain_anomaly(anomaly) for anomaly in anomalies]})
        return
    output.print_table(_STATUS_HEADER, [_status_row(table) for table in status.tables])
    unexpected = [f"unexpected: {anomaly.text()}" for anomaly in anomalies]
    failed = [failure.text() for failure in status.signal_failures]
    for section in (_fault_lines(status), failed, [voids.text() for voids in status.outage_voids], unexpected):
        for line in ["", *section] if section else []:
            click.echo(line)
    click.echo("")
    output.print_table(_ACCOUNT_HEADER, [_account_row(account) for account in status.accounts])


def _plain_anomaly(anomaly: Anomaly) -> dict[str, Any]:
    """An anomaly as JSON data."""
    metric = {**vars(anomaly.metric), "day": str(anomaly.metric.day)}
    return {**metric, "rule": anomaly.rule, "low": anomaly.low, "high": anomaly.high}


def _status_row(table: TableStatus) -> tuple[str, ...]:
    last, good = table.last_verdict, table.last_good
    checks = f"{len(last.passed_checks)} of {len(last.checks)}" if last else "-"
    trend = "".join("." if run.passed and not run.warned else "w" if run.passed else "F" for run in table.trend)
    version = (f"{good.version}", f"{good.at:%Y-%m-%d %H:%M}") if good else ("-", "-")
    return table.table, table.state, f"{table.rows:,}", *version, checks, trend


def _account_row(account: RowAccount) -> tuple[str, ...]:
    counts = (account.read, account.published, account.quarantined, account.duplicates, account.erased)
    return account.log, *(f"{count:,}" for count in counts), _ADDS_UP[account.adds_up]


def _fault_lines(status: SourceStatus) -> list[str]:
    """One line for each fault."""
    return [line for table in status.tables for line in _table_faults(table)]


def _table_faults(table: TableStatus) -> Iterator[str]:
    last = table.last_verdict
    for outcome, broken in (("failed", last.failed), ("warned", last.warned)) if last else ():
        checks = [f"{name} ({rows:,} rows)" if rows is not None else name for name, rows in broken.items()]
        if checks:
            yield f"{table.table} {outcome}: {', '.join(checks)}"
    for name, (old, new) in table.outdated_inputs.items():
        yield f"{table.table} is behind: built from version {old} of {name}; the newest is version {new}"
    if table.waiting_tables or table.waiting_steps:
        waiting = ", ".join([*table.waiting_tables, *(f"'{step}'" for step in table.waiting_steps)])
        yield f"{table.table} blocks: {waiting}"


@command.command("quarantine", short_help="Quarantined rows by reason, with examples.")
@_look_up
@click.option("--reason", help=_REASON_HELP)
@_LOG
@click.option("--all", "released", is_flag=True, help="Include rows that were released.")
@click.option("--examples", type=click.IntRange(0), default=3, show_default=True, help="Rows shown for each reason.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the open rows to this file for repair.")
@_JSON
def quarantine_command(
    folder: Path,
    out: Path | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - as click gives them
) -> None:
    """List quarantined rows by log and reason.

    --out writes them as JSON lines, each {"row_id": ..., "raw": {...}}. Repair what is under raw, delete the lines of
    rows that stay in quarantine, and give the file to 'longplay quality release --repaired'.

    Example: longplay quality quarantine --source world --reason bad_amount --out rows.jsonl
    """
    query = quarantine.QuarantineQuery(**options)
    groups = quarantine.group_quarantined_rows(folder, query)
    if out is not None:
        lines = list(quarantine.format_rows_to_repair(folder, query))
        out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        click.echo(f"{out}: {len(lines):,} rows", err=True)
    if as_json:
        output.print_json({"groups": [group.plain() for group in groups], "releases": _plain_releases(folder)})
    else:
        _print_groups(groups)


def _plain_releases(folder: Path) -> list[dict[str, Any]]:
    releases = quarantine.list_quarantine_releases(folder)
    return [{**release, "released_at": release["released_at"].isoformat()} for release in releases]


def _print_groups(groups: Sequence[quarantine.QuarantineGroup]) -> None:
    if not groups:
        click.echo("No row is in quarantine.")
        return
    rows = [(g.reason, g.log, f"{g.rows:,}", f"{g.released:,}", g.message) for g in groups]
    output.print_table(("reason", "log", "open", "released", "message"), rows)
    for group in groups:
        for row in group.examples:
            click.echo(f"\n{group.reason} {row['row_id']} ({row['file']}, delivery {row['batch']}, {row['outcome']})")
            click.echo(f"  {quarantine.format_raw_row(row['raw'])}")


@command.command("pages", short_help="An index and one page per table, as static HTML.")
@_look_up
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder that the pages are written to.")
def pages_command(folder: Path, out: Path) -> None:
    """Write a page for every table and an index: what passed, what failed, trends, and what is blocked.

    The pages need no server and load nothing from anywhere: open index.html.

    Example: longplay quality pages --source world --out quality
    """
    about = {name: spec.about for name, spec in catalog.ALL.items()}
    number = write_pages(folder, out, about, collect_series(read_metric_history(folder)))
    click.echo(f"{number} pages: open {out / 'index.html'}")


def collect_series(metrics: Sequence[Metric]) -> dict[str, list[MetricSeries]]:
    """Daily metrics by table, each with its newest ``MAX_DAYS_SHOWN`` days."""
    unusual = {anomaly.metric: anomaly.short() for anomaly in find_anomalies(metrics)}
    metrics_by_day: dict[tuple[str, str, str], dict[date, Metric]] = defaultdict(dict)
    for metric in metrics:
        if metric.day is not None:
            metrics_by_day[metric.table, metric.metric, metric.subject][metric.day] = metric
    series: dict[str, list[MetricSeries]] = defaultdict(list)
    for (table, name, subject), by_day in sorted(metrics_by_day.items()):
        shown = dict(sorted(by_day.items())[-MAX_DAYS_SHOWN:])
        days = [(day, metric.value) for day, metric in shown.items()]
        remarks = {day: unusual[metric] for day, metric in shown.items() if metric in unusual}
        series[table].append(MetricSeries(f"{name} of {subject}" if subject else name, days, remarks))
    return series


def _changes(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """``COLUMN=SQL`` as a mapping."""
    for text in given:
        if "=" not in text:
            raise click.BadParameter(f"'{text}' is not COLUMN=SQL")
    return {name.strip(): sql for name, _, sql in (text.partition("=") for text in given)}


@job_command("release", writes_tables=False, short_help="Put repaired rows through ingest again.")
@click.option("--reason", required=True, help=_REASON_HELP)
@_LOG
@click.option("--where", metavar="SQL", help="Only rows for which this is true, over the columns of quarantine.")
@click.option(
    "--ids", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File with one row_id per line."
)
@click.option("--repaired", type=click.Path(path_type=Path), help="The repaired rows: JSON lines with row_id and raw.")
@click.option("--as-is", is_flag=True, help="The rows were right: the source file has been corrected.")
@click.option(
    "--set-column", "changes", multiple=True, metavar="COLUMN=SQL", callback=_changes, help="Repair by SQL. Repeatable."
)
@click.option("--observed-at", type=MOMENT, help="The repaired rows count as known from then on (UTC). [now]")
@click.option("--as", "by", help="Who releases the rows. [LONGPLAY_USER, else the system user]")
def release_command(
    context: RunContext,
    by: str | None,
    observed_at: datetime | None,
    **selection: Any,  # noqa: ANN401 - as click gives them
) -> None:
    """Put repaired rows from quarantine through ingest again.

    They are validated like any delivered row: a row that fails again goes back into quarantine with its new reason. A
    row is released once; repeating the command, even after a crash, releases nothing twice. The rows count as known
    from the release on, so nothing that was known before changes. The table quarantine_releases records who released
    what, and when.

    Example: longplay quality release --source world --reason bad_amount --set-column "seconds=abs(seconds)"
    """
    with context.exclusive(), context.progress.step("quality release"):
        release_selection(context, ReleaseSelection(**selection), current_user(by), utc(observed_at))
        keep_metrics(context)


command.add_command(release_command)

if __name__ == "__main__":
    command()
