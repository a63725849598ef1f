"""Differences of measured values between two arms, adjusted for the value at baseline.

Each arm is an array of one row a participant: the baseline, then the outcome, in the same unit; NaN
is a missing value. These compare only whom a value was measured in. If
death, recovery or extubation end the measurements then the difference is no effect of the
treatment: show the numbers missing beside it, and `delta_adjusted`.

Sources
-------
Vickers AJ, Altman DG. Analysing controlled trials with baseline and follow up measurements. BMJ
2001; 323: 1123-1124.
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
from numpy.typing import ArrayLike, NDArray

from estimators.arguments import require_level
from estimators.proportions import Reals

# Residuals this small against the outcome are rounding: a spread of which no error can be told.
ROUNDING = 1e-10


# Participants used in the first and second arm, and those left out of each.
Sizes: TypeAlias = tuple[int, int, int, int]
# The labels of the participants of the first and of the second arm.
Strata: TypeAlias = tuple[ArrayLike, ArrayLike]
# The stratum of each participant, counted from 0; somebody is in each.
Codes: TypeAlias = NDArray[np.int64]


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


def ancova(
    first: ArrayLike,
    second: ArrayLike,
    *,
    strata: Strata | None = None,
    level: float = 0.95,
) -> AdjustedDifference:
    """By how much do the outcomes of two arms differ between participants of equal baseline?

    Parameters
    ----------
    first, second : shapes (n1, 2) and (n2, 2), baseline and outcome; a row with NaN is left out.
    strata : labels of the participants of each arm, whose effects are adjusted for, too.
    level : two-sided confidence level, strictly in (0, 1).

    Method: least squares of the outcome on arm and baseline with one slope, and on strata; t
    interval with n1 + n2 - 3 degrees of freedom, less one for each stratum after the first.

    Misleads where the slopes or the spreads of the arms differ and their sizes do, too.

    Raises ValueError for other shapes, an infinite value, and a level outside (0, 1).

    Source: Vickers & Altman 2001.
    """
    tail = (1.0 - require_level(level)) / 2.0
    arms = [arm_rows(values, 1) for values in (first, second)]
    whole = [~np.isnan(arm).any(axis=1) for arm in arms]
    used = [arm[rows] for arm, rows in zip(arms, whole, strict=True)]
    n1, n2 = len(used[0]), len(used[1])
    sizes = (n1, n2, len(arms[0]) - n1, len(arms[1]) - n2)
    codes = strata_codes(arms, strata, np.concatenate(whole))
    design = _design(used[0][:, 0], used[1][:, 0])
    outcome = np.concatenate([arm[:, 1] for arm in used])
    reason = unfit(used[0], used[1]) or perfect(design, outcome, codes)
    if reason is not None:
        return _none(sizes, reason)
    degrees = len(outcome) - design.shape[1] - int(codes.max())
    if codes.any():
        # Less the means of the strata, which have then no effect left, nor has the intercept.
        design, outcome = _less_means(design[:, [0, 2]], codes), _less_means(outcome, codes)
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ outcome
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
    arms = [arm_rows(values, 1) for values in (first, second)]
    arms = [arm[~np.isnan(arm[:, 0])] for arm in arms]
    missing = [np.isnan(arm[:, 1]) for arm in arms]
    counts = (int(missing[0].sum()), int(missing[1].sum()))
    observed = ancova(first, second, level=level)
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


def arm_rows(values: ArrayLike, days: int) -> Reals:
    """An arm's rows, a baseline and `days` outcomes each; raises ValueError where they are not."""
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


def strata_codes(arms: Sequence[Reals], strata: Strata | None, used: NDArray[np.bool_]) -> Codes:
    """The stratum of each participant who is used, of those of both arms; all 0 without strata."""
    sizes = [len(arm) for arm in arms]
    if strata is None:
        return np.zeros(int(used.sum()), dtype=np.int64)
    labels = [np.asarray(labels) for labels in strata]
    if [one.shape for one in labels] != [(size,) for size in sizes]:
        raise ValueError("Each participant needs the label of one stratum.")
    return np.unique(np.concatenate(labels)[used], return_inverse=True)[1].astype(np.int64)


def _less_means(values: Reals, codes: Codes) -> Reals:
    """Values, shape (n,) or (n, columns), less their means within strata."""
    columns = values.reshape(len(values), -1)
    sums = np.column_stack([np.bincount(codes, column) for column in columns.T])
    left = columns - (sums / np.bincount(codes)[:, None])[codes]
    return np.asarray(left.reshape(values.shape))


def _design(first: Reals, second: Reals) -> Reals:
    """Columns for the first arm, everybody, and the baseline less its mean, which is steadier."""
    baseline = np.concatenate([first, second])
    center = baseline.mean() if baseline.size else 0.0
    arm = np.arange(baseline.size) < first.size
    return np.column_stack([arm, np.ones(baseline.size), baseline - center]).astype(np.float64)


def unfit(first: Reals, second: Reals) -> str | None:
    """Why two arms have too few participants, or baselines all alike; None where they are fit."""
    if len(first) < 2 or len(second) < 2:
        return "An arm has fewer than two participants with baseline and outcome."
    baseline = [arm[:, 0] - arm[:, 0].mean() for arm in (first, second)]
    largest = max(float(np.abs(arm[:, 0]).max()) for arm in (first, second))
    if max(float(np.abs(values).max()) for values in baseline) <= ROUNDING * largest:
        return "The baseline does not vary within the arms, so that nothing is adjusted for."
    return None


def perfect(design: Reals, outcome: Reals, codes: Codes | None = None) -> str | None:
    """Why no error can be told of outcomes on a design; None where one can.

    With strata one column of the design is the same for everybody.
    """
    strata = 0 if codes is None else int(codes.max(initial=0))
    if len(outcome) <= design.shape[1] + strata:
        return "There are too few outcomes for the model."
    columns, left, told, least = design, outcome, design.shape[1], None
    if codes is not None and strata:
        # Of one size, so that what rounding leaves of a column is known from one that varies.
        columns = _less_means(design, codes) / np.linalg.norm(design, axis=0)
        left, told, least = _less_means(outcome, codes), told - 1, ROUNDING
    coefficients, _, rank, _ = np.linalg.lstsq(columns, left, rcond=least)
    if rank < told:
        return "The model is singular: an effect cannot be told from the others."
    if np.abs(left - columns @ coefficients).max() <= ROUNDING * np.abs(outcome).max():
        return "The outcomes do not vary beyond arm and baseline, so that there is no error."
    return None


def _none(sizes: Sizes, reason: str | None) -> AdjustedDifference:
    n1, n2, left_out1, left_out2 = sizes
    return AdjustedDifference(None, None, None, None, None, n1, n2, left_out1, left_out2, reason)


def interval(error: float, degrees: float, tail: float) -> float:
    """Half the width of a t interval."""
    return float(scipy.special.stdtrit(degrees, 1.0 - tail)) * error


def _difference(
    difference: float, error: float, degrees: int, tail: float, sizes: Sizes
) -> AdjustedDifference:
    half = interval(error, degrees, tail)
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
