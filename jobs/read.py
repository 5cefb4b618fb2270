"""Read: rows of a table as of now, of a version, or of what was known at a moment."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.runtime.command_options import job_command, utc
from jobs.runtime.releases import open_release
from jobs.runtime.run_context import RunContext
from longplay.delta import check_files, open_dataset
from longplay.errors import ConfigError, NotFoundError, StoreError, nearest
from signals.compute import select_values_known_at
from tables import catalog

MOMENT = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@dataclass(frozen=True)
class At:
    """Which state of a table to read: at most one of these; none means the newest.

    Attributes:
        version: a version of the Delta table.
        date: the version that was the newest at this moment (UTC), by the clock of whoever wrote it.
        release: the version that a release ties.
        known_at: the rows that were known at this moment (UTC), whenever they were written.
    """

    version: int | None = None
    date: datetime | None = None
    release: str | None = None
    known_at: datetime | None = None

    def check(self) -> None:
        """Check that no more than one is given.

        Raises:
            ConfigError: when there are more.
        """
        given = [name for name, value in vars(self).items() if value is not None]
        if len(given) > 1:
            raise ConfigError("A table is read at a single state.", got=" and ".join(given), fix="give one of them")


def read(context: RunContext, table: str, at: At) -> DataFrame:
    """A table at a state. Grain of the table; of signal values as known at a moment, signal and anchor_id.

    Versions expire: 'longplay maintain --keep-days' and erasures remove old ones. What was known at a moment does not
    expire: facts, tiles and settled values are only ever added, so their own times tell it. Signal values are the
    latest that were settled by then; a value without such a row was open. Item features are those of days that had
    begun; the exposures that need them may have become known later.

    Raises:
        ConfigError: when ``at`` names two states.
        NotFoundError: when there is no such table, release, or version of that date.
        StoreError: when the version is gone, or the table does not record when its rows were known.
    """
    at.check()
    spec = catalog.get(table)
    if at.known_at is not None:
        if spec.known is None:
            raise StoreError(
                f"'{table}' does not record when its rows were known.",
                got=f"known_at {at.known_at:%Y-%m-%d %H:%M}",
                fix="read it at a release, a version or a date",
            )
        rows = context.store.read(table).where(F.expr(spec.known) <= F.lit(at.known_at))
        return select_values_known_at(rows.where("settled"), F.lit(at.known_at)) if table == "signal_values" else rows
    version, last_batch = _find_version(context, table, at)
    rows = context.store.read(table, version)
    return rows.where(F.col("batch") <= last_batch) if last_batch is not None and "batch" in rows.columns else rows


def _find_version(context: RunContext, table: str, at: At) -> tuple[int | None, int | None]:
    """The version of a state (None: the newest), and the newest delivery that belongs to it (None: all do).

    A release has no rows of an interrupted delivery, which belongs to no release yet.
    """
    if at.release is None:
        return (context.store.version_on(table, at.date) if at.date is not None else at.version), None
    release = open_release(context, at.release)
    versions = release["versions"]
    if table not in versions:
        raise NotFoundError(f"A release does not tie '{table}'.", fix=nearest(table, versions))
    return int(versions[table]), int(release["batch"])


def read_first_rows(context: RunContext, table: str, at: At, limit: int) -> pd.DataFrame:
    """The first rows of ``read``. Only what was known at a moment needs Spark.

    Raises:
        ConfigError, NotFoundError, StoreError: as ``read``.
    """
    at.check()
    if at.known_at is not None:
        return read(context, table, at).limit(limit).toPandas()
    catalog.get(table)
    version, last_batch = _find_version(context, table, at)
    path = context.store.path(table)
    check_files(path, version)
    dataset = open_dataset(path, version)
    is_released = last_batch is not None and "batch" in dataset.schema.names
    rows = dataset.head(limit, filter=pc.field("batch") <= last_batch if is_released else None)
    frame: pd.DataFrame = rows.to_pandas(maps_as_pydicts="strict")
    moments = frame.select_dtypes("datetimetz").columns
    return frame.assign(**{name: frame[name].dt.tz_localize(None) for name in moments})  # UTC, as Spark gives them


@job_command("read", writes_tables=False, defers_spark=True)
@click.argument("table")
@click.option("--version", type=int, help="A version of the Delta table.")
@click.option("--date", type=MOMENT, help="The newest version at that time (UTC), by the writer's clock.")
@click.option("--release", help="The version that a release ties ('longplay read releases' lists them).")
@click.option("--known-at", type=MOMENT, help="What was known at that time (UTC), whenever it was written.")
@click.option("--where", metavar="SQL", help="Only rows for which this is true.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many rows to print.")
@click.option("--out", type=click.Path(path_type=Path), help="Write all rows to this folder as Parquet instead.")
def command(
    context: RunContext,
    table: str,
    where: str | None,
    limit: int,
    out: Path | None,
    **at: Any,  # noqa: ANN401 - as click gives them
) -> None:
    """Print rows of TABLE, or write them as Parquet.

    --known-at answers "what could a trainer have seen on 3 May". It needs no old version, so it works years later.
    --release, --version and --date read versions as they were written, as long as those exist.

    Example: longplay read signal_values --source world --known-at 2026-05-03 --where "user_id = 'u000017'"
    """
    state = At(at["version"], utc(at["date"]), at["release"], utc(at["known_at"]))
    if out is None and where is None:
        _print(read_first_rows(context, table, state, limit))
        return
    rows = read(context, table, state)
    rows = rows.where(where) if where else rows
    if out is None:
        _print(rows.limit(limit).toPandas())
        return
    rows.write.parquet(str(out.absolute()))
    context.progress.say(f"{out}: {rows.count():,} rows")


def _print(first_rows: pd.DataFrame) -> None:
    click.echo(first_rows.to_string(index=False) if len(first_rows) else "no rows")


if __name__ == "__main__":
    command()
