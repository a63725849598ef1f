"""Balance between arms: standardized differences, and how large chance alone makes them.

Under perfect randomization baseline covariates still differ. With 30 participants an arm a
covariate has |SMD| > 0.1 with probability 0.70, so a fixed threshold flags chance. Read every
standardized difference against `chance_band` at its own n.

Missing values are never counted: n1 and n2 of a result are the values used, and belong beside it.

Sources
-------
Austin PC. Balance diagnostics for comparing the distribution of baseline covariates between
treatment groups in propensity-score matched samples. Statistics in Medicine 2009; 28: 3083-3107.
Yang D, Dalton JE. A unified approach to measuring the effect size between two groups using SAS.
SAS Global Forum 2012, paper 335-2012.
Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the
binomial. Biometrika 1934; 26: 404-413.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias, TypeVar

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike, NDArray

from estimators.arguments import require_count, require_level, require_nonnegative

# Means and standard deviations of equal doubles differ from each other, and from zero, by
# rounding; a spread this small against the mean is that rounding, not variation.
ROUNDING = 1e-12

# Larger values cannot be squared and summed in double precision.
LARGEST_VALUE = 1e150

EMPTY = "A group has no values."

Level = TypeVar("Level", bound=Hashable)
Group = TypeVar("Group")

# One group's values of a continuous covariate.
Values: TypeAlias = ArrayLike | Sequence[float | None]


@dataclass(frozen=True)
class StandardizedDifference:
    """A standardized mean difference, first group minus second, and what it rests on.

    `value` is None where it is undefined, and `reason` then says why. `n1` and `n2` are the
    values used. `degrees_of_freedom` is what `chance_band` needs to know: 1, or the number of
    levels less one for a categorical covariate, whose `value` is a distance without sign.
    """

    value: float | None
    n1: int
    n2: int
    reason: str | None = None
    degrees_of_freedom: int = 1


@dataclass(frozen=True)
class PairwiseDifference:
    """The largest of the standardized differences between several groups.

    `pair` holds the positions of its two groups in the input, `n1` and `n2` the values used in
    them. All are None where no pair could be compared; `reason` then says why.
    """

    value: float | None
    pair: tuple[int, int] | None
    n1: int | None
    n2: int | None
    reason: str | None = None
    degrees_of_freedom: int = 1


@dataclass(frozen=True)
class ContinuousSummary:
    """One group's continuous covariate: mean, standard deviation (divisor n - 1), values used.

    `mean` is None with no values, `sd` is None with fewer than two, as SQL aggregates return
    them. Raises ValueError where the numbers contradict each other or are not finite.
    """

    mean: float | None
    sd: float | None
    n: int

    def __post_init__(self) -> None:
        require_count(self.n, "The number of values in a summary")
        if (self.mean is None) != (self.n == 0):
            raise ValueError(
                f"A summary of {self.n} values must {'not ' if self.n == 0 else ''}have a mean, "
                f"but its mean is {self.mean}."
            )
        if (self.sd is None) != (self.n < 2):
            raise ValueError(
                f"A summary of {self.n} values must {'not ' if self.n < 2 else ''}have a standard "
                f"deviation, but its standard deviation is {self.sd}."
            )
        if self.mean is not None and not math.isfinite(self.mean):
            raise ValueError(f"The mean of a summary must be finite, but is {self.mean}.")
        if self.sd is not None:
            require_nonnegative(self.sd, "The standard deviation of a summary")


@dataclass(frozen=True)
class BinarySummary:
    """One group's binary covariate: how many have it, of how many with a value.

    Raises ValueError where the count is negative or above n.
    """

    count: int
    n: int

    def __post_init__(self) -> None:
        _require_share(self.count, self.n)


@dataclass(frozen=True)
class AllocationEnvelope:
    """Limits of the first arm's count less the second's: whole numbers, one for each n asked."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    exact: bool


