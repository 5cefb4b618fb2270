"""Features, signal values, estimates of open ones, training sets and releases."""

from tables.spec import Rule, TableSpec, columns

EXPOSURE_FEATURES = TableSpec(
    name="exposure_features",
    about="What was known of the user, of the user with the item and of the user with its topic, at every exposure.",
    grain=("exposure_id",),
    mode="increment",
    time="as_of_day",
    known="known_ts",
    audit=("batch", "latest_fact_ts"),
    columns=columns("""
        exposure_id | string    | the exposure
        user_id     | string    | who saw it
        as_of       | timestamp | the moment the features look from (UTC), exclusive
        as_of_day   | date      | UTC date of as_of
        known_ts    | timestamp | when the exposure could first have been known (UTC)
        latest_fact_ts | timestamp? | when the newest fact that the features rest on became visible (UTC)
        batch       | bigint    | number of the delivery that the exposure came with
    """),
    families=("f_user_",),
    rules=(Rule("no_fact_from_the_future", "latest_fact_ts >= as_of", "features must rest on the past alone"),),
)
ITEM_FEATURES = TableSpec(
    name="item_features",
    about="Item feature view at the start of each day on which the item was a candidate.",
    grain=("item_id", "as_of_day"),
    mode="increment",
    time="as_of_day",
    known="CAST(as_of_day AS timestamp)",
    audit=("latest_fact_ts",),
    columns=columns("""
        item_id   | string | what
        as_of_day | date   | features look from midnight UTC of this day, exclusive
        latest_fact_ts | timestamp? | when the newest fact that the features rest on became visible (UTC)
    """),
    families=("f_item_",),
    rules=(Rule("no_fact_from_the_future", "latest_fact_ts >= as_of_day", "features must rest on the past alone"),),
)

SIGNAL_VALUES = TableSpec(
    name="signal_values",
    about="Values of signals with their state. One row per anchor and known time: revisions are further rows.",
    grain=("signal", "anchor_id", "revision"),
    mode="increment",
    time="t0_day",
    known="known_ts",
    audit=("batch",),
    partition_by=("settled",),
    columns=columns("""
        signal          | string    | pinned name of the definition, name@version
        definition_hash | string    | the definition's identity
        anchor_id       | string    | exposure_id, or a hash of user, item and t0
        user_id         | string    | who
        item_id         | string?   | what; null for user-grain signals
        t0              | timestamp | the anchor's time (UTC)
        t0_day          | date      | UTC date of t0
        window_end      | timestamp | end of the window, exclusive (UTC)
        matures_at      | timestamp | window_end + lateness allowance (UTC)
        state           | string    | open, mature or void
        void_reason     | string?   | why it will never be known
        value           | double?   | the value, in the definition's unit; null unless mature
        prefix          | double?   | what was observed so far, if open
        elapsed_share   | double    | share of the window that the watermark has passed, 0 to 1
        event_observed  | boolean?  | whether what the signal waits for was seen; null if void, or if it is SQL
        ipc_weight      | double    | inverse-probability-of-censoring weight: 1 if mature, else 0
        censoring       | string    | the censoring model behind the weight: administrative, the log ends
        cluster_id      | string    | the same for all anchors of a signal that share one outcome (user, item, UTC day)
        known_ts        | timestamp | from when on (inclusive) the row is what was known
        revision        | int       | 0, then 1, 2, ... for what facts known after maturity made of it
        settled         | boolean   | mature or void: such rows are only ever added, open ones are replaced
        batch           | bigint    | number of the newest delivery when the row was made
    """),
    rules=(
        Rule("state_known", "state NOT IN ('open', 'mature', 'void')", "state must be open, mature or void"),
        Rule(
            "value_only_if_mature",
            "(state = 'mature') <> (value IS NOT NULL)",
            "a value is there if and only if mature",
        ),
        Rule(
            "void_has_reason", "(state = 'void') <> (void_reason IS NOT NULL)", "void rows need a reason, others none"
        ),
        Rule("settled_unless_open", "settled <> (state <> 'open')", "open rows are not settled, all others are"),
        Rule("not_mature_early", "state = 'mature' AND known_ts < matures_at", "mature before its time"),
        Rule("window_after_anchor", "window_end <= t0", "a window must end after its anchor"),
        Rule("elapsed_is_share", "elapsed_share < 0 OR elapsed_share > 1", "elapsed_share must lie in [0, 1]"),
    ),
)

