"""Numbers as the report writes them, on the page and in the terminal."""

from experiments.analysis.estimators import Estimate


def format_share(value: float) -> str:
    """A share as a percentage."""
    return f"{value:.1%}"


def format_number(value: float) -> str:
    """A number with three decimals, or with one from 10 on."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def format_count(value: int) -> str:
    """A count with separated thousands."""
    return f"{value:,}"


def format_signed(value: float) -> str:
    """A difference, always with its sign."""
    return f"{value:+.1f}"


def format_points(value: float) -> str:
    """A difference of shares in percentage points, always with its sign."""
    return format_signed(100 * value)


def format_difference(estimate: Estimate) -> str:
    """A difference of shares in percentage points, with its interval."""
    return f"{format_points(estimate.value)} ({format_points(estimate.low)} to {format_points(estimate.high)})"
