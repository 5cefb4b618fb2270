"""Raw logs of a delivery: read, validated row by row, and counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ingest import fact_tables, readers, row_validation
from ingest.log_mapping import LogMapping, UserLog
from ingest.raw_columns import FILE, MALFORMED, raw_columns, text_column
from jobs.runtime.run_context import RunContext
from longplay.config.timestamps import from_microseconds
from longplay.errors import InputError, QualityError
from tables.erasure.tombstones import Tombstones
from tables.spark import SPARK_ERRORS, describe_spark_error, raise_if_machine_fault

ERASED = "erased"


@dataclass(frozen=True)
class ValidatedLog:
    """The validated rows of one raw log.

    Attributes:
        rows: cached, because they are counted, watermarked and published. Grain: raw row.
        counts: rows ``read`` and ``clean``; per reason, ``raw:`` all rows it applies to and ``exclusive:`` those
            that are quarantined for it.
    """

    rows: DataFrame
    counts: Mapping[str, int]

    @property
    def clean_rows(self) -> DataFrame:
        """Rows without a fault."""
        return self.rows.where("reason IS NULL")

    @property
    def quarantined(self) -> int:
        """Number of rows that are quarantined or erased."""
        return sum(number for name, number in self.counts.items() if name.startswith("exclusive:"))

    @property
    def erased(self) -> int:
        """Number of rows of people who were erased."""
        return self.counts.get(f"exclusive:{ERASED}", 0)

    def describe_reasons(self) -> str:
        """Quarantined rows by reason; empty where there are none."""
        reasons = [name.removeprefix("exclusive:") for name in self.counts if name.startswith("exclusive:")]
        numbers = {reason: (self.counts[f"exclusive:{reason}"], self.counts[f"raw:{reason}"]) for reason in reasons}
        return ", ".join(f"{reason} {own:,} ({raw:,} raw)" for reason, (own, raw) in numbers.items() if raw)


def read_log(context: RunContext, data: Path, log: LogMapping, observed_at: datetime) -> ValidatedLog:
    """Read and validate one raw log of a delivery.

    Raises:
        InputError: when it cannot be read, is empty, or holds more or fewer rows than were read.
        QualityError: when more of its rows than the source file allows would be quarantined.
    """
    path = readers.locate(data, log)
    validated = _validate_rows(context, path, log, observed_at)
    counts, reasons = validated.counts, validated.describe_reasons()
    # A log of episodes may be empty: on most days nothing is released.
    if counts["read"] == 0 and isinstance(log, UserLog):
        raise InputError("The raw log is empty.", where=str(path), got="0 rows", fix="deliver it again")
    _check_every_row_was_read(context, path, log, counts["read"])
    quarantined = f"; quarantined: {reasons}" if reasons else ""
    context.progress.say(
        f"{path.name}: read {counts['read']:,} = clean {counts['clean']:,} + {validated.quarantined:,}{quarantined}"
    )
    share, limit = (validated.quarantined - validated.erased) / max(counts["read"], 1), context.source.quarantine_limit
    if share > limit:
        raise QualityError(
            f"{share:.1%} of the rows would go to quarantine; nothing was published.",
            where=str(path),
            got=reasons,
            fix=f"correct the log, or raise quarantine_limit (now {limit:.0%}) in the source file",
        )
    return validated


def _check_every_row_was_read(context: RunContext, path: Path, log: LogMapping, read: int) -> None:
    """Compare the rows that were read with a count that does not come from the parser."""
    counted = readers.count_records(path, context.source, log)
    if counted is not None and counted != read:
        raise InputError(
            f"{read:,} rows were read, but the files hold {counted:,}; nothing was published.",
            where=str(path),
            fix="check format in the source file (quote, escape, columns), and that no file changes while it is read",
        )


def report_unread_files(context: RunContext, data: Path) -> None:
    """Name the files of a delivery that no raw log is read from."""
    if unread := readers.unread_files(data, context.source):
        names = ", ".join(str(file.relative_to(data)) for file in unread[:5]) + (", ..." if len(unread) > 5 else "")
        context.progress.say(
            f"warning: not read, because no log of the source file names them or their names begin with _ or a point: "
            f"{len(unread)} ({names})"
        )


def _validate_rows(context: RunContext, path: Path, log: LogMapping, observed_at: datetime) -> ValidatedLog:
    raw_rows = readers.read_raw(context.spark, path, context.source, log)
    try:
        raw_rows, erased = _leave_out_erased(context, raw_rows, log)
        rows = row_validation.validate_rows(raw_rows, context.source, log, observed_at).persist()
        counts = fact_tables.count_reasons(rows, log)
    except SPARK_ERRORS as error:
        raise_if_machine_fault(error, str(path))
        raise InputError(
            "The raw log cannot be read as its source file says.",
            where=str(path),
            got=describe_spark_error(error),
            fix="correct the source file, or deliver the log again; if a filter fails on a value, use "
            "try_cast(column AS double), because CSV columns are text",
        ) from error
    if erased:
        counts |= {"read": counts["read"] + erased, f"raw:{ERASED}": erased, f"exclusive:{ERASED}": erased}
    return ValidatedLog(rows, counts)


def _leave_out_erased(context: RunContext, raw_rows: DataFrame, log: LogMapping) -> tuple[DataFrame, int]:
    """Raw rows without those of people who were erased, and the number of those, which are stored nowhere."""
    tombstones = Tombstones.from_source_if_any(context.folder)
    if tombstones is None or not isinstance(log, UserLog):
        return raw_rows, 0
    user = text_column(raw_rows, log.user)
    # A row that cannot be read, or names nobody, may hold the id anywhere.
    cells = raw_columns(raw_rows, MALFORMED, FILE)
    row_text = F.concat_ws("\n", *[cell.cast("string") for cell in cells])
    is_erased = tombstones.is_erased(user, F.when(F.col(MALFORMED) | user.isNull(), row_text))
    return raw_rows.where(~is_erased), raw_rows.where(is_erased).count()


def find_newest_known_ts(events: ValidatedLog) -> datetime | None:
    """When the newest clean event became known (UTC)."""
    row = events.clean_rows.agg(F.unix_micros(F.max("known_ts"))).first()
    return from_microseconds(row[0]) if row is not None and row[0] is not None else None


def count_users_by_day(events: ValidatedLog) -> list[tuple[date, int]]:
    """Users with clean events by day (UTC)."""
    by_day = events.clean_rows.groupBy(F.to_date("event_ts").alias("day"))
    return [(row[0], int(row[1])) for row in by_day.agg(F.count_distinct("user_id")).collect()]
