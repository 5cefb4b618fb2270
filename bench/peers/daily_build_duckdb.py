"""Contender: a hand-written daily build in one DuckDB file, for facts that are known at once."""

import sys
from pathlib import Path
from typing import Any

import duckdb

from bench.contender import serve
from bench.peers.training_set_duckdb import counts, of_users, ratios

FOLDER = Path(sys.argv[1])
DAY_US, OPEN_DAYS = 86_400_000_000, 16
deliveries = sorted((FOLDER / "log").iterdir())
db = duckdb.connect(str(FOLDER / "by-hand.db"))
db.sql("SET threads = 2; SET TimeZone = 'UTC'; SET memory_limit = '10GB'; SET preserve_insertion_order = false")


def take(delivery: Path) -> None:
    """Insert the rows of a delivery, each once; build features and labels, except for a base."""
    is_base = not db.sql("SHOW TABLES").fetchall()
    db.sql(f"CREATE TEMP VIEW log AS SELECT * FROM '{delivery}/events.parquet'")
    rows = """SELECT event_id, event_ts, event_ts::DATE AS event_day, user_id, item_id, topic,
        kind = 'play' AND amount >= 30 AS is_consumption, kind = 'tap' AS is_click, kind = 'skip' AS is_negative
        FROM log"""
    shown = f"""SELECT request_id AS exposure_id, as_of, as_of::DATE AS as_of_day, user_id, item_id, topic
        FROM '{delivery}/exposures.parquet'"""
    if is_base:
        db.sql(f"CREATE TABLE events AS {rows} ORDER BY event_day")
        db.sql(f"CREATE TABLE exposures AS {shown} ORDER BY as_of_day")
        db.sql("CREATE TABLE firsts AS SELECT user_id, min(event_ts) AS first FROM events GROUP BY ALL")
        db.sql("CREATE TABLE items AS SELECT item_id, min(event_day) AS first FROM events GROUP BY ALL")
    else:
        db.sql("CREATE TEMP TABLE days AS SELECT DISTINCT event_ts::DATE AS event_day FROM log")
        db.sql(f"""INSERT INTO events {rows} ANTI JOIN
            (SELECT event_id FROM events JOIN days USING (event_day)) USING (event_id)""")
        db.sql(f"CREATE TEMP TABLE spine AS {shown}")
        db.sql("INSERT INTO exposures SELECT * FROM spine")
        for table, key, moment in (("firsts", "user_id", "event_ts"), ("items", "item_id", "event_ts::DATE")):
            db.sql(f"""INSERT INTO {table} SELECT {key}, min({moment}) FROM log
                ANTI JOIN {table} USING ({key}) GROUP BY ALL""")
        build()
        db.sql("DROP TABLE spine; DROP TABLE days")
    db.sql("DROP VIEW log")
    db.sql("CHECKPOINT")


def insert(table: str, rows: str) -> None:
    """Insert rows into a table; the first insert creates it."""
    exists = (table,) in db.sql("SHOW TABLES").fetchall()
    db.sql(f"INSERT INTO {table} {rows}" if exists else f"CREATE TABLE {table} AS {rows}")


def build() -> None:
    """Build features of new exposures and their items, and open labels."""
    insert(
        "exposure_features",
        f"""SELECT s.exposure_id, s.as_of_day, u.* EXCLUDE (exposure_id, _u, _p),
            _u / {DAY_US} AS f_user_days_since_consumption, _p / {DAY_US} AS f_user_item_days_since_consumption,
            CASE WHEN f.first < s.as_of THEN (epoch_us(s.as_of) - epoch_us(f.first)) / {DAY_US} END
                AS f_user_tenure_days
        FROM spine s JOIN ({of_users()}) u USING (exposure_id) LEFT JOIN firsts f USING (user_id)""",
    )
    insert("item_features", of_items())
    first = f"(SELECT min(as_of_day) - {OPEN_DAYS} FROM spine)"
    if ("labels",) in db.sql("SHOW TABLES").fetchall():
        db.sql(f"DELETE FROM labels WHERE as_of_day >= {first}")
    insert("labels", labels(first))


