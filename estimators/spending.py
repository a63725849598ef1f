"""How much error may be spent at a look that comes as it comes, and what boundary that leaves?

The error is divided by a function of the information, fixed when the trial was planned, so that a
boundary depends on the looks before it and never on those to come, however many there will be and
whenever they are held. O'Brien & Fleming and Pocock, which name a boundary for each planned look,
are such functions, too: the error that they have spent at the planned looks, and straight lines
between.

When it misleads: a look that is chosen because of what was seen spends as if it had been planned.
Which looks count is fixed before they are held.

Sources
-------
Haybittle JL. Repeated assessment of results in clinical trials of cancer treatment. British
Journal of Radiology 1971; 44: 793-797.
Lan KKG, DeMets DL. Discrete sequential boundaries for clinical trials. Biometrika 1983; 70:
659-663.
Hwang IK, Shih WJ, De Cani JS. Group sequential designs using a family of type I error probability
spending functions. Statistics in Medicine 1990; 9: 1439-1445.
Pampallona S, Tsiatis AA, Kim K. Interim monitoring of group sequential trials using spending
functions for the type I and type II error probabilities. Drug Information Journal 2001; 35:
1113-1121.
Jennison C, Turnbull BW. Group Sequential Methods with Applications to Clinical Trials. Boca Raton:
Chapman & Hall; 2000 (chapter 7: flexible monitoring).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike

from estimators.arguments import require_level
from estimators.sequential import (
    FARTHEST,
    Classical,
    LanDeMets,
    Reals,
    Walk,
    boundaries,
    crossing,
    require_alpha,
)

Family: TypeAlias = Classical | LanDeMets | Literal["Hwang-Shih-DeCani", "Haybittle-Peto"]

# Of Haybittle and Peto, before the last look.
HAYBITTLE = 3.0

# A look needs so much more of the planned information than the one before it, to be one.
NEW_INFORMATION = 0.01

# Why a result has the boundary that it has.
Note: TypeAlias = Literal["over", "final", "unplanned", "fewer", "after"]


@dataclass(frozen=True)
class Spending:
    """A function of the information that says how much of the error may be spent up to it.

    By a `family`; Hwang, Shih and DeCani's has a `parameter` (1 is much as Pocock, -4 as O'Brien
    and Fleming), O'Brien and Fleming's and Pocock's the `planned` information fractions of their
    looks, growing to 1.
    """

    family: Family
    parameter: float | None = None
    planned: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if (self.family == "Hwang-Shih-DeCani") != (self.parameter is not None):
            raise ValueError("Hwang, Shih and DeCani's spending has a parameter, no other has.")
        if (self.family in ("O'Brien-Fleming", "Pocock")) != bool(self.planned):
            raise ValueError(
                "O'Brien and Fleming's and Pocock's boundaries have planned looks; spending "
                "functions have none."
            )

    def up_to(self, fractions: ArrayLike, tail: float, sided: int = 2) -> Reals:
        """The error of one tail that may be spent up to each information fraction; `tail` at 1.

        With two sides each spends its own half by the function of its own half.

        Raises ValueError for Haybittle and Peto, who spend what three standard errors cost.
        """
        t = np.clip(np.asarray(fractions, dtype=np.float64), 0.0, 1.0)
        if self.family == "Lan-DeMets O'Brien-Fleming":
            with np.errstate(divide="ignore"):
                of_end = scipy.special.ndtri(1.0 - tail / 2.0) / np.sqrt(t)
            return np.asarray(2.0 * scipy.special.ndtr(-of_end), dtype=np.float64)
        if self.family == "Lan-DeMets Pocock":
            return np.asarray(tail * np.log1p((np.e - 1.0) * t), dtype=np.float64)
        if self.family == "Hwang-Shih-DeCani":
            assert self.parameter is not None
            if self.parameter == 0.0:
                return np.asarray(tail * t, dtype=np.float64)
            whole = -np.expm1(-self.parameter)
            return np.asarray(tail * -np.expm1(-self.parameter * t) / whole, dtype=np.float64)
        if self.family == "Haybittle-Peto":
            raise ValueError("Haybittle and Peto spend no error by a function.")
        cumulated = _cumulated(self.family, self.planned, tail, sided)
        return np.interp(t, [0.0, *self.planned], [0.0, *cumulated[:-1], tail])


@functools.lru_cache(maxsize=32)
def _cumulated(
    method: Classical, planned: tuple[float, ...], tail: float, sided: int
) -> tuple[float, ...]:
    """The error of one tail that a classical design has spent at each of its planned looks."""
    critical = boundaries(planned, method, alpha=sided * tail, sided=sided)
    return tuple(np.cumsum(crossing(planned, critical.tolist(), sided=sided).above).tolist())


@dataclass(frozen=True)
class Look:
    """Information that there is of an endpoint, in the unit of the planned information.

    It is above 0. At a final look, after which none is to come, all error that is left is spent;
    one that was not planned beforehand spends nothing.
    """

    information: float
    is_final: bool = False
    is_planned: bool = True


@dataclass(frozen=True)
class Bound:
    """What a result is held against.

    |Z| must be at least `critical`. `fraction` is that of the planned information, above 1 where
    there is more than was planned; `is_counted` says whether error is spent, and `spent` how much
    of it is, of all sides together, up to and with this look. `note` says why it is not counted,
    or spends all that is left: `over`, all planned information is there; `final`, no look is to
    come; `unplanned`, not one of the planned looks; `fewer`, no more information than at the look
    before; `after`, all error was spent before.
    """

    fraction: float
    is_counted: bool
    spent: float
    critical: float
    note: Note | None


def monitor(
    looks: Sequence[Look],
    planned: float,
    spending: Spending,
    *,
    alpha: float = 0.05,
    sided: int = 2,
) -> tuple[Bound, ...]:
    """How large must |Z| be at each look that was held?

    Parameters
    ----------
    looks : in the order in which they were held.
    planned : the planned information, above 0, in the unit of the looks'.
    spending : how the error is divided.
    alpha : the error of all sides together, in (0, 1).
    sided : 1 or 2; with two sides the boundaries are symmetric.

    Correlations are those of the information that there is; only the share of the error is by the
    planned information, at most all of it. A result that is not counted has the boundary that a
    look with its information would have had, and where that is no more than the look before had,
    the boundary of that look.

    Raises ValueError where information is not above 0, or alpha or sides are impossible.

    Source: Jennison & Turnbull 2000, chapter 7; Lan & DeMets 1983.
    """
    tail = require_alpha(alpha, sided)
    if planned <= 0.0 or any(look.information <= 0.0 for look in looks):
        raise ValueError("Information is above 0, the planned and that of each look.")
    walk, so_far, before, critical = Walk(0.0), 0.0, 0.0, FARTHEST
    bounds: list[Bound] = []
    for look in looks:
        fraction = look.information / planned
        note: Note | None = None
        if before and so_far >= tail:
            note = "after"
        elif before and fraction < before + NEW_INFORMATION:
            note = "fewer"
        if note is not None:
            bounds.append(Bound(fraction, False, sided * so_far, critical, note))
            continue
        if look.is_planned:
            note = "over" if fraction >= 1.0 - 1e-9 else "final" if look.is_final else None
        else:
            note = "unplanned"
        spends_all = note in ("over", "final")
        left = tail - so_far
        if spends_all:
            share = left
        elif spending.family == "Haybittle-Peto":
            share = min(walk.beyond(fraction, HAYBITTLE, above=True), left)
        else:
            # What was spent at a look with less information stays spent.
            share = max(float(spending.up_to(fraction, tail, sided)) - so_far, 0.0)
        bound = walk.bound(fraction, share)
        if look.is_planned:
            walk.go_on(fraction, -bound if sided == 2 else -np.inf, bound)
            so_far, before, critical = (tail if spends_all else so_far + share), fraction, bound
        bounds.append(Bound(fraction, look.is_planned, sided * so_far, bound, note))
    return tuple(bounds)


def futility(
    fractions: Sequence[float],
    critical: Sequence[float],
    spending: Spending,
    beta: float,
) -> Reals:
    """Below which score may the board consider to stop, as benefit is not to be expected any more?

    Parameters
    ----------
    fractions, critical : information fractions of all looks, growing, and their upper boundaries.
    spending : how the error of missing the effect, `beta`, is divided.
    beta : in (0, 1).

    The effect is the one that is missed with probability beta, so that the last boundary is the
    upper one. It is non-binding: not to stop costs no error, and no upper boundary is lowered.

    Returns the lower boundaries, shape (looks,).

    Raises ValueError where the shapes differ, or a family has no function to spend by.

    Source: Pampallona, Tsiatis & Kim 2001.
    """
    require_level(beta)
    if len(critical) != len(fractions):
        raise ValueError(f"{len(fractions)} looks have not {len(critical)} boundaries.")
    shares = np.diff(spending.up_to(fractions, beta, 1), prepend=0.0)

    def lower(drift: float) -> Reals:
        walk, found = Walk(drift), np.full(len(shares), np.inf)
        for place, (at, upper, share) in enumerate(zip(fractions, critical, shares, strict=True)):
            found[place] = -walk.bound(at, share, above=False)
            if found[place] >= upper:
                break
            walk.go_on(at, float(found[place]), upper)
        return found

    def apart(drift: float) -> float:
        return float(np.clip(lower(drift)[-1] - critical[-1], -FARTHEST, FARTHEST))

    drift = scipy.optimize.brentq(apart, 0.0, FARTHEST, xtol=1e-10)
    found = lower(drift)
    found[-1] = critical[-1]
    return found
