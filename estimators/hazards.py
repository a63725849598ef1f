"""How fast two arms die: hazard ratio, restricted mean survival, and the probability of harm.

Times are days since the start of observation, events are deaths; who did not die was last known to
be alive at their time. A hazard ratio above 1 is more deaths in the first arm.

Sources
-------
Cox DR. Regression models and life-tables. Journal of the Royal Statistical Society B 1972; 34:
187-220.
Efron B. The efficiency of Cox's likelihood function for censored data. Journal of the American
Statistical Association 1977; 72: 557-565 (ties).
Royston P, Parmar MKB. Restricted mean survival time: an alternative to the hazard ratio for the
design and analysis of randomized trials with a time-to-event outcome. BMC Medical Research
Methodology 2013; 13: 152.
Spiegelhalter DJ, Freedman LS, Parmar MKB. Bayesian approaches to randomized trials. Journal of the
Royal Statistical Society A 1994; 157: 357-416 (the doubter's prior).
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from estimators.proportions import Reals, normal_quantile
from estimators.strata import members
from estimators.time_to_event import kaplan_meier

# A larger logarithm of the hazard ratio is none: then deaths tell the arms apart.
LARGEST = 15.0
# The logarithms of the hazard ratio over which a probability is summed.
GRID = np.arange(-4.0, 4.0 + 1e-9, 0.005)
# Of somebody who doubts: 5 % for a hazard that is doubled or halved.
DOUBT = math.log(2.0) / 1.959963984540054
# A hazard ratio above which more deaths are of weight.
OF_WEIGHT = 1.25

# Days and whether somebody died then, of one arm.
Observed: TypeAlias = tuple[ArrayLike, ArrayLike]


@dataclass(frozen=True)
class HazardRatio:
    """The first arm's hazard over the second's; None where there is none, and `reason` says why."""

    estimate: float | None
    low: float | None
    high: float | None
    log_estimate: float | None
    log_error: float | None
    reason: str | None = None


@dataclass(frozen=True)
class MeanDifference:
    """Mean days alive up to a day in two arms, first less second; None as in `HazardRatio`."""

    day: float
    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None
    error1: float | None = None
    error2: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Harm:
    """What to believe of the logarithm of the hazard ratio after the data, from one prior.

    `above_one` and `of_weight` are the probabilities that the hazard ratio is above 1, and 1.25.
    """

    mean: float
    deviation: float
    above_one: float
    of_weight: float


def hazard_ratio(
    first: Observed,
    second: Observed,
    level: float = 0.95,
    *,
    strata: tuple[ArrayLike, ArrayLike] | None = None,
) -> HazardRatio:
    """By what factor do deaths come faster in the first arm?

    Parameters
    ----------
    first, second : times, days of at least 0, and events of an arm, shape (n,) each.
    level : two-sided confidence level, strictly in (0, 1).
    strata : labels of the participants of each arm, who are compared within them alone.

    Method: partial likelihood, ties by Efron, its maximum by Newton's steps; Wald's limits.

    Misleads where curves cross: one number is then the ratio at no time.

    Raises ValueError as `kaplan_meier` does.

    Source: Cox 1972; Efron 1977.
    """
    z = normal_quantile(level)
    died, risk1, risk2 = _within(first, second, strata)
    if risk1.size == 0:
        return _no_ratio("Nobody has died.")
    if died in (0.0, float(risk1.size)):
        return _no_ratio("One arm has no death, or nobody at risk when others died.")
    beta = 0.0
    for _ in range(100):
        share = risk1 * math.exp(beta) / (risk1 * math.exp(beta) + risk2)
        information = float((share * (1.0 - share)).sum())
        if information < 1e-12 or abs(beta) > LARGEST:
            return _no_ratio("Deaths tell the arms apart, so that the ratio has no limit.")
        step = max(-2.0, min(2.0, (died - float(share.sum())) / information))
        beta += step
        if abs(step) < 1e-10:
            break
    error = 1.0 / math.sqrt(information)
    return HazardRatio(
        math.exp(beta), math.exp(beta - z * error), math.exp(beta + z * error), beta, error
    )


def restricted_mean_difference(
    first: Observed, second: Observed, day: float, level: float = 0.95
) -> MeanDifference:
    """By how many days do the arms differ in the mean time alive up to a day?

    Parameters
    ----------
    first, second, level : as in `hazard_ratio`.
    day : up to which time counts; not beyond the last time in either arm, unless all died before.

    Method: the area under the Kaplan-Meier curve, its variance after Greenwood.

    Raises ValueError as `kaplan_meier` does, and for a day that is not above 0.

    Source: Royston & Parmar 2013.
    """
    z = normal_quantile(level)
    if not day > 0.0 or not math.isfinite(day):
        raise ValueError("The day must be above 0.")
    for times, events in (first, second):
        curve = kaplan_meier(times, events)
        if not (float(curve.times[-1]) >= day or float(curve.survival[-1]) == 0.0):
            reason = f"In an arm nobody is observed through day {day:g}."
            return MeanDifference(day, None, None, None, None, None, reason=reason)
    (mean1, error1), (mean2, error2) = (_restricted_mean(arm, day) for arm in (first, second))
    difference, half = mean1 - mean2, z * math.hypot(error1, error2)
    return MeanDifference(
        day, mean1, mean2, difference, difference - half, difference + half, error1, error2
    )


def harm(first: Observed, second: Observed, prior: float | None = DOUBT) -> Harm:
    """How probable is it that the first arm has more deaths, from a belief before the data?

    Parameters
    ----------
    first, second : as in `hazard_ratio`.
    prior : standard deviation of the logarithm of the hazard ratio, around 0, before the data;
        None has no opinion, within ratios of 1/55 to 55.

    Method: partial likelihood, ties by Efron, times the prior, summed over a grid. Without a death
    it is the prior.

    Source: Spiegelhalter, Freedman & Parmar 1994.
    """
    died, risk1, risk2 = _sets(first, second)
    log_weight = died * GRID - np.log(np.exp(GRID)[:, None] * risk1 + risk2).sum(axis=1)
    if prior is not None:
        log_weight = log_weight - GRID**2 / (2.0 * prior**2)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    mean = float(weight @ GRID)

    def above(limit: float) -> float:
        # A point of the grid that is the limit itself is half above it.
        at = np.isclose(GRID, limit, atol=1e-9)
        return float(weight[(limit < GRID) & ~at].sum() + weight[at].sum() / 2.0)

    deviation = math.sqrt(float(weight @ (GRID - mean) ** 2))
    return Harm(mean, deviation, above(0.0), above(math.log(OF_WEIGHT)))


def _within(
    first: Observed, second: Observed, strata: tuple[ArrayLike, ArrayLike] | None
) -> tuple[float, Reals, Reals]:
    """Deaths of the first arm, and risk sets at each death, of all strata one after another."""
    if strata is None:
        return _sets(first, second)
    labels = [np.asarray(of_arm) for of_arm in strata]
    arms = [(np.asarray(times), np.asarray(events)) for times, events in (first, second)]
    if [one.shape for one in labels] != [times.shape for times, _ in arms]:
        raise ValueError("Each participant needs the label of one stratum.")
    found = [
        _sets(*((times[own], events[own]) for (times, events), own in zip(arms, both, strict=True)))
        for both in members(*labels)
    ]
    return (
        sum((deaths for deaths, _, _ in found), 0.0),
        np.concatenate([risk for _, risk, _ in found]),
        np.concatenate([risk for _, _, risk in found]),
    )


def _sets(first: Observed, second: Observed) -> tuple[float, Reals, Reals]:
    """Deaths of the first arm; and at each death of either how many of the arms were at risk.

    Of deaths on one day each has, by Efron, less of those who died that day before it.
    """
    curves = [kaplan_meier(times, events) for times, events in (first, second)]
    when = np.unique(np.concatenate([curve.times[curve.events > 0] for curve in curves]))
    died = [np.zeros(when.size), np.zeros(when.size)]
    for own, curve in zip(died, curves, strict=True):
        there = curve.events > 0
        own[np.searchsorted(when, curve.times[there])] = curve.events[there]
    at_risk = [
        (np.asarray(times, dtype=np.float64)[:, None] >= when).sum(axis=0).astype(np.float64)
        for times, _ in (first, second)
    ]
    together = (died[0] + died[1]).astype(np.int64)
    which = np.repeat(np.arange(when.size), together)
    before = np.concatenate([np.arange(n) / n for n in together]) if when.size else np.zeros(0)
    risk1, risk2 = (n[which] - before * own[which] for n, own in zip(at_risk, died, strict=True))
    return float(died[0].sum()), risk1, risk2


def _restricted_mean(arm: Observed, day: float) -> tuple[float, float]:
    """The area under the curve up to a day, and its standard error."""
    curve = kaplan_meier(*arm)
    inside = (curve.events > 0) & (curve.times < day)
    when = curve.times[inside]
    steps = np.concatenate([[1.0], curve.survival[inside]])
    widths = np.diff(np.concatenate([[0.0], when, [day]]))
    areas = steps * widths
    left = np.cumsum(areas[::-1])[::-1][1:]
    n, d = curve.at_risk[inside].astype(np.float64), curve.events[inside].astype(np.float64)
    # Where the last at risk die, nothing is left of the area.
    variance = float(np.where(n > d, left**2 * d / np.maximum(n * (n - d), 1.0), 0.0).sum())
    return float(areas.sum()), math.sqrt(variance)


def _no_ratio(reason: str) -> HazardRatio:
    return HazardRatio(None, None, None, None, None, reason)
