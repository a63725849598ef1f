"""Differences of measured values between two arms on several days, from one model of all days.

Everybody with a baseline and a value on one day or more is in it. Days are correlated as they are
in the data: the covariance of the days has no structure, and each day has a spread of its own.
Missing values are taken as missing at random: as if who has none had gone on like those measured
of the same arm, baseline and earlier course. Where death, recovery or extubation end the
measurements, that is no effect of the treatment.

Sources
-------
Mallinckrodt CH, Lane PW, Schnell D, Peng Y, Mancuso JP. Recommendations for the primary analysis of
continuous endpoints in longitudinal clinical trials. Drug Information Journal 2008; 42: 303-319.
Patterson HD, Thompson R. Recovery of inter-block information when block sizes are unequal.
Biometrika 1971; 58: 545-554 (REML).
Kenward MG, Roger JH. Small sample inference for fixed effects from restricted maximum likelihood.
Biometrics 1997; 53: 983-997.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estimators.arguments import require_level
from estimators.linear import (
    AdjustedDifference,
    Codes,
    Strata,
    ancova,
    arm_rows,
    interval,
    perfect,
    strata_codes,
    unfit,
)
from estimators.proportions import Reals

# More days than these, and the thinnest are left out.
MOST_DAYS = 12
# The steps whose curvature is only about right, and the steps in all.
FIRST_STEPS, MOST_STEPS = 8, 200
# Twice what a step may still gain: at the end, and where rounding lets no step gain anything.
DONE, NEARLY_DONE = 1e-10, 1e-5
# A step that gains less than this share of what its slope promises is halved, so far at most.
ARMIJO, SMALLEST_STEP = 1e-4, 1e-8
# The smallest eigenvalue of a correlation; below, a day is told by the others without error.
SMALLEST_EIGENVALUE = 1e-6
# Eigenvalues of the correlation to start from.
STARTING_EIGENVALUE = 0.05
# Patterns of days that are worked on at a time.
AT_A_TIME = 64

Masks: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class RepeatedMeasures:
    """First arm less second at equal baseline, one difference a day in the order of the days.

    A day that is not in the model, as too few have a value then, has its ANCOVA; so has every day
    where there is no model, and `reason` says why.

    `covariance` is that of the days in the model, in the squared unit of the outcome; with the
    restricted log likelihood and the steps of the optimizer it is None where there is no model. Of
    a single day there is none, and no reason: the model would be ANCOVA itself.
    """

    days: tuple[AdjustedDifference, ...]
    in_model: tuple[bool, ...]
    covariance: Reals | None = None
    log_likelihood: float | None = None
    iterations: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Fit:
    """A multivariate normal model of several days, its errors by Kenward and Roger.

    With `reason` there is no model, and nothing else is to be read.

    Attributes:
        effects: shape (columns, days), in the unit of the outcomes.
        standard_errors: those of the effects, adjusted for the covariance being estimated.
        unadjusted: the same, as if the covariance were known.
        degrees_of_freedom: those of the effects.
        covariance: of the days, shape (days, days).
        log_likelihood: restricted; without `log|X'X| / 2`, as R's nlme and mmrm have it.
        iterations: steps of the optimizer.
    """

    effects: Reals
    standard_errors: Reals
    unadjusted: Reals
    degrees_of_freedom: Reals
    covariance: Reals
    log_likelihood: float
    iterations: int
    reason: str | None = None


@dataclass(frozen=True)
class _Sums:
    """What the model needs of the data: sums over the people who have values on the same days.

    A stratum has one effect on all days, and nobody is in two: of strata, counted without the
    first, there are sums for each and no products.

    Attributes:
        n: people of each pattern.
        seen: patterns by days.
        zz, zy, yy: sums of products of the columns z and the outcomes y, zero on days unseen.
        zs, ys, ns: sums of z and of y, and people, by stratum.
        unit: what an effect of a stratum is on each day, in the unit of its outcomes.
    """

    n: Reals
    seen: Masks
    zz: Reals
    zy: Reals
    yy: Reals
    zs: Reals
    ys: Reals
    ns: Reals
    unit: Reals

    @property
    def values(self) -> int:
        return int(self.n @ self.seen.sum(axis=1))


class _Blocks(NamedTuple):
    """A matrix of the effects: those by day, in the order of column and day, then the strata.

    Attributes:
        own: of the effects by day with each other.
        crossed: of the effects by day with the strata.
        strata: the diagonal of the strata with each other, which is all that they have.
    """

    own: Reals
    crossed: Reals
    strata: Reals

    def less(self, lean: Reals) -> "_Blocks":
        """The same matrix, of effects by day from which `lean` times the strata's is taken."""
        crossed = self.crossed - lean * self.strata[..., None, :]
        twice = self.crossed @ lean.T
        own = self.own - twice - lean @ crossed.swapaxes(-1, -2)
        return _Blocks(own, crossed, self.strata)


