"""Whether two measurements of the same participants go together."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from estimators.arguments import require_level

# With fewer pairs the interval has no meaning: its variance has n - 3 below the line.
FEWEST = 5


@dataclass(frozen=True)
class Correlation:
    """A rank correlation with its interval.

    Attributes:
        estimate: Spearman's coefficient, -1 to 1; None where it cannot be told.
        low, high: limits of the interval; None where it cannot be told.
        n: the pairs.
        reason: why there is no estimate, or no interval; empty where there is.
    """

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    reason: str = ""


def rank_correlation(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Correlation:
    """Spearman's rank correlation, with the interval of Bonett & Wright.

    The coefficient is Pearson's of the ranks, ties sharing their mean rank (Spearman 1904). Its
    interval is Fisher's z with the variance (1 + r² / 2) / (n - 3) (Bonett & Wright 2000,
    Psychometrika 65:23-28). It misleads where a third thing moves both, such as time or severity:
    that two changes go together does not say that one makes the other.

    Args:
        first: one measurement of each participant, n values in any unit.
        second: the other of the same participants, in the same order.
        level: of the interval, such as 0.95.

    Returns:
        Without an estimate under `FEWEST` pairs or where a measurement is the same for everybody;
        without an interval where the ranks agree or oppose each other wholly.

    Raises:
        ValueError: the two differ in length, are no vectors, hold what is no number, or the level
            is not between 0 and 1.
    """
    require_level(level)
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"Two vectors of one length are needed, found {x.shape} and {y.shape}.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("Only numbers can be ranked: leave out pairs with a missing value.")
    n = len(x)
    if n < FEWEST:
        return Correlation(None, None, None, n, f"fewer than {FEWEST} pairs")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Correlation(None, None, None, n, "one of the two is the same for everybody")
    ranks = scipy.stats.rankdata(x), scipy.stats.rankdata(y)
    r = float(np.clip(np.corrcoef(*ranks)[0, 1], -1, 1))
    if 1 - abs(r) < 1e-12:
        return Correlation(round(r), None, None, n, "the ranks agree or oppose each other wholly")
    half = scipy.stats.norm.ppf(0.5 + level / 2) * np.sqrt((1 + r**2 / 2) / (n - 3))
    z = np.arctanh(r)
    return Correlation(r, float(np.tanh(z - half)), float(np.tanh(z + half)), n)
