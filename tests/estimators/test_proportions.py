"""Proportions against published values, R, exact enumeration, and the laws they must obey."""

import math
from time import process_time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from estimators.proportions import (
    Proportion,
    ProportionDifference,
    clopper_pearson,
    fisher_exact,
    miettinen_nurminen,
    newcombe,
    normal_quantile,
    require_counts,
    wilson,
)
from tests.conftest import examples

ONE_ARM = [clopper_pearson, wilson]
TWO_ARMS = [miettinen_nurminen, newcombe]
LEVELS = st.floats(0.5, 0.999)

# Participants with the event, and participants, in the first arm and in the second.
Table = tuple[int, int, int, int]


@st.composite
def arms(draw: st.DrawFn, most: int = 120) -> tuple[int, int]:
    n = draw(st.integers(1, most))
    return draw(st.integers(0, n)), n


@st.composite
def tables(draw: st.DrawFn, most: int = 120) -> Table:
    return (*draw(arms(most)), *draw(arms(most)))


def limits(found: Proportion | ProportionDifference) -> tuple[float, float]:
    return float(found.low), float(found.high)


# --- one arm --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "low", "high"),
    # binom.test of R 4.2.2; to four decimals 0, .1157; .0008, .1722; .0211, .2653.
    [
        (0, 0.0, 0.115703308222),
        (1, 0.00084357092663, 0.17216945563341),
        (3, 0.0211171370297, 0.2652884504742),
    ],
)
def test_clopper_pearson_of_30_as_in_binom_test_of_r(x: int, low: float, high: float) -> None:
    found = clopper_pearson(x, 30)
    assert float(found.estimate) == pytest.approx(x / 30)
    assert limits(found) == pytest.approx((low, high), abs=1e-11)


def test_clopper_pearson_at_other_levels_as_in_binom_test_of_r() -> None:
    assert limits(clopper_pearson(7, 20, 0.90)) == pytest.approx((0.177310917574, 0.558034511315))
    assert limits(clopper_pearson(30, 30, 0.99)) == pytest.approx((0.838106097193, 1.0))


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    # Newcombe, Statistics in Medicine 1998; 17: 857-872, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_in_newcombe_1998(x: int, n: int, low: float, high: float) -> None:
    assert limits(wilson(x, n)) == pytest.approx((low, high), abs=5e-5)


def test_wilson_as_in_prop_test_of_r_without_correction() -> None:
    # R 4.2.2.
    assert limits(wilson(3, 30)) == pytest.approx((0.0345998887473, 0.2562108257918), abs=1e-11)
    assert limits(wilson(0, 30)) == pytest.approx((0.0, 0.113513393174), abs=1e-11)


@settings(deadline=None, max_examples=examples(50))
@given(arms(400), LEVELS)
def test_clopper_pearson_limits_are_where_each_binomial_tail_is_half_of_what_remains(
    arm: tuple[int, int], level: float
) -> None:
    (x, n), tail = arm, (1 - level) / 2
    low, high = limits(clopper_pearson(x, n, level))
    assert (low == 0.0) if x == 0 else stats.binom.sf(x - 1, n, low) == pytest.approx(tail)
    assert (high == 1.0) if x == n else stats.binom.cdf(x, n, high) == pytest.approx(tail)


@settings(deadline=None, max_examples=examples(50))
@given(arms(400), LEVELS)
def test_wilson_limits_are_where_the_score_test_just_does_not_reject(
    arm: tuple[int, int], level: float
) -> None:
    (x, n), z = arm, stats.norm.ppf((1 + level) / 2)
    for limit in limits(wilson(x, n, level)):
        assert (x / n - limit) ** 2 == pytest.approx(z**2 * limit * (1 - limit) / n, abs=1e-12)
    assert wilson(0, n, level).low == 0.0
    assert wilson(n, n, level).high == 1.0


@settings(deadline=None, max_examples=examples(50))
@given(arms(), LEVELS)
def test_the_interval_of_a_share_holds_it_grows_with_the_level_and_mirrors(
    arm: tuple[int, int], level: float
) -> None:
    x, n = arm
    for interval in ONE_ARM:
        low, high = limits(interval(x, n, level))
        assert 0.0 <= low <= x / n <= high <= 1.0
        assert low < high
        lower, higher = limits(interval(x, n, (1 + level) / 2))
        assert lower <= low
        assert high <= higher
        assert limits(interval(n - x, n, level)) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_clopper_pearson_covers_at_least_what_it_says_and_wilson_so_on_average() -> None:
    x = np.arange(31)

    def coverage(found: Proportion, p: float) -> float:
        return float(stats.binom.pmf(x, 30, p)[(found.low <= p) & (p <= found.high)].sum())

    exact, score = clopper_pearson(x, 30), wilson(x, 30)
    # Both change where p crosses a limit, so that just beside each is where they are lowest.
    shares = [*np.linspace(0.001, 0.999, 500), *(exact.low + 1e-9), *(exact.low[1:] - 1e-9)]
    assert min(coverage(exact, p) for p in shares) >= 0.95
    assert np.mean([coverage(exact, p) for p in shares[:500]]) == pytest.approx(0.973, abs=0.002)
    assert np.mean([coverage(score, p) for p in shares[:500]]) == pytest.approx(0.952, abs=0.002)
    assert coverage(score, score.low[1] - 1e-9) == pytest.approx(0.84, abs=0.005)