@dataclass(frozen=True)
class _State:
    """The model at one covariance.

    Attributes:
        spread: covariance of the effects by day.
        lean: how the effects of strata move with those by day, its sign turned.
        strata: the information on the effect of each stratum.
        effects, of_strata: the effects by day, and of strata.
    """

    covariance: Reals
    inverse: Reals
    spread: Reals
    lean: Reals
    strata: Reals
    effects: Reals
    of_strata: Reals
    residuals: Reals
    log_likelihood: float


def repeated_measures(
    first: ArrayLike,
    second: ArrayLike,
    *,
    strata: Strata | None = None,
    level: float = 0.95,
) -> RepeatedMeasures:
    """By how much do two arms differ on each of several days, all days in one model?

    Parameters
    ----------
    first, second : shapes (n1, 1 + d) and (n2, 1 + d), the baseline and then one outcome a day;
        NaN is a missing value. A participant needs the baseline and one outcome.
    strata : labels of the participants of each arm; their effect is the same on all days.
    level : two-sided confidence level, strictly in (0, 1).

    Method: outcome on arm, day and baseline, each by day; the covariance of the days has no
    structure; REML; errors and degrees of freedom by Kenward and Roger. Limits are those of one
    day, not of all days together. While a day has fewer values, beyond the effects of that day,
    than twice the days in the model, the thinnest day is left out, of two the later: a day that
    few have would be told by the others without error. At most twelve days are in the model.

    Misleads where values are missing for what they would have been, as the module says.

    Raises ValueError for other shapes, an infinite value, and a level outside (0, 1).

    Source: Mallinckrodt et al. 2008; Patterson & Thompson 1971; Kenward & Roger 1997.
    """
    tail = (1.0 - require_level(level)) / 2.0
    count = max(np.asarray(first).shape[-1] - 1, 1)
    arms = [arm_rows(values, count) for values in (first, second)]
    codes = strata_codes(arms, strata, np.ones(len(arms[0]) + len(arms[1]), dtype=np.bool_))
    # As numbers they are told apart sooner than as text.
    numbered = None if strata is None else (codes[: len(arms[0])], codes[len(arms[0]) :])
    alone = tuple(
        ancova(arms[0][:, [0, day]], arms[1][:, [0, day]], strata=numbered, level=level)
        for day in range(1, count + 1)
    )
    kept = _days_in_model(alone)
    in_model = tuple(day in kept for day in range(count))
    if len(kept) < 2:
        few = "Fewer than two days have enough values for one model." if count > 1 else None
        return RepeatedMeasures(alone, (False,) * count, reason=few)
    rows = np.concatenate(arms)
    is_first = np.arange(len(rows)) < len(arms[0])
    columns = [0, *(day + 1 for day in kept)]
    used = ~np.isnan(rows[:, 0]) & ~np.isnan(rows[:, columns[1:]]).all(axis=1)
    reason = unfit(rows[used & is_first][:, columns], rows[used & ~is_first][:, columns])
    found = None
    if reason is None:
        baseline = rows[used, 0] - rows[used, 0].mean()
        design = np.column_stack([is_first[used], np.ones(used.sum()), baseline])
        found = fit(design, rows[used][:, columns[1:]], strata=codes[used])
        reason = found.reason
    if found is None or reason is not None:
        return RepeatedMeasures(alone, (False,) * count, reason=reason)
    days = list(alone)
    for place, day in enumerate(kept):
        estimate = float(found.effects[0, place])
        error = float(found.standard_errors[0, place])
        degrees = float(found.degrees_of_freedom[0, place])
        half = interval(error, degrees, tail)
        days[day] = replace(
            alone[day],
            difference=estimate,
            low=estimate - half,
            high=estimate + half,
            standard_error=error,
            degrees_of_freedom=degrees,
        )
    return RepeatedMeasures(
        tuple(days), in_model, found.covariance, found.log_likelihood, found.iterations
    )


