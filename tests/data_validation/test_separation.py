"""The exact tests against scipy, against enumeration by brute force, and against hand counts."""

from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom, mannwhitneyu, rankdata

from data_validation.separation import (
    EXACT_UP_TO,
    Counts,
    Mask,
    Question,
    _by_normal_curve,
    _enumerated,
    can_come_out,
    examine,
    holm,
    least_attainable,
    levels_of,
    rank_sum,
    smallest_detectable,
)
from tests.conftest import examples


def asked(counts: list[int] | Counts, strata: list[int] | Counts | None = None) -> Question:
    numbers = np.asarray(counts, dtype=np.int64)
    groups = np.zeros_like(numbers) if strata is None else np.asarray(strata, dtype=np.int64)
    return Question(levels_of(numbers), groups)


def first(size: int, people: int) -> Mask:
    return np.arange(people) < size


def by_brute_force(counts: Counts, chosen: Mask, strata: Counts) -> tuple[float, float, float]:
    """Lower and upper tail of the observed rank sum, and twice the smallest tail there is."""
    ranks = rankdata(counts)
    sums = np.array(
        [
            sum(parts)
            for parts in product(
                *(
                    [
                        ranks[list(members)].sum()
                        for members in combinations(
                            np.flatnonzero(strata == stratum), int(chosen[strata == stratum].sum())
                        )
                    ]
                    for stratum in np.unique(strata)
                )
            )
        ]
    )
    observed = ranks[chosen].sum()
    lower, upper = (sums <= observed + 1e-9).mean(), (sums >= observed - 1e-9).mean()
    extremes = (sums <= sums.min() + 1e-9).mean(), (sums >= sums.max() - 1e-9).mean()
    return float(lower), float(upper), float(min(1, 2 * min(extremes)))


# One test


def test_the_lady_tasting_tea() -> None:
    """Fisher (1935): all four of four cups right has the probability 1/70, here twice."""
    assert rank_sum(asked([1, 1, 1, 1, 0, 0, 0, 0]), first(4, 8)) == pytest.approx(2 / 70)


@pytest.mark.parametrize(("having", "others"), [(10, 0), (12, 4), (3, 2), (0, 9), (30, 25)])
def test_presence_is_fishers_exact_test(having: int, others: int) -> None:
    counts = np.array([1] * having + [0] * (30 - having) + [1] * others + [0] * (25 - others))
    both = hypergeom(55, having + others, 30)
    expected = min(1.0, 2 * min(both.cdf(having), both.sf(having - 1)))
    assert rank_sum(asked(counts), first(30, 55)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_without_ties_it_is_the_exact_test_of_mann_and_whitney(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.permutation(40) + np.where(first(15, 40), 100 * seed, 0) % 7
    counts = rankdata(counts, method="ordinal")
    chosen = first(15, 40)
    expected = mannwhitneyu(counts[chosen], counts[~chosen], method="exact").pvalue
    assert rank_sum(asked(counts), chosen) == pytest.approx(float(expected))


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 2)), min_size=1, max_size=11
    )
)
@settings(max_examples=examples(80))
def test_ties_and_strata_by_brute_force(people: list[tuple[int, bool, int]]) -> None:
    counts, chosen, strata = (np.array(column) for column in zip(*people, strict=True))
    lower, upper, least = by_brute_force(counts, chosen, strata)
    p = rank_sum(asked(counts, strata), chosen)
    # Twice the tail on the side of the observed sum; both tails where it is as expected.
    assert min(abs(p - min(1, 2 * tail)) for tail in (lower, upper)) < 1e-9
    assert p >= min(1, 2 * min(lower, upper)) - 1e-9
    assert least_attainable(asked(counts, strata), chosen) == pytest.approx(least)
    assert p >= least - 1e-9


