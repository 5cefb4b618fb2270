"""Revisions after maturity, counted by how late they were."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

ENDS: Sequence[timedelta] = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""Where the bands of ages after maturity end, exclusive; the last band has no end."""
NAMES = ("under 1 d", "1 to 7 d", "7 to 30 d", "30 d or more")
"""The bands, youngest first."""


def by_age(late: "pa.Table") -> dict[str, int]:
    """How many revisions fall into each band; empty bands are left out.

    Args:
        late: rows of ``signal_values`` that are revisions: their ``known_ts`` and ``matures_at``.
    """
    import numpy as np  # only where there is something to count

    known, due = (late[name].to_numpy().astype("datetime64[us]") for name in ("known_ts", "matures_at"))
    places = np.searchsorted(np.array(ENDS, "timedelta64[us]"), known - due, side="right")
    counts = np.bincount(places, minlength=len(NAMES))
    return {name: int(count) for name, count in zip(NAMES, counts, strict=True) if count}


def as_text(counts: Mapping[str, int]) -> str:
    """The counts in words, in the order of the bands."""
    return ", ".join(f"{counts[name]:,} ({name})" for name in NAMES if counts.get(name)) or "none"