def of_items() -> str:
    """SQL for features of each requested item and day, over windows of complete days before it."""
    sums = [
        part.replace("s.as_of -", "s.day -").replace("e.event_ts", "e.event_day")
        for windows, of, flag in (
            ((1, 7, 28, 90), "consumptions", "is_consumption"),
            ((28,), "clicks", "is_click"),
            ((28,), "negatives", "is_negative"),
        )
        for part in counts("f_item", of, flag, windows)
    ]
    return f"""
        WITH requested AS (SELECT DISTINCT item_id, as_of_day AS day FROM spine),
        done AS (
            SELECT s.item_id, s.day, {", ".join(sums)}, count(DISTINCT e.user_id) FILTER (
                e.is_consumption AND e.event_day >= s.day - INTERVAL 28 DAY) AS f_item_distinct_users_28d
            FROM requested s LEFT JOIN events e
            ON e.item_id = s.item_id AND e.event_day < s.day AND e.event_day >= s.day - INTERVAL 90 DAY GROUP BY ALL
        ),
        shown AS (
            SELECT s.item_id, s.day, count(x.item_id) AS f_item_exposures_28d FROM requested s LEFT JOIN exposures x
            ON x.item_id = s.item_id AND x.as_of_day < s.day AND x.as_of_day >= s.day - INTERVAL 28 DAY GROUP BY ALL
        )
        SELECT d.item_id, d.day AS as_of_day, d.* EXCLUDE (item_id, day), f_item_exposures_28d,
            CASE WHEN a.first < d.day THEN d.day - a.first END AS f_item_age_days, {ratios()}
        FROM done d JOIN shown USING (item_id, day) LEFT JOIN items a USING (item_id)
    """


def labels(first: str) -> str:
    """SQL for both labels of exposures since a day."""
    return f"""
        WITH requested AS (SELECT * FROM exposures WHERE as_of_day >= {first}),
        clicked AS (
            SELECT x.exposure_id, x.user_id, x.item_id, x.as_of_day,
                bool_or(e.event_ts < x.as_of + INTERVAL 1 HOUR) AS at_once
            FROM requested x JOIN events e ON e.user_id = x.user_id AND e.item_id = x.item_id AND e.is_click
                AND e.event_ts >= x.as_of AND e.event_ts < x.as_of + INTERVAL 24 HOUR AND e.event_day >= {first}
            GROUP BY ALL
        ),
        returned AS (
            SELECT DISTINCT c.exposure_id FROM clicked c JOIN events e ON e.user_id = c.user_id
                AND e.item_id = c.item_id AND e.is_consumption AND e.event_day >= {first}
                AND e.event_day BETWEEN c.as_of_day + 1 AND c.as_of_day + 14
        )
        SELECT x.exposure_id, x.as_of_day, coalesce(c.at_once, false)::INT AS click,
            (r.exposure_id IS NOT NULL)::INT AS return_to_item_14d
        FROM requested x LEFT JOIN clicked c USING (exposure_id) LEFT JOIN returned r USING (exposure_id)
    """


def compare(request: dict[str, Any]) -> dict[str, Any]:
    """Count rows and sum the features of single days and the settled labels."""
    sums_by_name: dict[str, Any] = {}
    between = f"as_of_day >= '{request['first']}' AND as_of_day < '{request['end']}'"
    for table in ("exposure_features", "item_features"):
        names = [row[0] for row in db.sql(f"DESCRIBE {table}").fetchall() if row[0].startswith("f_")]
        sums = ", ".join(f"sum({name})::DOUBLE AS {name}" for name in names)
        sums_by_name |= fetch_row(f"SELECT count(*) AS 'rows of {table}', {sums} FROM {table} WHERE {between}")
    for name in ("click", "return_to_item_14d"):
        sums_by_name |= fetch_row(f"""SELECT count(*) AS 'rows of {name}', sum({name})::DOUBLE AS {name} FROM labels
            WHERE as_of_day >= '{request["labels"]}' AND as_of_day < '{request["settled"]}'""")
    return sums_by_name


def fetch_row(query: str) -> dict[str, Any]:
    """Fetch the only row of an answer."""
    answer = db.sql(query)
    return dict(zip(answer.columns, answer.fetchall()[0], strict=True))


def run(request: dict[str, Any]) -> dict[str, Any]:
    if request["do"] == "compare":
        return compare(request)
    take(deliveries.pop(0))
    return {}


if __name__ == "__main__":
    serve(run)