# --- the difference of two arms -------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "hybrid", "score"),
    # Newcombe, Statistics in Medicine 1998; 17: 873-890, table II, methods 10 and 6; the last
    # row: Newcombe's method to three decimals, Miettinen & Nurminen's computed independently.
    [
        ((56, 70, 48, 80), (0.0524, 0.3339), (0.0528, 0.3382)),
        ((9, 10, 3, 10), (0.1705, 0.8090), (0.1700, 0.8406)),
        ((6, 7, 2, 7), (0.0582, 0.8062), (0.0342, 0.8534)),
        ((5, 56, 0, 29), (-0.0381, 0.1926), (-0.0326, 0.1933)),
        ((0, 10, 0, 20), (-0.1611, 0.2775), (-0.1658, 0.2844)),
        ((0, 10, 0, 10), (-0.2775, 0.2775), (-0.2879, 0.2879)),
        ((10, 10, 0, 20), (0.6791, 1.0), (0.7156, 1.0)),
        ((10, 10, 0, 10), (0.6075, 1.0), (0.6636, 1.0)),
        ((7, 34, 1, 34), (0.0189, 0.3404), (0.0270, 0.3453)),
    ],
)
def test_differences_as_in_newcombe_1998(
    table: Table, hybrid: tuple[float, float], score: tuple[float, float]
) -> None:
    x1, n1, x2, n2 = table
    for found, expected in ((newcombe(*table), hybrid), (miettinen_nurminen(*table), score)):
        assert float(found.estimate) == pytest.approx(x1 / n1 - x2 / n2)
        assert limits(found) == pytest.approx(expected, abs=5e-5)


def test_pruritus_of_the_cdisc_pilot_high_dose_against_placebo_by_newcombe() -> None:
    # 26 of 84 against 8 of 86, as randomized: 21.7 %, 9.7 to 33.1.
    found = newcombe(26, 84, 8, 86)
    assert float(found.estimate) == pytest.approx(0.217, abs=5e-4)
    assert limits(found) == pytest.approx((0.097, 0.331), abs=5e-4)


def score_and_variance(table: Table, difference: float) -> tuple[float, float]:
    """Observed less assumed difference, and its variance with the likeliest proportions, which
    are found where the derivative of the likelihood changes its sign: no cubic."""
    x1, n1, x2, n2 = table

    def slope(p2: float) -> float:
        total = 0.0
        for x, n, p in ((x1, n1, p2 + difference), (x2, n2, p2)):
            if x > 0:
                total += x / p if p > 0.0 else math.inf
            if x < n:
                total -= (n - x) / (1.0 - p) if p < 1.0 else math.inf
        return total

    low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0.0 else (low, middle)
    p2 = (low + high) / 2
    p1 = min(1.0, max(0.0, p2 + difference))
    correction = (n1 + n2) / (n1 + n2 - 1)
    variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * correction
    return x1 / n1 - x2 / n2 - difference, variance


@settings(deadline=None, max_examples=examples(50))
@given(tables(), LEVELS, st.floats(0.01, 0.99))
# Where two roots of the cubic meet rounding takes a cosine beyond 1.
@example((0, 2, 4, 4), 0.95, 0.5)
@example((0, 6, 8, 8), 0.95, 0.5)
def test_what_lies_within_miettinen_nurminen_limits_is_not_rejected_and_what_lies_beyond_is(
    table: Table, level: float, where: float
) -> None:
    z = stats.norm.ppf((1 + level) / 2)
    low, high = limits(miettinen_nurminen(*table, level))

    def excess(difference: float) -> float:
        score, variance = score_and_variance(table, difference)
        return float(score**2 - z**2 * variance)

    for limit in (low, high):
        if abs(limit) < 1.0:
            assert excess(limit) == pytest.approx(0.0, abs=1e-7)
    assert excess(low + where * (high - low)) <= 1e-9
    if low > -1.0:
        assert excess(-1.0 + where * (low + 1.0)) >= -1e-9
    if high < 1.0:
        assert excess(high + where * (1.0 - high)) >= -1e-9