@pytest.mark.parametrize(
    ("counts", "strata"),
    [
        ([0, 0, 0, 0, 1, 1, 2, 5], [0] * 8),
        ([0, 0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1]),
        ([3, 1, 4, 1, 5, 9, 2, 6], [0, 0, 0, 0, 0, 1, 1, 1]),
    ],
)
def test_no_level_is_exceeded(counts: list[int], strata: list[int]) -> None:
    """Of all allocations, at most a share α has a p-value up to α: conservative at every α."""
    groups = np.array(strata)
    found = []
    for members in combinations(range(8), 4):
        chosen = np.isin(np.arange(8), members)
        if np.array_equal(np.bincount(groups[chosen], minlength=2)[:1], [np.sum(groups == 0) // 2]):
            found.append(rank_sum(asked(counts, strata), chosen))
    shares = np.array([np.mean(np.array(found) <= p + 1e-12) for p in found])
    assert np.all(shares <= np.array(found) + 1e-9)


def test_a_stratum_of_one_arm_says_nothing() -> None:
    question = asked([1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1])
    assert rank_sum(question, first(3, 6)) == 1.0
    assert least_attainable(question, first(3, 6)) == 1.0


def test_nobody_chosen_and_no_difference_say_nothing() -> None:
    assert rank_sum(asked([0, 1, 2]), first(0, 3)) == 1.0
    assert rank_sum(asked([0, 1, 2]), first(3, 3)) == 1.0
    assert rank_sum(asked([4, 4, 4]), first(1, 3)) == 1.0


def test_it_does_not_matter_which_of_two_arms_is_asked_nor_which_way_is_up() -> None:
    rng = np.random.default_rng(3)
    counts, strata = rng.integers(0, 9, 40), rng.integers(0, 4, 40)
    chosen = rng.random(40) < 0.4
    p = rank_sum(asked(counts, strata), chosen)
    assert rank_sum(asked(counts, strata), ~chosen) == pytest.approx(p)
    assert rank_sum(asked(counts.max() - counts, strata), chosen) == pytest.approx(p)


# Many participants


@pytest.mark.parametrize("shift", [2, 4, 10, 25])
def test_the_normal_curve_is_near_where_enumeration_ends(shift: int) -> None:
    rng = np.random.default_rng(shift)
    chosen = first(50, EXACT_UP_TO)
    counts = rng.integers(0, 60, EXACT_UP_TO) + np.where(chosen, shift, 0)
    question = asked(counts, rng.integers(0, 3, EXACT_UP_TO))
    exact = _enumerated(question.levels, chosen, question.strata)
    by_curve = _by_normal_curve(question, chosen, continuity=True)
    if exact > 1e-4:
        assert by_curve == pytest.approx(exact, rel=0.25)
    else:
        assert by_curve >= exact, "in the tail it is the larger, so it is conservative there"


def test_a_sparse_count_of_many_is_tested_exactly_as_having_it() -> None:
    """The normal curve would not do for few among many."""
    counts = np.zeros(2000, dtype=np.int64)
    counts[:12] = [1, 2, 3] * 4
    expected = 2 * hypergeom(2000, 12, 200).sf(11)
    assert rank_sum(asked(counts), first(200, 2000)) == pytest.approx(float(expected))


# Many tests


def test_holm_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_what_cannot_come_out_is_not_corrected_for() -> None:
    least = np.array([0.03, 0.001, 0.2, 0.03, 0.5])
    # Three could come out alone, but of two tests none but the second.
    assert can_come_out(least, 0.05).tolist() == [False, True, False, False, False]
    assert not can_come_out(np.array([0.3, 0.2]), 0.05).any()
    assert can_come_out(np.array([]), 0.05).tolist() == []


def test_every_arm_of_three_is_held_against_the_rest() -> None:
    arms = np.repeat([0, 1, 2], 12)
    of_the_last = (arms == 2).astype(np.int64)
    family = examine([asked(of_the_last), asked(np.arange(36) % 5)], arms, 0.05)
    assert [(item.question, item.arm) for item in family.significant] == [(0, 2), (0, 0), (0, 1)]
    assert family.significant[0].p == pytest.approx(2 / comb(36, 12))
    assert family.size == 6
    assert family.significant[0].adjusted == pytest.approx(6 * family.significant[0].p)


def test_one_arm_is_held_against_nothing() -> None:
    family = examine([asked([0, 1, 1])], np.zeros(3, dtype=np.int64), 0.05)
    assert (family.size, family.significant) == (0, ())


@pytest.mark.parametrize(("size", "tests", "expected"), [(30, 1, 6), (30, 60, 10), (5, 100, None)])
def test_the_smallest_detectable_difference(size: int, tests: int, expected: int | None) -> None:
    chosen = first(size, 2 * size)
    none = np.zeros(2 * size, dtype=np.int64)
    assert smallest_detectable(chosen, none, tests, 0.05) == expected
    attained = 2 * hypergeom(2 * size, np.arange(1, size + 1), size).pmf(np.arange(1, size + 1))
    enough = np.flatnonzero(attained <= 0.05 / tests)
    assert (int(enough[0]) + 1 if len(enough) else None) == expected


def test_with_strata_more_is_needed() -> None:
    chosen = np.arange(60) % 2 == 0
    together = smallest_detectable(chosen, np.zeros(60, dtype=np.int64), 60, 0.05)
    apart = smallest_detectable(chosen, np.arange(60) // 6, 60, 0.05)
    assert together is not None
    assert apart is not None
    assert apart > together
    assert smallest_detectable(chosen, np.arange(60), 60, 0.05) is None, "everybody is alone"


def test_a_number_without_bounds_costs_nothing() -> None:
    assert levels_of(np.array([5, 999_999_999, 5, 0])).tolist() == [1, 2, 1, 0]
