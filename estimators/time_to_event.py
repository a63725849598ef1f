"""Time to an event: survival, its comparison between arms, and incidence with competing events.

Each participant has a time in days since the start of observation (randomization, say), and what
ended it: an event, or nothing by the last day of observation, which is censoring. Only times that
are equal as numbers are tied; whole days are. Events of a day come before the censoring of that
day, so that whoever is censored on it was at risk of them.

Every curve is a step function that changes at its `times` and holds until the next of them.

When these mislead: all of them take censoring to say nothing about what would have followed.
Discharge alive is not such a censoring for death by day 28: follow to day 28, or stop at the
data cut-off. Towards the right few are at risk and one participant moves the curve a great deal;
read it with its numbers at risk. A limit holds at each day by itself, not for the whole curve.

Sources
-------
Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. Journal of the American
Statistical Association 1958; 53: 457-481.
Greenwood M. The errors of sampling of the survivorship tables. Reports on Public Health and
Medical Subjects 33. HMSO, 1926.
Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data. Wiley, 1980 (log-log
limits).
Brookmeyer R, Crowley J. A confidence interval for the median survival time. Biometrics 1982; 38:
29-41.
Mantel N. Evaluation of survival data and two new rank order statistics arising in its
consideration. Cancer Chemotherapy Reports 1966; 50: 163-170.
Aalen OO, Johansen S. An empirical transition matrix for non-homogeneous Markov chains based on
censored observations. Scandinavian Journal of Statistics 1978; 5: 141-150.
Gaynor JJ, Feuer EJ, Tan CC, et al. On the use of cause-specific failure and conditional failure
probabilities: examples from clinical oncology data. Journal of the American Statistical
Association 1993; 88: 400-409 (variance).
Choudhury JB. Non-parametric confidence interval estimation for competing risks analysis:
application to contraceptive data. Statistics in Medicine 2002; 21: 1129-1144 (log-log limits).
Cutler & Ederer 1958, Newcombe 1998, Zou & Donner 2008 (limits of differences): see
`estimators.proportions`.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike, NDArray

from estimators.arguments import require_count
from estimators.proportions import (
    Counts,
    Reals,
    normal_quantile,
    require_counts,
    square_and_add,
    wilson_of_size,
)

# Probabilities this close differ by the rounding of products and sums.
ROUNDING = 1e-12

# The group of each participant, by name or number.
Labels: TypeAlias = ArrayLike | Sequence[Hashable]


@dataclass(frozen=True)
class Median:
    """Days until half have the event, with limits; None where the curve does not get there."""

    days: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class KaplanMeier:
    """A survival curve: arrays of shape (k,), one entry for day 0 and each later time in the data.

    `at_risk` are those still under observation just before a time, `events` and `censored` those
    who left at it. `survival` is the probability of no event up to and with it, `variance` is
    Greenwood's. `low` and `high` are NaN where the method has no limits: before the first event,
    and once nobody is left without one. Without participants there is day 0 only, with NaN.
    """

    times: Reals
    at_risk: Counts
    events: Counts
    censored: Counts
    survival: Reals
    variance: Reals
    low: Reals
    high: Reals
    median: Median


@dataclass(frozen=True)
class SurvivalOn:
    """A survival curve on asked days, arrays of shape (d,) in the order asked.

    NaN after the last observed time, where the curve is not known; but 0 once it is 0.
    """

    days: Reals
    at_risk: Counts
    survival: Reals
    low: Reals
    high: Reals


@dataclass(frozen=True)
class DifferenceAt:
    """Survival, or incidence, of the first arm at a day less that of the second, within [-1, 1].

    `first` and `second` are those of the two arms. All of these are None where an arm's is not
    known at the day, and `reason` says so. Each pair has the first arm first: `n` are participants,
    `known` those whose state at the day is known (an event by it, or observed through it), and
    `known_share` their share, None in an arm without participants.
    """

    time: float
    estimate: float | None
    low: float | None
    high: float | None
    first: float | None
    second: float | None
    n: tuple[int, int]
    known: tuple[int, int]
    known_share: tuple[float | None, float | None]
    reason: str | None = None


@dataclass(frozen=True)
class LogRank:
    """A log-rank test of the groups, which stand in sorted order.

    `observed` events and those `expected` if the groups were alike have shape (groups,).
    `chi_square` and `p` are None where there is nothing to compare; `reason` then says why.
    `degrees_of_freedom` is one less than the groups with anybody at risk at an event.
    """

    groups: tuple[Any, ...]
    people: Counts
    observed: Counts
    expected: Reals
    chi_square: float | None
    p: float | None
    degrees_of_freedom: int
    reason: str | None = None


@dataclass(frozen=True)
class CumulativeIncidence:
    """How many had each cause by when: k times as in `KaplanMeier`, and m causes.

    `times`, `at_risk` and `event_free` (no event of any cause) have shape (k,); `events`,
    `incidence`, `variance`, `low` and `high` shape (m, k), a row a cause. On every day
    `event_free` and the incidences sum to 1. The limits are NaN where the incidence is 0 or 1.
    """

    causes: tuple[int, ...]
    times: Reals
    at_risk: Counts
    event_free: Reals
    events: Counts
    incidence: Reals
    variance: Reals
    low: Reals
    high: Reals


@dataclass(frozen=True)
class IncidenceOn:
    """Cumulative incidences on d asked days, in the order asked; a row a cause.

    `days` and `at_risk` have shape (d,), the others (m, d). NaN after the last observed time,
    unless everybody had an event by then, when nothing changes any more.
    """

    causes: tuple[int, ...]
    days: Reals
    at_risk: Counts
    incidence: Reals
    low: Reals
    high: Reals


def kaplan_meier(times: ArrayLike, events: ArrayLike, confidence: float = 0.95) -> KaplanMeier:
    """What share has had no event by each day?

    Parameters
    ----------
    times : shape (n,), days until the event or the end of observation, finite, at least 0.
    events : shape (n,), true (or 1) for the event, false (or 0) for censoring.
    confidence : two-sided confidence level, strictly in (0, 1).

    Method: product-limit estimate; Greenwood's variance; limits from a normal interval of
    log(-log survival), which stay within 0 and 1. The median is the first time with a survival of
    at most one half, its limits the first times at which the limits of the curve are (Brookmeyer
    & Crowley); where the curve is exactly one half, the middle of that step, as in R and SAS.

    Misleads as the module says, and where another event makes this one impossible: if deaths are
    censored then 1 - survival is more than the share that will have the event. Use
    `aalen_johansen` for a harm with death competing. A median that few lived to see is not one.

    Raises ValueError where the arrays are not one-dimensional or differ in length, for a time
    that is negative, missing or infinite, for an event that is neither 0 nor 1, and for a level
    outside (0, 1).

    Source: Kaplan & Meier 1958; Greenwood 1926; Kalbfleisch & Prentice 1980.
    """
    z = normal_quantile(confidence)
    observed, event = _observations(times, events)
    grid, at_risk = _at_risk(observed)
    happened = _count(observed[event], grid)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod((at_risk - happened) / at_risk, dtype=np.float64)
        greenwood = np.cumsum(happened / (at_risk * (at_risk - happened)))
        variance: Reals = np.where(survival == 0.0, 0.0, survival**2 * greenwood)
    low, high = _log_log_limits(survival, variance, z)
    return KaplanMeier(
        times=grid,
        at_risk=at_risk,
        events=happened,
        censored=_count(observed[~event], grid),
        survival=survival,
        variance=variance,
        low=low,
        high=high,
        median=Median(*(_half(grid, curve) for curve in (survival, low, high))),
    )


def survival_on(curve: KaplanMeier, days: ArrayLike) -> SurvivalOn:
    """What does a survival curve say on these days, and how many are at risk on each?

    Parameters
    ----------
    curve : what `kaplan_meier` returned.
    days : shape (d,), days since the start of observation, in any order, finite, at least 0.

    Raises ValueError where `days` is not one-dimensional or a day is not such a number.
    """
    asked = _days(days, "A day")
    row, known, at_risk = _rows(curve.times, curve.at_risk, curve.survival, asked)
    survival, low, high = (
        np.where(known, values[row], np.nan) for values in (curve.survival, curve.low, curve.high)
    )
    return SurvivalOn(asked, at_risk, survival, low, high)


def difference_at(
    first: tuple[ArrayLike, ArrayLike],
    second: tuple[ArrayLike, ArrayLike],
    time: float,
    level: float = 0.95,
) -> DifferenceAt:
    """By how much does survival at a day differ between two arms?

    Parameters
    ----------
    first, second : times and events of an arm, as `kaplan_meier` takes them.
    time : days since the start of observation, finite, at least 0; events on that day count.
    level : two-sided confidence level, strictly in (0, 1).

    Method: the difference of two Kaplan-Meier estimates. Each has Wilson's limits with the
    effective sample size S (1 - S) / variance (Greenwood), and the limits of the difference
    follow from these by squares (Newcombe, Zou & Donner). At a survival of 0 or 1 the variance
    is 0, and the sample size is the number whose status is known. Without censoring this is
    Newcombe's hybrid score interval of two proportions.

    Misleads where few have a known status at the day: the estimate then rests on those censored
    being like the others. Show `known_share` beside it.

    Raises ValueError as `kaplan_meier` does, and for a time that is no such number.
    """
    z = normal_quantile(level)
    day = float(_days([time], "The time")[0])
    arms = [_survival_at(times, events, day, z) for times, events in (first, second)]
    return _difference(day, arms[0], arms[1])


def incidence_difference_at(
    first: tuple[ArrayLike, ...],
    second: tuple[ArrayLike, ...],
    day: float,
    cause: int,
    level: float = 0.95,
) -> DifferenceAt:
    """By how much does the cumulative incidence of an event at a day differ between two arms?

    Parameters
    ----------
    first, second : times and causes of an arm, as `aalen_johansen` takes them, and third, if
        given, the numbers of participants.
    day : days since the start of observation, finite, at least 0; events on that day count.
    cause : whose incidence, at least 1; all others compete.
    level : two-sided confidence level, strictly in (0, 1).

    Method: the difference of two Aalen-Johansen estimates, its limits as in `difference_at`, from
    Wilson's with the effective sample size F (1 - F) / variance. At an incidence of 0 or 1 the
    variance is 0, and the sample size is the number whose state is known. Without censoring this
    is Newcombe's hybrid score interval of two proportions.

    Misleads as `aalen_johansen` and `difference_at` do: an arm that dies more has less incidence
    of a harm. Show deaths without the event beside it.

    Raises ValueError as `aalen_johansen` does, for a day that is no such number, and for a cause
    below 1.
    """
    z = normal_quantile(level)
    asked = float(_days([day], "The day")[0])
    code = require_count(cause, "The code of a cause", minimum=1)
    arms = [_incidence_at(*arm, code=code, day=asked, z=z) for arm in (first, second)]
    return _difference(asked, arms[0], arms[1])


def log_rank(times: ArrayLike, events: ArrayLike, groups: Labels) -> LogRank:
    """Do groups differ in their time to the event by more than chance?

    Parameters
    ----------
    times, events : as for `kaplan_meier`.
    groups : shape (n,), the group (arm) of each participant, by name or number.

    Method: at each time with events those of each group have a hypergeometric expectation and
    covariance given who is at risk; the sums of observed less expected make a chi-square
    statistic with one degree of freedom less than there are groups. Not stratified.

    Misleads where curves cross, which may leave nothing of a real difference, and with few events
    (under about 10 in all), where the chi-square distribution is poor. It says that there is a
    difference, not how large: the curves with their limits say that.

    Raises ValueError as `kaplan_meier` does, and where a participant has no group.

    Source: Mantel 1966.
    """
    observed, event = _observations(times, events)
    labels = _labels(groups, observed.size)
    names, group = np.unique(labels, return_inverse=True)
    when = np.unique(observed[event])
    # A row a group, a column a time with events.
    people = [observed[group == number] for number in range(names.size)]
    with_event = [observed[(group == number) & event] for number in range(names.size)]
    shape = (names.size, when.size)
    risk = np.array([_still(one, when) for one in people], dtype=np.int64).reshape(shape)
    deaths = np.array([_count(one, when) for one in with_event], dtype=np.int64).reshape(shape)
    n, d = risk.sum(axis=0), deaths.sum(axis=0)
    share = risk / n
    expected = (d * share).sum(axis=1)
    compared = np.flatnonzero(expected > 0.0)
    degrees_of_freedom = max(0, compared.size - 1)
    # With one at risk the hypergeometric distribution has no variance.
    weight = d * (n - d) / np.maximum(n - 1, 1)
    reason = None
    if when.size == 0:
        reason = "Nobody had the event."
    elif degrees_of_freedom == 0:
        reason = "Fewer than two groups had anybody at risk when an event happened."
    elif not np.any(weight):
        reason = "Everybody had the event at the same time."
    chi_square = p = None
    if reason is None:
        # The differences sum to 0, so that one group says nothing new.
        kept = compared[:-1]
        difference = (deaths.sum(axis=1) - expected)[kept]
        covariance = np.diag((weight * share[kept]).sum(axis=1))
        covariance -= (weight * share[kept]) @ share[kept].T
        chi_square = max(0.0, float(difference @ np.linalg.solve(covariance, difference)))
        p = float(scipy.special.gammaincc(degrees_of_freedom / 2.0, chi_square / 2.0))
    return LogRank(
        groups=tuple(names.tolist()),
        people=np.array([one.size for one in people], dtype=np.int64),
        observed=deaths.sum(axis=1),
        expected=expected,
        chi_square=chi_square,
        p=p,
        degrees_of_freedom=degrees_of_freedom,
        reason=reason,
    )


def aalen_johansen(
    times: ArrayLike,
    causes: ArrayLike,
    confidence: float = 0.95,
    *,
    codes: Sequence[int] | None = None,
    people: ArrayLike | None = None,
) -> CumulativeIncidence:
    """What share has had each of several events, of which one rules out the others, by each day?

    Parameters
    ----------
    times : shape (n,), days until the first event of any cause or the end of observation, finite,
        at least 0.
    causes : shape (n,), the cause of that event as a number from 1, or 0 for censoring. Events on
        the same day by one participant are one: say before, which of them counts.
    confidence : two-sided confidence level, strictly in (0, 1).
    codes : the causes to return, in this order, so that arms have the same rows where a cause is
        missing in one; without it those in the data, ascending.
    people : shape (n,), for how many participants each time and cause stands; for one without it.

    Method: each day adds the share of the event-free that have the cause. The variance is of the
    delta type (Gaynor et al. 1993): with one cause it is Greenwood's, without censoring the
    binomial, and always what R's `survfit` has. The Aalen type, which R's `cmprsk` has, is
    larger, the more so the fewer are at risk. Limits are a normal interval of
    log(-log incidence).

    Misleads as the module says. A treatment that prevents deaths lets more live to have a harm:
    read the row of death beside that of the harm. With one cause the limits are not those of
    `kaplan_meier` turned over, because it transforms the survival, not the incidence.

    Raises ValueError as `kaplan_meier` does, for a cause that is negative or not whole, and where
    `codes` repeats itself, holds anything below 1 or leaves out a cause that the data have; and
    where `people` are not whole numbers of at least 0, one for each time.

    Source: Aalen & Johansen 1978; Gaynor et al. 1993; Choudhury 2002.
    """
    z = normal_quantile(confidence)
    observed, cause = _paired(times, causes)
    if cause.dtype.kind not in "biu" or np.any(cause < 0):
        raise ValueError(
            "A cause must be a whole number: 0 for censoring and from 1 on for each kind of event, "
            f"but the causes are {sorted(set(cause.tolist()), key=str)}."
        )
    names = _codes(cause, codes)
    number = _people(people, observed.size)
    grid, place = np.unique(np.append(observed, 0.0), return_inverse=True)

    def counted(chosen: NDArray[np.bool_]) -> Counts:
        each = np.append(np.where(chosen, number, 0), 0)
        # Sums of whole numbers are exact in floating point.
        return np.bincount(place, each, minlength=grid.size).astype(np.int64)

    ended = counted(np.ones(observed.size, dtype=np.bool_))
    at_risk = np.asarray(number.sum() - np.concatenate([[0], np.cumsum(ended)[:-1]]))
    happened = counted(cause > 0)
    of_cause = np.array([counted(cause == code) for code in names], dtype=np.int64)
    of_cause = of_cause.reshape(len(names), grid.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        event_free = np.cumprod((at_risk - happened) / at_risk, dtype=np.float64)
        before = np.concatenate([[1.0], event_free[:-1]])
        incidence: Reals = np.cumsum(before * of_cause / at_risk, axis=1)
        variance = _delta_variance(at_risk, happened, of_cause, before, incidence)
    low, high = _log_log_limits(incidence, variance, z)
    return CumulativeIncidence(
        names, grid, at_risk, event_free, of_cause, incidence, variance, low, high
    )


def incidence_on(curves: CumulativeIncidence, days: ArrayLike) -> IncidenceOn:
    """What do cumulative incidences say on these days, and how many are at risk on each?

    Parameters
    ----------
    curves : what `aalen_johansen` returned.
    days : shape (d,), days since the start of observation, in any order, finite, at least 0.

    Raises ValueError where `days` is not one-dimensional or a day is not such a number.
    """
    asked = _days(days, "A day")
    row, known, at_risk = _rows(curves.times, curves.at_risk, curves.event_free, asked)
    incidence, low, high = (
        np.where(known, values[:, row], np.nan)
        for values in (curves.incidence, curves.low, curves.high)
    )
    return IncidenceOn(curves.causes, asked, at_risk, incidence, low, high)


def _delta_variance(
    at_risk: Counts, happened: Counts, of_cause: Counts, before: Reals, incidence: Reals
) -> Reals:
    """The variance of Gaynor et al. 1993.

    The sum over times s up to t, with F the incidence of a cause, of

    (F(t) - F(s))**2 d / (n (n - d)) + S(s-)**2 d_c (n - d_c) / n**3
    - 2 (F(t) - F(s)) S(s-) d_c / n**2,

    as sums that do not depend on t. At the last time, if all at risk have an event, the first
    term is 0 whatever its divisor, because F does not change after it.
    """
    left = at_risk - happened
    through_survival = np.where(left > 0, happened / (at_risk * left), 0.0)
    own = before**2 * of_cause * (at_risk - of_cause) / at_risk**3.0
    both = before * of_cause / at_risk**2.0
    variance: Reals = (
        incidence**2 * np.cumsum(through_survival)
        - 2.0 * incidence * np.cumsum(incidence * through_survival + both, axis=1)
        + np.cumsum(incidence**2 * through_survival + own + 2.0 * incidence * both, axis=1)
    )
    return np.maximum(variance, 0.0)


@dataclass(frozen=True)
class _At:
    """An arm at a day: participants, those of known state, a probability with its limits."""

    n: int
    known: int
    probability: float = math.nan
    low: float = math.nan
    high: float = math.nan


def _survival_at(times: ArrayLike, events: ArrayLike, day: float, z: float) -> _At:
    observed, event = _observations(times, events)
    curve = kaplan_meier(observed, event)
    row, sure, _ = _rows(curve.times, curve.at_risk, curve.survival, np.array([day]))
    known = int(np.count_nonzero((observed >= day) | event))
    survival, variance = float(curve.survival[row[0]]), float(curve.variance[row[0]])
    return _within(observed.size, known, survival, variance, z, sure=bool(sure[0]))


def _incidence_at(
    times: ArrayLike,
    causes: ArrayLike,
    people: ArrayLike | None = None,
    *,
    code: int,
    day: float,
    z: float,
) -> _At:
    observed, cause = _paired(times, causes)
    number = _people(people, observed.size)
    codes = sorted({code, *_codes(cause, None)})
    curves = aalen_johansen(observed, cause, codes=codes, people=number)
    row, sure, _ = _rows(curves.times, curves.at_risk, curves.event_free, np.array([day]))
    known = int(number[(observed >= day) | (cause > 0)].sum())
    at = curves.causes.index(code), row[0]
    incidence, variance = float(curves.incidence[at]), float(curves.variance[at])
    return _within(int(number.sum()), known, incidence, variance, z, sure=bool(sure[0]))


def _within(
    n: int, known: int, probability: float, variance: float, z: float, *, sure: bool
) -> _At:
    """Wilson's limits at the effective sample size; at 0 and 1 at the number known."""
    if n == 0 or not sure:
        return _At(n, known)
    inside = ROUNDING < probability < 1.0 - ROUNDING and variance > 0.0
    size = probability * (1.0 - probability) / variance if inside else float(known)
    return _At(n, known, probability, *wilson_of_size(probability, size, z))


