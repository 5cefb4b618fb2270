"""What is known of the data themselves: how much came in each day, outages of the log, and metrics of tables."""

from tables.spec import Rule, TableSpec, columns

DAY_COUNTS = TableSpec(
    name="day_counts",
    about="How many events of a day were first known on which day, and how many users with them.",
    grain=("event_day", "known_day"),
    allow_empty=True,
    known="CAST(date_add(known_day, 1) AS timestamp)",
    columns=columns("""
        event_day | date   | UTC day on which it happened
        known_day | date   | UTC day on which it was known
        users     | bigint | users of whom the day's first event became known then
        events    | bigint | events of the day that became known then
    """),
    rules=(
        Rule("known_day_not_before", "known_day < event_day", "known_day must be at or after event_day"),
        Rule("counts_fit", "users < 0 OR events < users OR events < 1", "a row has events, of no more users than that"),
    ),
)

OUTAGES = TableSpec(
    name="outages",
    about="Times for which the log holds too little: one row a day that was found so, or an interval that was told.",
    grain=("found_by", "start", "end"),
    allow_empty=True,
    known="known_ts",
    columns=columns("""
        source       | string     | name of the source
        outage       | timestamp  | start of the unbroken outage that this is a part of (UTC)
        start        | timestamp  | from when on the log holds too little, inclusive (UTC)
        end          | timestamp  | until when, exclusive (UTC)
        found_by     | string     | counts (the rule over the counts of days) or settings (told by hand)
        metric       | string?    | what was too low: users or events; null if told
        expected     | double?    | what the rule expected of that day; null if told, or if the day could not be judged
        found        | double?    | what had become known of it when it was judged; null if told
        judged_at    | timestamp  | the watermark at which it counts: the day could be judged, or it was told (UTC)
        known_ts     | timestamp  | when the watermark was first known to be there: from when on it counts (UTC)
        withdrawn_at | timestamp? | the watermark at which it counts no more (UTC)
        withdrawn_ts | timestamp? | when the watermark was first known to be there (UTC)
        dismissed    | boolean    | withdrawn because someone said that it is how people behaved
        reason       | string?    | why it was withdrawn, or what was told
    """),
    rules=(
        Rule("ends_after_start", "`end` <= start", "an outage must end after it starts"),
        Rule("found_by_known", "found_by NOT IN ('counts', 'settings')", "found_by must be counts or settings"),
        Rule("withdrawn_later", "withdrawn_at <= judged_at", "what is withdrawn must have counted before"),
        Rule("withdrawn_in_both_clocks", "(withdrawn_at IS NULL) <> (withdrawn_ts IS NULL)", "withdrawn in one clock"),
    ),
)

QUALITY_METRICS = TableSpec(
    name="quality_metrics",
    about="Numbers that a run measured of a table. Append-only: one value a table version, metric, subject and day.",
    grain=("table", "version", "metric", "subject", "day"),
    mode="append",
    known="measured_at",
    allow_empty=True,
    columns=columns("""
        table       | string    | which table
        version     | bigint    | the version of it that was measured
        metric      | string    | what was measured, such as rows, users or null_share
        subject     | string    | the column, rule or signal it is about; empty: the whole table
        day         | string    | the UTC day it is about (ISO); empty: all rows of the version
        value       | double    | the number
        measured_at | timestamp | the logical date of the run: T, from which it looked back (UTC)
        run_id      | string    | the run that measured it
    """),
)
