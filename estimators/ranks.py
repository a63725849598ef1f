"""Scores of two groups by their order alone: the win probability and the rank test.

Only the order of scores counts, so a composite may rank death below every measured value, and a
score may be infinite. What a difference in rank is worth to a patient these numbers do not say.

Sources
-------
Mann HB, Whitney DR. On a test of whether one of two random variables is stochastically larger
than the other. Annals of Mathematical Statistics 1947; 18: 50-60.
Brunner E, Munzel U. The nonparametric Behrens-Fisher problem: asymptotic theory and a small-sample
approximation. Biometrical Journal 2000; 42: 17-25.
Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the
binomial. Biometrika 1934; 26: 404-413.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike

from estimators.arguments import require_level
from estimators.proportions import Reals

# Up to so many participants the permutation distribution is counted, in some hundredths of a
# second; beyond, the normal approximation differs from it by less than a page shows.
EXACT_UP_TO = 100

EMPTY = "A group has no scores."


@dataclass(frozen=True)
class WinProbability:
    """Probability, in [0, 1], that the first group has the larger score; ties count half.

    `estimate` or the limits are None where they are undefined; `reason` then says why.
    """

    estimate: float | None
    low: float | None
    high: float | None
    n1: int
    n2: int
    reason: str | None = None


@dataclass(frozen=True)
class RankTest:
    """Two-sided p-value of the rank test, None with a `reason`; `exact` says how it was found."""

    p_value: float | None
    exact: bool
    n1: int
    n2: int
    reason: str | None = None


def win_probability(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> WinProbability:
    """How probable is it that a participant of the first group has the larger score?

    Parameters
    ----------
    first, second : shapes (n1,) and (n2,), scores in any unit, larger is better; no NaN.
    level : two-sided confidence level, strictly in (0, 1).

    Method: the Mann-Whitney statistic over n1 n2. Its variance is that of the placements, with
    Satterthwaite's degrees of freedom (Brunner & Munzel); the limits are those of a t interval on
    the logit scale, so that they stay within 0 and 1. Where every score of one group is above
    every score of the other, that variance is 0. Then min(n1, n2) disjoint pairs were all won,
    and the limit is the probability at which this happens with probability (1 - level) / 2
    (the one-sided limit of Clopper & Pearson), which never covers less than it says.

    Misleads where scores cross: 0.5 does not say that the groups are alike.

    Raises ValueError where scores are not one-dimensional or one is NaN, and for a level outside
    (0, 1).
    """
    tail = (1.0 - require_level(level)) / 2.0
    x, y = scores_of(first), scores_of(second)
    n1, n2 = x.size, y.size
    if n1 == 0 or n2 == 0:
        return WinProbability(None, None, None, n1, n2, EMPTY)
    won, lost = placements(x, y), placements(y, x)
    estimate = float(np.mean(won))
    if np.all(won == 1.0) or np.all(won == 0.0):
        bound = tail ** (1.0 / min(n1, n2))
        low, high = (bound, 1.0) if estimate == 1.0 else (0.0, 1.0 - bound)
        return WinProbability(estimate, low, high, n1, n2)
    if n1 < 2 or n2 < 2:
        reason = "A group has one score only, so that there is no interval."
        return WinProbability(estimate, None, None, n1, n2, reason)
    if np.all(won == won[0]) and np.all(lost == lost[0]):
        reason = "All scores are equal, so that there is no interval."
        return WinProbability(estimate, None, None, n1, n2, reason)
    parts = np.array([np.var(won, ddof=1) / n1, np.var(lost, ddof=1) / n2])
    variance = float(parts.sum())
    degrees = variance**2 / float(np.sum(parts**2 / np.array([n1 - 1, n2 - 1])))
    half = float(scipy.special.stdtrit(degrees, 1.0 - tail)) * math.sqrt(variance)
    half /= estimate * (1.0 - estimate)
    center = float(scipy.special.logit(estimate))
    low, high = float(scipy.special.expit(center - half)), float(scipy.special.expit(center + half))
    return WinProbability(estimate, low, high, n1, n2)


def rank_test(first: ArrayLike, second: ArrayLike) -> RankTest:
    """Are the scores of two groups alike but for chance?

    Parameters are those of `win_probability`.

    Method: Wilcoxon's rank sum with midranks for ties. Up to 100 participants its distribution
    over all allocations of the observed scores is counted exactly, and the p-value is the share
    of allocations whose rank sum is as far from its mean as the observed one or further; beyond,
    the normal approximation with the variance for ties, without continuity correction.

    Misleads as a test of medians: it tests that the two distributions are the same.

    Raises ValueError as `win_probability` does.

    Source: Mann & Whitney 1947.
    """
    x, y = scores_of(first), scores_of(second)
    n1, n2 = x.size, y.size
    exact = n1 + n2 <= EXACT_UP_TO
    if n1 == 0 or n2 == 0:
        return RankTest(None, exact, n1, n2, EMPTY)
    # Twice a midrank is whole, so that rank sums are counted without rounding.
    ranks = np.rint(2.0 * scipy.stats.rankdata(np.concatenate([x, y]))).astype(np.int64)
    if np.all(ranks == ranks[0]):
        return RankTest(None, exact, n1, n2, "All scores are equal.")
    total = n1 + n2
    # Everything is multiplied by the total, which makes the mean of the rank sum whole, too.
    distance = abs(int(ranks[:n1].sum()) * total - n1 * int(ranks.sum()))
    if exact:
        ways = _rank_sums(ranks, n1)
        sums = np.arange(ways.size) * total - n1 * int(ranks.sum())
        p_value = float(ways[np.abs(sums) >= distance].sum() / ways.sum())
    else:
        spread = n1 * n2 / total * float(np.var(ranks, ddof=1))
        p_value = float(scipy.special.erfc(distance / total / math.sqrt(2.0 * spread)))
    return RankTest(min(p_value, 1.0), exact, n1, n2)


def placements(of: Reals, among: Reals) -> Reals:
    """For each score the share of the other group below it, and half of the share equal to it."""
    ordered = np.sort(among)
    below = np.searchsorted(ordered, of, "left") + np.searchsorted(ordered, of, "right")
    return np.asarray(below / (2.0 * among.size), dtype=np.float64)


def _rank_sums(ranks: np.ndarray[tuple[int], np.dtype[np.int64]], take: int) -> Reals:
    """How many choices of `take` of the whole ranks have each sum, from 0 on."""
    ways = np.zeros((take + 1, int(ranks.sum()) + 1))
    ways[0, 0] = 1.0
    for rank in ranks.tolist():
        # The right side is copied, so that no rank is taken twice.
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    return np.asarray(ways[take], dtype=np.float64)


def scores_of(values: ArrayLike) -> Reals:
    """The scores of a group. Raises ValueError where they have two dimensions, or one is NaN."""
    scores = np.array(values, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"Scores must be one-dimensional, but have {scores.ndim} dimensions.")
    if np.any(np.isnan(scores)):
        raise ValueError("A score is missing (NaN); leave the participant out and say how many.")
    return scores
