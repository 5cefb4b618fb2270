"""Contender: a complete, hand-written training set in DuckDB: what one machine can do for facts that are known at once.

Features of users by joins on the longest window and conditional aggregates; those of items from daily tiles, with
distinct users counted by the days on which they enter and leave the window.
"""

import shutil
from pathlib import Path
from typing import Any

import duckdb

from bench.contender import serve

EPOCH = "TIMESTAMPTZ '2025-01-01 00:00:00+00'"


def counts(prefix: str, of: str, flag: str, windows: tuple[int, ...], also: str = "") -> list[str]:
    return [
        f"count(*) FILTER (e.{flag} AND e.event_ts >= s.as_of - INTERVAL {w} DAY{also}) AS {prefix}_{of}_{w}d"
        for w in windows
    ]


def of_users() -> str:
    own, pair, topic = "f_user", "f_user_item", "f_user_topic"
    same_item, same_topic = " AND e.item_id = s.item_id", " AND e.topic = s.topic"
    columns = [
        *counts(own, "consumptions", "is_consumption", (1, 7, 28, 90)),
        *counts(own, "clicks", "is_click", (28,)),
        *counts(own, "negatives", "is_negative", (28,)),
        *[
            f"count(DISTINCT e.{of}) FILTER (e.is_consumption AND e.event_ts >= s.as_of - INTERVAL 28 DAY) AS {name}"
            for of, name in (("item_id", "f_user_distinct_items_28d"), ("event_day", "f_user_active_days_28d"))
        ],
        "epoch_us(any_value(s.as_of)) - max(epoch_us(e.event_ts)) FILTER (e.is_consumption) AS _u",
        *counts(pair, "consumptions", "is_consumption", (1, 7, 28, 90), same_item),
        *counts(pair, "clicks", "is_click", (28,), same_item),
        *counts(pair, "negatives", "is_negative", (28,), same_item),
        f"epoch_us(any_value(s.as_of)) - max(epoch_us(e.event_ts)) FILTER (e.is_consumption{same_item}) AS _p",
        *counts(topic, "consumptions", "is_consumption", (28, 90), same_topic),
        *counts(topic, "negatives", "is_negative", (28,), same_topic),
    ]
    return f"""
        SELECT s.exposure_id, {", ".join(columns)}
        FROM spine s LEFT JOIN events e
        ON e.user_id = s.user_id AND e.event_ts < s.as_of AND e.event_ts >= s.as_of - INTERVAL 90 DAY
        GROUP BY s.exposure_id
    """


def of_items() -> str:
    """SQL that adds requested days to the tiles as empty rows; a window is a frame over days."""
    frames = ", ".join(
        f"w{w} AS (PARTITION BY item_id ORDER BY day RANGE BETWEEN {w} PRECEDING AND 1 PRECEDING)"
        for w in (1, 7, 28, 90)
    )
    sums = [f"sum(consumptions) OVER w{w} AS f_item_consumptions_{w}d" for w in (1, 7, 28, 90)]
    sums += [
        f"sum({of}) OVER w28 AS f_item_{name}_28d"
        for of, name in (("clicks", "clicks"), ("negatives", "negatives"), ("exposures", "exposures"))
    ]
    return f"""
        SELECT item_id, day, {", ".join(f"coalesce({s.split(' AS ')[0]}, 0) AS {s.split(' AS ')[1]}" for s in sums)},
        coalesce(sum(steps) OVER (PARTITION BY item_id ORDER BY day), 0) AS f_item_distinct_users_28d
        FROM tiles WINDOW {frames}
    """


def ratios() -> str:
    shares = {
        "f_item_click_rate_28d": ("f_item_clicks_28d", "f_item_exposures_28d"),
        "f_item_consumptions_per_user_28d": ("f_item_consumptions_28d", "f_item_distinct_users_28d"),
        "f_item_negative_rate_28d": ("f_item_negatives_28d", "(f_item_negatives_28d + f_item_consumptions_28d)"),
    }
    return ", ".join(f"{a} / nullif({b}, 0) AS {name}" for name, (a, b) in shares.items())