@settings(deadline=None, max_examples=examples(40))
@given(tables(), LEVELS)
def test_the_interval_of_a_difference_holds_it_and_grows_with_the_level(
    table: Table, level: float
) -> None:
    x1, n1, x2, n2 = table
    for method in TWO_ARMS:
        low, high = limits(method(*table, level))
        assert -1.0 <= low <= x1 / n1 - x2 / n2 <= high <= 1.0
        assert low < high
        lower, higher = limits(method(*table, (1 + level) / 2))
        assert lower <= low
        assert high <= higher


@settings(deadline=None, max_examples=examples(40))
@given(tables(), LEVELS)
def test_swapping_the_arms_or_counting_who_has_no_event_turns_the_difference_over(
    table: Table, level: float
) -> None:
    x1, n1, x2, n2 = table
    for method in TWO_ARMS:
        low, high = limits(method(*table, level))
        assert limits(method(x2, n2, x1, n1, level)) == pytest.approx((-high, -low), abs=1e-12)
        without = method(n1 - x1, n1, n2 - x2, n2, level)
        assert limits(without) == pytest.approx((-high, -low), abs=1e-8)


def test_everybody_against_nobody_has_an_exact_upper_limit_of_1() -> None:
    assert miettinen_nurminen(10, 10, 0, 10).high == 1.0
    assert miettinen_nurminen(0, 10, 10, 10).low == -1.0


@pytest.mark.parametrize(("each", "lowest"), [(30, 0.93), (7, 0.86)])
def test_miettinen_nurminen_covers_what_its_docstring_says(each: int, lowest: float) -> None:
    x = np.arange(each + 1)
    found = miettinen_nurminen(x[:, np.newaxis], each, x, each)
    shares = np.linspace(0.01, 0.99, 25)
    chances = stats.binom.pmf(x, each, shares[:, np.newaxis])
    coverage = [
        first @ ((found.low <= p1 - p2) & (p1 - p2 <= found.high)) @ second
        for p1, first in zip(shares, chances, strict=True)
        for p2, second in zip(shares, chances, strict=True)
    ]
    assert lowest <= min(coverage) < 0.95
    assert np.mean(coverage) >= 0.95


# --- Fisher ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "p"),
    # fisher.test of R 4.2.2.
    [
        ((5, 30, 0, 30), 0.0521855486173),
        ((6, 30, 0, 30), 0.023720703917),
        ((3, 30, 1, 30), 0.611953612846),
        ((56, 70, 48, 80), 0.0125211297492),
        ((10, 10, 0, 20), 3.32833916042e-08),
        ((0, 10, 0, 20), 1.0),
        ((26, 84, 8, 86), 0.000480743020333),
        ((2, 5, 7, 200), 0.0160555635899),
    ],
)
def test_fisher_as_in_fisher_test_of_r(table: Table, p: float) -> None:
    assert float(fisher_exact(*table)) == pytest.approx(p, rel=1e-9)


@settings(deadline=None, max_examples=examples(50))
@given(tables(200))
def test_fisher_is_that_of_scipy_stats_and_does_not_see_which_arm_is_which(table: Table) -> None:
    x1, n1, x2, n2 = table
    expected = stats.fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue
    assert float(fisher_exact(*table)) == pytest.approx(expected, rel=1e-7)
    assert float(fisher_exact(x2, n2, x1, n1)) == pytest.approx(expected, rel=1e-7)
    assert float(fisher_exact(n1 - x1, n1, n2 - x2, n2)) == pytest.approx(expected, rel=1e-7)


def test_with_fewer_than_6_events_in_30_and_30_nothing_is_significant() -> None:
    x1, x2 = np.meshgrid(np.arange(6), np.arange(6))
    few = x1 + x2 < 6
    assert np.all(fisher_exact(x1[few], 30, x2[few], 30) > 0.05)
    assert fisher_exact(6, 30, 0, 30) < 0.05


# --- tables of many terms -------------------------------------------------------------------


def test_a_table_is_what_its_rows_are_one_by_one_whatever_its_shape() -> None:
    x1, x2 = np.array([[0, 3, 30], [7, 1, 2]]), np.array([5, 0, 12], dtype=np.uint8)
    for method in TWO_ARMS:
        found = method(x1, 30, x2, 31)
        assert found.estimate.shape == found.low.shape == found.high.shape == (2, 3)
        for row, column in np.ndindex(2, 3):
            one = method(int(x1[row, column]), 30, int(x2[column]), 31)
            assert found.estimate[row, column] == float(one.estimate)
            assert found.low[row, column] == float(one.low)
            assert found.high[row, column] == float(one.high)
    p = fisher_exact(x1, 30, x2, 31)
    assert p.shape == (2, 3)
    assert p[1, 2] == fisher_exact(2, 30, 12, 31)
    for interval in ONE_ARM:
        assert interval(x1, 30).low.shape == (2, 3)
        assert interval(x1, 30).low[1, 0] == interval(7, 30).low