def _difference(day: float, first: _At, second: _At) -> DifferenceAt:
    n, known = (first.n, second.n), (first.known, second.known)
    share1, share2 = (k / m if m > 0 else None for k, m in zip(known, n, strict=True))
    beside = (n, known, (share1, share2))
    if 0 in n:
        return DifferenceAt(day, None, None, None, None, None, *beside, "An arm is empty.")
    if math.isnan(first.probability) or math.isnan(second.probability):
        reason = f"In an arm nobody is observed through day {day:g}."
        return DifferenceAt(day, None, None, None, None, None, *beside, reason)
    estimate, low, high = (
        float(part)
        for part in square_and_add(
            (first.probability, first.low, first.high),
            (second.probability, second.low, second.high),
        )
    )
    return DifferenceAt(
        day,
        estimate,
        max(low, -1.0),
        min(high, 1.0),
        first.probability,
        second.probability,
        *beside,
    )


def _log_log_limits(probability: Reals, variance: Reals, z: float) -> tuple[Reals, Reals]:
    inside = (probability > ROUNDING) & (probability < 1.0 - ROUNDING)
    p = np.where(inside, probability, np.nan)
    spread = z * np.sqrt(variance) / (p * np.abs(np.log(p)))
    return p ** np.exp(spread), p ** np.exp(-spread)


