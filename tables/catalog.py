"""The catalogue: every table of the store, by name."""

from longplay.errors import NotFoundError, nearest
from tables.contract import load
from tables.spec import TableSpec

# Facts as they were delivered, and the rows that were rejected.
EVENTS = load("events")
EXPOSURES = load("exposures")
EPISODES = load("episodes")
QUARANTINE = load("quarantine")
FIRST_SEEN = load("first_seen")
DELIVERIES = load("deliveries")

# Histories: daily tiles (additive partial aggregates by event day and known day) and sequences.
USER_DAYS = load("user_days")
ITEM_DAYS = load("item_days")
USER_ITEM_DAYS = load("user_item_days")
ITEM_EXPOSURE_DAYS = load("item_exposure_days")
SEQUENCES = load("sequences")

# Features, signal values, estimates of open ones, training sets and releases.
EXPOSURE_FEATURES = load("exposure_features")
ITEM_FEATURES = load("item_features")
SIGNAL_VALUES = load("signal_values")
SIGNAL_FAILURES = load("signal_failures")
PROGRESSIVE_PRIORS = load("progressive_priors")
PROGRESSIVE_SUMS = load("progressive_sums")
PROGRESSIVE_ESTIMATES = load("progressive_estimates")
TRAINING_SET = load("training_set")
RELEASES = load("releases")

# Delay curves of signals: how much of the final values is visible by age, cohort by cohort.
SIGNAL_DELAYS = load("signal_delays")

# Data quality: rows per day, outages of the log, and metrics of tables.
DAY_COUNTS = load("day_counts")
OUTAGES = load("outages")
QUALITY_METRICS = load("quality_metrics")

# Outcomes of quarantined rows that were repaired and reprocessed.
OUTCOMES = ("published", "duplicate", "quarantined", "erased")
QUARANTINE_RELEASES = load("quarantine_releases")

ALL: dict[str, TableSpec] = {spec.name: spec for spec in tuple(globals().values()) if isinstance(spec, TableSpec)}

RELEASED = (
    "events",
    "exposures",
    "first_seen",
    "user_days",
    "item_days",
    "user_item_days",
    "item_exposure_days",
    "sequences",
    "exposure_features",
    "item_features",
    "signal_values",
)
"""Tables that every release pins."""
ALSO_RELEASED = ("deliveries", "episodes", "quarantine", "day_counts", "outages", "signal_failures", "signal_delays")
"""Tables that a release pins if they exist."""


def get(name: str) -> TableSpec:
    """The spec of one table.

    Raises:
        NotFoundError: with the nearest name.
    """
    if name not in ALL:
        raise NotFoundError(f"There is no table '{name}'.", fix=nearest(name, ALL))
    return ALL[name]
