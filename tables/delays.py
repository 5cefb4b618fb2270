"""Delay curves of signals: how much of the final values is seen by age, cohort by cohort."""

from tables.spec import Rule, TableSpec, columns

SIGNAL_DELAYS = TableSpec(
    name="signal_delays",
    about="How much of the final values of a signal was seen by age, for weeks whose anchors are all mature or void.",
    grain=("signal", "cohort", "age_day"),
    mode="increment",
    time="cohort",
    known="known_at",
    allow_empty=True,
    audit=("known_at", "usual", "tolerance", "drifted"),
    columns=columns("""
        signal          | string    | pinned name of the definition, name@version
        definition_hash | string    | the definition's identity
        cohort          | date      | Monday of the week of t0 (UTC)
        age_day         | int       | age in days: what was known before t0 + age_day; the last one is maturity
        anchors         | bigint    | mature anchors of the cohort
        sampled         | bigint    | of these, those that were followed through their ages
        whole           | double    | what there was to see: distances of final values from those known at t0, added up
        missing         | double    | what was still to be seen at that age
        seen            | double?   | 1 - missing / whole; null where there was nothing to see
        std_error       | double?   | standard error of seen, clustered by user; null with less than two users
        usual           | double?   | seen in the cohorts before it, together; null while these are too few to say
        tolerance       | double?   | how far from usual seen may lie without an alarm
        drifted         | boolean   | whether seen lies further from usual: the alarm
        known_at        | timestamp | T, the moment from which we look back (UTC)
    """),
    rules=(
        Rule("ages_from_one_on", "age_day < 1", "age_day must be at least 1"),
        Rule("sample_of_anchors", "sampled > anchors", "no more can be followed than there are"),
        Rule("sums_not_negative", "whole < 0 OR missing < 0", "distances must be at least 0"),
        Rule("seen_at_most_all", "seen > 1", "no more than all can be seen"),
        Rule("seen_if_there_is_something", "(whole = 0) <> (seen IS NULL)", "seen is there if and only if whole is"),
        Rule("drift_is_told_apart", "drifted AND usual IS NULL", "drift needs something usual to leave"),
    ),
)
