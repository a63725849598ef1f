"""Numbers in the words of the page."""

from datetime import date

MONTH_DAYS = 365.25 / 12


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """`1 participant`, `3 participants`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def share(count: int, total: int) -> str:
    """`36 of 60 (60 %)`; without a percentage where there is nobody to count."""
    if total == 0:
        return f"{count:,} of 0"
    return f"{count:,} of {total:,} ({100 * count / total:,.0f} %)"


def percent(probability: float) -> str:
    """A probability as a percentage that never rounds to certainty."""
    if 0 < probability < 0.01:
        return "under 1 %"
    if 0.99 < probability < 1:
        return "over 99 %"
    return f"{100 * probability:,.0f} %"


def day(value: date | None) -> str:
    """`31 Aug 2023`, as unambiguous for every reader."""
    return "not known" if value is None else f"{value.day} {value:%b %Y}"


def decimal(value: float | None, places: int = 1) -> str:
    """A number with a fixed number of places, or a dash."""
    return "–" if value is None else f"{value:.{places}f}"
