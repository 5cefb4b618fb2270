"""Facts as they came in: events, exposures, and the rows that could not be either."""

from tables.spec import Rule, TableSpec, columns

EVENTS = TableSpec(
    name="events",
    about="What listeners did. Append-only; one row an event, de-duplicated by the source's key.",
    grain=("event_id",),
    mode="append",
    time="event_day",
    known="known_ts",
    audit=("batch",),
    columns=columns("""
        event_id       | string    | first 32 hex digits of SHA-256 over the source's key columns and the UTC day
        user_id        | string    | who
        item_id        | string    | what
        topic          | string?   | the item's topic, where the source has one
        kind           | string    | kind of event, in the source's words
        event_ts       | timestamp | when it happened (UTC)
        known_ts       | timestamp | when it could first have been known (UTC), never before event_ts
        event_day      | date      | UTC date of event_ts
        known_day      | date      | UTC date of known_ts
        amount         | double?   | how much, in the source's unit (seconds, pieces, ...)
        is_consumption | boolean   | counts as consumption, by the source's rule
        is_click       | boolean   | counts as a click, by the source's rule
        is_negative    | boolean   | counts as a rejection (skip, hide), by the source's rule
        request_id     | string?   | the request it answers; null for organic events
        surface        | string?   | where it happened
        episode        | string?   | the episode of the item, where the source has episodes
        clock_skew     | boolean   | the log knew of it before it happened; known_ts was raised to event_ts
        batch          | bigint    | number of the delivery it came with
    """),
    rules=(
        Rule("known_not_before_event", "known_ts < event_ts", "known_ts must be at or after event_ts"),
        Rule("amount_not_negative", "amount < 0", "amount must be 0 or more"),
        Rule("event_day_is_utc_date", "event_day <> to_date(event_ts)", "event_day must be the UTC date of event_ts"),
    ),
)

EXPOSURES = TableSpec(
    name="exposures",
    about="What was shown to whom, where, and with what probability. Append-only; one row per item shown.",
    grain=("exposure_id",),
    mode="append",
    time="as_of_day",
    known="known_ts",
    audit=("batch",),
    columns=columns("""
        exposure_id | string    | first 32 hex digits of SHA-256 over the log's key and day (sampled: request, item)
        request_id  | string    | the slate it belongs to
        user_id     | string    | who saw it
        item_id     | string    | what was shown
        topic       | string?   | the item's topic, where the source has one
        as_of       | timestamp | when it was shown (UTC): features look from here
        as_of_day   | date      | UTC date of as_of
        known_ts    | timestamp | when it could first have been known (UTC)
        surface     | string    | where it was shown
        position    | int?      | place in the slate, 1 first; null if sampled
        policy      | string    | which policy chose it; 'sampled' where the log has none
        propensity  | double?   | probability with which it was shown there (logged) or drawn (sampled); null: positive
        sampled     | boolean   | drawn by the sampler, not logged
        batch       | bigint    | number of the delivery it came with
    """),
    rules=(
        Rule("as_of_day_is_utc_date", "as_of_day <> to_date(as_of)", "as_of_day must be the UTC date of as_of"),
        Rule("propensity_is_probability", "propensity <= 0 OR propensity > 1", "propensity must lie in (0, 1]"),
        Rule("position_from_one", "position < 1", "position must be 1 or more"),
        Rule("logged_has_propensity", "NOT sampled AND propensity IS NULL", "logged exposures need a propensity"),
    ),
)

EPISODES = TableSpec(
    name="episodes",
    about="When episodes of items were released, and when that was known. Append-only; what was told first stands.",
    grain=("item_id", "episode"),
    mode="append",
    known="known_ts",
    audit=("batch",),
    allow_empty=True,
    columns=columns("""
        item_id         | string    | the item that it is an episode of
        episode         | string    | the episode, as events name it
        season          | string?   | the season it belongs to, where the source has seasons
        season_episodes | int?      | episodes of that season, as announced with this one
        released_ts     | timestamp | when it was released (UTC)
        known_ts        | timestamp | when that could first have been known (UTC), never before released_ts
        batch           | bigint    | number of the delivery it came with
    """),
    rules=(
        Rule("known_not_before_release", "known_ts < released_ts", "known_ts must be at or after released_ts"),
        Rule("season_has_episodes", "season_episodes < 1", "a season has 1 episode or more"),
    ),
)

QUARANTINE = TableSpec(
    name="quarantine",
    about="Raw rows that could not be used, with the reason. Append-only; nothing is silently dropped.",
    grain=("row_id",),
    mode="append",
    time="event_day",
    audit=("batch", "run_id", "file"),
    allow_empty=True,
    columns=columns("""
        row_id        | string        | SHA-256 of the raw row and its place among identical rows, or what it came from
        log           | string        | which raw log: events, exposures or episodes
        reason        | string        | the first reason that applies, by the source's precedence
        reasons       | array<string> | every reason that applies
        message       | string        | the first reason in a sentence, with the column of the log that it is about
        raw           | string        | the raw row as JSON
        raw_schema    | string        | type of the raw row (Spark's schema as JSON), so that it can be read again
        file          | string?       | name of the delivered file it was read from
        user_id       | string?       | who, as far as the row says
        event_day     | date?         | UTC date of its time, where it has one
        run_id        | string        | the run that set it aside
        repaired_from | string?       | row_id of the quarantined row that was repaired into this one and failed again
        batch         | bigint        | number of the delivery it came with
    """),
)

FIRST_SEEN = TableSpec(
    name="first_seen",
    about="Since when a user, an item or an item's clicks are known: each fact that was the earliest when seen.",
    grain=("kind", "key", "visible_ts"),
    mode="increment",
    known="visible_ts",
    audit=("batch",),
    allow_empty=True,
    columns=columns("""
        kind       | string    | user, item, or clicked_item (items by their clicks alone)
        key        | string    | the user or item
        event_ts   | timestamp | when it happened (UTC): earlier than all that was visible before
        visible_ts | timestamp | greatest(event_ts, known_ts): from when on, strictly after, it may be seen (UTC)
        topic      | string?   | the item's topic at that event, where the source has one
        batch      | bigint    | number of the delivery it came with
    """),
    rules=(Rule("visible_not_before_event", "visible_ts < event_ts", "visible_ts must be at or after event_ts"),),
)

DELIVERIES = TableSpec(
    name="deliveries",
    about="One row per ingested delivery: what was read, what became of it, and how far it makes the log complete.",
    grain=("batch",),
    mode="append",
    known="complete_at",
    audit=("batch",),
    columns=columns("""
        batch          | bigint             | its number, counting up in the order of arrival
        delivery       | string             | fingerprint of the delivered files and the source file
        data           | string             | name of the delivered file or folder
        observed_at    | timestamp          | the moment of observation: later event times are future
        log_start      | timestamp          | since when the log is delivered: as stated, else its first such day (UTC)
        complete_from  | timestamp?         | it holds all that became known from here on; null: from the beginning on
        complete_until | timestamp          | and before this moment (UTC)
        complete_at    | timestamp          | when that could first have been known (UTC)
        counts         | map<string,bigint> | LOG/read, LOG/clean, LOG/again, LOG/raw:REASON and LOG/exclusive:REASON
    """),
)
