"""Formats numbers and times for the pages."""

from datetime import date, datetime


def count(number: int) -> str:
    """Format a whole number with separators: ``1,234``."""
    return f"{number:,}"


def share(value: float) -> str:
    """Format a share in per cent. Only exact zeros and ones are shown as ``0.0%`` and ``100.0%``."""
    if 0 < value < 0.0005:
        return "<0.1%"
    if 0.9995 <= value < 1:
        return ">99.9%"
    return f"{value * 100:.1f}%"


def number(value: float) -> str:
    """Format a number with four significant digits, or without decimals from 1000 on: ``0.07226``, ``12,345``."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def moment(value: datetime) -> str:
    """Format a moment in UTC: ``27 September 2024, 00:00 UTC``."""
    return f"{value.day} {value:%B %Y, %H:%M} UTC"


def day(value: date) -> str:
    """Format a UTC date: ``2024-09-27``."""
    return value.isoformat()