def _half(times: Reals, curve: Reals) -> float | None:
    """First time at which a falling curve is at most one half; the middle of a step at it."""
    reached = np.flatnonzero(curve <= 0.5 + ROUNDING)
    if reached.size == 0:
        return None
    first = reached[0]
    beyond = np.flatnonzero(curve < 0.5 - ROUNDING)
    if curve[first] < 0.5 - ROUNDING or beyond.size == 0:
        return float(times[first])
    return float(times[first] + times[beyond[0]]) / 2.0


def _at_risk(observed: Reals) -> tuple[Reals, Counts]:
    """Day 0 and every time in the data, and how many are under observation just before each."""
    grid = np.unique(np.append(observed, 0.0))
    return grid, _still(observed, grid)


def _still(observed: Reals, days: Reals) -> Counts:
    """Times that are not before each day."""
    return np.asarray(observed.size - np.searchsorted(np.sort(observed), days, "left"))


def _count(observed: Reals, days: Reals) -> Counts:
    """Times that are equal to each day."""
    ordered = np.sort(observed)
    return np.searchsorted(ordered, days, "right") - np.searchsorted(ordered, days, "left")


def _rows(
    times: Reals, at_risk: Counts, event_free: Reals, days: Reals
) -> tuple[NDArray[np.intp], NDArray[np.bool_], Counts]:
    """Row of a curve for each day, whether the curve is known on it, and the number at risk."""
    row = np.searchsorted(times, days, "right") - 1
    known = (days <= times[-1]) | (event_free[-1] == 0.0)
    following = np.searchsorted(times, days, "left")
    return row, known, np.append(at_risk, 0)[following]


