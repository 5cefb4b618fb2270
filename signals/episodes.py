"""Facts of signals that read episodes: consumption with the release it belongs to, and the releases themselves.

A release is a fact like any other: it counts from when it became known. Consumption of an episode counts once both it
and the release are known.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tables.frame_union import union_by_name

_FLAGS = ("is_consumption", "is_click", "is_negative")


def add_releases(events: DataFrame, episodes: DataFrame) -> DataFrame:
    """Events and releases as facts. Grain: event, or item_id and episode where ``is_release``.

    Args:
        events: with ``episode``; null: of no episode. Grain: event_id.
        episodes: grain: item_id, episode.

    Returns: The columns of ``events``, and ``season``, ``season_episodes``, ``released_ts`` and ``is_release``. A
        release has no user, is neither consumption, click nor rejection, and happens at its ``released_ts``.
    """
    details = ["season", "season_episodes", "released_ts"]
    releases = episodes.select("item_id", "episode", *details, F.col("known_ts").alias("_release_known_ts"))
    consumed = events.join(releases, ["item_id", "episode"], "left")
    consumed = consumed.where(F.col("episode").isNull() | F.col("released_ts").isNotNull())
    consumed = consumed.withColumns(
        {"known_ts": F.greatest("known_ts", "_release_known_ts"), "is_release": F.lit(False)}  # greatest skips nulls
    )
    release_facts = episodes.select("item_id", "episode", *details, "known_ts").withColumns(
        {
            "event_ts": F.col("released_ts"),
            "event_day": F.to_date("released_ts"),
            "is_release": F.lit(True),
            **{flag: F.lit(False) for flag in _FLAGS if flag in events.columns},
        }
    )
    return union_by_name([consumed.drop("_release_known_ts"), release_facts])
