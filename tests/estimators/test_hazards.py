"""Hazard ratio, restricted mean and probability of harm against R, and the laws they must obey."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, optimize  # type: ignore[import-untyped, unused-ignore]

from estimators.hazards import (
    DOUBT,
    GRID,
    Observed,
    harm,
    hazard_ratio,
    restricted_mean_difference,
)
from tests.conftest import examples

# Weeks of remission, + where it went on: 6-mercaptopurine and placebo, as in MASS::gehan (Gehan,
# Biometrika 1965; 52: 203-223).
TREATED = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"
SEEDS = st.integers(0, 2**32 - 1)


def arm(text: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    items = text.split()
    times = np.array([float(item.rstrip("+")) for item in items])
    return times, np.array([not item.endswith("+") for item in items])


def drawn(seed: int, n: int = 25) -> tuple[Observed, Observed]:
    dice = np.random.default_rng(seed)
    arms = []
    for rate in (0.05, 0.03):
        times = np.ceil(dice.exponential(1 / rate, n))
        until = dice.integers(10, 60, n)
        arms.append((np.minimum(times, until), times <= until))
    return arms[0], arms[1]


def test_as_coxph_of_r() -> None:
    found = hazard_ratio(arm(PLACEBO), arm(TREATED))
    # coxph of survival in R 4.2, ties by Efron.
    assert found.log_estimate == pytest.approx(1.5721251, abs=1e-6)
    assert found.log_error == pytest.approx(0.4123967, abs=1e-6)
    assert found.estimate == pytest.approx(math.exp(1.5721251), abs=1e-5)
    assert found.low == pytest.approx(math.exp(1.5721251 - 1.959964 * 0.4123967), abs=1e-5)


def test_restricted_means_as_survfit_of_r() -> None:
    found = restricted_mean_difference(arm(TREATED), arm(PLACEBO), 20)
    # print(survfit(...), rmean = 20) in R 4.2.
    assert (found.first, found.error1) == pytest.approx((16.117, 1.2516), abs=5e-4)
    assert (found.second, found.error2) == pytest.approx((8.429, 1.2681), abs=5e-4)
    assert found.difference == pytest.approx(7.688, abs=1e-3)
    assert found.low == pytest.approx(7.688 - 1.959964 * math.hypot(1.2516, 1.2681), abs=2e-3)


def test_the_probability_of_harm_is_that_of_numerical_integration() -> None:
    """Values from R, integrate() of the partial likelihood times the prior."""
    found = harm(arm(PLACEBO), arm(TREATED))
    assert found.mean == pytest.approx(0.7113642, abs=1e-6)
    assert found.deviation == pytest.approx(0.2587519, abs=1e-6)
    assert found.above_one == pytest.approx(0.9969919, abs=2e-4)


def log_likelihood(first: Observed, second: Observed, beta: float) -> float:
    """Efron's partial likelihood as its definition says, death by death."""
    times = np.concatenate([np.asarray(first[0]), np.asarray(second[0])])
    events = np.concatenate([np.asarray(first[1]), np.asarray(second[1])]).astype(bool)
    is_first = np.arange(times.size) < np.asarray(first[0]).size
    hazard = np.exp(beta * is_first)
    total = 0.0
    for when in np.unique(times[events]):
        dead = events & (times == when)
        total += beta * is_first[dead].sum()
        for place in range(dead.sum()):
            at_risk = hazard[times >= when].sum() - place / dead.sum() * hazard[dead].sum()
            total -= math.log(at_risk)
    return float(total)


@settings(max_examples=examples(15))
@given(SEEDS)
def test_the_estimate_is_the_most_likely_and_the_belief_follows_it(seed: int) -> None:
    first, second = drawn(seed)
    found = hazard_ratio(first, second)
    best = optimize.minimize_scalar(
        lambda beta: -log_likelihood(first, second, beta), bounds=(-4, 4), method="bounded"
    )
    assert found.log_estimate == pytest.approx(best.x, abs=1e-4)

    def weight(beta: float) -> float:
        at_best = log_likelihood(first, second, best.x)
        return math.exp(log_likelihood(first, second, beta) - at_best - beta**2 / (2 * DOUBT**2))

    whole, above = (integrate.quad(weight, low, 4)[0] for low in (-4, 0))
    assert harm(first, second).above_one == pytest.approx(above / whole, abs=1e-3)


@settings(max_examples=examples(15))
@given(SEEDS)
def test_swapped_arms_are_mirrored(seed: int) -> None:
    first, second = drawn(seed)
    found, mirror = hazard_ratio(first, second), hazard_ratio(second, first)
    assert found.log_estimate == pytest.approx(-(mirror.log_estimate or 0.0), abs=1e-8)
    for prior in (DOUBT, None):
        one, other = harm(first, second, prior), harm(second, first, prior)
        assert one.above_one == pytest.approx(1.0 - other.above_one, abs=1e-9)
        assert one.mean == pytest.approx(-other.mean, abs=1e-9)
    day = 10.0
    means, turned = (
        restricted_mean_difference(*pair, day) for pair in ((first, second), (second, first))
    )
    assert means.difference == pytest.approx(-(turned.difference or 0.0))
    assert means.low == pytest.approx(-(turned.high or 0.0))


def test_without_censoring_the_restricted_mean_is_the_mean() -> None:
    times = np.array([1.0, 3.0, 5.0, 20.0])
    found = restricted_mean_difference((times, [1] * 4), (times + 1, [1] * 4), 10.0)
    assert found.first == pytest.approx(np.minimum(times, 10.0).mean())
    assert found.second == pytest.approx(np.minimum(times + 1, 10.0).mean())


def test_a_doubter_without_data_keeps_the_doubt() -> None:
    nobody: Observed = ([28.0] * 5, [0] * 5)
    found = harm(nobody, nobody)
    assert found.above_one == pytest.approx(0.5)
    assert found.deviation == pytest.approx(DOUBT, abs=1e-4)
    # 5 % for a hazard that is doubled or halved.
    assert 2 * float(np.exp(-(GRID[math.log(2) <= GRID] ** 2) / (2 * DOUBT**2)).sum()) * 0.005 / (
        DOUBT * math.sqrt(2 * math.pi)
    ) == pytest.approx(0.05, abs=2e-3)


def test_what_cannot_be_told_has_a_reason_and_no_number() -> None:
    alive: Observed = ([28.0, 28.0, 28.0], [0, 0, 0])
    dead: Observed = ([3.0, 5.0, 28.0], [1, 1, 0])
    nobody: Observed = ([], [])
    assert hazard_ratio(alive, alive).reason == "Nobody has died."
    for pair in ((alive, dead), (dead, alive), (dead, nobody)):
        found = hazard_ratio(*pair)
        assert found.estimate is None
        assert "One arm has no death" in (found.reason or "")
    # All of one arm died before any of the other.
    apart = hazard_ratio(([1.0, 2.0], [1, 1]), ([8.0, 9.0], [1, 1]))
    assert apart.reason is not None
    assert harm(dead, alive).above_one > 0.5
    assert restricted_mean_difference(dead, nobody, 28).difference is None
    # Where all have died it is known how long they lived, whatever the day.
    gone: Observed = ([3.0, 5.0], [1, 1])
    assert restricted_mean_difference(gone, alive, 28).difference == pytest.approx(4.0 - 28.0)
    assert "through day 30" in (restricted_mean_difference(dead, alive, 30).reason or "")
    with pytest.raises(ValueError, match="above 0"):
        restricted_mean_difference(dead, alive, 0)