def _observations(times: ArrayLike, events: ArrayLike) -> tuple[Reals, NDArray[np.bool_]]:
    observed, event = _paired(times, events)
    if event.dtype.kind not in "biu" or not np.all((event == 0) | (event == 1)):
        raise ValueError(
            "An event must be true (1) or false (0, censored), but the events are "
            f"{sorted(set(event.tolist()), key=str)}; with several kinds of event say which counts."
        )
    return observed, event.astype(np.bool_)


def _paired(times: ArrayLike, events: ArrayLike) -> tuple[Reals, NDArray[Any]]:
    observed, event = _days(times, "A time"), np.asarray(events)
    if event.shape != observed.shape:
        raise ValueError(
            "Every participant needs one time and one event, but the times have shape "
            f"{observed.shape} and the events {event.shape}."
        )
    # An empty list becomes an array of decimal numbers.
    return observed, event if event.size else event.astype(np.int64)


def _days(values: ArrayLike, name: str) -> Reals:
    days = np.array(values, dtype=np.float64)
    if days.ndim != 1:
        raise ValueError(f"Days must be a one-dimensional array, but have {days.ndim} dimensions.")
    wrong = ~(np.isfinite(days) & (days >= 0.0))
    if np.any(wrong):
        raise ValueError(
            f"{name} must be a finite number of days of at least 0, but one is {days[wrong][0]}."
        )
    return days


