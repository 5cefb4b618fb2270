"""Facts of signals that read episodes: what was heard of an item, with the release it belongs to, and the releases.

A release is a fact like any other: it counts from when it was known. What was heard of an episode is told apart by its
release, so it counts once both are known; until then it is no fact of these signals.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_FLAGS = ("is_consumption", "is_click", "is_negative")


def add_releases(events: DataFrame, episodes: DataFrame) -> DataFrame:
    """Events and releases as facts. Grain: event, or item_id and episode where ``is_release``.

    Args:
        events: with ``episode``; null: of no episode. Grain: event_id.
        episodes: grain: item_id, episode.

    Returns:
        The columns of ``events``, and ``season``, ``season_episodes``, ``released_ts`` and ``is_release``. A release
        has no user, is no consumption, click or rejection, and happens at its ``released_ts``.
    """
    about = ["season", "season_episodes", "released_ts"]
    released = episodes.select("item_id", "episode", *about, F.col("known_ts").alias("_released_known"))
    heard = events.join(released, ["item_id", "episode"], "left")
    heard = heard.where(F.col("episode").isNull() | F.col("released_ts").isNotNull())
    heard = heard.withColumns(
        {"known_ts": F.greatest("known_ts", "_released_known"), "is_release": F.lit(False)}  # greatest skips nulls
    )
    as_facts = episodes.select("item_id", "episode", *about, "known_ts").withColumns(
        {
            "event_ts": F.col("released_ts"),
            "event_day": F.to_date("released_ts"),
            "is_release": F.lit(True),
            **{flag: F.lit(False) for flag in _FLAGS if flag in events.columns},
        }
    )
    return heard.drop("_released_known").unionByName(as_facts, allowMissingColumns=True)
