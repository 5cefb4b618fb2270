"""What became of rows that were set aside, repaired, and put through ingest again."""

from tables.contract import load

OUTCOMES = ("published", "duplicate", "quarantined", "erased")

QUARANTINE_RELEASES = load("quarantine_releases")
