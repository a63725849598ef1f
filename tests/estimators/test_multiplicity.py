"""Adjusted p-values against R, published data, simulation, and the laws they must obey."""

import math
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from estimators.multiplicity import (
    benjamini_hochberg,
    double_false_discovery_rate,
    expected_by_chance,
    least_total,
)
from estimators.proportions import fisher_exact
from tests.conftest import examples

P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40)
GROUPED = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.sampled_from("abcde")), min_size=1, max_size=40
)
RATES = st.floats(0.01, 0.5)

# Mehrotra & Adewale 2012, example 4.1, as the R package MHTmult 0.1.0 has it: the p-values of 42
# terms in six body systems.
EXAMPLE = (
    (0.031, 0.023, 0.029, 0.005, 0.031, 0.000, 0.874, 0.399, 0.293, 0.077),
    (0.216, 0.843, 0.864),
    (1.0, 0.878, 0.766, 0.598, 0.011, 0.864),
    (0.889, 0.557, 0.767, 0.009, 0.644),
    (1.0, 0.583, 0.147, 0.789, 0.217, 1.0, 0.02, 0.784, 0.579, 0.439),
    (0.898, 0.619, 0.193, 0.806, 0.611, 0.526, 0.702, 0.196),
)
EXAMPLE_P = [p for system in EXAMPLE for p in system]
EXAMPLE_SYSTEM = [number for number, system in enumerate(EXAMPLE) for _ in system]


# --- Benjamini and Hochberg -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "adjusted"),
    # p.adjust of R 4.2.2.
    [
        ([0.01, 0.02, 0.03, 0.04, 0.05, 0.5, 0.9], [0.07] * 5 + [0.583333333333, 0.9]),
        ([0.04, 0.001, 0.2, 0.04, 0.03], [0.05, 0.005, 0.2, 0.05, 0.05]),
        ([0.3], [0.3]),
        ([], []),
    ],
)
def test_benjamini_hochberg_as_in_p_adjust_of_r(p: list[float], adjusted: list[float]) -> None:
    assert benjamini_hochberg(p).tolist() == pytest.approx(adjusted, rel=1e-10)


@settings(deadline=None, max_examples=examples(50))
@given(P_VALUES)
def test_benjamini_hochberg_is_that_of_scipy_stats(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), rel=1e-12)


@settings(deadline=None, max_examples=examples(50))
@given(P_VALUES, RATES)
def test_what_is_marked_at_a_rate_is_what_the_step_up_procedure_rejects(
    p: list[float], rate: float
) -> None:
    """Benjamini & Hochberg 1995 as printed: the largest i with p(i) <= i q / m, and all below."""
    ascending, m = sorted(p), len(p)
    # Off the boundary, where products and quotients round apart.
    passing = [i for i, value in enumerate(ascending, 1) if value <= i * rate / m * (1 + 1e-12)]
    threshold = ascending[passing[-1] - 1] if passing else -1.0
    marked = benjamini_hochberg(p) <= rate * (1 + 1e-12)
    assert marked.tolist() == [value <= threshold for value in p]


@settings(deadline=None, max_examples=examples(50))
@given(P_VALUES, st.randoms(use_true_random=False))
def test_adjusting_keeps_the_order_only_raises_and_does_not_see_the_sequence(
    p: list[float], random: Random
) -> None:
    adjusted = benjamini_hochberg(p)
    assert np.all((adjusted >= np.array(p)) & (adjusted <= 1.0))
    assert np.all(np.diff(adjusted[np.argsort(p)]) >= 0.0)
    places = list(range(len(p)))
    random.shuffle(places)
    assert benjamini_hochberg([p[place] for place in places]).tolist() == [
        adjusted[place] for place in places
    ]


def test_a_missing_p_value_stays_missing_and_is_not_counted() -> None:
    adjusted = benjamini_hochberg([math.nan, 0.04, 0.01, math.nan])
    assert adjusted == pytest.approx([math.nan, 0.04, 0.02, math.nan], nan_ok=True)


