"""Two arms compared within strata, where participants were allocated within them.

A stratum adds what it knows: one in which an arm has nobody adds nothing, and is counted. Strata
are pooled by their size alone, never by outcome.

When it misleads: where the arms differ in one direction in some strata and in the other in others,
the one number is the difference of nobody.

Sources
-------
Cochran WG. Some methods for strengthening the common chi-squared tests. Biometrics 1954; 10:
417-451 (the weights).
van Elteren PH. On the combination of independent two-sample tests of Wilcoxon. Bulletin of the
International Statistical Institute 1960; 37: 351-361.
Brunner E, Munzel U. The nonparametric Behrens-Fisher problem. Biometrical Journal 2000; 42: 17-25.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike, NDArray

from estimators.arguments import require_level
from estimators.proportions import Reals
from estimators.ranks import placements, scores_of

Labels = NDArray[np.str_]
Places = NDArray[np.intp]

# Of fewer participants, both arms together, a stratum is pooled with the others like it.
LEAST = 10
SMALL = "small strata"
NO_STRATUM = "No stratum has participants of both arms."


@dataclass(frozen=True)
class Pooled:
    """The strata of the participants of two arms, small ones together.

    `first` and `second` are None where one stratum is left, and nothing is to be compared within.
    `strata` is how many there are then, `pooled` how many small ones became one of them.
    """

    first: Labels | None
    second: Labels | None
    strata: int
    pooled: int


@dataclass(frozen=True)
class StratifiedEstimate:
    """What two arms differ by within strata; None where it is undefined, and `reason` says why.

    `strata` are those that count, `left_out` those in which an arm has too few.
    """

    estimate: float | None
    low: float | None
    high: float | None
    strata: int
    left_out: int
    p_value: float | None = None
    reason: str | None = None


def pooled(first: Sequence[str], second: Sequence[str], least: int = LEAST) -> Pooled:
    """The strata to compare within: each with at least `least` participants, the others together.

    Parameters
    ----------
    first, second : the label of each participant of an arm.
    least : participants of both arms together.
    """
    labels = np.array([*first, *second], dtype=np.str_)
    names, which, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    small = sizes < least
    # A single small stratum has no other like it.
    count = int(small.sum())
    merged = np.where(small[which], SMALL, labels) if count > 1 else labels
    left = len(names) - count + 1 if count > 1 else len(names)
    if left < 2:
        return Pooled(None, None, left, count if count > 1 else 0)
    return Pooled(merged[: len(first)], merged[len(first) :], left, count if count > 1 else 0)


def members(first: ArrayLike, second: ArrayLike) -> list[tuple[Places, Places]]:
    """The places of the participants of each stratum, in the first arm and in the second.

    Parameters
    ----------
    first, second : the label of each participant of an arm; strata come in the order of labels.
    """
    arms = [np.asarray(first), np.asarray(second)]
    names, which = np.unique(np.concatenate(arms), return_inverse=True)
    parts = []
    for of_arm in (which[: arms[0].size], which[arms[0].size :]):
        order = np.argsort(of_arm, kind="stable")
        ends = np.searchsorted(of_arm[order], np.arange(1, names.size))
        parts.append(np.split(order, ends))
    return list(zip(*parts, strict=True))


def stratified_win_probability(
    first: ArrayLike,
    second: ArrayLike,
    strata_first: ArrayLike,
    strata_second: ArrayLike,
    level: float = 0.95,
) -> StratifiedEstimate:
    """How probable is it that a participant of the first arm has the larger score of a stratum?

    Parameters
    ----------
    first, second : shapes (n1,) and (n2,), scores in any unit, larger is better; no NaN.
    strata_first, strata_second : the stratum of each participant.
    level : two-sided confidence level, strictly in (0, 1).

    Method: the mean of the strata's win probabilities, ties half, with weights n1 n2 / (n1 + n2);
    the variance is that of the strata's placements with Satterthwaite's degrees of freedom
    (Brunner & Munzel), the limits those of a t interval on the logit scale. A stratum with fewer
    than two participants of an arm is left out. The p-value is van Elteren's, with weights
    1 / (n + 1), by the normal approximation.

    Raises ValueError as `win_probability` does, and where a participant has no stratum.
    """
    tail = (1.0 - require_level(level)) / 2.0
    x, y = scores_of(first), scores_of(second)
    of_x, of_y = np.asarray(strata_first), np.asarray(strata_second)
    if of_x.shape != x.shape or of_y.shape != y.shape:
        raise ValueError("Each participant needs the label of one stratum.")
    parts = [(x[mine], y[theirs]) for mine, theirs in members(of_x, of_y)]
    used = [(a, b) for a, b in parts if min(a.size, b.size) >= 2]
    left_out = len(parts) - len(used)
    if not used:
        return StratifiedEstimate(None, None, None, 0, left_out, reason=NO_STRATUM)
    weights = np.array([a.size * b.size / (a.size + b.size) for a, b in used])
    weights = weights / weights.sum()
    won = [placements(a, b) for a, b in used]
    lost = [placements(b, a) for a, b in used]
    estimate = float(weights @ np.array([item.mean() for item in won]))
    variances = np.array(
        [
            [np.var(item, ddof=1) / item.size for item in pair]
            for pair in zip(won, lost, strict=True)
        ]
    )
    of_strata = weights[:, None] ** 2 * variances
    variance = float(of_strata.sum())
    p_value = _van_elteren(used)
    if variance == 0.0 or not 0.0 < estimate < 1.0:
        reason = "Within strata all scores are alike, or none of the arms' overlap: no interval."
        return StratifiedEstimate(estimate, None, None, len(used), left_out, p_value, reason)
    spare = np.array([[a.size - 1, b.size - 1] for a, b in used])
    degrees = variance**2 / float((of_strata**2 / spare).sum())
    half = float(scipy.special.stdtrit(degrees, 1.0 - tail)) * math.sqrt(variance)
    half /= estimate * (1.0 - estimate)
    center = float(scipy.special.logit(estimate))
    low, high = (float(scipy.special.expit(center + side * half)) for side in (-1.0, 1.0))
    return StratifiedEstimate(estimate, low, high, len(used), left_out, p_value)


def _van_elteren(strata: Sequence[tuple[Reals, Reals]]) -> float | None:
    """The two-sided p-value of rank sums within strata; None where no stratum's scores differ."""
    total, variance = 0.0, 0.0
    for first, second in strata:
        n1, n = first.size, first.size + second.size
        ranks = scipy.stats.rankdata(np.concatenate([first, second]))
        total += float(ranks[:n1].sum() - n1 * (n + 1) / 2.0) / (n + 1)
        spread = n1 * second.size / n * float(np.var(ranks, ddof=1))
        variance += spread / (n + 1) ** 2
    if variance == 0.0:
        return None
    return float(scipy.special.erfc(abs(total) / math.sqrt(2.0 * variance)))
