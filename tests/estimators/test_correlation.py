"""The rank correlation against scipy's coefficient, a worked interval, and what always holds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from estimators.correlation import FEWEST, rank_correlation

PAIRS = st.lists(
    st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=FEWEST, max_size=30
)


def test_the_interval_is_that_of_its_formula() -> None:
    """r = 0.6 of ten pairs, by hand: z = 0.693147, its variance (1 + 0.18) / 7 = 0.168571."""
    first = list(range(1, 11))
    second = [1, 6, 3, 10, 2, 7, 4, 8, 5, 9]
    r = 1 - 6 * sum((x - y) ** 2 for x, y in zip(first, second, strict=True)) / (10 * 99)
    found = rank_correlation(first, second)
    assert found.estimate == pytest.approx(r)
    half = 1.959963985 * math.sqrt((1 + r * r / 2) / 7)
    assert found.low == pytest.approx(math.tanh(math.atanh(r) - half))
    assert found.high == pytest.approx(math.tanh(math.atanh(r) + half))


@given(PAIRS)
def test_it_is_the_coefficient_of_scipy_ties_included(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = rank_correlation(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found.estimate is None
        assert "same for everybody" in found.reason
        return
    assert found.estimate == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-9)
    if found.low is not None and found.high is not None and found.estimate is not None:
        assert -1 <= found.low <= found.estimate <= found.high <= 1
    else:
        assert abs(found.estimate or 0) == 1


@given(PAIRS)
def test_order_scale_and_exchange_change_nothing_and_a_turn_its_sign(
    pairs: list[tuple[int, int]],
) -> None:
    first, second = (np.array(values, dtype=float) for values in zip(*pairs, strict=True))
    found = rank_correlation(first, second)
    exchanged = rank_correlation(second[::-1], first[::-1] * 3 + 1)
    turned = rank_correlation(first, -second)
    if found.estimate is None:
        assert exchanged.estimate is None
        return
    assert exchanged.estimate == pytest.approx(found.estimate)
    assert turned.estimate == pytest.approx(-found.estimate)
    if found.low is not None:
        assert turned.high == pytest.approx(-found.low)


def test_its_interval_covers_what_is_true() -> None:
    """Of 400 samples of 30 pairs with a known correlation; nominal 95 %, chance gives ± 2.2 %."""
    generator = np.random.default_rng(20260101)
    pearson = 0.5
    true = 6 / math.pi * math.asin(pearson / 2)
    covered = 0
    for _ in range(400):
        x = generator.standard_normal(30)
        y = pearson * x + math.sqrt(1 - pearson**2) * generator.standard_normal(30)
        found = rank_correlation(x, y)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= true <= found.high
    assert 0.92 <= covered / 400 <= 0.985


def test_too_few_pairs_and_what_are_no_numbers_are_said() -> None:
    assert rank_correlation([1, 2], [3, 4]).reason == f"fewer than {FEWEST} pairs"
    assert rank_correlation([], []).n == 0
    with pytest.raises(ValueError, match="one length"):
        rank_correlation([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="Only numbers"):
        rank_correlation([1, 2, 3, 4, math.nan], [1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match="level"):
        rank_correlation([1, 2], [1, 2], level=95)
