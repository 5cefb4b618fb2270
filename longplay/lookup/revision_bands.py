"""Revisions after maturity, counted by how late they were."""

from collections.abc import Mapping, Sequence

ENDS: Sequence[int] = (1, 7, 30)
"""Where the bands of ages after maturity end, in days, exclusive; the last band has no end."""
NAMES = ("under 1 d", "1 to 7 d", "7 to 30 d", "30 d or more")
"""The bands, youngest first."""
BAND = f"""CASE {
    " ".join(
        f"WHEN known_ts < matures_at + INTERVAL '{end} days' THEN '{name}'"
        for end, name in zip(ENDS, NAMES, strict=False)
    )
} ELSE '{NAMES[-1]}' END"""
"""The band of a revision, in SQL over a row of ``signal_values``."""


def as_text(counts: Mapping[str, int]) -> str:
    """The counts in words, in the order of the bands."""
    return ", ".join(f"{counts[name]:,} ({name})" for name in NAMES if counts.get(name)) or "none"