def _days_in_model(alone: Sequence[AdjustedDifference]) -> list[int]:
    """The days, from 0, that can stand in one model: see `repeated_measures`."""
    kept = [day for day, item in enumerate(alone) if item.reason is None]
    values = [item.n1 + item.n2 for item in alone]
    while len(kept) > MOST_DAYS or any(values[day] - 3 < 2 * len(kept) for day in kept):
        kept.remove(min(kept, key=lambda day: (values[day], -day)))
    return kept


def fit(design: Reals, outcomes: Reals, *, strata: Codes | None = None) -> Fit:
    """Fit a normal model of several days: effects by day, and a covariance without structure.

    Parameters
    ----------
    design : shape (n, q), columns whose effects each day has for itself, one of them all 1.
    outcomes : shape (n, d), NaN where there is no value; each row has one or more.
    strata : shape (n,), whole numbers that call strata, whose effects are the same on all days.
    """
    days = outcomes.shape[1]
    spread = np.nanstd(outcomes, axis=0)
    if not np.all(spread > 0.0):
        return _none("On a day all values are equal.")
    scale = np.abs(design).max(axis=0)
    codes = (
        np.zeros(len(design), dtype=np.int64)
        if strata is None
        else np.unique(strata, return_inverse=True)[1]
    )
    sums = _summed(design / scale, outcomes / spread, codes, 1.0 / spread)
    for day in range(days):
        there = ~np.isnan(outcomes[:, day])
        if (reason := perfect(design[there], outcomes[there, day])) is not None:
            return _none(reason)
    start = _starting(design, outcomes / spread)
    found, steps = _optimized(sums, start)
    if found is None:
        return _none("The model does not converge.")
    if _least(found.covariance) < SMALLEST_EIGENVALUE:
        return _none("The model is singular: one day is told by the others without error.")
    adjusted, degrees = _by_kenward_and_roger(sums, found)
    if adjusted is None:
        return _none("The model gives no error: too few have values on several days.")
    q = design.shape[1]

    def in_units(values: Reals) -> Reals:
        return np.asarray(values.reshape(q, days) * spread / scale[:, None])

    # Of the likelihood in the unit of the outcomes: the outcomes and the columns were divided.
    seen = (~np.isnan(outcomes)).sum(axis=0)
    shift = float(((q - seen) * np.log(spread)).sum() - days * np.log(scale).sum())
    return Fit(
        effects=in_units(found.effects),
        standard_errors=in_units(np.sqrt(adjusted)),
        unadjusted=in_units(np.sqrt(np.diag(found.spread))),
        degrees_of_freedom=degrees.reshape(q, days),
        covariance=found.covariance * np.outer(spread, spread),
        log_likelihood=found.log_likelihood + shift,
        iterations=steps,
    )


def _none(reason: str) -> Fit:
    nothing = np.zeros((0, 0))
    return Fit(nothing, nothing, nothing, nothing, nothing, math.nan, 0, reason)


