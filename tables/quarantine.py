"""What became of rows that were set aside, repaired, and put through ingest again."""

from tables.spec import Rule, TableSpec, columns

OUTCOMES = ("published", "duplicate", "quarantined", "erased")

QUARANTINE_RELEASES = TableSpec(
    name="quarantine_releases",
    about="Quarantined rows that were released: by whom, when, into what, and what became of them. Append-only.",
    grain=("row_id",),
    mode="append",
    known="released_at",
    audit=("batch", "run_id", "release_id"),
    allow_empty=True,
    columns=columns("""
        row_id      | string    | the quarantined row; it is released once
        release_id  | string    | the release it went with; the table deliveries has it as a delivery
        log         | string    | which raw log: events, exposures or episodes
        reason      | string    | what it had been set aside for
        outcome     | string    | published, duplicate (known already), quarantined (failed again) or erased
        new_reason  | string?   | what it was set aside for again, where it failed again
        fact_id     | string?   | the fact it became, or is a duplicate of
        raw         | string?   | the repaired row as JSON; null where its person was erased
        user_id     | string?   | who, as far as the repaired row says
        released_at | timestamp | from when on what it says is known (UTC)
        released_by | string    | who released it
        run_id      | string    | the run that released it
        batch       | bigint    | number of the release among the deliveries
    """),
    rules=(
        Rule(
            "outcome_is_known",
            f"outcome NOT IN ({', '.join(repr(outcome) for outcome in OUTCOMES)})",
            f"outcome must be one of {', '.join(OUTCOMES)}",
        ),
        Rule(
            "failed_again_has_reason",
            "outcome = 'quarantined' AND new_reason IS NULL",
            "a row that failed again needs its new reason",
        ),
    ),
)