# A warning would stand in the log of whoever opens the page.
@pytest.mark.filterwarnings("error")
def test_an_arm_without_participants_is_nan_and_disturbs_no_other_row() -> None:
    for interval in ONE_ARM:
        found = interval([0, 3], [0, 30])
        for values in (found.estimate, found.low, found.high):
            assert np.isnan(values).tolist() == [True, False]
        assert found.low[1] == float(interval(3, 30).low)
        assert found.high[1] == float(interval(3, 30).high)
    for method in TWO_ARMS:
        difference = method([0, 3, 3, 0], [0, 30, 30, 0], [1, 0, 1, 0], [30, 0, 30, 0])
        for values in (difference.estimate, difference.low, difference.high):
            assert np.isnan(values).tolist() == [True, True, False, True]
        whole = method(3, 30, 1, 30)
        assert difference.low[2] == float(whole.low)
        assert difference.high[2] == float(whole.high)
    p = fisher_exact([0, 3, 3], [0, 30, 30], [1, 0, 1], [30, 0, 30])
    assert np.isnan(p).tolist() == [True, True, False]


def test_a_table_without_rows_is_empty() -> None:
    for interval in ONE_ARM:
        assert interval([], []).estimate.shape == (0,)
    for method in TWO_ARMS:
        assert method([], [], [], []).high.shape == (0,)
    assert fisher_exact([], [], [], []).shape == (0,)


def test_a_thousand_terms_take_well_under_a_tenth_of_a_second_of_computing() -> None:
    generator = np.random.default_rng(20230930)
    n1, n2 = generator.integers(20, 200, (2, 1000))
    x1, x2 = generator.binomial(n1, 0.1), generator.binomial(n2, 0.1)

    def seconds() -> float:
        start = process_time()
        miettinen_nurminen(x1, n1, x2, n2)
        return process_time() - start

    assert min(seconds() for _ in range(5)) < 0.1


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "people", "message"),
    [
        (4, 3, "but 4 of 3 was given; count each participant once, not each event"),
        ([1, -2], 3, "participants with the event must be at least 0, but one is -2"),
        (0, -1, "The numbers of participants must be at least 0, but one is -1"),
        ([1.0, math.nan], 3, "must be whole numbers, but are float64; replace a missing count"),
        ([1, None], 3, "must be whole numbers, but are object"),
        (True, 3, "must be whole numbers, but are bool"),
        ([1, 2], [3, 3, 3], "could not be broadcast|cannot be broadcast"),
    ],
)
def test_counts_that_cannot_be_are_refused(
    events: ArrayLike, people: ArrayLike, message: str
) -> None:
    for interval in ONE_ARM:
        with pytest.raises(ValueError, match=message):
            interval(events, people)
    for method in (miettinen_nurminen, newcombe, fisher_exact):
        with pytest.raises(ValueError, match=message):
            method(events, people, 1, 3)
        with pytest.raises(ValueError, match=message):
            method(1, 3, events, people)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
def test_a_level_that_is_none_is_refused(level: float) -> None:
    for interval in ONE_ARM:
        with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
            interval(1, 3, level)
    for method in TWO_ARMS:
        with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
            method(1, 3, 1, 3, level)


def test_the_normal_quantile_is_that_of_scipy_stats() -> None:
    assert normal_quantile(0.95) == pytest.approx(1.959963984540054, abs=1e-14)
    assert normal_quantile(0.5) == pytest.approx(stats.norm.ppf(0.75))


def test_counts_come_back_as_whole_numbers_that_may_become_negative() -> None:
    # Unsigned counts, as a data frame has them, would not survive a subtraction.
    found = require_counts(np.array([1, 2], dtype=np.uint32), "x")
    assert found.dtype == np.int64
    assert (found - 2).tolist() == [-1, 0]


@settings(deadline=None)
@given(st.integers(1, 400), st.data())
def test_the_other_arm_has_the_mirrored_interval(n: int, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, n))
    found, other = clopper_pearson(x, n), clopper_pearson(n - x, n)
    assert other.low == pytest.approx(1 - found.high, abs=1e-12)
    assert other.high == pytest.approx(1 - found.low, abs=1e-12)
