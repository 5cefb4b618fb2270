"""Contender: a table of events in one layout, which is written, extended, optimised and read."""

import shutil
import sys
from datetime import date
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from bench.contender import serve
from bench.read import read_by
from bench.spark_session import AS_JOBS, session
from bench.training_set import DAYS
from longplay.config.duration import DAY
from tables.publish import MAX_ROWS_PER_FILE

FIRST = date(2025, 1, 1)
spark = session(**AS_JOBS)
layout, folder = sys.argv[1], Path(sys.argv[2])
path = folder / f"events {layout} 0"
events = spark.read.parquet(str(folder / "log" / "events"))
written, added = 0, 0


def save(frame: DataFrame) -> None:
    """Append rows in the layout."""
    if layout == "clustered" and not path.exists():
        columns = ", ".join(f"{name} {kind}" for name, kind in frame.dtypes)
        spark.sql(f"CREATE TABLE delta.`{path}` ({columns}) USING delta CLUSTER BY (event_day, user_id)")
    if layout == "sorted":
        frame = frame.sortWithinPartitions("event_day")
    writer = frame.write.format("delta").mode("append").option("maxRecordsPerFile", MAX_ROWS_PER_FILE)
    (writer.partitionBy("event_day") if layout == "by day" else writer).save(str(path))


def base() -> None:
    """Write all events into a new folder, because Delta caches the log of an old one."""
    global path, written
    shutil.rmtree(path, ignore_errors=True)
    written += 1
    path = folder / f"events {layout} {written}"
    save(events)
    run_maintenance()


def run_maintenance() -> None:
    """Run the maintenance of a layout: only OPTIMIZE clusters."""
    if layout == "clustered":
        spark.sql(f"OPTIMIZE delta.`{path}`")


def add() -> None:
    """Append the next day: the rows of a base day, with a new date."""
    global added
    day = FIRST + (DAYS + added) * DAY
    rows = events.where(F.col("event_day") == FIRST + added * DAY)
    save(rows.withColumn("event_day", F.lit(day)))
    added += 1


def read(what: str) -> None:
    """Count and sum the requested rows."""
    table = spark.read.format("delta").load(str(path))
    wanted = {
        "a day": F.col("event_day") == FIRST + 100 * DAY,
        "28 days": F.col("event_day").between(FIRST + 100 * DAY, FIRST + 127 * DAY),
        "a user": F.col("user_id") == "user-000000123",
        "all": F.lit(True),
    }
    table.where(wanted[what]).agg(F.count("*"), F.sum("amount"), F.max("item_id")).collect()


def run(request: dict[str, Any]) -> dict[str, Any]:
    """What is asked; with what was read, and how many files there are."""
    with read_by(spark) as counted:
        if request["do"] == "base":
            base()
        elif request["do"] == "add":
            add()
        elif request["do"] == "optimise":
            run_maintenance()
        else:
            read(request["do"])
    return {**counted, "files": len(DeltaTable(str(path)).file_uris())}


if __name__ == "__main__":
    serve(run)
