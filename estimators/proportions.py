"""Proportions of participants with an event: one arm, and the difference of two.

A participant counts once, however many events they had. Every function takes single counts or
arrays of counts that broadcast together, one entry a preferred term, and returns arrays of that
shape (shape () for single counts), so that a whole table is one call.

An arm without participants has no proportion: its estimate, both limits and the p-value are NaN,
and the rest of the table is not disturbed.

With few participants read the interval, not the estimate: 0 of 30 still allows a true proportion
of 11.6 %, and no interval here is adjusted for how many terms stand in the table.

Sources
-------
Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the
binomial. Biometrika 1934; 26: 404-413.
Wilson EB. Probable inference, the law of succession, and statistical inference. Journal of the
American Statistical Association 1927; 22: 209-212.
Miettinen O, Nurminen M. Comparative analysis of two rates. Statistics in Medicine 1985; 4:
213-226.
Newcombe RG. Interval estimation for the difference between independent proportions: comparison of
eleven methods. Statistics in Medicine 1998; 17: 873-890 (method 10).
Cutler SJ, Ederer F. Maximum utilization of the life table method in analyzing survival. Journal of
Chronic Diseases 1958; 8: 699-712 (effective sample size).
Zou GY, Donner A. Construction of confidence limits about effect measures: a general approach.
Statistics in Medicine 2008; 27: 1693-1702 (limits of a difference from limits of its parts).
Fisher RA. The logic of inductive inference. Journal of the Royal Statistical Society 1935; 98:
39-82.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike, NDArray

from estimators.arguments import require_level

# Differences lie in [-1, 1]; so many halvings leave less than rounding.
HALVINGS = 54

# Tables as probable as the observed one differ from it by rounding of the log-gamma function.
AS_PROBABLE = 1.0 + 1e-7

Counts: TypeAlias = NDArray[np.int64]
Reals: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Proportion:
    """A share of participants and its confidence limits, in [0, 1]; NaN where nobody is in it."""

    estimate: Reals
    low: Reals
    high: Reals


@dataclass(frozen=True)
class ProportionDifference:
    """The first arm's proportion less the second's, and its confidence limits, in [-1, 1].

    All three are NaN where an arm has no participants.
    """

    estimate: Reals
    low: Reals
    high: Reals


def clopper_pearson(events: ArrayLike, people: ArrayLike, confidence: float = 0.95) -> Proportion:
    """What share of an arm has the event, within limits that are never too narrow?

    Parameters
    ----------
    events : participants with the event.
    people : participants in the arm, not fewer than `events`; 0 gives NaN.
    confidence : two-sided confidence level, strictly in (0, 1).

    Method: exact; each limit is the proportion at which the binomial tail beyond the observed
    count is (1 - confidence) / 2, a quantile of a beta distribution. The lower limit is 0 where
    nobody has the event, the upper 1 where everybody has.

    Misleads by its width: it covers the truth more often than it says, with 30 participants in
    97 % on average where 95 % is asked for. `wilson` covers 95 % on average and is narrower.

    Raises ValueError where a count is negative or not whole, where more participants have the
    event than there are, where the shapes do not fit each other, and for a level outside (0, 1).

    Source: Clopper & Pearson 1934.
    """
    tail = (1.0 - require_level(confidence)) / 2.0
    x, n = _of(events, people)
    # A beta quantile needs parameters above 0; the limits at 0 and n are known without it.
    low = np.where(x > 0, scipy.special.betaincinv(np.maximum(x, 1), n - x + 1, tail), 0.0)
    high = np.where(x < n, scipy.special.betainccinv(x + 1, np.maximum(n - x, 1), tail), 1.0)
    return Proportion(_share(x, n), _where_any(n, low), _where_any(n, high))


def wilson(events: ArrayLike, people: ArrayLike, confidence: float = 0.95) -> Proportion:
    """What share of an arm has the event, within limits that are right on average?

    Parameters are those of `clopper_pearson`.

    Method: the proportions that a score test (standard error under the hypothesis, no continuity
    correction) does not reject: the roots of (x/n - p)**2 = z**2 p (1 - p) / n.

    Misleads near 0 and 1, where it covers less than it says for some true proportions: with 30
    participants as little as 84 % where 95 % is asked for, when 1 has the event and the lower
    limit is too high. For a bound on a rare harm use `clopper_pearson`.

    Raises ValueError as `clopper_pearson` does.

    Source: Wilson 1927.
    """
    z = normal_quantile(confidence)
    x, n = _of(events, people)
    share = np.nan_to_num(_share(x, n))
    center = (x + z**2 / 2.0) / (n + z**2)
    half = z * np.sqrt(x * (1.0 - share) + z**2 / 4.0) / (n + z**2)
    # By algebra exactly 0 and 1 at the ends, but not in floating point.
    low = np.where(x > 0, center - half, 0.0)
    high = np.where(x < n, center + half, 1.0)
    return Proportion(_share(x, n), _where_any(n, low), _where_any(n, high))


def miettinen_nurminen(
    events1: ArrayLike,
    people1: ArrayLike,
    events2: ArrayLike,
    people2: ArrayLike,
    confidence: float = 0.95,
) -> ProportionDifference:
    """By how much does the share with the event differ between two arms?

    Parameters
    ----------
    events1, people1 : participants with the event, and participants, in the first arm.
    events2, people2 : the same in the second arm, which is subtracted: the control.
    confidence : two-sided confidence level, strictly in (0, 1).

    Method: the differences that a score test does not reject. At a difference D the variance is
    that of the two proportions most likely under p1 - p2 = D (the root of a cubic in closed
    form) times N / (N - 1) with N = n1 + n2; each limit is found by halving. The limits never
    leave [-1, 1], and have width with 0 or all events in both arms.

    Misleads where it is read as a test in a table of many terms. It is asymptotic: where 95 % is
    asked for it covers at least 93 % with 30 in each arm, but for some true proportions only
    87 % with 7. It takes participants as independent and as observed for the same time; where
    arms are observed for different times, rates (`estimators.rates`) belong beside it.

    Raises ValueError as `clopper_pearson` does, for either arm.

    Source: Miettinen & Nurminen 1985.
    """
    z = normal_quantile(confidence)
    counts = _of_two(events1, people1, events2, people2)
    x1, n1, x2, n2 = counts
    known = (n1 > 0) & (n2 > 0)
    low, high = np.full(known.shape, np.nan), np.full(known.shape, np.nan)
    first1, all1, first2, all2 = (count[known].astype(np.float64) for count in counts)
    low[known] = _lower_score_limit(first1, all1, first2, all2, z)
    high[known] = -_lower_score_limit(first2, all2, first1, all1, z)
    return ProportionDifference(np.asarray(_share(x1, n1) - _share(x2, n2)), low, high)


def newcombe(
    events1: ArrayLike,
    people1: ArrayLike,
    events2: ArrayLike,
    people2: ArrayLike,
    confidence: float = 0.95,
) -> ProportionDifference:
    """By how much does the share with the event differ between two arms, from Wilson's limits?

    Parameters are those of `miettinen_nurminen`.

    Method: hybrid score. With Wilson limits l and u of each arm the difference d lies from
    d - sqrt((p1 - l1)**2 + (u2 - p2)**2) to d + sqrt((u1 - p1)**2 + (p2 - l2)**2).

    Misleads as `miettinen_nurminen` does, and is a little too narrow where both proportions are
    near 0 or near 1: with 30 in each arm it covers for some only 90 % where 95 % is asked for.
    The two differ by a few percentage points, so a table keeps to one of them.

    Raises ValueError as `clopper_pearson` does, for either arm.

    Source: Newcombe 1998, method 10.
    """
    x1, n1, x2, n2 = _of_two(events1, people1, events2, people2)
    first, second = wilson(x1, n1, confidence), wilson(x2, n2, confidence)
    return ProportionDifference(
        *square_and_add(
            (first.estimate, first.low, first.high), (second.estimate, second.low, second.high)
        )
    )


def wilson_of_size(share: float, size: float, z: float) -> tuple[float, float]:
    """Within what limits is a share, as of a curve, whose sample size need not be whole?

    Parameters
    ----------
    share : in [0, 1].
    size : above 0: the effective sample size, at which a share that is counted has the standard
        error of this one, share (1 - share) / error**2.
    z : standard errors to either side, as `normal_quantile` returns them.

    Method: those of `wilson`.

    Source: Wilson 1927; Cutler & Ederer 1958 for the size.
    """
    center = (share + z**2 / (2.0 * size)) / (1.0 + z**2 / size)
    half = z * math.sqrt(share * (1.0 - share) / size + (z / (2.0 * size)) ** 2)
    half /= 1.0 + z**2 / size
    # By algebra within these bounds, but not in floating point.
    return max(min(center - half, share), 0.0), min(max(center + half, share), 1.0)


def square_and_add(
    first: tuple[ArrayLike, ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike, ArrayLike]
) -> tuple[Reals, Reals, Reals]:
    """The first estimate less the second, and its limits from those of the two.

    Parameters
    ----------
    first, second : estimate, lower and upper limit, of independent arms and at one level.

    Method: the distances from estimate to limit that matter are added as squares.

    Source: Newcombe 1998, method 10; for estimates of any kind Zou & Donner 2008.
    """
    (x1, low1, high1), (x2, low2, high2) = (
        tuple(np.asarray(part, dtype=np.float64) for part in arm) for arm in (first, second)
    )
    difference = np.asarray(x1 - x2)
    below, above = np.hypot(x1 - low1, high2 - x2), np.hypot(high1 - x1, x2 - low2)
    return difference, np.asarray(difference - below), np.asarray(difference + above)


def fisher_exact(
    events1: ArrayLike, people1: ArrayLike, events2: ArrayLike, people2: ArrayLike
) -> Reals:
    """How probable is a table at least as uneven as this one, if the arms are alike?

    Parameters are those of `miettinen_nurminen`. Returns two-sided p-values, NaN where an arm has
    no participants.

    Method: exact, given both margins: the sum of the hypergeometric probabilities of all tables
    that are no more probable than the observed one, as R's `fisher.test` has it.

    Misleads by its caution: with few events no table can be significant (in 30 v 30 none below 6
    events in all), so a large p-value is no evidence of safety. It is not the test that an
    interval of this module inverts, and the two may disagree. Never without the estimate.

    Raises ValueError as `clopper_pearson` does, for either arm.

    Source: Fisher 1935; the two-sided p-value is the usual convention, not Fisher's.
    """
    counts = np.stack(_of_two(events1, people1, events2, people2), axis=-1)
    shape = counts.shape[:-1]
    # Most terms of a safety table are rare, so that the same few tables return.
    tables, which = np.unique(counts.reshape(-1, 4), axis=0, return_inverse=True)
    p = np.array([_fisher_of_table(*table) for table in tables.tolist()], dtype=np.float64)
    return p[which].reshape(shape)


def require_counts(values: ArrayLike, name: str) -> Counts:
    """Return whole numbers of at least 0 as an array; `name` says in the message what they count.

    Raises ValueError for fractions, missing values and negative numbers. Decimal numbers are
    refused even where they are whole: they are what a column with missing values becomes.
    """
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(array.shape, dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be whole numbers, but are {array.dtype}; replace a missing count by 0, "
            "if that is what it means, and convert the column to integers."
        )
    if np.any(array < 0):
        raise ValueError(f"{name} must be at least 0, but one is {array[array < 0][0]}.")
    return array.astype(np.int64)


def normal_quantile(confidence: float) -> float:
    """Return how many standard errors a two-sided normal interval reaches to either side.

    Raises ValueError for a level outside (0, 1).
    """
    return -float(scipy.special.ndtri((1.0 - require_level(confidence)) / 2.0))


def _of(events: ArrayLike, people: ArrayLike) -> tuple[Counts, Counts]:
    x, n = np.broadcast_arrays(
        require_counts(events, "The numbers of participants with the event"),
        require_counts(people, "The numbers of participants"),
    )
    if np.any(x > n):
        raise ValueError(
            f"No more participants can have the event than there are, but {x[x > n][0]} of "
            f"{n[x > n][0]} was given; count each participant once, not each event."
        )
    return x, n


def _of_two(
    events1: ArrayLike, people1: ArrayLike, events2: ArrayLike, people2: ArrayLike
) -> tuple[Counts, Counts, Counts, Counts]:
    x1, n1, x2, n2 = np.broadcast_arrays(*_of(events1, people1), *_of(events2, people2))
    return x1, n1, x2, n2


def _share(x: Counts, n: Counts) -> Reals:
    share: Reals = np.divide(x, n, out=np.full(n.shape, np.nan), where=n > 0)
    return share


def _where_any(n: Counts, limit: Reals) -> Reals:
    return np.where(n > 0, limit, np.nan)


def _lower_score_limit(x1: Reals, n1: Reals, x2: Reals, n2: Reals, z: float) -> Reals:
    """Smallest difference that is not rejected, for arrays of counts above 0 in n1 and n2.

    The score statistic falls as the difference grows, so what is not rejected is an interval
    around the observed difference, and its end is found by halving.
    """
    total = n1 + n2
    observed = x1 / n1 - x2 / n2
    rejected, kept = np.full(observed.shape, -1.0), observed
    for _ in range(HALVINGS):
        middle = (rejected + kept) / 2.0
        p1, p2 = _likeliest(x1, n1, x2, n2, middle)
        variance = (p1 * (1.0 - p1) / n1 + p2 * (1.0 - p2) / n2) * total / (total - 1.0)
        keep = (observed - middle) ** 2 <= z**2 * variance
        rejected, kept = np.where(keep, rejected, middle), np.where(keep, middle, kept)
    return kept


def _likeliest(
    x1: Reals, n1: Reals, x2: Reals, n2: Reals, difference: Reals
) -> tuple[Reals, Reals]:
    """The pair p1, p2 of highest likelihood with p1 - p2 = `difference`.

    Miettinen & Nurminen 1985, appendix I: the middle root of a cubic with three real roots.
    """
    events, total = x1 + x2, n1 + n2
    l3 = total
    l2 = (n1 + 2.0 * n2) * difference - total - events
    l1 = (n2 * difference - total - 2.0 * x2) * difference + events
    l0 = x2 * difference * (1.0 - difference)
    shift = l2 / (3.0 * l3)
    q = shift**3 - l1 * l2 / (6.0 * l3**2) + l0 / (2.0 * l3)
    # Never below 0 but for rounding, and 0 only where q is: all three roots are one.
    p = np.copysign(np.sqrt(np.maximum(shift**2 - l1 / (3.0 * l3), 0.0)), q)
    cosine = np.divide(q, p**3, out=np.ones_like(q), where=p != 0.0)
    angle = (np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3.0
    p2 = np.clip(
        2.0 * p * np.cos(angle) - shift,
        np.maximum(0.0, -difference),
        np.minimum(1.0, 1.0 - difference),
    )
    return np.clip(p2 + difference, 0.0, 1.0), p2


def splits(events: int, people1: int, people2: int) -> tuple[Counts, Reals]:
    """How so many events could fall on two arms that are alike, and how probable each split is.

    Parameters
    ----------
    events, people1, people2 : whole numbers of at least 0, `events` not above both arms together.

    Returns the events of the first arm, ascending, and their hypergeometric probabilities.
    """
    first = np.arange(max(0, events - people2), min(events, people1) + 1, dtype=np.int64)
    second = events - first
    log_ways = -(
        scipy.special.gammaln(first + 1.0)
        + scipy.special.gammaln(people1 - first + 1.0)
        + scipy.special.gammaln(second + 1.0)
        + scipy.special.gammaln(people2 - second + 1.0)
    )
    probability = np.exp(log_ways - np.max(log_ways))
    return first, probability / np.sum(probability)


def _fisher_of_table(x1: int, n1: int, x2: int, n2: int) -> float:
    if n1 == 0 or n2 == 0:
        return np.nan
    first, probability = splits(x1 + x2, n1, n2)
    no_more_probable = probability <= probability[x1 - first[0]] * AS_PROBABLE
    return min(1.0, float(np.sum(probability[no_more_probable])))
