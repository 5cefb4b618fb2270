"""Histories: daily tiles (additive partial aggregates by event day and known day) and sequences."""

from tables.spec import Column, Rule, TableSpec, columns

_MEASURES = """
    event_day      | date      | UTC day on which it happened
    known_day      | date      | UTC day on which it was known
    events         | bigint    | events of any kind
    consumptions   | bigint    | events that count as consumption
    clicks         | bigint    | events that count as clicks
    negatives      | bigint    | events that count as rejections
    amount         | double    | sum of the consumed amount, in the source's unit
    first_event_ts | timestamp | first event of the tile (UTC)
    last_event_ts  | timestamp | last event of the tile (UTC)
    batch          | bigint    | number of the delivery whose facts it adds up
"""
_RULES = (
    Rule("known_day_not_before", "known_day < event_day", "known_day must be at or after event_day"),
    Rule("parts_within_whole", "consumptions > events OR clicks > events OR negatives > events", "parts exceed events"),
    Rule("first_before_last", "first_event_ts > last_event_ts", "first_event_ts must not be after last_event_ts"),
)


_KNOWN = "CAST(date_add(known_day, 1) AS timestamp)"
"""A day's tile is known once the day is over."""


def _tiles(name: str, about: str, keys: dict[str, str]) -> TableSpec:
    fixed = tuple(Column(key, "string", meaning) for key, meaning in keys.items())
    grain = (*keys, "event_day", "known_day", "batch")
    return TableSpec(
        name,
        about,
        grain,
        fixed + columns(_MEASURES),
        _RULES,
        mode="increment",
        time="event_day",
        known=_KNOWN,
        audit=("batch",),
    )


USER_DAYS = _tiles("user_days", "Daily tiles per user.", {"user_id": "who"})
ITEM_DAYS = _tiles("item_days", "Daily tiles per item.", {"item_id": "what"})
USER_ITEM_DAYS = _tiles("user_item_days", "Daily tiles per user and item.", {"user_id": "who", "item_id": "what"})

ITEM_EXPOSURE_DAYS = TableSpec(
    name="item_exposure_days",
    about="Logged exposures per item and day (sampled candidates are not exposures and are left out).",
    grain=("item_id", "event_day", "known_day", "batch"),
    mode="increment",
    time="event_day",
    known=_KNOWN,
    audit=("batch",),
    allow_empty=True,
    columns=columns("""
        item_id   | string | what was shown
        event_day | date   | UTC day on which it was shown
        known_day | date   | UTC day on which that was known
        exposures | bigint | times shown
        batch     | bigint | number of the delivery whose exposures it adds up
    """),
)

SEQUENCES = TableSpec(
    name="sequences",
    about="Every consumption. A user's history is its rows in order of event_ts, then event_id.",
    grain=("event_id",),
    mode="increment",
    time="event_day",
    known="visible_ts",
    audit=("batch",),
    columns=columns("""
        user_id    | string    | who
        item_id    | string    | what
        event_ts   | timestamp | when it happened (UTC)
        visible_ts | timestamp | greatest(event_ts, known_ts): from when on, strictly after, features may see it
        event_id   | string    | the event
        event_day  | date      | UTC date of event_ts
        batch      | bigint    | number of the delivery it came with
    """),
    rules=(Rule("visible_not_before_event", "visible_ts < event_ts", "visible_ts must be at or after event_ts"),),
)
