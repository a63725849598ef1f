"""Balance against values derived by hand, exact rational algebra, scipy.stats and simulation."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from estimators.balance import (
    BinarySummary,
    ContinuousSummary,
    StandardizedDifference,
    allocation_envelope,
    binary_difference,
    categorical_difference,
    chance_band,
    continuous_difference,
    continuous_difference_of_summaries,
    largest_pairwise,
    probability_beyond,
    summarize,
)

VALUES = st.lists(
    st.one_of(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), st.just(math.nan)), max_size=20
)
COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 60), max_size=6)


@st.composite
def proportions(draw: st.DrawFn) -> BinarySummary:
    n = draw(st.integers(0, 200))
    return BinarySummary(draw(st.integers(0, n)), n)


# --- continuous covariates ------------------------------------------------------------------


def test_continuous_difference_derived_by_hand() -> None:
    # 1..5: mean 3, squared deviations 4+1+0+1+4 = 10, variance 10/4 = 2.5.
    # 2, 4, 6: mean 4, squared deviations 4+0+4 = 8, variance 8/2 = 4.
    # Pooled sqrt((2.5 + 4) / 2) = sqrt(3.25); (3 - 4) / sqrt(3.25) = -0.5547002.
    found = continuous_difference([1, 2, 3, 4, 5], [2, 4, 6])
    assert found.value == pytest.approx(-0.5547002, abs=5e-8)
    assert (found.n1, found.n2, found.reason) == (5, 3, None)


def test_missing_values_are_not_counted() -> None:
    complete = continuous_difference([1, 2, 3, 4, 5], [2, 4, 6])
    assert continuous_difference([1, math.nan, 2, 3, 4, 5, None], [None, 2, 4, 6]) == complete


def test_pooling_does_not_weight_by_the_number_of_values() -> None:
    # Austin 2009: sqrt((3**2 + 4**2) / 2) = sqrt(12.5) whatever the n; weighting would give 3.04.
    found = continuous_difference_of_summaries(
        ContinuousSummary(52.0, 3.0, 1000), ContinuousSummary(50.0, 4.0, 20)
    )
    assert found.value == pytest.approx(2 / math.sqrt(12.5))
    assert (found.n1, found.n2) == (1000, 20)


@settings(deadline=None)
@given(VALUES)
def test_a_summary_is_numpys_mean_and_standard_deviation_of_what_is_present(
    values: list[float],
) -> None:
    present = [value for value in values if not math.isnan(value)]
    found = summarize(values)
    assert found.n == len(present)
    if present:
        assert found.mean == pytest.approx(np.mean(present), rel=1e-9, abs=1e-6)
    else:
        assert found.mean is None
    if len(present) > 1:
        assert found.sd == pytest.approx(np.std(present, ddof=1), rel=1e-9, abs=1e-6)
    else:
        assert found.sd is None


@settings(deadline=None)
@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_the_values_changes_not_one_bit(values: list[float], random: Random) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    assert summarize(shuffled) == summarize(values)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_swapping_the_groups_changes_the_sign(first: list[float], second: list[float]) -> None:
    found, swapped = continuous_difference(first, second), continuous_difference(second, first)
    assert (swapped.n1, swapped.n2, swapped.reason) == (found.n2, found.n1, found.reason)
    if found.value is None:
        assert swapped.value is None
    else:
        assert swapped.value == -found.value


@settings(deadline=None)
@given(
    st.lists(st.integers(-50, 50), min_size=2, max_size=20),
    st.lists(st.integers(-50, 50), min_size=2, max_size=20),
    st.sampled_from([0.5, 2.0, 64.0]),
    st.integers(-1000, 1000),
)
def test_the_unit_of_the_covariate_does_not_matter(
    first: list[int], second: list[int], scale: float, shift: int
) -> None:
    found = continuous_difference(first, second)
    other = continuous_difference(
        [scale * x + shift for x in first], [scale * x + shift for x in second]
    )
    if found.value is None:
        assert other == found
    else:
        assert other.value == pytest.approx(found.value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.1, 7.3, -1e9])
def test_no_variation_and_equal_means_is_no_difference(constant: float) -> None:
    # Three and seven times 0.1 have means and standard deviations that differ by rounding.
    assert continuous_difference([constant] * 3, [constant] * 7) == StandardizedDifference(
        0.0, 3, 7
    )


def test_no_variation_and_different_means_is_undefined_with_its_reason() -> None:
    found = continuous_difference([0.1] * 3, [0.2] * 7)
    assert found.value is None
    assert found.reason == "Neither group varies and their means differ: no standard deviation."


def test_variation_in_one_group_is_enough() -> None:
    # Variances 0 and 2: sqrt(1) = 1; means 3 and 2.
    assert continuous_difference([3, 3, 3], [1, 3]).value == pytest.approx(1.0)


def test_small_variation_around_a_large_mean_is_variation() -> None:
    # A spread of 1e-11 of the mean is not taken for rounding. Variances 2e-12 each, means 1e-6
    # apart: 1e-6 / sqrt(2e-12), to the digits that values near 1e5 leave.
    found = continuous_difference([1e5, 1e5 + 2e-6], [1e5 + 1e-6, 1e5 + 3e-6])
    assert found.value == pytest.approx(-1 / math.sqrt(2), rel=1e-3)


@pytest.mark.parametrize(
    ("first", "second", "n1", "n2"),
    [
        ([], [1.0, 2.0], 0, 2),
        ([math.nan], [1.0, 2.0], 0, 2),
        ([1.0, 2.0], [], 2, 0),
        ([], [], 0, 0),
    ],
)
def test_a_group_without_values_leaves_the_difference_undefined(
    first: list[float], second: list[float], n1: int, n2: int
) -> None:
    assert continuous_difference(first, second) == StandardizedDifference(
        None, n1, n2, "A group has no values."
    )


def test_a_single_value_has_no_standard_deviation() -> None:
    found = continuous_difference([1.0], [1.0, 2.0])
    assert (found.value, found.n1, found.n2) == (None, 1, 2)
    assert found.reason == "A group has a single value, so its standard deviation is undefined."


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e200])
def test_an_infinite_or_unsquarable_value_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite and at most 1e\\+150 in size, but one is"):
        summarize([1.0, value])


def test_values_in_two_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="one-dimensional array, but have 2 dimensions"):
        summarize([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("mean", "sd", "n", "sentence"),
    [
        (None, None, 3, "A summary of 3 values must have a mean, but its mean is None"),
        (1.0, None, 0, "A summary of 0 values must not have a mean, but its mean is 1.0"),
        (1.0, None, 2, "A summary of 2 values must have a standard deviation"),
        (1.0, 0.0, 1, "A summary of 1 values must not have a standard deviation"),
        (math.nan, 1.0, 5, "The mean of a summary must be finite, but is nan"),
        (1.0, -1.0, 5, "The standard deviation of a summary must be a finite number of at least 0"),
        (1.0, math.nan, 5, "The standard deviation of a summary must be a finite number"),
        (1.0, 1.0, -1, "The number of values in a summary must be at least 0"),
    ],
)
def test_a_summary_that_contradicts_itself_is_refused(
    mean: float | None, sd: float | None, n: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        ContinuousSummary(mean, sd, n)


# --- binary covariates ----------------------------------------------------------------------


def test_binary_difference_derived_by_hand() -> None:
    # p = .3 and .5: variances .21 and .25, mean .23; (.3 - .5) / sqrt(.23) = -0.4170288.
    found = binary_difference(BinarySummary(3, 10), BinarySummary(10, 20))
    assert found.value == pytest.approx(-0.4170288, abs=5e-8)
    assert (found.n1, found.n2, found.reason) == (10, 20, None)


def test_a_rare_characteristic_derived_by_hand() -> None:
    # 5/30 v 0/30: variances 5/36 and 0; (1/6) / sqrt(5/72) = sqrt(72/180) = sqrt(.4).
    found = binary_difference(BinarySummary(5, 30), BinarySummary(0, 30))
    assert found.value == pytest.approx(math.sqrt(0.4))


@pytest.mark.parametrize("count", [0, 1])
def test_all_or_none_in_both_groups_is_no_difference(count: int) -> None:
    assert binary_difference(
        BinarySummary(10 * count, 10), BinarySummary(7 * count, 7)
    ) == StandardizedDifference(0.0, 10, 7)


def test_all_against_none_is_undefined_with_its_reason() -> None:
    found = binary_difference(BinarySummary(10, 10), BinarySummary(0, 7))
    assert (found.value, found.n1, found.n2) == (None, 10, 7)
    assert found.reason == "All of one group and none of the other: no standard deviation."


def test_a_binary_group_without_values_is_undefined() -> None:
    assert binary_difference(BinarySummary(0, 0), BinarySummary(3, 7)) == StandardizedDifference(
        None, 0, 7, "A group has no values."
    )


@pytest.mark.parametrize(("count", "n"), [(4, 3), (-1, 3), (0, -1)])
def test_a_proportion_that_cannot_be_is_refused(count: int, n: int) -> None:
    with pytest.raises(ValueError, match=r"must be at least 0|cannot exceed its denominator"):
        BinarySummary(count, n)


# --- categorical covariates -----------------------------------------------------------------


def exact_distance_squared(first: Sequence[int], second: Sequence[int], left_out: int) -> Fraction:
    """Yang & Dalton 2012 as printed, in rational numbers: one level left out, S by its entries
    (1/2)(p1k(1-p1k) + p2k(1-p2k)) and -(1/2)(p1k p1l + p2k p2l), S x = d by elimination."""
    p1 = [Fraction(x, sum(first)) for x in first]
    p2 = [Fraction(x, sum(second)) for x in second]
    kept = [k for k in range(len(first)) if k != left_out]
    rows = [
        [
            (p1[k] * (1 - p1[k]) + p2[k] * (1 - p2[k])) / 2
            if k == m
            else -(p1[k] * p1[m] + p2[k] * p2[m]) / 2
            for m in kept
        ]
        + [p1[k] - p2[k]]
        for k in kept
    ]
    size = len(kept)
    for i in range(size):
        pivot = next(r for r in range(i, size) if rows[r][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for r in range(size):
            if r != i:
                rows[r] = [x - rows[r][i] * y for x, y in zip(rows[r], rows[i], strict=True)]
    return sum(((p1[k] - p2[k]) * rows[i][-1] for i, k in enumerate(kept)), Fraction(0))


def test_categorical_difference_of_three_levels_derived_by_hand() -> None:
    # p1 = (.5, .3, .2), p2 = (.3, .3, .4). Leaving the third level out, d = (.2, 0) and
    # S = [[(.25 + .21)/2, -(.15 + .09)/2], [., (.21 + .21)/2]] = [[.23, -.12], [-.12, .21]],
    # det S = .0483 - .0144 = .0339, (S^-1)11 = .21/.0339, D^2 = .04 * .21/.0339 = .2477876.
    found = categorical_difference({"a": 5, "b": 3, "c": 2}, {"a": 3, "b": 3, "c": 4})
    assert found.value == pytest.approx(math.sqrt(0.04 * 0.21 / 0.0339), rel=1e-12)
    assert found.value == pytest.approx(0.4977827, abs=5e-8)
    assert (found.n1, found.n2, found.degrees_of_freedom) == (10, 10, 2)


def test_a_level_empty_in_one_group_derived_by_hand() -> None:
    # p1 = (.5, .5, 0), p2 = (.5, 0, .5). Leaving the first level out, d = (.5, -.5) and
    # S = [[.125, 0], [0, .125]], so D^2 = 2 * .25/.125 = 4.
    found = categorical_difference({"a": 4, "b": 4}, {"a": 3, "c": 3})
    assert found.value == pytest.approx(2.0, rel=1e-12)
    assert (found.n1, found.n2, found.degrees_of_freedom) == (8, 6, 2)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=6).filter(
        lambda pairs: any(a > 0 and b > 0 for a, b in pairs) and all(a + b > 0 for a, b in pairs)
    )
)
def test_whichever_level_is_left_out_the_printed_formula_gives_this_distance(
    pairs: list[tuple[int, int]],
) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    found = categorical_difference(dict(enumerate(first)), dict(enumerate(second)))
    assert found.value is not None
    for left_out in range(len(pairs)):
        exact = float(exact_distance_squared(first, second, left_out))
        assert found.value == pytest.approx(math.sqrt(exact), rel=1e-7, abs=1e-7)


@settings(deadline=None)
@given(proportions(), proportions())
def test_with_two_levels_the_distance_is_the_binary_difference_without_sign(
    first: BinarySummary, second: BinarySummary
) -> None:
    binary = binary_difference(first, second)
    found = categorical_difference(
        {"yes": first.count, "no": first.n - first.count},
        {"yes": second.count, "no": second.n - second.count},
    )
    assert (found.n1, found.n2, found.degrees_of_freedom) == (first.n, second.n, 1)
    if binary.value is None:
        assert found.value is None
    else:
        assert found.value == pytest.approx(abs(binary.value), rel=1e-7, abs=1e-7)


@settings(deadline=None)
@given(COUNTS, COUNTS, st.integers(0, 9), st.integers(0, 9))
def test_levels_empty_in_both_groups_and_missing_values_change_nothing(
    first: dict[str, int], second: dict[str, int], missing: int, other_missing: int
) -> None:
    found = categorical_difference(first, second)
    padded: dict[str | None, int] = {"z": 0, None: missing}
    padded.update(first)
    other: dict[str | None, int] = {None: other_missing}
    other.update(second)
    assert categorical_difference(padded, other) == found
    assert found.n1 == sum(first.values())
    assert found.n2 == sum(second.values())


@settings(deadline=None)
@given(COUNTS, st.integers(1, 5))
def test_equal_proportions_are_no_distance(counts: dict[str, int], factor: int) -> None:
    multiple = {level: factor * count for level, count in counts.items()}
    found = categorical_difference(counts, multiple)
    if sum(counts.values()) == 0:
        assert (found.value, found.reason) == (None, "A group has no values.")
    else:
        assert found.value == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 10}, {"b": 10}),
        # A pseudo-inverse alone would call these finite: it drops the direction that parts them.
        ({"a": 5, "b": 5}, {"c": 3, "d": 7}),
        ({"a": 5, "b": 5}, {"c": 4}),
    ],
)
def test_groups_without_a_common_level_are_undefined_with_their_reason(
    first: dict[str, int], second: dict[str, int]
) -> None:
    found = categorical_difference(first, second)
    assert found.value is None
    assert found.reason == "The groups have no level in common."
    assert (found.n1, found.n2) == (sum(first.values()), sum(second.values()))


def test_one_level_for_everybody_is_no_distance() -> None:
    assert categorical_difference({"a": 10}, {"a": 4, "b": 0}) == StandardizedDifference(0.0, 10, 4)


def test_a_negative_or_broken_count_is_refused_with_its_level() -> None:
    with pytest.raises(ValueError, match="The count of level 'b' must be at least 0, but is -1"):
        categorical_difference({"a": 1, "b": -1}, {"a": 1})
    with pytest.raises(ValueError, match="The count of level 'a' must be a whole number"):
        categorical_difference({"a": 1.5}, {"a": 1})  # type: ignore[dict-item]


# --- more than two groups -------------------------------------------------------------------


def test_the_largest_pair_of_three_arms_keeps_its_sign_and_position() -> None:
    # With standard deviation 1 everywhere the differences are 1 (0, 1), -2 (0, 2), -3 (1, 2).
    arms = [ContinuousSummary(mean, 1.0, n) for mean, n in ((1.0, 86), (0.0, 84), (3.0, 80))]
    found = largest_pairwise(arms, continuous_difference_of_summaries)
    assert found.value == pytest.approx(-3.0)
    assert found.pair == (1, 2)
    assert (found.n1, found.n2, found.reason) == (84, 80, None)


@settings(deadline=None)
@given(st.lists(proportions(), min_size=2, max_size=5))
def test_no_pair_is_larger_than_the_largest(arms: list[BinarySummary]) -> None:
    found = largest_pairwise(arms, binary_difference)
    compared = {
        (i, j): binary_difference(arms[i], arms[j])
        for j in range(len(arms))
        for i in range(j)
        if arms[i].n > 0 and arms[j].n > 0
    }
    if not compared:
        assert (found.value, found.pair) == (None, None)
        assert found.reason == "Fewer than two groups have values."
        return
    assert found.pair is not None
    named = compared[found.pair]
    assert (found.value, found.n1, found.n2, found.reason) == (
        named.value,
        named.n1,
        named.n2,
        named.reason,
    )
    if found.value is None:
        assert any(pair.value is None for pair in compared.values())
    else:
        assert all(
            pair.value is not None and abs(pair.value) <= abs(found.value)
            for pair in compared.values()
        )


def test_an_undefined_pair_is_named_because_it_may_be_the_largest() -> None:
    arms = [BinarySummary(0, 10), BinarySummary(5, 10), BinarySummary(10, 10)]
    found = largest_pairwise(arms, binary_difference)
    assert (found.value, found.pair, found.n1, found.n2) == (None, (0, 2), 10, 10)
    assert found.reason == "All of one group and none of the other: no standard deviation."


def test_an_arm_without_values_is_left_out_of_the_pairs() -> None:
    arms: list[list[float]] = [[1.0, 2.0, 3.0], [], [2.0, 3.0, 4.0]]
    found = largest_pairwise(arms, continuous_difference)
    assert found.value == pytest.approx(-1.0)
    assert found.pair == (0, 2)


@pytest.mark.parametrize("arms", [[], [{"a": 3}], [{"a": 3}, {"a": 0}]])
def test_one_arm_has_nothing_to_be_compared_with(arms: list[dict[str, int]]) -> None:
    found = largest_pairwise(arms, categorical_difference)
    assert (found.value, found.pair, found.n1, found.n2) == (None, None, None, None)
    assert found.reason == "Fewer than two groups have values."


def test_the_largest_pair_of_categorical_arms_carries_its_degrees_of_freedom() -> None:
    arms = [{"a": 5, "b": 5}, {"a": 5, "b": 5, "c": 1}, {"a": 5, "b": 5, "c": 1, "d": 9}]
    found = largest_pairwise(arms, categorical_difference)
    assert (found.pair, found.degrees_of_freedom) == ((0, 2), 3)


# --- what chance alone gives ----------------------------------------------------------------


def test_at_30_an_arm_chance_exceeds_a_tenth_with_probability_070() -> None:
    assert probability_beyond(0.1, 30, 30) == pytest.approx(0.70, abs=0.005)
    # Independent: for normal data SMD / sqrt(2/30) is exactly Student's t on 58 degrees.
    exact = 2 * stats.t.sf(0.1 / math.sqrt(2 / 30), 58)
    assert probability_beyond(0.1, 30, 30) == pytest.approx(exact, abs=0.002)


def test_the_band_at_30_an_arm_derived_by_hand() -> None:
    # 1.959964 * sqrt(1/30 + 1/30) = 1.959964 * 0.2581989.
    assert chance_band(30, 30) == pytest.approx(0.5060605, abs=5e-7)


@settings(deadline=None)
@given(st.integers(1, 10_000), st.integers(1, 10_000), st.floats(0.01, 0.999))
def test_the_band_is_the_normal_quantile_of_scipy_stats(n1: int, n2: int, level: float) -> None:
    expected = stats.norm.ppf((1 + level) / 2) * math.sqrt(1 / n1 + 1 / n2)
    assert chance_band(n1, n2, level) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None)
@given(
    st.integers(1, 10_000),
    st.integers(1, 10_000),
    st.floats(0.01, 0.999),
    st.integers(1, 12),
)
def test_chance_leaves_its_band_with_the_remaining_probability(
    n1: int, n2: int, level: float, degrees: int
) -> None:
    band = chance_band(n1, n2, level, degrees_of_freedom=degrees)
    assert band is not None
    assert probability_beyond(band, n1, n2, degrees_of_freedom=degrees) == pytest.approx(
        1 - level, abs=1e-9
    )
    assert band == pytest.approx(
        math.sqrt(stats.chi2.ppf(level, degrees) * (1 / n1 + 1 / n2)), rel=1e-7
    )


def test_chance_never_falls_below_nothing() -> None:
    assert probability_beyond(0.0, 30, 30) == 1.0


def test_rerandomizing_real_arms_stays_in_the_band_as_often_as_it_says() -> None:
    """Permute one sample into 30 v 30, and one of four levels into 120 v 120, 2,000 times."""
    generator = np.random.default_rng(20230930)
    ages = generator.gamma(9.0, 6.0, 60)
    regions = generator.choice(4, 240, p=[0.4, 0.3, 0.2, 0.1])
    age_band = chance_band(30, 30)
    region_band = chance_band(120, 120, degrees_of_freedom=3)
    assert age_band is not None
    assert region_band is not None
    outside_age = outside_region = 0
    for _ in range(2000):
        age = continuous_difference(*np.split(generator.permutation(ages), 2)).value
        first, second = (
            dict(enumerate(np.bincount(half, minlength=4).tolist()))
            for half in np.split(generator.permutation(regions), 2)
        )
        region = categorical_difference(first, second).value
        assert age is not None
        assert region is not None
        outside_age += abs(age) > age_band
        outside_region += region > region_band
    # Four standard errors of 5 % in 2,000 are 2 %.
    assert outside_age / 2000 == pytest.approx(0.05, abs=0.02)
    assert outside_region / 2000 == pytest.approx(0.05, abs=0.02)


def test_an_empty_arm_has_no_band() -> None:
    assert chance_band(0, 30) is None
    assert probability_beyond(0.1, 30, 0) is None


def test_a_band_of_impossible_arguments_is_refused() -> None:
    with pytest.raises(ValueError, match="The size of the second group must be at least 0"):
        chance_band(30, -1)
    with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
        chance_band(30, 30, 95)
    with pytest.raises(ValueError, match="The degrees of freedom must be at least 1, but is 0"):
        chance_band(30, 30, degrees_of_freedom=0)
    with pytest.raises(ValueError, match="The degrees of freedom must be at least 1, but is 0"):
        probability_beyond(0.1, 30, 30, degrees_of_freedom=0)
    with pytest.raises(ValueError, match="The threshold must be a finite number of at least 0"):
        probability_beyond(-0.1, 30, 30)


# --- the envelope of an allocation method ---------------------------------------------------


def all_blocks(n: int, first: int, second: int, sizes: list[int]) -> set[int]:
    """Every difference after n allocations, by going through every order of every block."""
    found, states = set(), {(0, 0)}
    while states:
        done, difference = states.pop()
        for size in sizes:
            for chosen in combinations(range(size * (first + second)), size * first):
                steps = [1 if i in chosen else -1 for i in range(size * (first + second))]
                if done + len(steps) >= n:
                    found.add(difference + sum(steps[: n - done]))
                else:
                    states.add((done + len(steps), difference + sum(steps)))
    return found


@pytest.mark.parametrize(
    ("first", "second", "blocks"), [(1, 1, 1), (1, 1, 3), (2, 1, 2), (1, 3, 1)]
)
def test_permuted_blocks_reach_their_envelope_and_never_leave_it(
    first: int, second: int, blocks: int
) -> None:
    found = allocation_envelope(np.arange(10), (2 * first, 2 * second), blocks * (first + second))
    for n in range(10):
        every = all_blocks(n, first, second, list(range(1, blocks + 1)))
        assert (found.low[n], found.high[n], found.exact) == (min(every), max(every), True)


def test_several_lists_add_up_and_are_never_narrower_than_one() -> None:
    assert allocation_envelope([0, 1, 3, 50], largest_block=4, strata=3).high.tolist() == [
        0,
        1,
        3,
        6,
    ]
    for n in range(60):
        one = allocation_envelope(n, (2, 1), 6)
        several = allocation_envelope(n, (2, 1), 6, strata=2)
        assert several.low <= one.low <= one.high <= several.high


def test_simple_randomization_has_the_binomial_quantiles() -> None:
    # qbinom(c(.025, .975), c(30, 60), .5) of R 4.2.2: 10 and 20, 22 and 38.
    found = allocation_envelope([0, 30, 60])
    assert found.low.tolist() == [0, -10, -16]
    assert found.high.tolist() == [0, 10, 16]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ratio": (0, 1)},
        {"largest_block": 3},
        {"strata": 0},
        {"level": 95},
        {"n": [1.5]},
        {"n": -1},
    ],
)
def test_an_impossible_allocation_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        allocation_envelope(**({"n": 4} | wrong))
