"""The model of several days against R, whole matrices, and the laws it must obey."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from estimators.linear import ancova
from estimators.repeated import fit, repeated_measures
from tests.conftest import examples

Rows = NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)

# Distance from the pituitary to the pterygomaxillary fissure, mm, at 8, 10, 12 and 14 years: 16
# boys and 11 girls of Potthoff & Roy, Biometrika 1964; 51: 313-326.
BOYS = """26 25 29 31 / 21.5 22.5 23 26.5 / 23 22.5 24 27.5 / 25.5 27.5 26.5 27 / 20 23.5 22.5 26 /
24.5 25.5 27 28.5 / 22 22 24.5 26.5 / 24 21.5 24.5 25.5 / 23 20.5 31 26 / 27.5 28 31 31.5 /
23 23 23.5 25 / 21.5 23.5 24 28 / 17 24.5 26 29.5 / 22.5 25.5 25.5 26 / 23 24.5 26 30 /
22 21.5 23.5 25"""
GIRLS = """21 20 21.5 23 / 21 21.5 24 25.5 / 20.5 24 24.5 26 / 23.5 24.5 25 26.5 /
21.5 23 22.5 23.5 / 20 21 21 22.5 / 21.5 22.5 23 25 / 23 23 23.5 24 / 20 21 22 21.5 /
16.5 19 19 19.5 / 24.5 25 28 28"""


def children(text: str) -> Rows:
    return np.array([[float(value) for value in row.split()] for row in text.split("/")])


def with_gaps() -> tuple[Rows, Rows]:
    """Girls and boys; of child i, 1 to 27, age j, 1 to 3, is gone where 7 divides i + 2 j."""
    rows = np.vstack([children(BOYS), children(GIRLS)])
    for child in range(1, 28):
        for age in (1, 2, 3):
            if (child + 2 * age) % 7 == 0:
                rows[child - 1, age] = math.nan
    return rows[16:], rows[:16]


def drawn(
    seed: int, n: int = 30, days: int = 3, missing: float = 0.15, effect: float = 5.0
) -> tuple[Rows, Rows]:
    """Two arms whose days spread ever more, and are ever more alike."""
    dice = np.random.default_rng(seed)
    walk = np.tril(np.ones((days, days))) * np.linspace(8, 20, days)
    arms = []
    for shift in (effect, 0.0):
        baseline = dice.normal(150, 30, (n, 1))
        outcome = 60 + 0.6 * baseline + shift + dice.normal(size=(n, days)) @ walk.T
        outcome[dice.random((n, days)) < missing] = math.nan
        arms.append(np.hstack([baseline, outcome]))
    return arms[0], arms[1]


# --- published and computed elsewhere -------------------------------------------------------


def test_complete_rows_as_gls_of_r() -> None:
    """`nlme::Orthodont`, sex by age, no baseline; complete, so that nothing is adjusted."""
    outcomes = np.vstack([children(BOYS), children(GIRLS)])
    is_girl = np.arange(27) >= 16
    found = fit(np.column_stack([is_girl, np.ones(27)]).astype(np.float64), outcomes)
    # gls of nlme in R 4.2, corSymm and varIdent, REML.
    assert list(found.effects[0]) == pytest.approx([-1.6932, -1.5852, -2.6278, -3.3778], abs=5e-5)
    assert list(found.standard_errors[0]) == pytest.approx(
        [0.9115, 0.8012, 0.9952, 0.8746], abs=5e-5
    )
    assert list(found.standard_errors[0]) == pytest.approx(list(found.unadjusted[0]), abs=1e-6)
    assert list(found.degrees_of_freedom[0]) == pytest.approx([25.0] * 4, abs=1e-3)
    assert found.log_likelihood == pytest.approx(-207.0174, abs=5e-5)


def test_rows_with_gaps_as_mmrm_of_r() -> None:
    """Sex and the value at 8 years, each by age, unstructured, Kenward-Roger as SAS has it."""
    girls, boys = with_gaps()
    found = repeated_measures(girls, boys)
    assert found.reason is None
    assert found.in_model == (True, True, True)
    # mmrm of R: estimates, errors and degrees of freedom; its optimizer stops at 5e-6.
    expected = [
        (-0.837179, 0.789258, 21.734),
        (-1.391726, 0.877619, 22.252),
        (-2.280858, 0.812863, 22.074),
    ]
    for day, (difference, error, degrees) in zip(found.days, expected, strict=True):
        assert day.difference == pytest.approx(difference, abs=1e-5)
        assert day.standard_error == pytest.approx(error, abs=1e-5)
        assert day.degrees_of_freedom == pytest.approx(degrees, abs=1e-3)
    assert found.log_likelihood == pytest.approx(-130.132182, abs=1e-6)
    rows = np.vstack([boys, girls])
    baseline = rows[:, 0] - rows[:, 0].mean()
    design = np.column_stack([np.arange(27) >= 16, np.ones(27), baseline]).astype(np.float64)
    unadjusted = fit(design, rows[:, 1:]).unadjusted[0]
    assert list(unadjusted) == pytest.approx([0.781779, 0.868164, 0.809712], abs=1e-5)


# --- whole matrices -------------------------------------------------------------------------


def dense(design: Rows, outcomes: Rows, common: Rows, covariance: Rows) -> tuple[Rows, Rows, float]:
    """Effects, their covariance and the restricted likelihood by whole matrices."""
    person, day = np.nonzero(~np.isnan(outcomes))
    y, days, q = outcomes[person, day], outcomes.shape[1], design.shape[1]
    x = np.zeros((y.size, q * days + common.shape[1]))
    for row, (one, on) in enumerate(zip(person, day, strict=True)):
        x[row, [column * days + on for column in range(q)]] = design[one]
        x[row, q * days :] = common[one]
    same = person[:, None] == person[None, :]
    v = np.where(same, covariance[np.ix_(day, day)], 0.0)
    inverse = np.linalg.inv(v)
    information = x.T @ inverse @ x
    effects = np.linalg.solve(information, x.T @ inverse @ y)
    left = y - x @ effects
    parts = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]
    free = y.size - x.shape[1]
    likelihood = -0.5 * (parts + left @ inverse @ left + free * math.log(2 * math.pi))
    return np.asarray(effects), np.asarray(np.linalg.inv(information)), float(likelihood)


@settings(max_examples=examples(10))
@given(SEEDS, st.booleans())
def test_the_fit_is_the_best_of_whole_matrices(seed: int, has_strata: bool) -> None:
    first, second = drawn(seed, missing=0.2)
    rows = np.vstack([first, second])
    rows = rows[~np.isnan(rows[:, 1:]).all(axis=1)]
    dice = np.random.default_rng(seed + 1)
    design = np.column_stack([dice.random(len(rows)) < 0.5, np.ones(len(rows)), rows[:, 0]])
    strata = dice.integers(0, 5 if has_strata else 1, len(rows)) * 3
    common = (strata[:, None] == np.unique(strata)[1:]).astype(np.float64)
    found = fit(design.astype(np.float64), rows[:, 1:], strata=strata)
    assert found.reason is None
    effects, spread, likelihood = dense(design, rows[:, 1:], common, found.covariance)
    assert found.effects.ravel() == pytest.approx(effects[:9], rel=1e-5, abs=1e-5)
    assert found.unadjusted.ravel() == pytest.approx(np.sqrt(np.diag(spread))[:9], rel=1e-5)
    assert found.log_likelihood == pytest.approx(likelihood, abs=1e-7)
    # Nearby there is no better one.
    for _ in range(5):
        move = np.eye(3) + 0.02 * dice.normal(size=(3, 3))
        assert dense(design, rows[:, 1:], common, move @ found.covariance @ move.T)[2] <= likelihood


# --- laws -----------------------------------------------------------------------------------


@settings(max_examples=examples(10))
@given(SEEDS, st.floats(-500, 500), st.floats(0.1, 50))
def test_the_model_mirrors_shifts_and_scales(seed: int, shift: float, scale: float) -> None:
    first, second = drawn(seed)
    found, mirror = repeated_measures(first, second), repeated_measures(second[::-1], first)
    moved = repeated_measures(first * scale + shift, second * scale + shift)
    assert found.reason is None
    for one, other, same in zip(found.days, mirror.days, moved.days, strict=True):
        assert one.difference == pytest.approx(-(other.difference or 0.0), abs=1e-4)
        assert one.low == pytest.approx(-(other.high or 0.0), abs=1e-4)
        assert same.difference == pytest.approx((one.difference or 0.0) * scale, rel=1e-3, abs=1e-3)
        assert same.degrees_of_freedom == pytest.approx(one.degrees_of_freedom, abs=0.01)


@settings(max_examples=examples(10))
@given(SEEDS)
def test_one_day_is_ancova(seed: int) -> None:
    first, second = drawn(seed, days=1)
    model = repeated_measures(first, second)
    assert model.days == (ancova(first, second),)
    assert (model.in_model, model.covariance, model.reason) == ((False,), None, None)


def test_a_stratum_adds_the_same_on_all_days() -> None:
    first, second = drawn(3)
    labels = (np.arange(30) % 2, np.arange(30) % 3 % 2)
    moved = [
        np.column_stack([arm[:, 0], arm[:, 1:] + 100.0 * of[:, None]])
        for arm, of in zip((first, second), labels, strict=True)
    ]
    found = repeated_measures(first, second, strata=labels)
    same = repeated_measures(moved[0], moved[1], strata=labels)
    for one, other in zip(found.days, same.days, strict=True):
        assert one.difference == pytest.approx(other.difference, abs=1e-3)
        assert one.standard_error == pytest.approx(other.standard_error, abs=1e-3)
    assert found.days[0].difference != repeated_measures(first, second).days[0].difference


def test_strata_take_no_memory_of_their_square() -> None:
    """Of 500 sites, matrices with a row and a column for each on each day would be gigabytes."""
    first, second = drawn(4, n=1500, days=4)
    labels = np.arange(1500) % 500
    tracemalloc.start()
    try:
        found = repeated_measures(first, second, strata=(labels, labels[::-1]))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.reason is None
    assert peak < 20e6


def test_a_thin_day_stands_alone_by_its_ancova() -> None:
    """Seen in ten, it would be told by the other days without error."""
    first, second = drawn(5, days=8, missing=0.0)
    for arm in (first, second):
        arm[5:, 8] = math.nan
    found = repeated_measures(first, second)
    assert found.in_model == (*[True] * 7, False)
    assert found.days[7] == ancova(first[:, [0, 8]], second[:, [0, 8]])
    assert found.reason is None
    whole = repeated_measures(*drawn(5, n=60, days=14, missing=0.0))
    # Of days that are equally thin the later ones are left out.
    assert whole.in_model == (*[True] * 12, False, False)


def test_who_was_seen_before_still_counts() -> None:
    """Those who leave are the worst off: the day alone is biased, the model is not."""
    alone, model, runs = 0.0, 0.0, 40
    for seed in range(runs):
        first, second = drawn(seed + 500, n=60, days=3, missing=0.0, effect=0.0)
        gone = first[:, 2] - 0.6 * first[:, 0] < 50
        first[gone, 3] = math.nan
        found, day = repeated_measures(first, second), ancova(first[:, [0, 3]], second[:, [0, 3]])
        alone += (day.difference or 0.0) / runs
        model += (found.days[2].difference or 0.0) / runs
    assert alone > 3.0
    assert abs(model) < 1.5


# --- no model -------------------------------------------------------------------------------


def test_without_a_model_each_day_has_its_ancova_and_the_reason_is_said() -> None:
    rows = drawn(1)
    # The outcomes of a participant are the same on all days.
    same = [
        np.column_stack([arm[:, 0], *[np.nan_to_num(arm[:, 1], nan=150.0)] * 3]) for arm in rows
    ]
    found = repeated_measures(same[0], same[1])
    assert "singular" in (found.reason or "")
    assert found.in_model == (False, False, False)
    assert found.days[1] == ancova(same[0][:, [0, 2]], same[1][:, [0, 2]])
    assert (found.covariance, found.log_likelihood, found.iterations) == (None, None, None)
    # Nobody has outcomes on two days.
    for arm in rows:
        for person in range(30):
            arm[person, [day for day in (1, 2, 3) if day != 1 + person % 3]] = math.nan
    assert repeated_measures(*rows).reason is not None
    # Two days, one of them thin, leave none to model together.
    for arm in (one := drawn(2, n=5, days=2, missing=0.0)):
        arm[2:, 2] = math.nan
    assert "Fewer than two days" in (repeated_measures(*one).reason or "")


def test_a_day_of_one_arm_alone_has_a_reason_and_no_number() -> None:
    first, second = drawn(2)
    first[:, 3] = math.nan
    found = repeated_measures(first, second)
    assert found.in_model == (True, True, False)
    assert found.days[2].difference is None
    assert "fewer than two" in (found.days[2].reason or "")
    nobody = repeated_measures(np.zeros((0, 4)), second)
    assert [day.difference for day in nobody.days] == [None] * 3
    assert nobody.in_model == (False, False, False)


def test_wrong_shapes_and_infinite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of a baseline"):
        repeated_measures([[1.0, 2.0, 3.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="infinite"):
        repeated_measures([[1.0, math.inf, 3.0]], [[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="label"):
        repeated_measures(*drawn(1), strata=([1], [2]))


def test_limits_hold_without_an_effect() -> None:
    """Forty trials whose days spread unequally, of which a shared spread would exclude many."""
    excluded = np.zeros(8)
    for seed in range(40):
        found = repeated_measures(*drawn(seed + 900, days=8, missing=0.1, effect=0.0))
        assert found.reason is None
        for place, day in enumerate(found.days):
            assert day.low is not None
            assert day.high is not None
            excluded[place] += not day.low <= 0.0 <= day.high
    assert excluded.max() <= 7
