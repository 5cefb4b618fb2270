"""Quality: what passed, what failed, what was set aside and why; and how repaired rows come back."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

from ingest.source_config import load_source
from jobs.read import MOMENT
from jobs.runtime.command_options import guarded, job_command, utc
from jobs.runtime.metric_history import keep_metrics
from jobs.runtime.quarantine_selection import Wanted, release
from jobs.runtime.run_context import RunContext
from longplay.commands import output
from longplay.paths import StorePaths
from longplay.registry.location import who
from longplay.site.quality.site import write_pages
from longplay.status import quarantine
from longplay.status.metric_series import Series
from longplay.status.status import RUNS, Standing, Status, status
from quality.monitoring.anomaly import Anomaly
from quality.monitoring.anomaly_detection import find_anomalies, find_recent_anomalies
from quality.monitoring.metric import Metric
from quality.monitoring.metric_history import read_metric_history
from tables import catalog

SHOWN_DAYS = 84
"""So many days of a metric a page shows."""
_SOURCE = click.option("--source", required=True, help="A shipped source (world, ...) or a source file (.yaml).")
_STORE = click.option(
    "--store", type=click.Path(path_type=Path), default=Path("warehouse"), show_default=True, help="Root of all tables."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_REASON_HELP = "Only rows set aside for this reason."
_LOG = click.option("--log", type=click.Choice(["events", "exposures", "episodes"]), help="Only rows of this raw log.")


def _look_up(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the folder of its source's tables; it starts no Spark."""

    def body(source: str, store: Path, **own: Any) -> None:  # noqa: ANN401 - as click gives them
        guarded(lambda: function(StorePaths(store).source(load_source(source).name).folder, **own))

    return _SOURCE(_STORE(update_wrapper(body, function)))


@click.group("quality", short_help="What passed, what is blocked, what was set aside; put repaired rows back.")
def command() -> None:
    """Look at the quality of tables, and put repaired rows back. Only 'release' starts Spark.

    Example: longplay quality status --source world
    """


@command.command("status", short_help="Per table: verdict, last good version, what waits for what.")
@_look_up
@click.option("--runs", type=click.IntRange(1), default=RUNS, show_default=True, help="Runs that a trend shows.")
@_JSON
def status_command(folder: Path, runs: int, as_json: bool) -> None:
    """Say for each table what passed, failed and warned, its last good version, and what it blocks.

    Below stand metrics of the last four weeks that are not as the days before let expect, and what became of every raw
    row: read = published + quarantined + duplicates + erased.

    Example: longplay quality status --source world --json
    """
    found, unusual = status(folder, runs), find_recent_anomalies(read_metric_history(folder))
    if as_json:
        output.as_json({**found.plain(), "unusual": [_plain(one) for one in unusual]})
        return
    output.table(
        ("table", "state", "rows", "version", "published (UTC)", "checks", "trend"), [_row(one) for one in found.tables]
    )
    for text in _faults(found):
        click.echo(text)
    for text in ["", *(f"unusual: {one.text()}" for one in unusual)] if unusual else []:
        click.echo(text)
    click.echo("")
    header = ("log", "read", "published", "quarantined", "duplicates", "erased", "adds up")
    said = {True: "yes", False: "NO", None: "unknown (deliveries of an older version)"}
    output.table(
        header,
        [
            (e.log, *(f"{n:,}" for n in (e.read, e.published, e.quarantined, e.duplicates, e.erased)), said[e.adds_up])
            for e in found.ledger
        ],
    )


def _plain(one: Anomaly) -> dict[str, Any]:
    """A finding as JSON has it."""
    metric = {**vars(one.metric), "day": str(one.metric.day)}
    return {**metric, "rule": one.rule, "low": one.low, "high": one.high}


def _row(one: Standing) -> tuple[str, ...]:
    last, good = one.last, one.good
    checks = f"{len(last.held)} of {len(last.checks)}" if last else "-"
    trend = "".join("." if run.passed and not run.warned else "w" if run.passed else "F" for run in one.trend)
    version = (f"{good.version}", f"{good.at:%Y-%m-%d %H:%M}") if good else ("-", "-")
    return one.table, one.state, f"{one.rows:,}", *version, checks, trend


def _faults(found: Status) -> list[str]:
    """What is wrong, a line a fault."""
    lines = []
    for one in found.tables:
        last = one.last
        for word, broken in (("failed", last.failed), ("warned", last.warned)) if last else ():
            rows = [f"{name} ({number:,} rows)" if number is not None else name for name, number in broken.items()]
            lines += [f"{one.table} {word}: {', '.join(rows)}"] if rows else []
        for name, (old, new) in one.behind.items():
            lines.append(f"{one.table} is behind: made from version {old} of {name}, version {new} is there")
        if one.blocks or one.steps:
            waiting = ", ".join([*one.blocks, *(f"'{step}'" for step in one.steps)])
            lines.append(f"{one.table} holds up: {waiting}")
    return ["", *lines] if lines else []