def run(request: dict[str, Any]) -> dict[str, Any]:
    folder, (first, last) = Path(request["folder"]), request["span"]
    out = folder / "duckdb"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    db = duckdb.connect()
    db.sql("SET threads = 2; SET TimeZone = 'UTC'; SET memory_limit = '10GB'; SET preserve_insertion_order = false")
    db.sql(f"SET temp_directory = '{folder}/spill'")
    db.sql(f"CREATE VIEW events AS SELECT * FROM '{folder}/events/*.parquet'")
    db.sql(f"CREATE VIEW exposures AS SELECT * FROM '{folder}/exposures/*.parquet'")
    db.sql(f"""CREATE TABLE spine AS SELECT * FROM exposures
        WHERE as_of >= {EPOCH} + INTERVAL {first} DAY AND as_of < {EPOCH} + INTERVAL {last} DAY""")
    db.sql("""CREATE TABLE visits AS SELECT item_id, user_id, event_day AS day,
        lead(event_day) OVER (PARTITION BY item_id, user_id ORDER BY event_day) AS next
        FROM (SELECT DISTINCT item_id, user_id, event_day FROM events WHERE is_consumption)""")
    db.sql("""CREATE TABLE tiles AS SELECT item_id, day, sum(consumptions) AS consumptions, sum(clicks) AS clicks,
        sum(negatives) AS negatives, sum(exposures) AS exposures, sum(steps) AS steps FROM (
            SELECT item_id, event_day AS day, count(*) FILTER (is_consumption) AS consumptions,
                count(*) FILTER (is_click) AS clicks, count(*) FILTER (is_negative) AS negatives, 0 AS exposures,
                0 AS steps FROM events GROUP BY ALL
            UNION ALL SELECT item_id, as_of_day, 0, 0, 0, count(*), 0 FROM exposures GROUP BY ALL
            UNION ALL SELECT item_id, day + 1, 0, 0, 0, 0, count(*) FROM visits GROUP BY ALL
            UNION ALL SELECT item_id, least(day + 29, coalesce(next + 1, day + 29)), 0, 0, 0, 0, -count(*)
                FROM visits GROUP BY ALL
        ) GROUP BY ALL""")
    db.sql(f"CREATE TABLE of_items AS {of_items()}")
    db.sql(f"CREATE TABLE of_users AS {of_users()}")
    db.sql("CREATE TABLE firsts AS SELECT user_id, min(event_ts) AS first FROM events GROUP BY ALL")
    db.sql("CREATE TABLE items AS SELECT item_id, min(event_day) AS first FROM events GROUP BY ALL")
    db.sql("""CREATE TABLE clicked AS SELECT DISTINCT s.exposure_id, s.user_id, s.item_id, s.as_of_day,
            bool_or(e.event_ts < s.as_of + INTERVAL 1 HOUR) AS at_once
        FROM spine s JOIN events e ON e.user_id = s.user_id AND e.item_id = s.item_id AND e.is_click
            AND e.event_ts >= s.as_of AND e.event_ts < s.as_of + INTERVAL 24 HOUR GROUP BY ALL""")
    db.sql("""CREATE TABLE returned AS SELECT DISTINCT c.exposure_id FROM clicked c
        JOIN events e ON e.user_id = c.user_id AND e.item_id = c.item_id AND e.is_consumption
            AND e.event_day BETWEEN c.as_of_day + 1 AND c.as_of_day + 14""")
    day = 86_400_000_000
    db.sql(f"""COPY (
        SELECT s.exposure_id, s.request_id, s.user_id, s.item_id, s.as_of, s.surface, s.position, s.propensity,
            u.* EXCLUDE (exposure_id, _u, _p), _u / {day} AS f_user_days_since_consumption,
            _p / {day} AS f_user_item_days_since_consumption,
            CASE WHEN f.first < s.as_of THEN (epoch_us(s.as_of) - epoch_us(f.first)) / {day} END AS f_user_tenure_days,
            CASE WHEN a.first < s.as_of_day THEN s.as_of_day - a.first END AS f_item_age_days,
            i.* EXCLUDE (item_id, day), {ratios()},
            (c.at_once IS NOT NULL AND c.at_once)::INT::DOUBLE AS label_click,
            (r.exposure_id IS NOT NULL)::INT::DOUBLE AS label_return_to_item_14d
        FROM spine s JOIN of_users u USING (exposure_id) LEFT JOIN firsts f USING (user_id)
        LEFT JOIN items a ON a.item_id = s.item_id
        LEFT JOIN of_items i ON i.item_id = s.item_id AND i.day = s.as_of_day
        LEFT JOIN clicked c ON c.exposure_id = s.exposure_id LEFT JOIN returned r ON r.exposure_id = s.exposure_id
    ) TO '{out}/set.parquet'""")
    db.close()
    return {"out": str(out)}


if __name__ == "__main__":
    serve(run)
