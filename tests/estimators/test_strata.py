"""Comparisons within strata against R and values worked out apart, and the laws they must obey."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize  # type: ignore[import-untyped, unused-ignore]

from estimators.hazards import hazard_ratio
from estimators.proportions import miettinen_nurminen
from estimators.ranks import rank_test, win_probability
from estimators.strata import (
    SMALL,
    pooled,
    stratified_difference,
    stratified_win_probability,
)

# Admissions to Berkeley in 1973 by department: men, then women (Bickel, Hammel & O'Connell,
# Science 1975; 187: 398-404); R's UCBAdmissions.
MEN = ([512, 353, 120, 138, 53, 22], [825, 560, 325, 417, 191, 373])
WOMEN = ([89, 17, 202, 131, 94, 24], [108, 25, 593, 375, 393, 341])


# --- values ----------------------------------------------------------------------------------
#
# R 4.2, the restricted likelihood maximized numerically and the score statistic solved by uniroot.


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (
            ([3, 4, 5], [10, 12, 8], [1, 2, 2], [11, 10, 9]),
            (0.2363618, 0.0065028, 0.4506191),
        ),
        ((*MEN, *WOMEN), (-0.0184252, -0.0474560, 0.0108901)),
        (([56], [70], [48], [80]), (0.2, 0.0528, 0.3382)),
    ],
)
def test_differences_within_strata_as_in_r(
    counts: tuple[list[int], list[int], list[int], list[int]], expected: tuple[float, ...]
) -> None:
    found = stratified_difference(*counts)
    tolerance = 5e-5 if len(counts[0]) == 1 else 1e-7
    assert (found.estimate, found.low, found.high) == pytest.approx(expected, abs=tolerance)
    assert (found.strata, found.left_out) == (len(counts[0]), 0)


def test_departments_turn_the_comparison_round() -> None:
    crude = miettinen_nurminen(*(sum(counts) for counts in (*MEN, *WOMEN)))
    assert float(crude.low) > 0.1
    within = stratified_difference(*MEN, *WOMEN)
    assert within.high is not None
    assert within.high < 0.011


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

counts = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)).map(
        lambda four: (min(four[:2]), max(four[:2]), min(four[2:]), max(four[2:]))
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(counts)
def test_a_difference_lies_within_its_limits_and_turns_over_with_the_arms(
    strata: list[tuple[int, int, int, int]],
) -> None:
    x1, n1, x2, n2 = (list(column) for column in zip(*strata, strict=True))
    found = stratified_difference(x1, n1, x2, n2)
    turned = stratified_difference(x2, n2, x1, n1)
    assert found.strata + found.left_out == len(strata)
    if found.estimate is None or found.low is None or found.high is None:
        assert found.strata == 0
        assert found.reason is not None
        return
    assert -1 <= found.low <= found.estimate <= found.high <= 1
    assert (turned.estimate, turned.low, turned.high) == pytest.approx(
        (-found.estimate, -found.high, -found.low), abs=1e-9
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 12).flatmap(lambda x: st.tuples(st.just(x), st.integers(max(x, 1), 14))),
    st.integers(0, 12).flatmap(lambda x: st.tuples(st.just(x), st.integers(max(x, 1), 14))),
)
def test_one_stratum_is_the_comparison_without(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    found = stratified_difference([first[0]], [first[1]], [second[0]], [second[1]])
    plain = miettinen_nurminen(*first, *second)
    assert (found.estimate, found.low, found.high) == pytest.approx(
        (float(plain.estimate), float(plain.low), float(plain.high)), abs=1e-9
    )


@settings(max_examples=40, deadline=None)
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
    found = stratified_difference([3, 0, 2], [10, 0, 4], [1, 2, 0], [11, 5, 0])
    assert (found.strata, found.left_out) == (1, 2)
    plain = miettinen_nurminen(3, 10, 1, 11)
    assert found.estimate == pytest.approx(float(plain.estimate))
    none = stratified_difference([0], [0], [1], [4])
    assert none.estimate is None
    assert none.reason is not None
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