def _labels(groups: Labels, people: int) -> NDArray[Any]:
    labels = np.asarray(groups)
    if labels.shape != (people,):
        raise ValueError(
            f"Every participant needs one group, but there are {people} participants and groups "
            f"of shape {labels.shape}."
        )
    if any(
        label is None or (isinstance(label, float) and math.isnan(label))
        for label in labels.tolist()
    ):
        raise ValueError("Every participant needs a group, but one has none; leave them out.")
    return labels


def _people(people: ArrayLike | None, size: int) -> Counts:
    if people is None:
        return np.ones(size, dtype=np.int64)
    number = require_counts(people, "The numbers of participants")
    if number.shape != (size,):
        raise ValueError(
            f"Every time needs one number of participants, but there are {size} times and numbers "
            f"of shape {number.shape}."
        )
    return number


def _codes(cause: NDArray[Any], codes: Sequence[int] | None) -> tuple[int, ...]:
    found = tuple(int(code) for code in np.unique(cause[cause > 0]))
    if codes is None:
        return found
    names = tuple(require_count(code, "The code of a cause", minimum=1) for code in codes)
    if len(set(names)) < len(names):
        raise ValueError(f"The codes of the causes must differ, but are {list(names)}.")
    if missing := sorted(set(found) - set(names)):
        raise ValueError(
            f"The data have the causes {missing}, which the codes {list(names)} leave out; an "
            "event of another cause is no censoring, so it needs a row."
        )
    return names