def _summed(columns: Reals, outcomes: Reals, codes: Codes, unit: Reals) -> _Sums:
    """Sums by pattern, and within by stratum."""
    seen = ~np.isnan(outcomes)
    filled = np.where(seen, outcomes, 0.0)
    pattern = seen @ (1 << np.arange(seen.shape[1]))
    order = np.argsort(pattern, kind="stable")
    _, begins, counts = np.unique(pattern[order], return_index=True, return_counts=True)
    z, y = columns[order], filled[order]
    parts = [slice(begin, begin + n) for begin, n in zip(begins, counts, strict=True)]
    strata = int(codes.max()) + 1
    place = np.repeat(np.arange(len(counts)), counts) * strata + codes[order]

    def by_stratum(values: Reals) -> Reals:
        """Sums by pattern and stratum of each column, without the first stratum."""
        sums = [np.bincount(place, column, len(counts) * strata) for column in values.T]
        shape = (-1, len(counts), strata)
        return np.asarray(sums, dtype=np.float64).reshape(shape)[:, :, 1:]

    return _Sums(
        n=counts.astype(np.float64),
        seen=seen[order][begins],
        zz=np.stack([z[part].T @ z[part] for part in parts]),
        zy=np.stack([z[part].T @ y[part] for part in parts]),
        yy=np.stack([y[part].T @ y[part] for part in parts]),
        zs=by_stratum(z).transpose(1, 0, 2),
        ys=by_stratum(y).transpose(1, 0, 2),
        ns=by_stratum(np.ones((len(z), 1)))[0],
        unit=unit,
    )


def _starting(design: Reals, outcomes: Reals) -> Reals:
    """Covariances of each day's residuals, pair by pair, made positive definite."""
    left = np.full(outcomes.shape, np.nan)
    for day in range(outcomes.shape[1]):
        there = ~np.isnan(outcomes[:, day])
        x, y = design[there], outcomes[there, day]
        left[there, day] = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    there = (~np.isnan(left)).astype(np.float64)
    filled = np.nan_to_num(left)
    together = there.T @ there
    covariance = np.where(together > 1, filled.T @ filled / np.maximum(together, 1.0), 0.0)
    error = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(error, error))
    correlation = (vectors * np.maximum(values, STARTING_EIGENVALUE)) @ vectors.T
    size = np.sqrt(np.diag(correlation))
    return np.asarray(correlation / np.outer(size, size) * np.outer(error, error))


