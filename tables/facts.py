"""Facts as they came in: events, exposures, and the rows that could not be either."""

from tables.contract import load

EVENTS = load("events")
EXPOSURES = load("exposures")
EPISODES = load("episodes")
QUARANTINE = load("quarantine")
FIRST_SEEN = load("first_seen")
DELIVERIES = load("deliveries")
