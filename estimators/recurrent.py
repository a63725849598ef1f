"""Events that a participant can have again: how often they happen, with an error by participant.

Events of one participant are not independent: who has had several is likely to have more. Limits
that take each event for itself (`estimators.rates`) are then too narrow. Here every participant is
one observation, however many events they have, and the error is how far participants differ.

Limits take the error times the root of n / (n - 1) and a t distribution, n participants, as the
sandwich error of few is too small; those of a difference take Welch's degrees of freedom. Where
participants of an arm do not differ, as where nobody has an event, nothing is known of the error,
and there are no limits: the share of participants with any event has some.

When these mislead: with few who have events, one participant with many moves estimate and error.
A rate or a mean count says nothing of how events are spread over participants.

Sources
-------
Nelson W. Confidence limits for recurrence data: applied to cost or number of product repairs.
Technometrics 1995; 37: 147-157.
Ghosh D, Lin DY. Nonparametric analysis of recurrent events and death. Biometrics 2000; 56: 554-562.
Lin DY, Wei LJ, Yang I, Ying Z. Semiparametric regression for the mean and rate functions of
recurrent events. Journal of the Royal Statistical Society B 2000; 62: 711-730 (robust error).
Welch BL. The generalization of "Student's" problem when several different population variances are
involved. Biometrika 1947; 34: 28-35.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike, NDArray

from estimators.arguments import require_level
from estimators.proportions import Counts, Reals, require_counts

# How a part of somebody's observation ended.
OBSERVED, EVENT, DEATH = 0, 1, 2
# What is less than this part of what it is left of is the rounding of nothing.
ROUNDING = 1e-11
# An error that is less than this part of its estimate is none.
NO_ERROR = 1e-9

Labels: TypeAlias = ArrayLike | Sequence[Hashable]


@dataclass(frozen=True)
class Sums:
    """Of the participants of an arm: how many, and sums over them of what each has.

    `exposure` is in the unit that the rate is per; `products` are of events and exposure.
    """

    participants: int
    events: int
    exposure: float
    events_squared: float
    products: float
    exposure_squared: float


@dataclass(frozen=True)
class RobustRate:
    """Events per unit of exposure in an arm, the standard error by participant, and limits.

    All are NaN without exposure; the limits are NaN where participants do not differ, too.
    """

    participants: int
    estimate: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class MeanCount:
    """Events that a participant of an arm has had on average: d asked days, in the order asked.

    Arrays of shape (d,) but for `participants`; `at_risk` are those under observation just before
    a day, `error` is the standard error by participant. Mean, error and limits are NaN on days
    after the last observed one, unless everybody has died by then; the limits are NaN where
    participants do not differ, too.
    """

    participants: int
    days: Reals
    at_risk: Counts
    mean: Reals
    error: Reals
    low: Reals
    high: Reals


@dataclass(frozen=True)
class Difference:
    """The first arm's estimate less the second's, and its limits.

    Arrays of shape (d,) of mean counts, () of rates. NaN where an arm has no estimate; the limits
    are NaN where participants of an arm do not differ, too.
    """

    estimate: Reals
    low: Reals
    high: Reals


def robust_rate(events: ArrayLike, exposure: ArrayLike, level: float = 0.95) -> RobustRate:
    """At what rate do events happen, if those of one participant belong together?

    Parameters
    ----------
    events : shape (n,), events of each participant.
    exposure : shape (n,), time of observation of each, finite, at least 0.
    level : two-sided confidence level, strictly in (0, 1).

    Method: all events over all time. The error is that of a ratio of two sums over participants,
    from events less rate times exposure of each: the sandwich of a Poisson model with one rate.
    Limits are those of the logarithm of the rate. Whoever has neither events nor exposure is no
    participant.

    Misleads as the module says, and where the rate changes over time and participants are
    observed for different times: `mean_count` does not.

    Raises ValueError where the arrays differ in shape, for a count that is negative or not whole,
    for an exposure that is negative, missing or infinite, and for a level outside (0, 1).

    Source: Lin, Wei, Yang & Ying 2000.
    """
    count = require_counts(events, "The numbers of events")
    time = _times(exposure, "An exposure")
    if count.shape != time.shape:
        raise ValueError(
            "Every participant needs one count and one exposure, but the counts have shape "
            f"{count.shape} and the exposures {time.shape}."
        )
    sums = Sums(
        participants=int(np.count_nonzero((count > 0) | (time > 0.0))),
        events=int(count.sum()),
        exposure=float(time.sum()),
        events_squared=float(np.sum(count.astype(np.float64) ** 2)),
        products=float(count @ time),
        exposure_squared=float(time @ time),
    )
    return rate_of_sums(sums, level)


def rate_of_sums(sums: Sums, level: float = 0.95) -> RobustRate:
    """`robust_rate` where only the sums over participants are at hand.

    Parameters
    ----------
    sums : of those who have events or exposure.
    level : two-sided confidence level, strictly in (0, 1).

    Raises ValueError for a level outside (0, 1).

    Source: Lin, Wei, Yang & Ying 2000.
    """
    require_level(level)
    if sums.exposure == 0.0:
        return RobustRate(sums.participants, np.nan, np.nan, np.nan, np.nan)
    rate = sums.events / sums.exposure
    left = sums.events_squared - 2.0 * rate * sums.products + rate**2 * sums.exposure_squared
    # Of participants who do not differ nothing is left but rounding.
    left = left if left > ROUNDING * sums.events_squared else 0.0
    error = math.sqrt(left) / sums.exposure
    low, high = _log_limits(np.array([rate]), np.array([error]), sums.participants, level)
    return RobustRate(sums.participants, rate, error, float(low[0]), float(high[0]))


def robust_rate_difference(
    first: RobustRate, second: RobustRate, level: float = 0.95
) -> Difference:
    """By how much do the rates of all events differ between two arms?

    Parameters
    ----------
    first, second : what `robust_rate` returned of each, per the same unit.
    level : two-sided confidence level, strictly in (0, 1).

    Raises ValueError for a level outside (0, 1).

    Source: Lin, Wei, Yang & Ying 2000; Welch 1947 for the limits.
    """
    return _difference(
        (np.float64(first.estimate), np.float64(first.error), first.participants),
        (np.float64(second.estimate), np.float64(second.error), second.participants),
        level,
    )


def mean_count(
    start: ArrayLike,
    stop: ArrayLike,
    kind: ArrayLike,
    person: Labels,
    days: ArrayLike,
    *,
    level: float = 0.95,
) -> MeanCount:
    """How many events has a participant had on average by each day, the dead none any more?

    Parameters
    ----------
    start, stop : shape (r,), parts of participants' observation: from after `start` to with
        `stop`, in days, finite, at least 0. Of several events on one day all but the first have
        parts without length.
    kind : shape (r,), what each part ended with: 1 an event, 2 death, 0 neither.
    person : shape (r,), whose part it is, by name or number.
    days : shape (d,), days since the start of observation, in any order, finite, at least 0.
    level : two-sided confidence level, strictly in (0, 1).

    Method: the sum over days of events per participant at risk, each weighted by the share who
    are alive just before (Kaplan & Meier). Without deaths this is Nelson's estimate. The error
    sums the squares of what each participant adds to the estimate, through their events and
    through their death; limits are those of the logarithm.

    Misleads as a mean does: ten events of one participant count as one event of ten. A treatment
    that prevents deaths lets more live to have events: read deaths beside it.

    Raises ValueError where the arrays differ in length, for a time that is no such number, a part
    that ends before it begins, a kind that is none of the three, a participant who has no name or
    parts that overlap or follow death, an event without observation, and for a level outside
    (0, 1).

    Source: Ghosh & Lin 2000; Nelson 1995.
    """
    require_level(level)
    begin, end, ended, who, people = _parts(start, stop, kind, person)
    asked = _times(days, "A day")
    if people == 0:
        none = np.full(asked.shape, np.nan)
        return MeanCount(0, asked, np.zeros(asked.shape, np.int64), none, none, none, none)
    estimate, error = np.full(asked.size, np.nan), np.full(asked.size, np.nan)
    number = np.zeros(asked.size, dtype=np.int64)
    grid = np.unique(np.concatenate([end[ended != OBSERVED], asked]))
    # The parts that are first at risk on each day of the grid, and first no more.
    first, gone = (_by_day(grid, edge) for edge in (begin, end))
    alive, mean, last = 1.0, 0.0, float(end.max())
    # Of each participant what they have added so far: through events, through death, and through
    # death times the mean by then.
    at_risk, added = np.zeros(people, dtype=np.int64), np.zeros((3, people))
    for place, day in enumerate(grid.tolist()):
        at_risk += np.bincount(who[first[place]], minlength=people)
        at_risk -= np.bincount(who[gone[place]], minlength=people)
        # What ended with an event or death since the day before it ended on it.
        risk, today = int(at_risk.sum()), gone[place + 1]
        events, deaths = (
            np.bincount(who[today[ended[today] == code]], minlength=people)
            for code in (EVENT, DEATH)
        )
        if risk:
            weight, of_events, of_deaths = alive / risk, events.sum() / risk, deaths.sum() / risk
            mean += alive * of_events
            added[0] += weight * (events - of_events * at_risk)
            through_death = (deaths - of_deaths * at_risk) / risk
            added[1] += through_death
            added[2] += mean * through_death
            alive *= 1.0 - of_deaths
        places = asked == day
        number[places] = risk
        # Beyond the last observed day nothing is known, unless nobody is left to have an event.
        if np.any(places) and (day <= last or alive == 0.0):
            estimate[places] = mean
            error[places] = np.sqrt(np.sum((added[0] - mean * added[1] + added[2]) ** 2))
    low, high = _log_limits(estimate, error, people, level)
    return MeanCount(people, asked, number, estimate, error, low, high)


def mean_count_difference(first: MeanCount, second: MeanCount, level: float = 0.95) -> Difference:
    """By how much does the mean count differ between two arms on each day?

    Parameters
    ----------
    first, second : what `mean_count` returned of each arm, on the same days.
    level : two-sided confidence level, strictly in (0, 1).

    Raises ValueError where the days differ, and for a level outside (0, 1).

    Source: Ghosh & Lin 2000; Welch 1947 for the limits.
    """
    if not np.array_equal(first.days, second.days):
        raise ValueError("Mean counts are compared on the same days, but theirs differ.")
    return _difference(
        (first.mean, first.error, first.participants),
        (second.mean, second.error, second.participants),
        level,
    )


def _log_limits(estimate: Reals, error: Reals, people: int, level: float) -> tuple[Reals, Reals]:
    known = _differ(estimate, error)
    e, s = np.where(known, estimate, 1.0), np.where(known, error, 0.0)
    # Where participants differ there are two of them.
    spread = np.sqrt(people / max(people - 1, 1)) * s / e
    factor = np.exp(_t_quantile(np.float64(max(people - 1, 1)), level) * spread)
    return np.where(known, e / factor, np.nan), np.where(known, e * factor, np.nan)


def _difference(
    first: tuple[Reals | np.float64, Reals | np.float64, int],
    second: tuple[Reals | np.float64, Reals | np.float64, int],
    level: float,
) -> Difference:
    require_level(level)
    (e1, s1, n1), (e2, s2, n2) = first, second
    estimate = np.asarray(e1 - e2)
    known = _differ(e1, s1) & _differ(e2, s2)
    v1, v2 = (np.where(known, s**2 * n / max(n - 1, 1), 1.0) for s, n in ((s1, n1), (s2, n2)))
    freedom = (v1 + v2) ** 2 / (v1**2 / max(n1 - 1, 1) + v2**2 / max(n2 - 1, 1))
    half = _t_quantile(freedom, level) * np.sqrt(v1 + v2)
    return Difference(
        estimate,
        np.where(known, estimate - half, np.nan),
        np.where(known, estimate + half, np.nan),
    )


def _differ(estimate: Reals | np.float64, error: Reals | np.float64) -> NDArray[np.bool_]:
    """Whether participants differ, so that an error is known; false of what is NaN."""
    return np.asarray((estimate > 0.0) & (error > NO_ERROR * estimate))


def _t_quantile(freedom: Reals | np.float64, level: float) -> Reals:
    found: Reals = -scipy.special.stdtrit(freedom, (1.0 - level) / 2.0)
    return found


def _by_day(grid: Reals, edges: Reals) -> list[NDArray[np.intp]]:
    """Which edges are before each day of the grid and not before an earlier one; then the rest."""
    place = np.searchsorted(grid, edges, "right")
    # Small whole numbers are sorted in one pass.
    order = np.argsort(place.astype(np.min_scalar_type(grid.size)), kind="stable")
    return np.split(order, np.cumsum(np.bincount(place, minlength=grid.size + 1))[:-1])


def _parts(
    start: ArrayLike, stop: ArrayLike, kind: ArrayLike, person: Labels
) -> tuple[Reals, Reals, NDArray[np.int64], NDArray[np.intp], int]:
    """Parts in the order of participants, whose each is as a number, and how many they are."""
    begin, end = _times(start, "A start"), _times(stop, "A stop")
    ended, names = np.asarray(kind), np.asarray(person)
    if not begin.shape == end.shape == ended.shape == names.shape:
        raise ValueError(
            "Every part needs a start, a stop, a kind and a participant, but they have shapes "
            f"{begin.shape}, {end.shape}, {ended.shape} and {names.shape}."
        )
    if begin.size == 0:
        nothing = np.zeros(0, dtype=np.int64)
        return begin, end, nothing, nothing, 0
    if ended.dtype.kind not in "iu" or not np.all(np.isin(ended, (OBSERVED, EVENT, DEATH))):
        raise ValueError(
            "A kind must be 0, 1 for an event or 2 for death, but they are "
            f"{sorted(set(ended.tolist()), key=str)}."
        )
    # Whole numbers and texts are all there.
    if names.dtype.kind in "fO" and any(
        name is None or (isinstance(name, float) and math.isnan(name)) for name in names.tolist()
    ):
        raise ValueError("Every part needs a participant, but one has none.")
    if np.any(end < begin):
        raise ValueError("A part of the observation ends before it begins.")
    everybody, who = np.unique(names, return_inverse=True)
    follows, previous_end = _before(who, end)
    if (
        np.any(who[1:] < who[:-1])
        or np.any(follows & (begin < previous_end))
        or np.any(follows[1:] & (ended[:-1] == DEATH))
    ):
        order = np.lexsort((ended, end, begin, who))
        begin, end, ended, who = begin[order], end[order], ended[order], who[order]
        follows, previous_end = _before(who, end)
    if np.any(follows & (begin < previous_end)):
        raise ValueError("Parts of one participant's observation overlap.")
    if np.any(follows[1:] & (ended[:-1] == DEATH)):
        raise ValueError("A participant is observed after death.")
    without_length = (begin == end) & (ended != OBSERVED)
    if np.any(without_length & ~(follows & (begin == previous_end))):
        raise ValueError("An event or death has no observation before it.")
    return begin, end, ended, who, everybody.size


def _before(who: NDArray[np.intp], end: Reals) -> tuple[NDArray[np.bool_], Reals]:
    """Of each part whether one of the same participant is before it, and when that one ends."""
    return np.concatenate([[False], who[1:] == who[:-1]]), np.concatenate([[0.0], end[:-1]])


def _times(values: ArrayLike, name: str) -> Reals:
    times = np.array(values, dtype=np.float64)
    if times.ndim != 1:
        raise ValueError(f"{name} is one of an array of one dimension, not of {times.ndim}.")
    wrong = ~(np.isfinite(times) & (times >= 0.0))
    if np.any(wrong):
        raise ValueError(
            f"{name} must be a finite time of at least 0, but one is {times[wrong][0]}."
        )
    return times
