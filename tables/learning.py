"""Features, signal values, training sets and releases."""

from tables.spec import Rule, TableSpec, columns

USER_FEATURES = TableSpec(
    name="user_features",
    about="User feature view at the moment of each request.",
    grain=("user_id", "as_of"),
    columns=columns("""
        user_id | string    | who
        as_of   | timestamp | the moment the features look from (UTC), exclusive
    """),
    families=("f_user_",),
)
ITEM_FEATURES = TableSpec(
    name="item_features",
    about="Item feature view at the start of each day on which the item was a candidate.",
    grain=("item_id", "as_of_day"),
    columns=columns("""
        item_id   | string | what
        as_of_day | date   | features look from midnight UTC of this day, exclusive
    """),
    families=("f_item_",),
)
USER_ITEM_FEATURES = TableSpec(
    name="user_item_features",
    about="User-item feature view at the moment of each exposure.",
    grain=("user_id", "item_id", "as_of"),
    columns=columns("""
        user_id | string    | who
        item_id | string    | what
        as_of   | timestamp | the moment the features look from (UTC), exclusive
    """),
    families=("f_user_item_",),
)
USER_TOPIC_FEATURES = TableSpec(
    name="user_topic_features",
    about="User-topic feature view at the moment of each exposure; empty where the source has no topics.",
    grain=("user_id", "topic", "as_of"),
    allow_empty=True,
    columns=columns("""
        user_id | string    | who
        topic   | string    | the topic of the item shown
        as_of   | timestamp | the moment the features look from (UTC), exclusive
    """),
    families=("f_user_topic_",),
)

SIGNAL_VALUES = TableSpec(
    name="signal_values",
    about="Values of signals with their state. One row per anchor and known time: revisions are further rows.",
    grain=("signal", "anchor_id", "revision"),
    columns=columns("""
        signal          | string    | pinned name of the definition, name@version
        definition_hash | string    | the definition's identity
        anchor_id       | string    | exposure_id, or a hash of user, item and t0
        user_id         | string    | who
        item_id         | string?   | what; null for user-grain signals
        t0              | timestamp | the anchor's time (UTC)
        window_end      | timestamp | end of the window, exclusive (UTC)
        matures_at      | timestamp | window_end + lateness allowance (UTC)
        state           | string    | open, mature or void
        void_reason     | string?   | why it will never be known
        value           | double?   | the value, in the definition's unit; null unless mature
        prefix          | double?   | what was observed so far, if open
        elapsed_share   | double    | share of the window that the watermark has passed, 0 to 1
        known_ts        | timestamp | from when on (inclusive) the row is what was known
        revision        | int       | 0, then 1, 2, ... for what facts known after maturity made of it
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
        Rule("not_mature_early", "state = 'mature' AND known_ts < matures_at", "mature before its time"),
        Rule("window_after_anchor", "window_end <= t0", "a window must end after its anchor"),
        Rule("elapsed_is_share", "elapsed_share < 0 OR elapsed_share > 1", "elapsed_share must lie in [0, 1]"),
    ),
)

TRAINING_SET = TableSpec(
    name="training_set",
    about="Exposures x features as of x signals. One row an exposure; labels are null unless mature.",
    grain=("exposure_id",),
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
    """),
    families=("f_", "label_", "state_"),
    rules=(Rule("split_known", "split NOT IN ('train', 'valid', 'test', 'purged')", "unknown split"),),
)

RELEASES = TableSpec(
    name="releases",
    about="One row per release: the audited version of every table that readers open together.",
    grain=("release_id",),
    mode="append",
    columns=columns("""
        release_id        | string             | name of the release: the known-at date and a hash of its content
        known_at          | timestamp          | the logical date: what was known then
        watermark         | timestamp          | the source's watermark at known_at
        versions          | map<string,bigint> | Delta version of every table
        definition_hashes | map<string,string> | hash of every signal definition
        fingerprint       | string             | hash over all of the above
    """),
)