def summarize(values: Values) -> ContinuousSummary:
    """Mean, standard deviation and number of the values that are present.

    Parameters
    ----------
    values : shape (n,), numbers of any unit; NaN or None is missing and not counted.

    Sums are exactly rounded, so the result does not depend on the order of the values.

    Raises ValueError where `values` is not one-dimensional, or holds an infinite value or one
    beyond 1e150.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(
            f"The values of a group must be a one-dimensional array, but have {array.ndim} "
            "dimensions."
        )
    present = array[~np.isnan(array)]
    too_large = present[np.abs(present) > LARGEST_VALUE]
    if too_large.size:
        raise ValueError(
            f"A value must be finite and at most {LARGEST_VALUE:g} in size, but one is "
            f"{too_large[0]}; correct it or mark it as missing."
        )
    n = int(present.size)
    if n == 0:
        return ContinuousSummary(None, None, 0)
    mean = math.fsum(present) / n
    if n == 1:
        return ContinuousSummary(mean, None, 1)
    return ContinuousSummary(mean, math.sqrt(math.fsum((present - mean) ** 2) / (n - 1)), n)


def continuous_difference(first: Values, second: Values) -> StandardizedDifference:
    """By how many standard deviations do two groups differ in a continuous covariate?

    Parameters
    ----------
    first, second : shapes (n1,) and (n2,), same unit; NaN or None is missing and not counted.

    Otherwise as `continuous_difference_of_summaries`; raises what `summarize` raises.
    """
    return continuous_difference_of_summaries(summarize(first), summarize(second))


def continuous_difference_of_summaries(
    first: ContinuousSummary, second: ContinuousSummary
) -> StandardizedDifference:
    """By how many standard deviations do two groups differ in a continuous covariate?

    Parameters
    ----------
    first, second : mean, standard deviation and number of values, same unit.

    Method: (mean1 - mean2) / sqrt((sd1**2 + sd2**2) / 2), which does not weight by n. With no
    variation in either group it is 0 where the means are equal and undefined where they differ;
    it is undefined where a group has fewer than two values.

    Misleads with skewed covariates and outliers, which inflate the standard deviation, and says
    nothing about spread: equal means with unequal variances give 0.

    Source: Austin 2009.
    """
    n1, n2 = first.n, second.n
    if first.mean is None or second.mean is None:
        return StandardizedDifference(None, n1, n2, EMPTY)
    if first.sd is None or second.sd is None:
        return StandardizedDifference(
            None, n1, n2, "A group has a single value, so its standard deviation is undefined."
        )
    difference = first.mean - second.mean
    pooled = math.hypot(first.sd, second.sd) / math.sqrt(2.0)
    rounding = ROUNDING * max(abs(first.mean), abs(second.mean))
    if pooled <= rounding:
        if abs(difference) <= rounding:
            return StandardizedDifference(0.0, n1, n2)
        return StandardizedDifference(
            None, n1, n2, "Neither group varies and their means differ: no standard deviation."
        )
    return StandardizedDifference(difference / pooled, n1, n2)


def binary_difference(first: BinarySummary, second: BinarySummary) -> StandardizedDifference:
    """By how many standard deviations do two groups differ in a proportion?

    Parameters
    ----------
    first, second : participants with the characteristic, of those with a value.

    Method: (p1 - p2) / sqrt((p1 (1 - p1) + p2 (1 - p2)) / 2). It is 0 where all or none have it
    in both groups, and undefined where all have it in one and none in the other.

    Misleads with rare characteristics, where one participant moves it a great deal; and the
    normal approximation behind `chance_band` is poor there.

    Source: Austin 2009.
    """
    n1, n2 = first.n, second.n
    if n1 == 0 or n2 == 0:
        return StandardizedDifference(None, n1, n2, EMPTY)
    p1, p2 = first.count / n1, second.count / n2
    pooled = math.sqrt((p1 * (1.0 - p1) + p2 * (1.0 - p2)) / 2.0)
    if pooled == 0.0:
        if p1 == p2:
            return StandardizedDifference(0.0, n1, n2)
        return StandardizedDifference(
            None, n1, n2, "All of one group and none of the other: no standard deviation."
        )
    return StandardizedDifference((p1 - p2) / pooled, n1, n2)


def categorical_difference(
    first: Mapping[Level, int], second: Mapping[Level, int]
) -> StandardizedDifference:
    """How far apart are two groups in a covariate with several levels?

    Parameters
    ----------
    first, second : participants by level. A level that a group does not name counts 0 there;
        the level None is missing and not counted.

    Method: Mahalanobis distance of the two vectors of proportions, sqrt(d' S^- d), where S is
    the mean of the two multinomial covariance matrices. Levels empty in both groups are dropped.
    Yang and Dalton leave one level out to make S invertible; the pseudo-inverse over all levels
    gives the same number without choosing one. With two levels it is |`binary_difference`|.
    Groups that share no level are infinitely far apart, hence undefined: a pseudo-inverse
    would drop the very direction that separates them.

    Misleads with sparse levels, which chance makes far apart; it grows with the number of
    levels, so `chance_band` needs `degrees_of_freedom`. It has no sign and ignores any order.

    Raises ValueError for a count that is negative or not whole.

    Source: Yang & Dalton 2012.
    """
    levels = [
        level
        for level in dict.fromkeys([*first, *second])
        if level is not None and (first.get(level, 0) != 0 or second.get(level, 0) != 0)
    ]
    counts = np.array(
        [
            [
                require_count(group.get(level, 0), f"The count of level {level!r}")
                for level in levels
            ]
            for group in (first, second)
        ],
        dtype=np.float64,
    ).reshape(2, len(levels))
    totals = counts.sum(axis=1)
    n1, n2 = int(totals[0]), int(totals[1])
    degrees_of_freedom = max(1, len(levels) - 1)
    if n1 == 0 or n2 == 0:
        return StandardizedDifference(None, n1, n2, EMPTY, degrees_of_freedom)
    if not np.any((counts[0] > 0.0) & (counts[1] > 0.0)):
        return StandardizedDifference(
            None, n1, n2, "The groups have no level in common.", degrees_of_freedom
        )
    p1, p2 = counts / totals[:, np.newaxis]
    covariance = (np.diag(p1 + p2) - np.outer(p1, p1) - np.outer(p2, p2)) / 2.0
    # The pseudo-inverse by its eigenvalues, in ascending order: with a level in common only the
    # first is 0, whose direction (all levels alike) no difference of proportions has.
    eigenvalues, directions = np.linalg.eigh(covariance)
    along = (p1 - p2) @ directions
    squared = float(np.sum(along[1:] ** 2 / eigenvalues[1:]))
    return StandardizedDifference(math.sqrt(squared), n1, n2, degrees_of_freedom=degrees_of_freedom)


def largest_pairwise(
    groups: Sequence[Group], difference: Callable[[Group, Group], StandardizedDifference]
) -> PairwiseDifference:
    """Which two of several groups differ most, and by how much?

    Parameters
    ----------
    groups : one entry an arm, each what `difference` takes for one group.
    difference : `continuous_difference`, `continuous_difference_of_summaries`,
        `binary_difference` or `categorical_difference`.

    Method: the pair with the largest |value|; the first such pair on a tie. Pairs with a group
    without values are left out. If any other pair is undefined then so is the largest, because
    that pair may be it: the result names the pair and its reason.

    Misleads if held against the band of a single pair: the largest of m differences is larger
    by chance. `chance_band` with level 1 - (1 - level) / m is a conservative band (Bonferroni).
    """
    largest: PairwiseDifference | None = None
    for (i, first), (j, second) in combinations(enumerate(groups), 2):
        found = difference(first, second)
        if found.n1 == 0 or found.n2 == 0:
            continue
        candidate = PairwiseDifference(
            found.value, (i, j), found.n1, found.n2, found.reason, found.degrees_of_freedom
        )
        if candidate.value is None:
            return candidate
        if largest is None or largest.value is None or abs(candidate.value) > abs(largest.value):
            largest = candidate
    if largest is None:
        return PairwiseDifference(None, None, None, None, "Fewer than two groups have values.")
    return largest


def chance_band(
    n1: int, n2: int, level: float = 0.95, *, degrees_of_freedom: int = 1
) -> float | None:
    """How large may |SMD| be by chance alone, under perfect randomization?

    Parameters
    ----------
    n1, n2 : values used in the two groups.
    level : probability that chance stays within the band, strictly in (0, 1).
    degrees_of_freedom : 1, or the levels less one of a categorical covariate.

    Returns the half-width of the band around 0; None if a group is empty.

    Method: without a true difference SMD is about normal with variance 1/n1 + 1/n2, and the
    squared distance of a categorical covariate that variance times a chi-square variable.

    Misleads below about 10 a group and with rare characteristics, where the approximation is
    poor; and where randomization is stratified by the covariate, which makes chance smaller.

    Raises ValueError for a negative n, a level outside (0, 1), or degrees of freedom below 1.

    Source: large-sample distribution in Hedges & Olkin, Statistical Methods for Meta-Analysis,
    1985, at a true difference of 0.
    """
    tail = 1.0 - require_level(level)
    half_degrees = require_count(degrees_of_freedom, "The degrees of freedom", minimum=1) / 2.0
    variance = _chance_variance(n1, n2)
    if variance is None:
        return None
    return math.sqrt(variance * 2.0 * float(scipy.special.gammainccinv(half_degrees, tail)))


def probability_beyond(
    threshold: float, n1: int, n2: int, *, degrees_of_freedom: int = 1
) -> float | None:
    """How probable is |SMD| > `threshold` by chance alone, under perfect randomization?

    Parameters are those of `chance_band`, with a threshold of at least 0 in standard deviations;
    so are the method, its limits, and None for an empty group.

    Raises ValueError as `chance_band` does, and for a negative or non-finite threshold.
    """
    threshold = require_nonnegative(threshold, "The threshold")
    half_degrees = require_count(degrees_of_freedom, "The degrees of freedom", minimum=1) / 2.0
    variance = _chance_variance(n1, n2)
    if variance is None:
        return None
    return float(scipy.special.gammaincc(half_degrees, threshold**2 / variance / 2.0))


def allocation_envelope(
    n: ArrayLike,
    ratio: tuple[int, int] = (1, 1),
    largest_block: int | None = None,
    strata: int = 1,
    level: float = 0.95,
) -> AllocationEnvelope:
    """How far may the counts of two arms be apart after so many allocations?

    Parameters
    ----------
    n : shape (k,) or (), allocations to the two arms together, whole, at least 0.
    ratio : planned allocations to the first and to the second arm, each at least 1. In lowest
        terms their sum is the smallest block.
    largest_block : allocations in the largest permuted block, a multiple of the smallest. None
        for simple randomization.
    strata : number of separate lists of permuted blocks; simple randomization has none.
    level : probability within the limits of simple randomization, strictly in (0, 1).

    Method: permuted blocks of any size up to the largest can never leave the limits. With one
    list every limit can be reached (`exact`). With several lists each adds the most that one
    unfinished block can add, and no more than n; this can be reached only if the allocations are
    spread over the lists so. Simple randomization has the quantiles of the binomial distribution:
    it is within the limits at one n with at least that probability, not at all n together.

    Of three arms compare two: their allocations alone are again permuted blocks, of the size that
    the two have in a block.

    Misleads where the allocation is by minimization, or a list is left off within a stratum.

    Raises ValueError where a number is not as above.
    """
    first, second = (require_count(part, "A part of the ratio", minimum=1) for part in ratio)
    lists = require_count(strata, "The number of strata", minimum=1)
    tail = (1.0 - require_level(level)) / 2.0
    asked = np.asarray(n)
    if asked.dtype.kind not in "iu" or np.any(asked < 0):
        raise ValueError("The numbers of allocations must be whole numbers of at least 0.")
    asked = asked.astype(np.int64)
    if largest_block is None:
        share = first / (first + second)
        low, high = (scipy.stats.binom.ppf(q, asked, share) for q in (tail, 1.0 - tail))
        return _envelope(2 * low - asked, 2 * high - asked, True)
    divisor = math.gcd(first, second)
    first, second = first // divisor, second // divisor
    unit = first + second
    blocks, left = divmod(require_count(largest_block, "The largest block", minimum=unit), unit)
    if left:
        raise ValueError(f"The largest block must be a multiple of {unit}, but is {largest_block}.")
    if lists == 1:
        high = _most_ahead(asked, first, second, blocks)
        return _envelope(-_most_ahead(asked, second, first, blocks), high, True)
    # The most that an unfinished block is ahead of its ratio: all of one arm come first.
    ahead = 2.0 * lists * blocks * first * second / unit
    plan = asked * (first - second) / unit
    low = np.maximum(np.ceil(plan - ahead - ROUNDING), -asked)
    return _envelope(low, np.minimum(np.floor(plan + ahead + ROUNDING), asked), False)


def _most_ahead(n: NDArray[np.int64], own: int, other: int, blocks: int) -> NDArray[np.int64]:
    """Largest lead of an arm after n allocations, where `k` of them are in an unfinished block."""
    unit = own + other
    most = np.full(n.shape, np.iinfo(np.int64).min)
    for size in range(1, blocks + 1):
        for k in range(size * unit):
            lead = (n - k) // unit * (own - other) + min(k, size * own) - max(0, k - size * own)
            possible = (k <= n) & ((n - k) % unit == 0)
            most = np.where(possible, np.maximum(most, lead), most)
    return most


def _envelope(low: ArrayLike, high: ArrayLike, exact: bool) -> AllocationEnvelope:
    return AllocationEnvelope(
        np.asarray(low).astype(np.int64), np.asarray(high).astype(np.int64), exact
    )


def _require_share(count: int, n: int) -> None:
    require_count(count, "A count")
    require_count(n, "The number of participants")
    if count > n:
        raise ValueError(f"A count cannot exceed its denominator, but {count} of {n} was given.")


def _chance_variance(n1: int, n2: int) -> float | None:
    require_count(n1, "The size of the first group")
    require_count(n2, "The size of the second group")
    if n1 == 0 or n2 == 0:
        return None
    return 1.0 / n1 + 1.0 / n2