@command.command("quarantine", short_help="Rows that were set aside, by reason, with examples.")
@_look_up
@click.option("--reason", help=_REASON_HELP)
@_LOG
@click.option("--all", "released", is_flag=True, help="Show rows that were released, too.")
@click.option("--examples", type=click.IntRange(0), default=3, show_default=True, help="Rows shown of each reason.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the open rows to this file, to be repaired.")
@_JSON
def quarantine_command(
    folder: Path,
    out: Path | None,
    as_json: bool,
    **asked: Any,  # noqa: ANN401 - as click gives them
) -> None:
    """List the rows that were set aside, by log and reason.

    --out writes them as JSON lines, each {"row_id": ..., "raw": {...}}: mend what stands under raw, leave out what
    stays in quarantine, and give the file to 'longplay quality release --repaired'.

    Example: longplay quality quarantine --source world --reason bad_amount --out rows.jsonl
    """
    wanted = quarantine.Asked(**asked)
    found = quarantine.groups(folder, wanted)
    if out is not None:
        lines = list(quarantine.to_repair(folder, wanted))
        out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        click.echo(f"{out}: {len(lines):,} rows", err=True)
    if as_json:
        releases = [{**one, "released_at": one["released_at"].isoformat()} for one in quarantine.releases(folder)]
        output.as_json({"groups": [group.plain() for group in found], "releases": releases})
        return
    if not found:
        click.echo("No row is in quarantine.")
        return
    rows = [(g.reason, g.log, f"{g.rows:,}", f"{g.released:,}", g.message) for g in found]
    output.table(("reason", "log", "open", "released", "message"), rows)
    for group in found:
        for row in group.examples:
            click.echo(f"\n{group.reason} {row['row_id']} ({row['file']}, delivery {row['batch']}, {row['outcome']})")
            click.echo(f"  {quarantine.raw_text(row['raw'])}")


@command.command("pages", short_help="An index and a page a table, as static HTML.")
@_look_up
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder that the pages are written to.")
def pages_command(folder: Path, out: Path) -> None:
    """Write a page for every table and an index: what passed, what failed, trends, and what blocks whom.

    The pages need no server and load nothing from anywhere: open index.html.

    Example: longplay quality pages --source world --out quality
    """
    about = {name: spec.about for name, spec in catalog.ALL.items()}
    number = write_pages(folder, out, about, series_of(read_metric_history(folder)))
    click.echo(f"{number} pages: open {out / 'index.html'}")


def series_of(metrics: Sequence[Metric]) -> dict[str, list[Series]]:
    """Metrics of days by table, each the newest ``SHOWN_DAYS`` days of it."""
    odd = {one.metric: one.short() for one in find_anomalies(metrics)}
    found: dict[tuple[str, str, str], dict[date, Metric]] = defaultdict(dict)
    for one in metrics:
        if one.day is not None:
            found[one.table, one.metric, one.subject][one.day] = one
    series: dict[str, list[Series]] = defaultdict(list)
    for (table, metric, subject), of in sorted(found.items()):
        shown = dict(sorted(of.items())[-SHOWN_DAYS:])
        days = [(day, one.value) for day, one in shown.items()]
        unusual = {day: odd[one] for day, one in shown.items() if one in odd}
        series[table].append(Series(f"{metric} of {subject}" if subject else metric, days, unusual))
    return series


def _changes(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """``COLUMN=SQL`` as a mapping."""
    for text in given:
        if "=" not in text:
            raise click.BadParameter(f"'{text}' is no COLUMN=SQL")
    return {name.strip(): sql for name, _, sql in (text.partition("=") for text in given)}


@job_command("release", writes_tables=False, short_help="Put repaired rows through ingest again.")
@click.option("--reason", required=True, help=_REASON_HELP)
@_LOG
@click.option("--where", metavar="SQL", help="Only rows for which this is true, over the columns of quarantine.")
@click.option("--ids", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File with a row_id a line.")
@click.option("--repaired", type=click.Path(path_type=Path), help="The repaired rows: JSON lines with row_id and raw.")
@click.option("--as-is", is_flag=True, help="The rows were right: the source file was corrected.")
@click.option(
    "--set-column", "changes", multiple=True, metavar="COLUMN=SQL", callback=_changes, help="Repair by SQL. Repeatable."
)
@click.option("--observed-at", type=MOMENT, help="Since when the repaired rows are known (UTC). [now]")
@click.option("--as", "by", help="Who does it. [LONGPLAY_USER, else the user of the system]")
def release_command(
    context: RunContext,
    by: str | None,
    observed_at: datetime | None,
    **wanted: Any,  # noqa: ANN401 - as click gives them
) -> None:
    """Put rows that were set aside, and are repaired now, through ingest again.

    They are judged as any delivered row: what fails again goes back into quarantine with its new reason. A row is
    released once; the same command again, also after a crash, releases nothing twice. What they say is known from the
    release on, so nothing that was known before changes. The table quarantine_releases says who released what, when.

    Example: longplay quality release --source world --reason bad_amount --set-column "seconds=abs(seconds)"
    """
    with context.exclusive(), context.progress.step("quality release"):
        release(context, Wanted(**wanted), who(by), utc(observed_at))
        keep_metrics(context)


command.add_command(release_command)

if __name__ == "__main__":
    command()
