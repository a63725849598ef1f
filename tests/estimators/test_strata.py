"""Comparisons within strata against R and values worked out apart, and the laws they must obey."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize  # type: ignore[import-untyped, unused-ignore]

from estimators.hazards import hazard_ratio
from estimators.ranks import rank_test, win_probability
from estimators.strata import (
    SMALL,
    pooled,
    stratified_win_probability,
)
from tests.conftest import examples

# --- values ----------------------------------------------------------------------------------


def test_van_elteren_by_hand() -> None:
    # Rank sums 3 + 5 + 6 = 14 of 6 (expected 10.5, variance 5.25) and 4 + 5 = 9 of 5 (6, 3).
    first, second = [3.0, 5.0, 6.0, 14.0, 15.0], [1.0, 2.0, 4.0, 11.0, 12.0, 13.0]
    of_first, of_second = ["a", "a", "a", "b", "b"], ["a", "a", "a", "b", "b", "b"]
    z = (3.5 / 7 + 3 / 6) / math.sqrt(5.25 / 49 + 3 / 36)
    found = stratified_win_probability(first, second, of_first, of_second)
    assert found.p_value == pytest.approx(math.erfc(z / math.sqrt(2)))
    # 8 of 9 pairs won and 6 of 6, with weights 3 * 3 / 6 and 2 * 3 / 5.
    assert found.estimate == pytest.approx((1.5 * 8 / 9 + 1.2) / 2.7)


def test_a_ratio_of_hazards_within_strata_is_the_most_likely_one() -> None:
    """Of the product of the strata's partial likelihoods, maximized apart."""
    dice = np.random.default_rng(5)
    arms, labels = [], []
    for rate in (0.05, 0.03):
        of = dice.integers(0, 3, 40)
        times = np.ceil(dice.exponential(1 / rate / (1 + of), 40) * 4) / 4 + dice.random(40) / 1e4
        arms.append((times, dice.random(40) < 0.8))
        labels.append(of)

    def likelihood(beta: float) -> float:
        total = 0.0
        for stratum in range(3):
            rows = [
                (time, dead, arm)
                for arm, ((times, events), of) in enumerate(zip(arms, labels, strict=True))
                for time, dead, own in zip(times, events, of, strict=True)
                if own == stratum
            ]
            for time, dead, arm in rows:
                if dead:
                    at_risk = [other for later, _, other in rows if later >= time]
                    weights = [math.exp(beta) if other == 0 else 1.0 for other in at_risk]
                    total += (beta if arm == 0 else 0.0) - math.log(sum(weights))
        return -total

    best = optimize.minimize_scalar(likelihood, bounds=(-3, 3), method="bounded").x
    found = hazard_ratio(arms[0], arms[1], strata=(labels[0], labels[1]))
    assert found.log_estimate == pytest.approx(best, abs=1e-4)
    assert found.log_estimate != pytest.approx(
        hazard_ratio(arms[0], arms[1]).log_estimate, abs=1e-3
    )


# --- laws ------------------------------------------------------------------------------------


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=30),
    st.lists(st.integers(0, 9), min_size=2, max_size=30),
)
def test_one_stratum_of_scores_is_the_comparison_without(a: list[int], b: list[int]) -> None:
    found = stratified_win_probability(a, b, ["one"] * len(a), ["one"] * len(b))
    plain = win_probability(a, b)
    assert found.estimate == pytest.approx(plain.estimate)
    if found.low is not None:
        assert (found.low, found.high) == pytest.approx((plain.low, plain.high))
    test = rank_test(a, b)
    assert (found.p_value is None) == (test.p_value is None)


def test_a_stratum_without_one_arm_is_left_out_and_counted() -> None:
    scores = stratified_win_probability([1.0, 2.0], [3.0], ["a", "a"], ["a"])
    assert (scores.estimate, scores.left_out) == (None, 1)


def test_strata_are_pooled_by_size_alone() -> None:
    first = ["site 1"] * 8 + ["site 2"] * 3 + ["site 3"] * 2
    second = ["site 1"] * 9 + ["site 2"] * 4 + ["site 3"] * 1
    found = pooled(first, second)
    assert (found.strata, found.pooled) == (2, 2)
    assert found.first is not None
    assert found.second is not None
    assert list(found.first) == ["site 1"] * 8 + [SMALL] * 5
    assert list(found.second) == ["site 1"] * 9 + [SMALL] * 5
    # A single small one has no other like it, and stays.
    assert pooled(["a"] * 9 + ["b"], ["a"] * 9).strata == 2
    # All small, or one: there is nothing to compare within.
    assert pooled(["a"] * 3 + ["b"] * 2, ["a"] * 2).first is None
    assert pooled(["a"] * 30, ["a"] * 30).first is None
    assert pooled([], []).first is None


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="label of one stratum"):
        stratified_win_probability([1.0], [2.0], [], ["a"])
    with pytest.raises(ValueError, match="label of one stratum"):
        hazard_ratio(([1.0], [True]), ([2.0], [True]), strata=([], ["a"]))
