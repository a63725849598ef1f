"""Differences of measured values between two arms, adjusted for the value at baseline.

Each arm is an array of one row a participant: the baseline first, then one outcome or one a day,
all in the same unit; NaN is a missing value. These compare only whom a value was measured in. If
death, recovery or extubation end the measurements then the difference is no effect of the
treatment: show the numbers missing beside it, and `delta_adjusted`.

Sources
-------
Vickers AJ, Altman DG. Analysing controlled trials with baseline and follow up measurements. BMJ
2001; 323: 1123-1124.
Patterson HD, Thompson R. Recovery of inter-block information when block sizes are unequal.
Biometrika 1971; 58: 545-554 (REML).
Laird NM, Ware JH. Random-effects models for longitudinal data. Biometrics 1982; 38: 963-974.
Carpenter JR, Roger JH, Kenward MG. Analysis of longitudinal trials with protocol deviation: a
framework for relevant, accessible assumptions, and inference via multiple imputation. Journal of
Biopharmaceutical Statistics 2013; 23: 1352-1371 (delta).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike

from estimators.arguments import require_level
from estimators.proportions import Reals

# Residuals this small against the outcome are rounding: a spread of which no error can be told.
ROUNDING = 1e-10

# Natural logarithm of the ratio of variances, between participants to within, that is searched.
LOG_RATIOS = (-12.0, 12.0)


# Participants used in the first and second arm, and those left out of each.
Sizes: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class AdjustedDifference:
    """First arm less second at the same baseline, in the unit of the outcome.

    All numbers are None where they are not defined, and `reason` says why. `n1` and `n2` are the
    participants used, `left_out1` and `left_out2` those without a baseline or the outcome.
    """

    difference: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    degrees_of_freedom: float | None
    n1: int
    n2: int
    left_out1: int
    left_out2: int
    reason: str | None = None


@dataclass(frozen=True)
class RepeatedMeasures:
    """One difference a day, in the order of the days, and how the model fared.

    With a `reason` there is no model, no day has a number, and the caller shows `ancova` instead.
    `correlation` is that of two days of one participant, 0 where REML finds none; None for one
    day, where there is nothing to correlate.
    """

    days: tuple[AdjustedDifference, ...]
    correlation: float | None
    reason: str | None = None


@dataclass(frozen=True)
class DeltaAdjusted:
    """The difference if missing outcomes are shifted by `delta1` and `delta2` from prediction."""

    delta1: float
    delta2: float
    difference: float | None
    low: float | None
    high: float | None
    imputed1: int
    imputed2: int
    reason: str | None = None


def ancova(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> AdjustedDifference:
    """By how much do the outcomes of two arms differ between participants of equal baseline?

    Parameters
    ----------
    first, second : shapes (n1, 2) and (n2, 2), baseline and outcome; a row with NaN is left out.
    level : two-sided confidence level, strictly in (0, 1).

    Method: least squares of the outcome on arm and baseline with one slope; t interval with
    n1 + n2 - 3 degrees of freedom.

    Misleads where the slopes or the spreads of the arms differ and their sizes do, too.

    Raises ValueError for other shapes, an infinite value, and a level outside (0, 1).

    Source: Vickers & Altman 2001.
    """
    tail = (1.0 - require_level(level)) / 2.0
    arms = [_arm(values, 1) for values in (first, second)]
    used = [arm[~np.isnan(arm).any(axis=1)] for arm in arms]
    n1, n2 = len(used[0]), len(used[1])
    sizes = (n1, n2, len(arms[0]) - n1, len(arms[1]) - n2)
    design = _design(used[0][:, 0], used[1][:, 0])
    outcome = np.concatenate([arm[:, 1] for arm in used])
    reason = _unfit(used[0], used[1]) or _perfect(design, outcome)
    if reason is not None:
        return _none(sizes, reason)
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ outcome
    degrees = len(outcome) - 3
    variance = float(np.sum((outcome - design @ coefficients) ** 2)) / degrees
    error = math.sqrt(variance * float(inverse[0, 0]))
    return _difference(float(coefficients[0]), error, degrees, tail, sizes)


def delta_adjusted(
    first: ArrayLike,
    second: ArrayLike,
    deltas: Sequence[tuple[float, float]],
    level: float = 0.95,
) -> tuple[DeltaAdjusted, ...]:
    """What becomes of the difference if those without an outcome did worse or better?

    Parameters
    ----------
    first, second, level : as in `ancova`.
    deltas : shifts of the missing outcomes of the first and of the second arm, in the unit of the
        outcome, finite; (0, 0) is `ancova` itself.

    Method: a participant with a baseline and no outcome gets the value that `ancova` predicts for
    the arm and the baseline, plus the arm's delta, and the model is fitted to all of them. The
    standard error and the degrees of freedom remain those of `ancova`: what was not measured adds
    no certainty. The difference is linear in the deltas, so that the tipping point lies where an
    interval first holds or leaves 0.

    Limits: one delta for everybody of an arm, whatever the reason; participants without a
    baseline stay out; a delta is taken as known, so that the interval says nothing of doubts
    about it. For the dead no value is meaningful: read the rank-based composite for them.

    Raises ValueError as `ancova` does, and for a delta that is not finite.

    Source: Carpenter, Roger & Kenward 2013.
    """
    if not all(math.isfinite(delta) for pair in deltas for delta in pair):
        raise ValueError("A delta must be a finite number.")
    arms = [_arm(values, 1) for values in (first, second)]
    arms = [arm[~np.isnan(arm[:, 0])] for arm in arms]
    missing = [np.isnan(arm[:, 1]) for arm in arms]
    counts = (int(missing[0].sum()), int(missing[1].sum()))
    observed = ancova(first, second, level)
    if observed.difference is None or observed.low is None or observed.high is None:
        return tuple(
            DeltaAdjusted(one, two, None, None, None, *counts, observed.reason)
            for one, two in deltas
        )
    design = _design(arms[0][:, 0], arms[1][:, 0])
    shifted = np.zeros((len(design), 2))
    shifted[: len(arms[0]), 0], shifted[len(arms[0]) :, 1] = missing
    # Predicted values lie on the fitted plane, so that only the shifts move the arm's coefficient.
    moves = np.linalg.lstsq(design, shifted, rcond=None)[0][0]
    table = []
    for one, two in deltas:
        move = float(moves @ np.array([one, two]))
        difference = observed.difference + move
        low, high = observed.low + move, observed.high + move
        table.append(DeltaAdjusted(one, two, difference, low, high, *counts))
    return tuple(table)


def repeated_measures(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> RepeatedMeasures:
    """By how much do two arms differ on each of several days, all days in one model?

    Parameters
    ----------
    first, second : shapes (n1, 1 + d) and (n2, 1 + d), the baseline and then one outcome a day; a
        participant needs the baseline and one outcome, other days may be missing.
    level : two-sided confidence level, strictly in (0, 1).

    Method: outcome on baseline (one slope), day and arm by day, with a random participant, so
    that two days of one participant are equally correlated whatever lies between them; REML. The
    t interval has the participants less 3 as degrees of freedom, those of `ancova`, which with
    one day is the same model. Limits are those of one day, not of all days together.

    Misleads where values are missing for what they would have been, as the module says, and
    where days near each other are much more alike than days far apart: errors are then wrong.

    Raises ValueError as `ancova` does, and where the arms have different numbers of days.

    Source: Patterson & Thompson 1971; Laird & Ware 1982.
    """
    tail = (1.0 - require_level(level)) / 2.0
    days = max(np.asarray(first).shape[-1] - 1, 1)
    arms = [_arm(values, days) for values in (first, second)]
    used = [a[~np.isnan(a[:, 0]) & ~np.isnan(a[:, 1:]).all(axis=1)] for a in arms]
    sizes = [_sizes(arms, used, day) for day in range(1, days + 1)]
    reason, fit = _unfit(used[0], used[1]), None
    if reason is None and any(min(counts[:2]) == 0 for counts in sizes):
        reason = "On a day an arm has no outcome."
    if reason is None:
        reason, fit = _mixed(used[0], used[1])
    if fit is None:
        return RepeatedMeasures(tuple(_none(s, reason) for s in sizes), None, reason)
    differences, errors, ratio = fit
    degrees = len(used[0]) + len(used[1]) - 3
    found = tuple(
        _difference(float(d), float(e), degrees, tail, s)
        for d, e, s in zip(differences, errors, sizes, strict=True)
    )
    return RepeatedMeasures(found, ratio / (1.0 + ratio) if days > 1 else None)


def _mixed(first: Reals, second: Reals) -> tuple[str | None, tuple[Reals, Reals, float] | None]:
    """Differences, their standard errors and the ratio of variances, or why there are none."""
    rows = np.concatenate([first, second])
    days, people = rows.shape[1] - 1, len(rows)
    seen = ~np.isnan(rows[:, 1:])
    person, day = np.nonzero(seen)
    center = float(rows[:, 0].mean())
    design = np.zeros((len(person), 2 * days + 1))
    at = np.arange(len(person))
    design[at, day] = person < len(first)
    design[at, days + day] = 1.0
    design[:, -1] = rows[person, 0] - center
    outcome = rows[:, 1:][seen]
    reason = _perfect(design, outcome)
    if reason is not None:
        return reason, None
    repeats = seen.sum(axis=1)
    if days > 1 and np.all(repeats == 1):
        return "Nobody has outcomes on two days, so that the model is not identified.", None
    whole = np.column_stack([design, outcome])
    sums = np.zeros((people, whole.shape[1]))
    np.add.at(sums, person, whole)
    products = whole.T @ whole

    def solve(ratio: float) -> tuple[float, Reals, Reals, float]:
        # The inverse of I + ratio J is I - ratio / (1 + ratio m) J for m outcomes.
        weights = ratio / (1.0 + ratio * repeats)
        moments = products - (sums * weights[:, None]).T @ sums
        information, right = moments[:-1, :-1], moments[:-1, -1]
        coefficients = np.linalg.solve(information, right)
        degrees = len(outcome) - information.shape[0]
        variance = float(moments[-1, -1] - right @ coefficients) / degrees
        if variance <= 0.0:
            return math.inf, coefficients, information, 0.0
        determinants = float(np.log1p(ratio * repeats).sum() + np.linalg.slogdet(information)[1])
        return degrees * math.log(variance) + determinants, coefficients, information, variance

    ratio = 0.0
    if days > 1:
        best = scipy.optimize.minimize_scalar(
            lambda log_ratio: solve(math.exp(log_ratio))[0],
            bounds=LOG_RATIOS,
            method="bounded",
            options={"xatol": 1e-8},
        )
        if not best.success or not math.isfinite(best.fun) or best.x > LOG_RATIOS[1] - 1.0:
            return "The model does not converge: outcomes of a participant hardly vary.", None
        ratio = math.exp(float(best.x)) if best.fun < solve(0.0)[0] else 0.0
    _, coefficients, information, variance = solve(ratio)
    errors = np.sqrt(variance * np.diag(np.linalg.inv(information)))
    return None, (coefficients[:days], errors[:days], ratio)


def _arm(values: ArrayLike, days: int) -> Reals:
    rows = np.array(values, dtype=np.float64)
    if rows.size == 0:
        rows = rows.reshape(0, 1 + days)
    if rows.ndim != 2 or rows.shape[1] != 1 + days:
        raise ValueError(
            f"An arm needs rows of a baseline and {days} outcomes, but has shape {rows.shape}."
        )
    if np.any(np.isinf(rows)):
        raise ValueError("A value is infinite; a missing one is NaN.")
    return rows


def _design(first: Reals, second: Reals) -> Reals:
    """Columns for the first arm, everybody, and the baseline less its mean, which is steadier."""
    baseline = np.concatenate([first, second])
    center = baseline.mean() if baseline.size else 0.0
    arm = np.arange(baseline.size) < first.size
    return np.column_stack([arm, np.ones(baseline.size), baseline - center]).astype(np.float64)


def _unfit(first: Reals, second: Reals) -> str | None:
    if len(first) < 2 or len(second) < 2:
        return "An arm has fewer than two participants with baseline and outcome."
    baseline = [arm[:, 0] - arm[:, 0].mean() for arm in (first, second)]
    largest = max(float(np.abs(arm[:, 0]).max()) for arm in (first, second))
    if max(float(np.abs(values).max()) for values in baseline) <= ROUNDING * largest:
        return "The baseline does not vary within the arms, so that nothing is adjusted for."
    return None


def _perfect(design: Reals, outcome: Reals) -> str | None:
    if len(outcome) <= design.shape[1]:
        return "There are too few outcomes for the model."
    coefficients, _, rank, _ = np.linalg.lstsq(design, outcome, rcond=None)
    if rank < design.shape[1]:
        return "The model is singular: an effect cannot be told from the others."
    left = float(np.abs(outcome - design @ coefficients).max())
    if left <= ROUNDING * float(np.abs(outcome).max()):
        return "The outcomes do not vary beyond arm and baseline, so that there is no error."
    return None


def _sizes(arms: Sequence[Reals], used: Sequence[Reals], day: int) -> Sizes:
    n1, n2 = (int(np.sum(~np.isnan(rows[:, day]))) for rows in used)
    return n1, n2, len(arms[0]) - n1, len(arms[1]) - n2


def _none(sizes: Sizes, reason: str | None) -> AdjustedDifference:
    n1, n2, left_out1, left_out2 = sizes
    return AdjustedDifference(None, None, None, None, None, n1, n2, left_out1, left_out2, reason)


def _difference(
    difference: float, error: float, degrees: int, tail: float, sizes: Sizes
) -> AdjustedDifference:
    half = float(scipy.special.stdtrit(degrees, 1.0 - tail)) * error
    n1, n2, left_out1, left_out2 = sizes
    return AdjustedDifference(
        difference=difference,
        low=difference - half,
        high=difference + half,
        standard_error=error,
        degrees_of_freedom=float(degrees),
        n1=n1,
        n2=n2,
        left_out1=left_out1,
        left_out2=left_out2,
    )