PROGRESSIVE_PRIORS = TableSpec(
    name="progressive_priors",
    about="What the whole traces of past items say of the next one, day by day: the prior that estimates rest on.",
    grain=("signal", "day_offset"),
    known="known_at",
    columns=columns("""
        signal     | string        | pinned name of the definition, name@version
        definition_hash | string   | the definition's identity
        day_offset | int           | days after the anchor's day
        mean       | double        | expected outcome of that day over items
        within     | array<double> | covariance of that day with each day within an item, in the order of day_offset
        between    | array<double> | covariance of that day with each day between items, in the order of day_offset
        items      | bigint        | past items it was learnt from
        traces     | bigint        | their whole traces
        known_at   | timestamp     | T, the moment from which we look back (UTC)
    """),
)

PROGRESSIVE_SUMS = TableSpec(
    name="progressive_sums",
    about="What the traces of an item give to its estimate, by day of the trace and by the day on which it was known.",
    grain=("signal", "item_id", "day_offset", "known_day"),
    allow_empty=True,
    known="CAST(date_add(known_day, 1) AS timestamp)",
    columns=columns("""
        signal     | string | pinned name of the definition, name@version
        item_id    | string | what
        day_offset | int    | days after the anchor's day
        known_day  | date   | UTC day by whose end it was known
        n          | bigint | further traces that were seen for so long, less those that were superseded
        s          | double | sum of their whitened outcomes of that day, and what late facts and superseded ones change
    """),
)

PROGRESSIVE_ESTIMATES = TableSpec(
    name="progressive_estimates",
    about="Estimates, not labels: the mean value of a signal for an item, from open and mature traces, as known at T.",
    grain=("signal", "item_id"),
    known="known_at",
    columns=columns("""
        signal             | string    | pinned name of the definition, name@version
        definition_hash    | string    | the definition's identity
        item_id            | string    | what
        estimated_mean     | double    | mean of the item's mean value, in the definition's unit
        estimated_variance | double    | variance of that belief, in the unit squared
        traces             | bigint    | traces of the item whose first day was seen
        mature_share       | double    | share of them that was seen to its last day, 0 to 1
        prior_only         | boolean   | the item has no trace: the estimate is that of any item
        is_estimate        | boolean   | true: never a value of the signal
        known_at           | timestamp | T, the moment from which we look back (UTC)
    """),
    rules=(
        Rule("is_marked", "NOT is_estimate", "every row is an estimate"),
        Rule("variance_not_negative", "estimated_variance < 0", "a variance must be at least 0"),
        Rule("share_is_share", "mature_share < 0 OR mature_share > 1", "mature_share must lie in [0, 1]"),
        Rule("prior_only_without_traces", "prior_only <> (traces = 0)", "prior_only if and only if there is no trace"),
    ),
)

TRAINING_SET = TableSpec(
    name="training_set",
    about="Exposures x features as of x signals. One row an exposure; labels are null, and weigh 0, unless mature.",
    grain=("exposure_id",),
    audit=("latest_fact_ts",),
    columns=columns("""
        exposure_id | string    | the exposure
        request_id  | string    | its slate
        user_id     | string    | who
        item_id     | string    | what
        as_of       | timestamp | when it was shown (UTC)
        surface     | string    | where
        position    | int?      | place in the slate, null if sampled
        propensity  | double?   | logged or sampling probability
        sampled     | boolean   | drawn by the sampler, not logged
        split       | string    | train, valid, test or purged (its label horizon reaches into the next split)
        has_features | boolean  | its features were computed
        latest_fact_ts | timestamp? | when the newest fact that the features rest on became visible (UTC)
        labels_known_ts | timestamp? | when the last of its mature labels was known (UTC)
        labels_t0   | timestamp? | the moment from which its labels look (UTC)
    """),
    families=("f_", "label_", "state_", "weight_"),
    rules=(
        Rule("split_known", "split NOT IN ('train', 'valid', 'test', 'purged')", "unknown split"),
        Rule("features_are_there", "NOT has_features", "every exposure needs its features"),
        Rule("features_from_the_past", "latest_fact_ts >= as_of", "a feature rests on a fact of the future"),
        Rule("labels_from_the_future", "labels_t0 < as_of", "a label looks at what came before the exposure"),
    ),
)

RELEASES = TableSpec(
    name="releases",
    about="One row per release: the audited version of every table that readers open together.",
    grain=("release_id",),
    mode="append",
    known="known_at",
    columns=columns("""
        release_id        | string             | name of the release: the known-at date and a hash of its content
        known_at          | timestamp          | the logical date: what was known then
        watermark         | timestamp          | the source's watermark at known_at
        batch             | bigint             | number of the newest delivery in it: later ones are not part of it
        versions          | map<string,bigint> | Delta version of every table
        definition_hashes | map<string,string> | hash of every signal definition
        fingerprint       | string             | hash over all of the above
    """),
)
