"""Groups revisions into bands by how long after maturity they became known."""

from collections.abc import Mapping, Sequence

BAND_ENDS_D: Sequence[int] = (1, 7, 30)
"""Exclusive upper ends of the bands, in days after maturity; the last band has none."""
BAND_NAMES = ("under 1 d", "1 to 7 d", "7 to 30 d", "30 d or more")
"""Names of the bands, youngest first."""
BAND_SQL = f"""CASE {
    " ".join(
        f"WHEN known_ts < matures_at + INTERVAL '{end} days' THEN '{name}'"
        for end, name in zip(BAND_ENDS_D, BAND_NAMES, strict=False)
    )
} ELSE '{BAND_NAMES[-1]}' END"""
"""SQL expression for the band of a revision, a row of ``signal_values``."""


def format_revisions(counts: Mapping[str, int]) -> str:
    """Format revision counts by band, in the order of the bands."""
    return ", ".join(f"{counts[name]:,} ({name})" for name in BAND_NAMES if counts.get(name)) or "none"
