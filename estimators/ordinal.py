"""An ordered scale of two groups: the common odds ratio, and how far it is contradicted.

Sources
-------
McCullagh P. Regression models for ordinal data. Journal of the Royal Statistical Society B 1980;
42: 109-142.
Venzon DJ, Moolgavkar SH. A method for computing profile-likelihood-based confidence intervals.
Applied Statistics 1988; 37: 87-94.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike

from estimators.arguments import require_level
from estimators.proportions import Reals

# Scoring ends where a step gains less log-likelihood than this.
GAIN = 1e-13
STEPS = 200

# A log odds ratio beyond this is without limit for any purpose.
LARGEST_LOG_ODDS = 40.0


@dataclass(frozen=True)
class CommonOddsRatio:
    """Odds of a higher category in the first group over those in the second, at every cut.

    `p_value` tests a ratio of 1, `proportionality_p_value` that it is the same at every cut (None
    with two categories, where there is one cut only). Without an estimate `reason` says why.
    """

    estimate: float | None
    low: float | None
    high: float | None
    p_value: float | None
    proportionality_p_value: float | None
    n1: int
    n2: int
    reason: str | None = None


def proportional_odds(
    first_counts: ArrayLike, second_counts: ArrayLike, level: float = 0.95
) -> CommonOddsRatio:
    """How much greater are the odds of a higher category in the first group?

    Parameters
    ----------
    first_counts, second_counts : shape (c,), participants in each category, lowest category
        first, the same categories in both.
    level : two-sided confidence level, strictly in (0, 1).

    Method: maximum likelihood of the cumulative logit model by Fisher scoring. Limits are those of
    the profile likelihood, since Wald's are poor in small or lopsided tables. The p-value is that
    of the likelihood ratio, so that it agrees with the limits. The model's likelihood against the
    unrestricted multinomial, on the categories less 2 degrees of freedom, tests proportionality.

    Misleads where the cuts disagree; at 30 an arm the test of that sees only gross disagreement.

    Separated groups (no category of one is below any of the other) have no finite estimate: there
    is a reason, and no number.

    Raises ValueError where the counts are not whole, negative or of different shapes, and for a
    level outside (0, 1).

    Source: McCullagh 1980; Venzon & Moolgavkar 1988.
    """
    alpha = 1.0 - require_level(level)
    counts = _counts(first_counts, second_counts)
    n1, n2 = (int(n) for n in counts.sum(axis=1))
    reason = _unfit(counts)
    if reason is not None:
        return CommonOddsRatio(None, None, None, None, None, n1, n2, reason)
    # A category that nobody is in has no likelihood of its own.
    counts = counts[:, counts.sum(axis=0) > 0].astype(np.float64)
    best, beta = _fit(counts, None)
    null, _ = _fit(counts, 0.0)
    cut = best - float(scipy.special.chdtri(1, alpha)) / 2.0

    def above(value: float) -> float:
        return _fit(counts, value)[0] - cut

    ends = []
    for side in (-1.0, 1.0):
        step = 1.0
        while above(beta + side * step) > 0.0 and step < LARGEST_LOG_ODDS:
            step *= 2.0
        if step >= LARGEST_LOG_ODDS:
            reason = "The likelihood has no limit: the groups are nearly separated."
            return CommonOddsRatio(None, None, None, None, None, n1, n2, reason)
        ends.append(float(scipy.optimize.brentq(above, beta, beta + side * step, xtol=1e-10)))
    shares = counts / counts.sum(axis=1, keepdims=True)
    saturated = float(scipy.special.xlogy(counts, shares).sum())
    free = counts.shape[1] - 2
    return CommonOddsRatio(
        estimate=math.exp(beta),
        low=math.exp(ends[0]),
        high=math.exp(ends[1]),
        p_value=float(scipy.special.chdtrc(1, max(2.0 * (best - null), 0.0))),
        proportionality_p_value=(
            float(scipy.special.chdtrc(free, max(2.0 * (saturated - best), 0.0)))
            if free > 0
            else None
        ),
        n1=n1,
        n2=n2,
    )


def _fit(counts: Reals, fixed: float | None) -> tuple[float, float]:
    """Largest log-likelihood and its log odds ratio, which may be fixed; by scoring."""
    below = np.cumsum(counts.sum(axis=0))[:-1] / counts.sum()
    parameters = np.append(scipy.special.logit(below), 0.0 if fixed is None else fixed)
    free = parameters.size if fixed is None else parameters.size - 1
    likelihood, score, information = _at(counts, parameters)
    for _ in range(STEPS):
        step = np.zeros(parameters.size)
        step[:free] = np.linalg.solve(information[:free, :free], score[:free])
        expected = float(score @ step)
        if expected < GAIN:
            break
        while not _at(counts, parameters + step)[0] > likelihood and np.abs(step).max() > GAIN:
            step /= 2.0
        if np.abs(step).max() <= GAIN:
            break
        parameters = parameters + step
        likelihood, score, information = _at(counts, parameters)
    return likelihood, float(parameters[-1])


def _at(counts: Reals, parameters: Reals) -> tuple[float, Reals, Reals]:
    """Log-likelihood, score and expected information; minus infinity where cuts are crossed."""
    size = parameters.size
    likelihood, score, information = 0.0, np.zeros(size), np.zeros((size, size))
    for row, is_first in zip(counts, (1.0, 0.0), strict=True):
        cuts = parameters[:-1] - parameters[-1] * is_first
        cumulative = scipy.special.expit(cuts)
        probability = np.diff(cumulative, prepend=0.0, append=1.0)
        if np.any(probability <= 0.0):
            return -math.inf, score, information
        slope = np.zeros((size, size))
        slope[:, :-1] = np.diag(np.append(cumulative * (1.0 - cumulative), 0.0))[:, :-1]
        slope[:-1, -1] = -is_first * cumulative * (1.0 - cumulative)
        change = np.diff(
            slope[:-1], axis=0, prepend=np.zeros((1, size)), append=np.zeros((1, size))
        )
        likelihood += float(scipy.special.xlogy(row, probability).sum())
        score += change.T @ (row / probability)
        information += row.sum() * (change.T / probability) @ change
    return likelihood, score, information


def _unfit(counts: Reals) -> str | None:
    if np.any(counts.sum(axis=1) == 0):
        return "A group has no participants."
    first, second = (np.flatnonzero(row) for row in counts)
    if first[0] == first[-1] == second[0] == second[-1]:
        return "Everybody is in one category."
    if first[0] >= second[-1] or second[0] >= first[-1]:
        return "The groups are separated: no category of one is below any of the other."
    return None


def _counts(first: ArrayLike, second: ArrayLike) -> Reals:
    one, two = np.asarray(first), np.asarray(second)
    if one.ndim != 1 or one.shape != two.shape or one.size == 0:
        raise ValueError(
            "Both groups need a count for each category, but the counts have shapes "
            f"{one.shape} and {two.shape}."
        )
    counts = np.stack([one, two])
    if counts.dtype.kind not in "iu" or np.any(counts < 0):
        raise ValueError("Counts must be whole numbers of at least 0.")
    return counts.astype(np.float64)
