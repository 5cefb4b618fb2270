"""Numbers and times as the site writes them."""

from datetime import date, datetime


def count(number: int) -> str:
    """A whole number with separators: ``1,234``."""
    return f"{number:,}"


def share(value: float) -> str:
    """A share in per cent; what is not quite nothing or all is not written as if it were."""
    if 0 < value < 0.0005:
        return "<0.1%"
    if 0.9995 <= value < 1:
        return ">99.9%"
    return f"{value * 100:.1f}%"


def number(value: float) -> str:
    """Four digits that count, or all digits before the point: ``0.07226``, ``19.26``, ``12,345``."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def moment(value: datetime) -> str:
    """A moment in UTC: ``27 September 2024, 00:00 UTC``."""
    return f"{value.day} {value:%B %Y, %H:%M} UTC"


def day(value: date) -> str:
    """A UTC date: ``2024-09-27``."""
    return value.isoformat()
