"""Accrual: how many participants by a date, and when the target is reached.

Model (Gajewski, Simon & Carlson 2008; the single-stream case of Anisimov & Fedorov 2007).
Enrollment is a Poisson process of constant rate lambda. The prior is centered on the plan,
lambda ~ Gamma(shape = P * target, rate = P * duration), where the weight P in [0, 1] is the share
of the whole plan that the prior is worth as evidence. With n participants enrolled in time t

    lambda | data      ~ Gamma(a, b),  a = P * target + n,  b = P * duration + t
    N(t + s) - n       ~ negative binomial of size a, success probability b / (b + s)
    T(target) - t      ~ b * beta-prime(target - n, a)

so every quantile is an incomplete beta function or its inverse; nothing is simulated.

One unit of time runs through a plan and every call with it: days or months, as the plan has it.
Time is counted from the start of enrollment, not from the first participant.

When it misleads: the rate is taken as constant and the process as pure chance. Site start-up,
seasons, a pause, an amendment of the criteria, or an epidemic that ebbs make the truth more
variable than the interval says. A count above the target supposes that enrollment stays open.

Sources
-------
Anisimov VV, Fedorov VV. Modelling, prediction and adaptive adjustment of recruitment in
multicentre trials. Statistics in Medicine 2007; 26: 4958-4975.
Gajewski BJ, Simon SD, Carlson SE. Predicting accrual in clinical trials with Bayesian posterior
predictive distributions. Statistics in Medicine 2008; 27: 2328-2340.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike, NDArray

from estimators.arguments import require_count, require_level, require_nonnegative

# Beyond this a double no longer tells one whole number from the next.
LARGEST_COUNT = 2**53


@dataclass(frozen=True)
class AccrualPlan:
    """What the protocol expects of enrollment.

    Parameters
    ----------
    target : participants to enroll, at least 1.
    duration : time planned for them, above 0; its unit is the unit of every other time.
    prior_weight : share of the plan, 0 to 1, that the prior is worth. At 0.5 the plan counts as
        much as half the target enrolled in half the duration; at 0 only the data speak.

    Raises ValueError, saying which value is wrong.
    """

    target: int
    duration: float
    prior_weight: float

    def __post_init__(self) -> None:
        require_count(self.target, "The target of an accrual plan", minimum=1)
        if not (math.isfinite(self.duration) and self.duration > 0.0):
            raise ValueError(
                "The duration of an accrual plan must be a finite time above 0, "
                f"but is {self.duration}."
            )
        if not 0.0 <= self.prior_weight <= 1.0:
            raise ValueError(
                "The prior weight of an accrual plan must lie between 0 (ignore the plan) and "
                f"1 (the plan counts like a whole trial), but is {self.prior_weight}."
            )


@dataclass(frozen=True)
class Gamma:
    """A gamma distribution of the enrollment rate, in participants per unit of time."""

    shape: float
    rate: float

    @property
    def mean(self) -> float:
        """Expected participants per unit of time."""
        return self.shape / self.rate


@dataclass(frozen=True)
class CountForecast:
    """Participants enrolled in all by a time, those already enrolled included."""

    mean: float
    median: int
    low: int
    high: int


@dataclass(frozen=True)
class CountPath:
    """`CountForecast` at each of m times, as arrays of shape (m,), for a fan chart."""

    horizons: NDArray[np.float64]
    mean: NDArray[np.float64]
    median: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


@dataclass(frozen=True)
class TimeForecast:
    """Time from the start of enrollment until the target is reached, in the plan's unit.

    `mean` is None where the expectation is infinite. A limit is `math.inf` where it exceeds what
    a double holds. `already_reached` marks a target that is behind us: then all four numbers are
    the elapsed time, which is when it was known, not when it happened; the data have that date.
    """

    mean: float | None
    median: float
    low: float
    high: float
    already_reached: bool = False


def posterior(plan: AccrualPlan, enrolled: int, elapsed: float) -> Gamma:
    """At what rate do participants enroll, given the plan and what has been seen?

    Parameters
    ----------
    plan : the accrual plan.
    enrolled : participants enrolled so far, at least 0.
    elapsed : time since enrollment started, at least 0, in the unit of `plan.duration`.

    Returns the posterior distribution of the rate; the prior itself at `elapsed` 0 with nobody
    enrolled.

    Misleads when the rate has changed: it averages over all of `elapsed`.

    Raises ValueError for a negative or non-finite input, and where a prior weight of 0 leaves no
    proper distribution: nobody enrolled yet, or no time elapsed.

    Source: Gajewski, Simon & Carlson 2008, with rate = 1 / mean waiting time.
    """
    enrolled = require_count(enrolled, "The number enrolled")
    elapsed = require_nonnegative(elapsed, "The elapsed time")
    shape = plan.prior_weight * plan.target + enrolled
    rate = plan.prior_weight * plan.duration + elapsed
    if shape <= 0.0 or rate <= 0.0:
        raise ValueError(
            f"With a prior weight of {plan.prior_weight} the plan says nothing, and {enrolled} "
            f"participants in an elapsed time of {elapsed} do not determine a rate; give the plan "
            "a weight above 0, or wait until somebody is enrolled after some time has passed."
        )
    return Gamma(shape, rate)


def count_by(
    plan: AccrualPlan, enrolled: int, elapsed: float, horizon: float, level: float = 0.95
) -> CountForecast:
    """How many participants will be enrolled in all by `horizon`?

    Parameters
    ----------
    plan, enrolled, elapsed : as for `posterior`.
    horizon : time since the start of enrollment, not before `elapsed`. At `elapsed` itself the
        count is known and all four numbers are `enrolled`.
    level : two-sided probability of the equal-tailed prediction interval, strictly in (0, 1).

    Method: negative binomial for the remainder. A limit is the smallest whole number whose
    distribution function reaches the limit's probability, so the interval holds at least `level`.

    Misleads as the module says; above the target it supposes that enrollment stays open.

    Raises ValueError as `posterior` does, for a level outside (0, 1), for a horizon before
    `elapsed` (the past is counted, not predicted), and for a forecast beyond 2**53 participants.

    Source: Anisimov & Fedorov 2007; Gajewski, Simon & Carlson 2008.
    """
    path = count_path(plan, enrolled, elapsed, [horizon], level)
    return CountForecast(
        mean=float(path.mean[0]),
        median=int(path.median[0]),
        low=int(path.low[0]),
        high=int(path.high[0]),
    )


def count_path(
    plan: AccrualPlan, enrolled: int, elapsed: float, horizons: ArrayLike, level: float = 0.95
) -> CountPath:
    """How many participants will be enrolled in all by each of several times?

    Parameters are those of `count_by`, but `horizons` has shape (m,), in any order; the arrays
    of the result have the same shape and order. The limits hold at each time by itself, not for
    the path as a whole.

    Raises ValueError as `count_by` does, and where `horizons` is not one-dimensional.
    """
    rate = posterior(plan, enrolled, elapsed)
    tail = (1.0 - require_level(level)) / 2.0
    times = np.array(horizons, dtype=np.float64)
    if times.ndim != 1:
        raise ValueError(
            f"The horizons must be a one-dimensional array, but have {times.ndim} dimensions."
        )
    if not np.all(np.isfinite(times) & (times >= elapsed)):
        first = times[~(np.isfinite(times) & (times >= elapsed))][0]
        raise ValueError(
            f"A horizon must be a finite time not before the elapsed time {elapsed}, but one is "
            f"{first}; a count in the past is read from the data, not predicted."
        )
    remaining = times - elapsed
    success = rate.rate / (rate.rate + remaining)
    return CountPath(
        horizons=times,
        mean=enrolled + rate.mean * remaining,
        median=enrolled + _count_quantile(rate.shape, success, 0.5),
        low=enrolled + _count_quantile(rate.shape, success, tail),
        high=enrolled + _count_quantile(rate.shape, success, 1.0 - tail),
    )


def time_to_target(
    plan: AccrualPlan, enrolled: int, elapsed: float, level: float = 0.95
) -> TimeForecast:
    """When, counted from the start of enrollment, is the target reached?

    Parameters
    ----------
    plan, enrolled, elapsed : as for `posterior`.
    level : two-sided probability of the equal-tailed prediction interval, strictly in (0, 1).

    Method: elapsed time plus a scaled beta-prime variable. Its mean is infinite where the
    posterior shape is at most 1, and then None.

    If the target is already reached, every number is `elapsed` and `already_reached` is true.

    Misleads as the module says. The distribution is skewed: quote the median, not the mean.

    Raises ValueError as `posterior` does, and for a level outside (0, 1).

    Source: Gajewski, Simon & Carlson 2008.
    """
    tail = (1.0 - require_level(level)) / 2.0
    enrolled = require_count(enrolled, "The number enrolled")
    elapsed = require_nonnegative(elapsed, "The elapsed time")
    missing = plan.target - enrolled
    if missing <= 0:
        return TimeForecast(elapsed, elapsed, elapsed, elapsed, already_reached=True)
    rate = posterior(plan, enrolled, elapsed)

    def quantile(probability: float) -> float:
        # A beta-prime quantile is y / (1 - y) of a beta quantile y. Computing 1 - y as a quantile
        # of its own keeps its digits where y is all but 1.
        share = float(scipy.special.betaincinv(missing, rate.shape, probability))
        complement = float(scipy.special.betainccinv(rate.shape, missing, probability))
        return elapsed + rate.rate * share / complement if complement > 0.0 else math.inf

    mean = elapsed + rate.rate * missing / (rate.shape - 1.0) if rate.shape > 1.0 else None
    return TimeForecast(mean, quantile(0.5), quantile(tail), quantile(1.0 - tail))


def probability_of_target_by(
    plan: AccrualPlan, enrolled: int, elapsed: float, horizon: float
) -> float:
    """How probable is it that the target is reached by `horizon`?

    Parameters are those of `count_by`. If the target is already reached the answer is 1; if it
    is not and `horizon` is not after `elapsed`, the answer is 0.

    Method: P(N(horizon) >= target), which is the same as P(T(target) <= horizon).

    Misleads as the module says: a probability near 0 or 1 holds only while the rate is constant.

    Raises ValueError as `posterior` does, for a negative or non-finite horizon, and where the
    target is reached but `horizon` lies before `elapsed`: whether it was reached by then is in
    the data, not in these numbers.

    Source: Anisimov & Fedorov 2007; Gajewski, Simon & Carlson 2008.
    """
    enrolled = require_count(enrolled, "The number enrolled")
    elapsed = require_nonnegative(elapsed, "The elapsed time")
    horizon = require_nonnegative(horizon, "The horizon")
    missing = plan.target - enrolled
    remaining = horizon - elapsed
    if missing <= 0:
        if remaining < 0.0:
            raise ValueError(
                f"The target was reached within the elapsed time {elapsed}; whether it was reached "
                f"by the earlier time {horizon} must be read from the data."
            )
        return 1.0
    rate = posterior(plan, enrolled, elapsed)
    if remaining <= 0.0:
        return 0.0
    # One probability in two forms: the smaller of the two fractions keeps its digits.
    total = rate.rate + remaining
    if remaining < rate.rate:
        return float(scipy.special.betainc(missing, rate.shape, remaining / total))
    return float(scipy.special.betaincc(rate.shape, missing, rate.rate / total))


def _count_quantile(
    shape: float, success: NDArray[np.float64], probability: float
) -> NDArray[np.int64]:
    """Smallest k with P(K <= k) >= probability, for each success probability.

    K is negative binomial of real size `shape`. Whole-number bisection, so the answer is exact as
    far as the incomplete beta function is.
    """

    def reaches(count: NDArray[np.int64]) -> NDArray[np.bool_]:
        enough: NDArray[np.bool_] = (
            scipy.special.betainc(shape, count + 1.0, success) >= probability
        )
        return enough

    lower = np.full(success.shape, -1, dtype=np.int64)
    upper = np.zeros(success.shape, dtype=np.int64)
    while not np.all(enough := reaches(upper)):
        if np.any(upper >= LARGEST_COUNT):
            raise ValueError(
                "The forecast exceeds 2**53 participants: the horizon is too far, or the prior "
                "weight too small, for what has been enrolled."
            )
        lower = np.where(enough, lower, upper)
        upper = np.where(enough, upper, 2 * upper + 1)
    while np.any(upper - lower > 1):
        # Never -1, where the incomplete beta function has no value: it is only the start below 0.
        middle = np.maximum((lower + upper) // 2, 0)
        enough = reaches(middle)
        lower, upper = np.where(enough, lower, middle), np.where(enough, middle, upper)
    return upper
