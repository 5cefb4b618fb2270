"""The map: every table of the store by name."""

from longplay.errors import NotFoundError, nearest
from tables import delays, facts, histories, learning, quality, quarantine
from tables.spec import TableSpec

ALL: dict[str, TableSpec] = {
    spec.name: spec
    for module in (facts, histories, learning, delays, quality, quarantine)
    for spec in vars(module).values()
    if isinstance(spec, TableSpec)
}

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
"""What every release ties."""
ALSO_RELEASED = ("deliveries", "episodes", "quarantine", "day_counts", "outages", "signal_delays")
"""What a release ties where it is there."""


def get(name: str) -> TableSpec:
    """The spec of one table.

    Raises:
        NotFoundError: with the nearest known name.
    """
    if name not in ALL:
        raise NotFoundError(f"There is no table '{name}'.", fix=nearest(name, ALL))
    return ALL[name]
