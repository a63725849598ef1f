"""Bayesian safety stopping: how probable is it that an arm's event rate is too high?

A rule stops when the posterior probability of a rate above a limit exceeds a threshold. The limit
is a background rate that is known, or another arm's rate plus a margin. Rates have beta priors, so
that after `events` of `participants` the posterior is Beta(a + events, b + participants - events).

When it misleads: participants whose window has not closed yet are neither counted nor free of an
event; show them as best and worst case. A flat prior Beta(1, 1) without a least number of
participants stops on the first event. A rule that looks often stops by chance more often than the
threshold suggests: read its operating characteristics on the looks that it has.

Sources
-------
Thall PF, Simon R. Practical Bayesian guidelines for phase IIB clinical trials. Biometrics 1994;
50: 337-349.
Geller NL, Follmann D, Leifer ES, Carter SL. Design of early trials in stem cell transplantation:
a hybrid frequentist-Bayesian approach. In: Geller NL, ed. Advances in Clinical Trial
Biostatistics. New York: Marcel Dekker; 2003: 23-46.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike, NDArray

from estimators.arguments import require_count

Reals = NDArray[np.float64]
Counts = NDArray[np.int64]

# Beta parameters of a rate before any participant.
Prior = tuple[float, float]

# Nodes over the control arm's posterior; 400 leave less than 1e-6 of the probability.
NODES = 400
# States of two arms' counts that are followed from look to look.
MOST_STATES = 40_000


def _require_prior(prior: Prior) -> Prior:
    if not (len(prior) == 2 and all(np.isfinite(part) and part > 0 for part in prior)):
        raise ValueError(f"A beta prior has two finite numbers above 0, but this one is {prior}.")
    return prior


def _require_probability(value: float, name: str) -> float:
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie strictly between 0 and 1, but is {value}.")
    return value


def _posterior(events: ArrayLike, participants: ArrayLike, prior: Prior) -> tuple[Reals, Reals]:
    had, n = np.asarray(events, dtype=np.float64), np.asarray(participants, dtype=np.float64)
    if np.any(had < 0) or np.any(had > n):
        raise ValueError("Participants with an event must be between 0 and all participants.")
    return prior[0] + had, prior[1] + n - had


def probability_above(
    events: ArrayLike, participants: ArrayLike, prior: Prior, limit: float
) -> Reals:
    """How probable is a rate above `limit`, after so many events?

    Parameters
    ----------
    events, participants : participants with an event, and all; counts or arrays that broadcast.
    prior : the beta prior (a, b) of the rate.
    limit : the background rate, in (0, 1).

    Returns the posterior probability in [0, 1], in the shape of the counts.

    Raises ValueError where a count, the prior or the limit is impossible.

    Source: Thall & Simon 1994.
    """
    _require_prior(prior)
    _require_probability(limit, "The limit of a rate")
    a, b = _posterior(events, participants, prior)
    return np.asarray(scipy.special.betaincc(a, b, limit), dtype=np.float64)


def probability_greater(
    events: ArrayLike,
    participants: ArrayLike,
    control_events: ArrayLike,
    control_participants: ArrayLike,
    prior: Prior,
    *,
    margin: float = 0.0,
) -> Reals:
    """How probable is a rate above the control arm's by more than `margin`?

    Parameters
    ----------
    events, participants, control_events, control_participants : counts or arrays that broadcast.
    prior : the beta prior (a, b) of both rates, which are independent.
    margin : a difference of rates, in [0, 1).

    Returns the posterior probability in [0, 1], in the broadcast shape.

    The integral over the control arm's posterior is taken by Gauss-Legendre quadrature over its
    quantiles.

    Raises ValueError where a count, the prior or the margin is impossible.

    Source: Thall & Simon 1994.
    """
    _require_prior(prior)
    if not 0.0 <= margin < 1.0:
        raise ValueError(f"The margin must lie in [0, 1), but is {margin}.")
    a, b = _posterior(control_events, control_participants, prior)
    # Above 1 − margin of the control arm no rate is greater: there the integrand would have a kink.
    below = np.asarray(scipy.special.betainc(a, b, 1.0 - margin))
    limits = _quantiles(a, b, below) + margin
    return below * _share_above(*_posterior(events, participants, prior), limits)


@cache
def _nodes(count: int) -> tuple[Reals, Reals]:
    """Nodes and weights in (0, 1); to find them costs more than one integral."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1.0) / 2.0, weights / 2.0


