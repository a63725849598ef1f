"""Ranks against brute force, R, simulation, and the laws they must obey."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from estimators.ranks import rank_test, win_probability
from tests.conftest import examples

SCORES = st.lists(st.integers(-5, 5), min_size=2, max_size=12)


def won(first: list[int], second: list[int]) -> float:
    pairs = [1.0 if x > y else 0.5 if x == y else 0.0 for x in first for y in second]
    return sum(pairs) / len(pairs)


@given(SCORES, SCORES)
def test_the_win_probability_is_the_share_of_pairs_within_its_limits(
    first: list[int], second: list[int]
) -> None:
    found = win_probability(first, second)
    assert found.estimate == pytest.approx(won(first, second), abs=1e-12)
    if found.reason is None:
        assert found.estimate is not None
        assert found.low is not None
        assert found.high is not None
        assert 0.0 <= found.low <= found.estimate <= found.high <= 1.0
    else:
        assert len({*first, *second}) == 1


@given(SCORES, SCORES)
def test_swapped_groups_mirror_and_order_and_scale_do_not_matter(
    first: list[int], second: list[int]
) -> None:
    found, mirror = win_probability(first, second), win_probability(second, first)
    moved = win_probability(sorted(math.exp(x) for x in first), [math.exp(y) for y in second])
    assert moved.estimate == pytest.approx(found.estimate, abs=1e-12)
    if found.low is None or mirror.high is None or moved.low is None:
        assert found.reason
        assert mirror.reason
        assert moved.reason
    else:
        assert found.low == pytest.approx(1.0 - mirror.high, abs=1e-12)
        assert moved.low == pytest.approx(found.low, abs=1e-9)


@settings(max_examples=examples(40))
@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=5),
    st.lists(st.integers(0, 4), min_size=2, max_size=4),
)
def test_the_rank_test_counts_every_allocation(first: list[int], second: list[int]) -> None:
    found, pooled = rank_test(first, second), [*first, *second]
    if len(set(pooled)) == 1:
        assert (found.p_value, found.reason) == (None, "All scores are equal.")
        return
    as_far, all_of_them = 0, 0
    for chosen in combinations(range(len(pooled)), len(first)):
        rest = [pooled[i] for i in range(len(pooled)) if i not in chosen]
        far = abs(won([pooled[i] for i in chosen], rest) - 0.5)
        as_far += far >= abs(won(first, second) - 0.5) - 1e-12
        all_of_them += 1
    assert found.exact
    assert found.p_value == pytest.approx(as_far / all_of_them, abs=1e-12)


def test_many_participants_as_in_r() -> None:
    # wilcox.test of R 4.2.2, exact = FALSE, correct = FALSE.
    first = [i % 11 + i % 3 for i in range(1, 71)]
    found = rank_test(first, [i % 11 for i in range(1, 61)])
    assert not found.exact
    assert found.p_value == pytest.approx(0.086195370046, abs=1e-10)


def test_all_of_one_group_above_all_of_the_other_has_the_limit_of_won_pairs() -> None:
    found = win_probability(range(30, 60), range(30))
    # 30 of 30 by binom.test of R has the lower limit 0.884296691702 (1 - 0.115703308298).
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 30), abs=1e-12)


def test_without_scores_there_is_a_reason_and_a_missing_score_is_refused() -> None:
    assert win_probability([], [1.0]).reason == "A group has no scores."
    assert rank_test([], [1.0]).reason == "A group has no scores."
    assert win_probability([1.0], [1.0]).low is None
    for function in (win_probability, rank_test):
        with pytest.raises(ValueError, match="missing"):
            function([1.0, math.nan], [1.0])


def drawn(dice: np.random.Generator, shift: float, death: float) -> NDArray[np.float64]:
    """A composite: death and support are ties, the rest is continuous."""
    scores = dice.normal(shift, 1.0, 30)
    scores[dice.random(30) < death] = -math.inf
    return scores


@pytest.mark.parametrize(("shift", "death"), [(0.0, 0.0), (0.0, 0.3), (1.5, 0.1), (2.5, 0.0)])
def test_limits_cover_at_30_an_arm(shift: float, death: float) -> None:
    dice = np.random.default_rng(20260101)
    alive = 0.5 * (1.0 + math.erf(shift / 2.0))
    # Dead in the second group only, in both (half), in none.
    truth = death * (1 - death) + death**2 / 2 + (1 - death) ** 2 * alive
    runs = 1500
    covered = 0
    for _ in range(runs):
        found = win_probability(drawn(dice, shift, death), drawn(dice, 0.0, death))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high
    # Three standard errors of 1500 runs are 1.7 points; more than 95 % is no harm.
    assert covered / runs > 0.93
