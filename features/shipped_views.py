"""The shipped feature views. They read only facts before ``as_of``, and except for ages at most 90 days back."""

import hashlib

from features.feature_view import Feature, View, count_features

WINDOWS = (1, 7, 28, 90)

USER = View(
    "user_features",
    ("user_id",),
    "event",
    (
        *count_features("f_user", "consumptions", WINDOWS),
        *count_features("f_user", "clicks", (28,)),
        *count_features("f_user", "negatives", (28,)),
        Feature("f_user_distinct_items_28d", "distinct", "item_id", 28, "items"),
        Feature("f_user_active_days_28d", "distinct", "event_day", 28, "days"),
        Feature("f_user_days_since_consumption", "recency", "consumptions", 90, "days"),
        Feature("f_user_tenure_days", "age", "firsts", None, "days"),
    ),
    "How active the listener was, how varied, and how long they have been here.",
)
USER_ITEM = View(
    "user_item_features",
    ("user_id", "item_id"),
    "event",
    (
        *count_features("f_user_item", "consumptions", WINDOWS),
        *count_features("f_user_item", "clicks", (28,)),
        *count_features("f_user_item", "negatives", (28,)),
        Feature("f_user_item_days_since_consumption", "recency", "consumptions", 90, "days"),
    ),
    "How often, and how recently, this listener took this item.",
)
USER_TOPIC = View(
    "user_topic_features",
    ("user_id", "topic"),
    "event",
    (*count_features("f_user_topic", "consumptions", (28, 90)), *count_features("f_user_topic", "negatives", (28,))),
    "How much of the item's topic this listener took, and rejected.",
)
ITEM = View(
    "item_features",
    ("item_id",),
    "day",
    (
        *count_features("f_item", "consumptions", WINDOWS),
        *count_features("f_item", "clicks", (28,)),
        *count_features("f_item", "negatives", (28,)),
        Feature("f_item_distinct_users_28d", "distinct", "user_id", 28, "users"),
        Feature("f_item_exposures_28d", "count", "exposures", 28),
        Feature("f_item_age_days", "age", "firsts", None, "days"),
        Feature(
            "f_item_click_rate_28d", "ratio", "f_item_clicks_28d", 28, "clicks per exposure", ("f_item_exposures_28d",)
        ),
        Feature(
            "f_item_consumptions_per_user_28d",
            "ratio",
            "f_item_consumptions_28d",
            28,
            "consumptions per user",
            ("f_item_distinct_users_28d",),
        ),
        Feature(
            "f_item_negative_rate_28d",
            "ratio",
            "f_item_negatives_28d",
            28,
            "share of reactions",
            ("f_item_negatives_28d", "f_item_consumptions_28d"),
        ),
    ),
    "How much the item was taken, clicked, rejected and shown, by how many, and how old it is.",
)
VIEWS = (USER, ITEM, USER_ITEM, USER_TOPIC)
OF_USERS = (USER, USER_ITEM, USER_TOPIC)
"""Views that share the user, computed in one pass."""
LOOK_BACK_DAYS = max(feature.window or 0 for view in VIEWS for feature in view.features)
"""No feature reads facts older than this, except ages, which come from ``first_seen``."""


def feature_names() -> list[str]:
    """Every feature column, view by view."""
    return [name for view in VIEWS for name in view.names()]


def hash_features() -> dict[str, str]:
    """A hash of each feature's meaning, by name: its kind, window and unit, and its view's grain and resolution."""
    # The hash covers the repr, so renaming Feature or one of its fields would change every hash.
    meanings = {f.name: repr((view.keys, view.resolution, f)) for view in VIEWS for f in view.features}
    return {name: hashlib.sha256(meaning.encode()).hexdigest()[:12] for name, meaning in meanings.items()}