def _quantiles(a: Reals, b: Reals, below: Reals | float = 1.0) -> Reals:
    """The quantiles of a posterior at the nodes, in one more dimension, up to a share of it."""
    nodes, _ = _nodes(NODES)
    shares = np.asarray(below)[..., np.newaxis] * nodes
    return np.asarray(scipy.special.betaincinv(a[..., np.newaxis], b[..., np.newaxis], shares))


def _share_above(a: Reals, b: Reals, limits: Reals) -> Reals:
    """The posterior probability above limits that are themselves spread over the nodes."""
    _, weights = _nodes(NODES)
    above = scipy.special.betaincc(a[..., np.newaxis], b[..., np.newaxis], np.minimum(limits, 1.0))
    return np.asarray(above @ weights, dtype=np.float64)


@dataclass(frozen=True)
class StoppingRule:
    """A rule for one arm: stop when P(rate > limit) exceeds `probability`.

    Parameters
    ----------
    prior : the beta prior (a, b) of the rate.
    limit : the background rate, in (0, 1).
    probability : the threshold, in (0, 1).
    minimum : with fewer participants the rule does not stop.

    Raises ValueError, saying which value is wrong.
    """

    prior: Prior
    limit: float
    probability: float
    minimum: int = 1

    def __post_init__(self) -> None:
        _require_prior(self.prior)
        _require_probability(self.limit, "The limit of a rate")
        _require_probability(self.probability, "The threshold of a stopping rule")
        require_count(self.minimum, "The least number of participants", minimum=1)


def stopping_counts(rule: StoppingRule, participants: ArrayLike) -> Counts:
    """From how many participants with an event on does the rule stop?

    Parameters
    ----------
    participants : array of numbers of participants, each at least 0.

    Returns for each the smallest count that stops; 0 where none does. No event never stops.

    The posterior probability grows with the count, so the smallest is found by halving.

    Source: Thall & Simon 1994; Geller et al. 2003.
    """
    n = np.atleast_1d(np.asarray(participants, dtype=np.int64))
    low, high = np.zeros_like(n), n + 1  # never stops at low, stops at high or it is beyond n
    while np.any(high - low > 1):
        middle = (low + high) // 2
        stops = probability_above(np.clip(middle, 0, n), n, rule.prior, rule.limit)
        above = (stops > rule.probability) & (high - low > 1)
        low, high = np.where(above | (high - low <= 1), low, middle), np.where(above, middle, high)
    return np.where((high > n) | (n < rule.minimum), 0, high)


@dataclass(frozen=True)
class OperatingCharacteristics:
    """What a rule does at given true rates, arrays with one entry a rate.

    Attributes:
        by_look: shape (rates, looks): the probability of stopping at each look.
        stops: the probability of stopping at any.
        participants: how many are counted on average when it stops or the looks end.
    """

    by_look: Reals
    stops: Reals
    participants: Reals


def _require_looks(looks: Sequence[int]) -> None:
    if not looks or looks[0] < 1 or any(later <= former for former, later in pairwise(looks)):
        raise ValueError(f"Looks are numbers of participants that grow, but these are {looks}.")


def operating_characteristics(
    rule: StoppingRule, looks: Sequence[int], rates: Sequence[float]
) -> OperatingCharacteristics:
    """How often does the rule stop at these looks, if the true rate is one of `rates`?

    Parameters
    ----------
    looks : participants counted at each look, growing.
    rates : true rates, each in [0, 1].

    The distribution of the count among trials that go on is followed exactly from look to look:
    what comes in between is binomial.

    Raises ValueError where looks do not grow or a rate is not in [0, 1].

    Source: Geller et al. 2003.
    """
    _require_looks(looks)
    limits = stopping_counts(rule, looks)
    by_look = np.zeros((len(rates), len(looks)))
    for row, rate in enumerate(rates):
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"A true rate must lie in [0, 1], but is {rate}.")
        going_on, before = np.ones(1), 0
        for column, (n, limit) in enumerate(zip(looks, limits, strict=True)):
            going_on = scipy.signal.convolve(going_on, _binomial(n - before, rate))
            if limit:
                by_look[row, column] = max(going_on[limit:].sum(), 0.0)
                going_on[limit:] = 0.0
            before = n
    stops = by_look.sum(axis=1)
    counted = by_look @ np.asarray(looks, dtype=np.float64) + (1.0 - stops) * looks[-1]
    return OperatingCharacteristics(by_look, stops, counted)


def _binomial(n: int, rate: float) -> Reals:
    counts = np.arange(n + 1)
    ways = (
        scipy.special.gammaln(n + 1)
        - scipy.special.gammaln(counts + 1)
        - scipy.special.gammaln(n - counts + 1)
    )
    logs = ways + scipy.special.xlogy(counts, rate) + scipy.special.xlog1py(n - counts, -rate)
    return np.asarray(np.exp(logs), dtype=np.float64)


