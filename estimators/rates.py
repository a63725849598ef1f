"""Rates of first events per time of observation: one arm, and the difference and ratio of two.

A first event of each participant counts, over the time until it or until the end of observation.
All events over all time have another error, as several of one participant belong together:
`estimators.recurrent`.

Every function takes single numbers or arrays that broadcast together, one entry a preferred term,
and returns arrays of that shape (shape () for single numbers). A rate is per unit of the exposure
that was given: with exposure in participant-years it is per participant-year.

Without any exposure there is no rate: estimate and limits are NaN, and the rest of the table is
not disturbed.

Sources
-------
Garwood F. Fiducial limits for the Poisson distribution. Biometrika 1936; 28: 437-442.
Przyborowski J, Wilenski H. Homogeneity of results in testing samples from Poisson series.
Biometrika 1940; 31: 313-323.
Zou & Donner 2008 (limits of differences): see `estimators.proportions`.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike

from estimators.arguments import require_level
from estimators.proportions import (
    Counts,
    Reals,
    clopper_pearson,
    require_counts,
    square_and_add,
)


@dataclass(frozen=True)
class Rate:
    """Events per unit of exposure and their confidence limits; NaN without exposure."""

    estimate: Reals
    low: Reals
    high: Reals


@dataclass(frozen=True)
class RateDifference:
    """The first arm's rate less the second's, and its confidence limits.

    All three are NaN where an arm has no exposure.
    """

    estimate: Reals
    low: Reals
    high: Reals


@dataclass(frozen=True)
class RateRatio:
    """The first arm's rate over the second's, and its confidence limits.

    The estimate is infinite where only the first arm has events and NaN where neither has; the
    upper limit is infinite where the second has none. All three are NaN where an arm has no
    exposure.
    """

    estimate: Reals
    low: Reals
    high: Reals


def garwood(events: ArrayLike, exposure: ArrayLike, confidence: float = 0.95) -> Rate:
    """At what rate do events happen, within limits that are never too narrow?

    Parameters
    ----------
    events : participants with a first event.
    exposure : time of observation of all participants together until their first event or the
        end of it, at least 0. 0 gives NaN, whatever the events.
    confidence : two-sided confidence level, strictly in (0, 1).

    Method: exact Poisson; each limit is the rate at which the Poisson tail beyond the observed
    count is (1 - confidence) / 2, a quantile of a gamma distribution over the exposure. The lower
    limit is 0 where nothing happened.

    Misleads where the rate changes over time (many harms come early: ten participants for a day
    are not one participant for ten days), and with all events: one participant who has many makes
    the truth more variable than Poisson, so that the interval is too narrow.

    Raises ValueError where a count is negative or not whole, where an exposure is negative,
    missing or infinite, where the shapes do not fit each other, and for a level outside (0, 1).

    Source: Garwood 1936.
    """
    tail = (1.0 - require_level(confidence)) / 2.0
    x, time = _of(events, exposure)
    low = np.where(x > 0, scipy.special.gammaincinv(np.maximum(x, 1), tail), 0.0)
    high = scipy.special.gammainccinv(x + 1, tail)
    return Rate(_per(x, time), _per(low, time), _per(high, time))


def rate_difference(
    events1: ArrayLike,
    exposure1: ArrayLike,
    events2: ArrayLike,
    exposure2: ArrayLike,
    confidence: float = 0.95,
) -> RateDifference:
    """By how much does the rate of first events differ between two arms?

    Parameters
    ----------
    events1, exposure1 : as for `garwood`, in the first arm.
    events2, exposure2 : the same in the second arm, which is subtracted: the control. Both
        exposures are in the same unit.
    confidence : two-sided confidence level, strictly in (0, 1).

    Method: the limits of `garwood` of each arm, their distances from the estimates added as
    squares, so that there are limits where an arm has no event, too.

    Misleads as `garwood` does; of all events, where participants have several, it is far too
    narrow: use `estimators.recurrent`.

    Raises ValueError as `garwood` does, for either arm.

    Source: Garwood 1936; Zou & Donner 2008.
    """
    first = garwood(events1, exposure1, confidence)
    second = garwood(events2, exposure2, confidence)
    return RateDifference(
        *square_and_add(
            (first.estimate, first.low, first.high), (second.estimate, second.low, second.high)
        )
    )


def rate_ratio(
    events1: ArrayLike,
    exposure1: ArrayLike,
    events2: ArrayLike,
    exposure2: ArrayLike,
    confidence: float = 0.95,
) -> RateRatio:
    """How many times as high is the rate of one arm as that of another?

    Parameters
    ----------
    events1, exposure1 : as for `garwood`, in the first arm.
    events2, exposure2 : the same in the second arm, by which is divided: the control. Both
        exposures are in the same unit.
    confidence : two-sided confidence level, strictly in (0, 1).

    Method: conditional exact. Given the events of both arms together, those of the first are
    binomial with probability r * exposure1 / (r * exposure1 + exposure2) at a ratio of r, so the
    Clopper-Pearson limits of that share, as odds and times exposure2 / exposure1, are those of
    the ratio. Without any event every ratio is possible: 0 to infinity.

    Misleads as `garwood` does, and by its width: with few events it is far wider than the data
    of a difference would suggest, because a ratio to almost nothing can be anything.

    Raises ValueError as `garwood` does, for either arm.

    Source: Przyborowski & Wilenski 1940 for the conditional binomial; its limits are Clopper &
    Pearson's (`estimators.proportions`).
    """
    x1, time1 = _of(events1, exposure1)
    x2, time2 = _of(events2, exposure2)
    x1, time1, x2, time2 = np.broadcast_arrays(x1, time1, x2, time2)
    # The complement of a share is the other arm's share, which keeps its digits near 0.
    first = clopper_pearson(x1, x1 + x2, confidence)
    second = clopper_pearson(x2, x1 + x2, confidence)
    known = (time1 > 0.0) & (time2 > 0.0)
    none = x1 + x2 == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(known, time2 / time1, np.nan)
        estimate = np.where(known, scale * (x1 / x2), np.nan)
        low = np.where(none, 0.0, first.low / second.high)
        high = np.where(none, np.inf, first.high / second.low)
    return RateRatio(estimate, np.asarray(low * scale), np.asarray(high * scale))


def _of(events: ArrayLike, exposure: ArrayLike) -> tuple[Counts, Reals]:
    time = np.asarray(exposure, dtype=np.float64)
    wrong = ~(np.isfinite(time) & (time >= 0.0))
    if np.any(wrong):
        raise ValueError(
            f"An exposure must be a finite time of at least 0, but one is {time[wrong][0]}."
        )
    x, time = np.broadcast_arrays(require_counts(events, "The numbers of events"), time)
    return x, time


def _per(count: Counts | Reals, time: Reals) -> Reals:
    rate: Reals = np.divide(count, time, out=np.full(time.shape, np.nan), where=time > 0.0)
    return rate