def _at(sums: _Sums, covariance: Reals) -> _State | None:
    """The model at a covariance; None where that is none."""
    days = sums.seen.shape[1]
    both = sums.seen[:, :, None] & sums.seen[:, None, :]
    # Days that are not seen stand by themselves, with a variance of 1, and count for nothing.
    whole = np.where(both, covariance, np.eye(days))
    try:
        factor = np.linalg.cholesky(whole)
    except np.linalg.LinAlgError:
        return None
    inverse = np.where(both, np.linalg.inv(whole), 0.0)
    determinants = 2.0 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    information = _weighted(sums, slice(None), inverse)
    strata = information.strata
    lean = information.crossed / strata
    own = information.own - lean @ information.crossed.T
    right = (sums.zy @ inverse).sum(axis=0).ravel()
    right_of_strata = np.einsum("pds,pd->s", sums.ys, inverse @ sums.unit)
    try:
        spread = np.asarray(np.linalg.inv(own), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    sign, determinant = np.linalg.slogdet(own)
    determinant = float(determinant) + float(np.log(strata).sum())
    effects = spread @ (right - lean @ right_of_strata)
    of_strata = right_of_strata / strata - lean.T @ effects
    by_day = effects.reshape(-1, days)
    # What each person's values are expected to be: z by_day, and the stratum's effect by day.
    product = sums.zy.transpose(0, 2, 1) @ by_day + (sums.ys @ of_strata)[:, :, None] * sums.unit
    mixed = (by_day.T @ (sums.zs @ of_strata)[:, :, None]) * sums.unit
    squared = (sums.ns @ of_strata**2)[:, None, None] * np.outer(sums.unit, sums.unit)
    fitted = by_day.T @ sums.zz @ by_day + mixed + mixed.transpose(0, 2, 1) + squared
    residuals = sums.yy - product - product.transpose(0, 2, 1) + fitted
    squares = float((inverse * residuals).sum())
    free = sums.values - len(effects) - len(of_strata)
    likelihood = -0.5 * (float(sums.n @ determinants) + determinant + squares)
    likelihood -= 0.5 * free * math.log(2.0 * math.pi)
    if sign <= 0.0 or not math.isfinite(likelihood):
        return None
    return _State(
        covariance, inverse, spread, lean, strata, effects, of_strata, residuals, likelihood
    )


def _weighted(sums: _Sums, part: slice, weights: Reals) -> _Blocks:
    """The sum of `X' W X` over the people, X being a person's columns of all effects by day.

    Args:
        part: of the patterns.
        weights: W of each pattern, symmetric, shape (patterns, days, days); or several of each,
            (patterns, m, days, days), and so many matrices come of them.
    """
    zz, zs, ns = sums.zz[part], sums.zs[part], sums.ns[part]
    (size, q), days, strata = zz.shape[:2], weights.shape[-1], ns.shape[1]
    several = weights.reshape(size, -1, days, days)
    many = several.shape[1]
    lifted = several @ sums.unit
    own = zz.reshape(size, -1).T @ several.reshape(size, -1)
    crossed = zs.reshape(size, -1).T @ lifted.reshape(size, -1)
    # The columns before the days, and the matrices before both.
    own = own.reshape(q, q, many, days, days).transpose(2, 0, 3, 1, 4)
    crossed = crossed.reshape(q, strata, many, days).transpose(2, 0, 3, 1)
    blocks = _Blocks(
        own.reshape(many, q * days, q * days),
        crossed.reshape(many, q * days, strata),
        (lifted @ sums.unit).T @ ns,
    )
    return blocks if weights.ndim == several.ndim else _Blocks(*(block[0] for block in blocks))


def _uncertain(sums: _Sums, state: _State) -> Reals:
    """For each pattern, the part of the residuals' covariance that the estimated effects take."""
    (size, q), days = sums.zz.shape[:2], sums.seen.shape[1]
    by_day = state.spread.reshape(q, days, q, days).transpose(0, 2, 1, 3)
    taken = (sums.zz.reshape(size, -1) @ by_day.reshape(q * q, -1)).reshape(-1, days, days)
    with_strata = -state.spread @ state.lean
    by_column = with_strata.reshape(q, days, -1).transpose(0, 2, 1).reshape(-1, days)
    mixed = (sums.zs.reshape(size, -1) @ by_column)[:, :, None] * sums.unit
    of_strata = 1.0 / state.strata - (state.lean * with_strata).sum(axis=0)
    squared = (sums.ns @ of_strata)[:, None, None] * np.outer(sums.unit, sums.unit)
    return np.asarray(taken + mixed + mixed.transpose(0, 2, 1) + squared)


def _slope(sums: _Sums, state: _State) -> tuple[Reals, Reals]:
    """The likelihood's slope in the covariance, and about its curvature, d² by d²."""
    w = state.inverse
    uncertain = w @ _uncertain(sums, state) @ w
    n = sums.n[:, None, None]
    slope = -0.5 * (n * w - w @ state.residuals @ w - uncertain).sum(axis=0)
    return slope, 0.5 * _crossed(w, n * w - 2.0 * uncertain)


def _crossed(left: Reals, right: Reals) -> Reals:
    """The matrix H with `vec(V)' H vec(U)` the sum of `tr(V left U right)` over the patterns."""
    patterns, days = left.shape[:2]
    product = left.reshape(patterns, -1).T @ right.reshape(patterns, -1)
    # From (b, c), (d, a) to (a, b), (c, d).
    by_place = product.reshape(days, days, days, days).transpose(3, 0, 1, 2)
    return np.asarray(by_place.reshape(days * days, days * days))


def _factor(parameters: Reals, days: int) -> Reals:
    """The lower triangle, its diagonal as logarithms, as the factor of a covariance."""
    factor = np.zeros((days, days))
    factor[np.tril_indices(days)] = parameters
    diagonal = np.diag_indices(days)
    factor[diagonal] = np.exp(factor[diagonal])
    return factor


def _parameters(covariance: Reals) -> Reals:
    factor = np.linalg.cholesky(covariance)
    diagonal = np.diag_indices(len(factor))
    factor[diagonal] = np.log(factor[diagonal])
    return np.asarray(factor[np.tril_indices(len(factor))])


def _jacobian(factor: Reals) -> Reals:
    """How the covariance, d² in a row, moves with each parameter."""
    days = len(factor)
    rows, columns = np.tril_indices(days)
    moves = np.zeros((rows.size, days, days))
    at = np.arange(rows.size)
    moves[at, rows, :] = factor.T[columns]
    moves = moves + moves.transpose(0, 2, 1)
    moves *= np.where(rows == columns, factor[rows, columns], 1.0)[:, None, None]
    return np.asarray(moves.reshape(rows.size, -1).T)


def _optimized(sums: _Sums, start: Reals) -> tuple[_State | None, int]:
    """The covariance of the largest restricted likelihood, and the steps to it.

    Fisher's scoring in the factor of the covariance, its curvature about right at first, which is
    enough where there are many; then by the observed information, or the expected where that is
    not positive definite.
    """
    days = len(start)
    parameters, state = _parameters(start), _at(sums, start)
    below = np.ravel_multi_index(np.tril_indices(days), (days, days))
    for steps in range(MOST_STEPS):
        if state is None:
            break
        slope, curvature = _slope(sums, state)
        jacobian = _jacobian(_factor(parameters, days))
        gradient = jacobian.T @ slope.ravel()
        if steps < FIRST_STEPS:
            known = [jacobian.T @ curvature @ jacobian]
        else:
            observed, expected, _ = _informations(sums, state)
            inner = jacobian[below]
            known = [inner.T @ information @ inner for information in (observed, expected)]
        inverse = next((i for one in known if (i := _inverse(one)) is not None), None)
        if inverse is None:
            break
        step = inverse @ gradient
        decrement = float(gradient @ step)
        if decrement < DONE:
            return state, steps
        size, following = 1.0, None
        while size > SMALLEST_STEP:
            following = _at(sums, _covariance(parameters + size * step, days))
            gained = -math.inf if following is None else following.log_likelihood
            if gained >= state.log_likelihood + ARMIJO * size * decrement:
                break
            size /= 2.0
        else:
            # Nothing is to be gained but rounding.
            return (state if decrement < NEARLY_DONE else None), steps
        parameters, state = parameters + size * step, following
        if following is not None and _least(following.covariance) < SMALLEST_EIGENVALUE:
            return following, steps + 1
    return None, MOST_STEPS


def _least(covariance: Reals) -> float:
    """The least eigenvalue of the correlation."""
    error = np.sqrt(np.diag(covariance))
    return float(np.linalg.eigvalsh(covariance / np.outer(error, error))[0])


def _covariance(parameters: Reals, days: int) -> Reals:
    factor = _factor(parameters, days)
    return np.asarray(factor @ factor.T)


def _informations(sums: _Sums, state: _State) -> tuple[Reals, Reals, _Blocks]:
    """The observed and the expected information on the covariance's entries, those below first.

    The covariance is linear in them. Third, how the information on the effects moves with each
    entry, with its sign turned, of the effects by day less what the strata take of them.
    """
    q, days = sums.zz.shape[1], sums.seen.shape[1]
    w, phi = state.inverse, state.spread
    rows, columns = np.tril_indices(days)
    halved = np.where(rows == columns, 0.5, 1.0)[:, None, None]
    by_day = state.effects.reshape(q, days)
    seen = sums.seen[:, None, :]
    of_strata = (sums.zs @ state.of_strata)[:, :, None] * sums.unit
    left = sums.zy - (sums.zz @ by_day + of_strata) * seen
    expected = by_day.T @ sums.zs + sums.unit[:, None] * (sums.ns * state.of_strata)[:, None, :]
    left_of_strata = sums.ys - expected * seen.transpose(0, 2, 1)
    moves: list[_Blocks] = []
    scored = np.zeros((q, rows.size * days))
    scored_strata = np.zeros((len(state.strata), rows.size))
    for begin in range(0, len(sums.n), AT_A_TIME):
        part = slice(begin, begin + AT_A_TIME)
        some, size = w[part], len(w[part])
        # W E W, of an entry E the product of two columns of W.
        outer = some[:, rows, :, None] * some[:, columns, None, :]
        weights = (outer + outer.swapaxes(-1, -2)) * halved
        moves.append(_weighted(sums, part, weights))
        # From (patterns, entries, days, days) to (patterns, days) by (entries, days).
        turned = weights.transpose(0, 2, 1, 3).reshape(size * days, -1)
        scored += left[part].transpose(1, 0, 2).reshape(q, -1) @ turned
        lifted = (weights @ sums.unit).transpose(0, 2, 1).reshape(size * days, -1)
        scored_strata += left_of_strata[part].reshape(size * days, -1).T @ lifted
    moved = _Blocks(*(np.sum(blocks, axis=0) for blocks in zip(*moves, strict=True)))
    moved = moved.less(state.lean)
    entries = _entries(days)
    uncertain = w @ _uncertain(sums, state) @ w
    n = sums.n[:, None, None]
    by_phi, shape = phi @ moved.own, (rows.size, -1)
    both = by_phi.reshape(shape) @ by_phi.transpose(0, 2, 1).reshape(shape).T
    by_phi = phi @ moved.crossed / state.strata
    both += 2.0 * moved.crossed.reshape(shape) @ by_phi.reshape(shape).T
    both += (moved.strata / state.strata**2) @ moved.strata.T
    traces = entries @ _crossed(w, n * w - 2.0 * uncertain) @ entries.T + both
    score = scored.reshape(q, rows.size, days).transpose(0, 2, 1).reshape(q * days, -1)
    score = score - state.lean @ scored_strata
    taken = score.T @ phi @ score + (scored_strata.T / state.strata) @ scored_strata
    squares = entries @ _crossed(w, w @ state.residuals @ w) @ entries.T - taken
    return squares - 0.5 * traces, 0.5 * traces, moved


def _entries(days: int) -> Reals:
    """The entries of a covariance, each as a symmetric matrix of d² in a row."""
    rows, columns = np.tril_indices(days)
    entries = np.zeros((rows.size, days, days))
    entries[np.arange(rows.size), rows, columns] = 1.0
    entries[np.arange(rows.size), columns, rows] = 1.0
    return entries.reshape(rows.size, -1)


def _by_kenward_and_roger(sums: _Sums, state: _State) -> tuple[Reals | None, Reals]:
    """Adjusted variances of the effects by day, and degrees of freedom; None where none are.

    The model is linear in the entries of the covariance, so that no second derivatives come in;
    with the observed information, or the expected where that is not positive definite.
    """
    days = sums.seen.shape[1]
    w, phi = state.inverse, state.spread
    observed, expected, moves = _informations(sums, state)
    uncertainty = _inverse(observed)
    if uncertainty is None:
        uncertainty = _inverse(expected)
    if uncertainty is None:
        return None, np.zeros(0)
    entries = _entries(days)
    omega = (entries.T @ uncertainty @ entries).reshape(days, days, days, days)
    # From (a, b, c, e) to (b, c), (a, e).
    by_inner = omega.transpose(1, 2, 0, 3).reshape(days * days, -1)
    inner = (w.reshape(len(w), -1) @ by_inner).reshape(w.shape)
    full = _weighted(sums, slice(None), w @ inner @ w).less(state.lean)
    own = np.tensordot(uncertainty, moves.own, axes=1)
    crossed = np.tensordot(uncertainty, moves.crossed, axes=1)
    lost = full.own - (moves.own @ phi @ own).sum(axis=0)
    lost = lost - (moves.crossed / state.strata @ crossed.transpose(0, 2, 1)).sum(axis=0)
    variances = np.diag(phi + 2.0 * phi @ lost @ phi)
    pulls = ((phi @ moves.own) * phi).sum(axis=2)
    spread = (pulls * (uncertainty @ pulls)).sum(axis=0)
    if not (np.all(variances > 0.0) and np.all(spread > 0.0)):
        return None, np.zeros(0)
    return variances, 2.0 * np.diag(phi) ** 2 / spread


def _inverse(matrix: Reals) -> Reals | None:
    """The inverse of a positive definite matrix; None where it is not."""
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(np.linalg.inv(matrix))