@dataclass(frozen=True)
class ComparativeRule:
    """A rule for an arm and its control: stop when P(rate > control's + margin) > `probability`.

    Parameters
    ----------
    prior : the beta prior (a, b) of both rates.
    margin : a difference of rates, in [0, 1).
    probability : the threshold, in (0, 1).
    minimum : with fewer participants in either arm the rule does not stop.

    Raises ValueError, saying which value is wrong.
    """

    prior: Prior
    margin: float
    probability: float
    minimum: int = 1

    def __post_init__(self) -> None:
        _require_prior(self.prior)
        if not 0.0 <= self.margin < 1.0:
            raise ValueError(f"The margin must lie in [0, 1), but is {self.margin}.")
        _require_probability(self.probability, "The threshold of a stopping rule")
        require_count(self.minimum, "The least number of participants", minimum=1)


def comparative_stopping_counts(
    rule: ComparativeRule, participants: int, control_participants: int
) -> Counts:
    """From how many events in the arm on does the rule stop, for each count of the control arm?

    Returns an array of shape (control_participants + 1,): the smallest count that stops beside 0,
    1, … participants of the control arm with an event; 0 where none does. No event never stops.

    Source: Thall & Simon 1994.
    """
    require_count(participants, "Participants")
    require_count(control_participants, "Participants of the control arm")
    beside = np.arange(control_participants + 1)
    if min(participants, control_participants) < rule.minimum:
        return np.zeros_like(beside)
    a, b = _posterior(beside, control_participants, rule.prior)
    below = np.asarray(scipy.special.betainc(a, b, 1.0 - rule.margin))
    limits = _quantiles(a, b, below) + rule.margin
    low, high = np.zeros_like(beside), np.full_like(beside, participants + 1)
    while np.any(high - low > 1):
        middle = (low + high) // 2
        clipped = np.clip(middle, 0, participants)
        stops = below * _share_above(*_posterior(clipped, participants, rule.prior), limits)
        open_ = high - low > 1
        above = stops > rule.probability
        low, high = np.where(open_ & ~above, middle, low), np.where(open_ & above, middle, high)
    return np.where(high > participants, 0, high)


def comparative_operating_characteristics(
    rule: ComparativeRule,
    looks: Sequence[tuple[int, int]],
    rates: Sequence[tuple[float, float]],
) -> OperatingCharacteristics:
    """How often does the rule stop at these looks, if the true rates are one pair of `rates`?

    Parameters
    ----------
    looks : participants counted in the arm and in its control at each look; neither falls, and
        their sum grows.
    rates : true rates of the arm and of its control, each in [0, 1].

    Returns as `operating_characteristics`; participants are those of both arms. Both counts are
    followed exactly from look to look.

    Raises ValueError where looks do not grow, a rate is not in [0, 1], or there are more than
    40,000 pairs of counts to follow.
    """
    sums = [sum(look) for look in looks]
    _require_looks(sums)
    if any(later[arm] < former[arm] for former, later in pairwise(looks) for arm in (0, 1)):
        raise ValueError(f"Looks are numbers of participants that grow, but these are {looks}.")
    if (looks[-1][0] + 1) * (looks[-1][1] + 1) > MOST_STATES:
        raise ValueError("There are too many participants to follow the counts of two arms.")
    # By look, which pairs of counts stop.
    stops_at = []
    for n, m in looks:
        limits = comparative_stopping_counts(rule, n, m)
        stops_at.append((np.arange(n + 1)[:, np.newaxis] >= limits) & (limits > 0))
    by_look = np.zeros((len(rates), len(looks)))
    for row, (rate, control_rate) in enumerate(rates):
        if not (0.0 <= rate <= 1.0 and 0.0 <= control_rate <= 1.0):
            raise ValueError(f"True rates must lie in [0, 1], but are {rate}, {control_rate}.")
        going_on, before = np.ones((1, 1)), (0, 0)
        for column, (n, m) in enumerate(looks):
            more = np.outer(_binomial(n - before[0], rate), _binomial(m - before[1], control_rate))
            going_on = scipy.signal.convolve(going_on, more)
            by_look[row, column] = max(going_on[stops_at[column]].sum(), 0.0)
            going_on[stops_at[column]] = 0.0
            before = (n, m)
    stops = by_look.sum(axis=1)
    counted = by_look @ np.asarray(sums, dtype=np.float64) + (1.0 - stops) * sums[-1]
    return OperatingCharacteristics(by_look, stops, counted)