# --- double false discovery rate ------------------------------------------------------------


def test_the_example_of_mehrotra_and_adewale_2012() -> None:
    found = double_false_discovery_rate(EXAMPLE_P, EXAMPLE_SYSTEM)
    # p.adjust of R 4.2.2 in each system, then of the smallest adjusted of each.
    first = [0.0516666666667] * 3 + [0.025, 0.0516666666667, 0.0]
    first += [0.874, 0.443333333333, 0.36625, 0.11]
    assert found.within[:10] == pytest.approx(first, rel=1e-10)
    systems = dict(zip(EXAMPLE_SYSTEM, found.groups.tolist(), strict=True))
    assert list(systems.values()) == pytest.approx([0.0, 0.7776, 0.132, 0.132, 0.3, 0.784])
    # Marked at 10 %: six terms of the first system. Among all 42 at once only one would be, and
    # the smallest unadjusted p-value for a system (2004) would mark one more in each of two.
    assert np.flatnonzero(found.both <= 0.10).tolist() == [0, 1, 2, 3, 4, 5]
    assert np.flatnonzero(benjamini_hochberg(EXAMPLE_P) <= 0.10).tolist() == [5]


@settings(deadline=None, max_examples=examples(50))
@given(GROUPED, RATES)
def test_what_is_marked_stands_out_in_a_group_that_stands_out(
    terms: list[tuple[float, str]], rate: float
) -> None:
    """The two steps one after the other, with another library's adjustment."""
    found = double_false_discovery_rate(*zip(*terms, strict=True))
    names = sorted({name for _, name in terms})
    within = {
        name: stats.false_discovery_control([p for p, other in terms if other == name])
        for name in names
    }
    groups = stats.false_discovery_control([within[name].min() for name in names])
    standing_out = {name for name, p in zip(names, groups, strict=True) if p <= rate}
    following = {name: iter(within[name]) for name in names}
    expected = [next(following[name]) <= rate and name in standing_out for _, name in terms]
    near = np.isclose(found.both, rate, rtol=1e-9, atol=0.0)
    assert np.all(((found.both <= rate) == np.array(expected)) | near)


@settings(deadline=None, max_examples=examples(50))
@given(GROUPED, st.randoms(use_true_random=False))
def test_the_larger_of_both_counts_and_the_sequence_of_the_terms_does_not(
    terms: list[tuple[float, str]], random: Random
) -> None:
    found = double_false_discovery_rate(*zip(*terms, strict=True))
    assert found.both.tolist() == np.maximum(found.within, found.groups).tolist()
    places = list(range(len(terms)))
    random.shuffle(places)
    shuffled = double_false_discovery_rate(*zip(*(terms[i] for i in places), strict=True))
    assert shuffled.both.tolist() == [found.both[i] for i in places]
    assert shuffled.groups.tolist() == [found.groups[i] for i in places]


@settings(deadline=None, max_examples=examples(50))
@given(P_VALUES)
def test_with_one_group_or_with_one_term_a_group_it_is_benjamini_hochberg(p: list[float]) -> None:
    adjusted = benjamini_hochberg(p)
    assert double_false_discovery_rate(p, ["all"] * len(p)).both.tolist() == adjusted.tolist()
    assert double_false_discovery_rate(p, range(len(p))).both.tolist() == adjusted.tolist()


def test_with_nothing_there_something_is_marked_as_rarely_as_the_rate_says() -> None:
    generator = np.random.default_rng(20230930)
    groups = np.repeat(np.arange(20), np.arange(1, 21))
    trials = [
        double_false_discovery_rate(generator.random(groups.size), groups).both.min() <= 0.10
        for _ in range(400)
    ]
    # Three standard errors of 10 % in 400 are 4.5 %.
    assert np.mean(trials) == pytest.approx(0.10, abs=0.045)


