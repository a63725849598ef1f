"""Group-sequential designs: how extreme must a result be at a look, so that looking often is paid?

The score at look k is taken as normal with mean `drift * sqrt(t_k)` and unit variance, and with
independent increments; t_k is the information fraction: the information at look k as a share of
the planned one. For means it is the share of participants, for events that of events.

When it misleads: the fractions are of the information that was planned, so an endpoint that turns
out more variable has less of it. For a mean of few participants a normal boundary spends too much:
use the p-value of the t statistic (`t_nominal_p`). For sparse counts compare an exact p-value with
`nominal_p`, never a Wald score.

Sources
-------
Pocock SJ. Group sequential methods in the design and analysis of clinical trials. Biometrika 1977;
64: 191-199.
O'Brien PC, Fleming TR. A multiple testing procedure for clinical trials. Biometrics 1979; 35:
549-556.
Jennison C, Turnbull BW. Group Sequential Methods with Applications to Clinical Trials. Boca Raton:
Chapman & Hall; 2000 (recursive integration: chapter 19).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from gsdesign import h1, hupdate
from numpy.typing import ArrayLike, NDArray

from estimators.arguments import require_level

Reals: TypeAlias = NDArray[np.float64]

Classical: TypeAlias = Literal["O'Brien-Fleming", "Pocock"]
LanDeMets: TypeAlias = Literal["Lan-DeMets O'Brien-Fleming", "Lan-DeMets Pocock"]

# Odd points of the Simpson grid of one look. The error of a boundary is below 1e-5 where looks are
# 1 % of the information apart, and below 5e-4 where they are 0.05 % apart.
GRID = 40
# Beyond it no score lies; a look that may spend nothing has this boundary.
FARTHEST = 20.0


@dataclass(frozen=True)
class Crossing:
    """The probability that a score first leaves the boundaries at each look, above and below."""

    above: Reals
    below: Reals


def _require_fractions(fractions: Sequence[float]) -> None:
    grow = all(later > former for former, later in pairwise(fractions))
    if not fractions or fractions[0] <= 0.0 or not grow or fractions[-1] > 1.0 + 1e-12:
        raise ValueError(
            "Information fractions lie above 0, grow, and are at most 1, but these are "
            f"{list(fractions)}."
        )


def require_alpha(alpha: float, sided: int) -> float:
    """The error of one tail."""
    if sided not in (1, 2):
        raise ValueError(f"A test has one side or two, not {sided}.")
    return require_level(alpha) / sided


class Walk:
    """The density of the score among trials that go on, from look to look."""

    def __init__(self, drift: float, start: tuple[float, float] | None = None) -> None:
        """From no information, or from a score that is known at a fraction (`start`)."""
        self._drift = drift
        self._origin = 0.0  # the mean of score * sqrt(fraction) is origin + drift * fraction
        self._information = 0.0
        self._grid: tuple[Reals, Reals, Reals] | None = None
        if start is not None:
            score, self._information = start
            self._origin = score * np.sqrt(self._information) - drift * self._information
            self._grid = (np.array([score]), np.ones(1), np.ones(1))

    def beyond(self, fraction: float, critical: float, *, above: bool) -> float:
        """The probability of going on to this look, and of a score there beyond `critical`."""
        if self._grid is None:
            distance = critical - self._drift * np.sqrt(fraction)
            return float(scipy.special.ndtr(-distance if above else distance))
        scores, _, shares = self._grid
        step = fraction - self._information
        mean = scores * np.sqrt(self._information) + self._drift * step
        distance = (critical * np.sqrt(fraction) - mean) / np.sqrt(step)
        return float(shares @ scipy.special.ndtr(-distance if above else distance))

    def bound(self, fraction: float, share: float, *, above: bool = True) -> float:
        """How far from 0 a score has to be, above or below, for this share to go on beyond it."""

        def too_much(distance: float) -> float:
            critical = distance if above else -distance
            return self.beyond(fraction, critical, above=above) - share

        if share <= 0.0 or too_much(FARTHEST) >= 0.0:
            return FARTHEST
        return float(scipy.optimize.brentq(too_much, -FARTHEST, FARTHEST, xtol=1e-10))

    def go_on(self, fraction: float, lower: float, upper: float) -> None:
        """Only trials with a score between the two go on."""
        if self._grid is None:
            self._grid = h1(r=GRID, theta=self._drift, info=fraction, a=lower, b=upper)
        else:
            # The grid lies around the scores' mean, which a start moves away from the drift's.
            self._grid = hupdate(
                GRID, self._drift + self._origin / fraction, fraction, lower, upper,
                self._drift + self._origin / self._information, self._information, self._grid,
            )  # fmt: skip
        self._information = fraction


def crossing(
    fractions: Sequence[float],
    critical: Sequence[float],
    *,
    drift: float = 0.0,
    sided: int = 2,
) -> Crossing:
    """How probable is it that the score crosses a boundary, at each look for the first time?

    Parameters
    ----------
    fractions : information fractions of the looks, growing, the last at most 1.
    critical : the boundary at each look, above 0; with two sides the lower one is its negative.
    drift : the mean of the score at full information; 0 without an effect.
    sided : 1 or 2.

    Method: recursive integration (Jennison & Turnbull 2000, chapter 19).

    Raises ValueError where the fractions do not grow or the boundaries are of other looks.
    """
    _require_fractions(fractions)
    if len(critical) != len(fractions):
        raise ValueError(f"{len(fractions)} looks have not {len(critical)} boundaries.")
    walk = Walk(drift)
    above, below = [], []
    for fraction, upper in zip(fractions, critical, strict=True):
        lower = -upper if sided == 2 else -np.inf
        above.append(walk.beyond(fraction, upper, above=True))
        below.append(walk.beyond(fraction, lower, above=False) if sided == 2 else 0.0)
        walk.go_on(fraction, lower, upper)
    return Crossing(np.array(above), np.array(below))


def boundaries(
    fractions: Sequence[float], method: Classical, *, alpha: float = 0.05, sided: int = 2
) -> Reals:
    """How large must |Z| be at each look of a classical design, whose looks are all planned?

    Parameters
    ----------
    fractions : information fractions of all looks, growing; the last is 1, as the constant depends
        on all of them. What is held otherwise than planned is for `estimators.spending`.
    method : how the error is divided among the looks.
    alpha : the error of both sides together, in (0, 1).
    sided : 1 or 2; with two sides the boundaries are symmetric.

    Returns an array of the critical values.

    Raises ValueError where the fractions do not grow or do not end at 1.

    Sources: Pocock 1977; O'Brien & Fleming 1979.
    """
    _require_fractions(fractions)
    tail = require_alpha(alpha, sided)
    if fractions[-1] < 1.0 - 1e-9:
        raise ValueError(f"{method} needs all planned looks: the last fraction is 1.")
    t = np.asarray(fractions, dtype=np.float64)
    shape = 1.0 / np.sqrt(t) if method == "O'Brien-Fleming" else np.ones_like(t)

    def error(constant: float) -> float:
        found = crossing(fractions, list(constant * shape), sided=sided)
        return float(found.above.sum()) - tail

    constant = scipy.optimize.brentq(error, 0.1, FARTHEST, xtol=1e-10)
    return np.asarray(constant * shape, dtype=np.float64)


def nominal_p(critical: ArrayLike, sided: int = 2) -> Reals:
    """The p-value that a boundary is as extreme as; what an exact p-value is compared with."""
    return np.asarray(sided * scipy.special.ndtr(-np.asarray(critical, dtype=np.float64)))


def t_nominal_p(score: ArrayLike, degrees_of_freedom: ArrayLike, sided: int = 2) -> Reals:
    """The p-value of a t statistic above 0, with the degrees of freedom that it has.

    A boundary of 2.9626 taken for t on 28 degrees of freedom would spend .0062 and not .0031.

    Source: Jennison & Turnbull 2000, section 4.4.
    """
    return np.asarray(sided * scipy.stats.t.sf(score, degrees_of_freedom), dtype=np.float64)


def z_of(p: ArrayLike, sided: int = 2) -> Reals:
    """The normal score above 0 that is as extreme as a p-value."""
    return np.asarray(-scipy.special.ndtri(np.asarray(p, dtype=np.float64) / sided))


def conditional_power(
    score: float,
    fraction: float,
    fractions: Sequence[float],
    critical: Sequence[float],
    *,
    drift: float | None = None,
    sided: int = 2,
) -> float:
    """How probable is it to cross the upper boundary at a later look, after this score?

    Parameters
    ----------
    score : Z at this look, above 0 in favor of what is tested for.
    fraction : its information fraction, in (0, 1).
    fractions, critical : the looks to come and their boundaries; fractions above `fraction`.
    drift : the mean of the score at full information; None takes what is seen, score / sqrt(t).

    With two sides, trials that cross the lower boundary on the way do not go on.

    Raises ValueError where the looks to come are not after this one.

    Source: Jennison & Turnbull 2000, section 10.2.
    """
    _require_fractions(fractions)
    if not 0.0 < fraction < fractions[0]:
        raise ValueError("The looks to come have more information than this one, which has some.")
    if len(critical) != len(fractions):
        raise ValueError(f"{len(fractions)} looks have not {len(critical)} boundaries.")
    effect = score / np.sqrt(fraction) if drift is None else drift
    walk, crosses = Walk(effect, (score, fraction)), 0.0
    for at, upper in zip(fractions, critical, strict=True):
        crosses += walk.beyond(at, upper, above=True)
        walk.go_on(at, -upper if sided == 2 else -np.inf, upper)
    return min(crosses, 1.0)


def predictive_power(
    score: float,
    fraction: float,
    fractions: Sequence[float],
    critical: Sequence[float],
    *,
    sided: int = 2,
) -> float:
    """How probable is it to cross the upper boundary later, whatever the effect is?

    Parameters are those of `conditional_power`. The effect has the distribution that the score so
    far leaves of a flat prior: of conditional power it is the mean over that distribution.

    Of one look to come it is a normal tail; of more, by Gauss & Hermite's rule with 40 nodes.

    Raises ValueError as `conditional_power` does.

    Source: Spiegelhalter DJ, Freedman LS, Blackburn PR. Monitoring clinical trials: conditional or
    predictive power? Controlled Clinical Trials 1986; 7: 8-17.
    """
    if len(fractions) == len(critical) == 1 and 0.0 < fraction < fractions[0]:
        (end,), (bound,) = fractions, critical
        ahead = score * np.sqrt(end / fraction) - bound
        return float(scipy.special.ndtr(ahead / np.sqrt((end - fraction) / fraction)))
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    drifts = score / np.sqrt(fraction) + nodes / np.sqrt(fraction)
    powers = [
        conditional_power(score, fraction, fractions, critical, drift=float(drift), sided=sided)
        for drift in drifts
    ]
    return min(float(weights @ np.array(powers) / weights.sum()), 1.0)
