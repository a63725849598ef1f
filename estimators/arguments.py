"""Checks of arguments that several estimators share; each failure is a sentence."""

import math
from operator import index
from typing import SupportsIndex


def require_level(level: float) -> float:
    """Return a two-sided confidence or credibility level, strictly between 0 and 1.

    Raises ValueError for anything else, so that 95 is not silently read as 0.95.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(
            f"The level must lie strictly between 0 and 1, but is {level}; write 95 % as 0.95."
        )
    return float(level)


def require_count(value: SupportsIndex, name: str, *, minimum: int = 0) -> int:
    """Return a whole number of at least `minimum`; `name` says in the message what it counts.

    Raises ValueError for a fraction, a missing value or a number below the minimum.
    """
    try:
        count = index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, but is {value!r}.") from None
    if count < minimum:
        raise ValueError(f"{name} must be at least {minimum}, but is {count}.")
    return count


def require_nonnegative(value: float, name: str) -> float:
    """Return a finite number of at least 0; `name` says in the message what it is.

    Raises ValueError for a negative, infinite or missing (NaN) number.
    """
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name} must be a finite number of at least 0, but is {value}.")
    return float(value)