# A warning would stand in the log of whoever opens the page.
@pytest.mark.filterwarnings("error")
def test_terms_without_a_p_value_or_without_a_group_disturb_no_other() -> None:
    found = double_false_discovery_rate(
        [0.01, math.nan, 0.03, math.nan, 0.2], ["a", "a", "a", "b", None]
    )
    # Within "a" two count; of the groups "a" (.02) and the one without a name (.2).
    assert found.within == pytest.approx([0.02, math.nan, 0.03, math.nan, 0.2], nan_ok=True)
    assert found.groups == pytest.approx([0.04, math.nan, 0.04, math.nan, 0.2], nan_ok=True)
    assert found.both == pytest.approx([0.04, math.nan, 0.04, math.nan, 0.2], nan_ok=True)
    assert double_false_discovery_rate([], []).both.shape == (0,)


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [-0.001, 1.001, 5.0, math.inf])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="A p-value must lie between 0 and 1, but one is"):
        benjamini_hochberg([0.5, wrong])
    with pytest.raises(ValueError, match="A p-value must lie between 0 and 1, but one is"):
        double_false_discovery_rate([0.5, wrong], ["a", "a"])


@pytest.mark.parametrize("p", [0.5, [[0.5, 0.2]]])
def test_p_values_that_are_no_list_are_refused(p: ArrayLike) -> None:
    with pytest.raises(ValueError, match="must be a one-dimensional array"):
        benjamini_hochberg(p)


@pytest.mark.parametrize("groups", [["a"], ["a", "b", "c"], "a"])
def test_terms_and_groups_that_do_not_pair_are_refused(groups: str | Sequence[str]) -> None:
    with pytest.raises(ValueError, match="Every p-value needs one group, but there are 2"):
        double_false_discovery_rate([0.5, 0.2], groups)


# --- what chance can bring ------------------------------------------------------------------

ARMS = st.integers(1, 40)


@pytest.mark.parametrize(("first", "second", "expected"), [(84, 86, 4), (30, 30, 5), (60, 30, 3)])
def test_from_how_many_on_a_term_can_be_marked(first: int, second: int, expected: int) -> None:
    """R's fisher.test of every split of 2, 3, … participants."""
    assert least_total(first, second, 0.10) == expected


@given(ARMS, ARMS, st.floats(0.01, 0.9))
def test_with_fewer_no_split_is_so_uneven(first: int, second: int, p: float) -> None:
    def least_p(total: int) -> float:
        mine = np.arange(max(0, total - second), min(total, first) + 1)
        return float(fisher_exact(mine, first, total - mine, second).min())

    least = least_total(first, second, p)
    assert least == first + second + 1 or least_p(least) <= p
    assert all(least_p(total) > p for total in range(1, min(least, first + second)))


@settings(max_examples=examples(30))
@given(st.lists(st.integers(0, 12), max_size=5), st.integers(6, 20), st.integers(6, 20))
def test_what_chance_would_bring_is_that_of_every_split(
    totals: list[int], first: int, second: int
) -> None:
    p = 0.2
    expected = 0.0
    for total in totals:
        mine = np.arange(max(0, total - second), min(total, first) + 1)
        as_small = fisher_exact(mine, first, total - mine, second) <= p
        expected += float(stats.hypergeom.pmf(mine[as_small], first + second, first, total).sum())
    assert expected_by_chance(p, totals, first, second) == pytest.approx(expected)
    # Never more than p of each, and less of rare ones.
    assert expected_by_chance(p, totals, first, second) <= p * len(totals) + 1e-9


def test_wrong_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="participant"):
        least_total(0, 5, 0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        least_total(5, 5, 1.0)
    # Of two arms of two nothing can be so uneven; no page may end for that.
    assert least_total(2, 2, 0.1) == 5
    with pytest.raises(ValueError, match="More participants"):
        expected_by_chance(0.1, [11], 5, 5)
