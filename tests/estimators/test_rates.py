"""Rates against published values, R, Poisson tails, and the laws they must obey."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from estimators.rates import (
    Rate,
    RateDifference,
    RateRatio,
    garwood,
    rate_difference,
    rate_ratio,
)
from tests.conftest import examples

LEVELS = st.floats(0.5, 0.999)
EVENTS = st.integers(0, 200)
EXPOSURES = st.floats(0.01, 1e5)


def limits(found: Rate | RateDifference | RateRatio) -> tuple[float, float]:
    return float(found.low), float(found.high)


# --- one arm --------------------------------------------------------------------------------


def test_two_events_in_200_at_90_percent() -> None:
    found = garwood(2, 200, 0.90)
    assert float(found.estimate) == pytest.approx(0.01)
    assert limits(found) == pytest.approx((0.001776808, 0.031478968), abs=5e-10)


@pytest.mark.parametrize(
    ("events", "exposure", "level", "low", "high"),
    # poisson.test of R 4.2.2.
    [
        (0, 30, 0.95, 0.0, 0.12296264847),
        (7, 12.5, 0.95, 0.225149044122, 1.153814028936),
        (25, 1000, 0.99, 0.0139953744332, 0.0410004128514),
    ],
)
def test_garwood_as_in_poisson_test_of_r(
    events: int, exposure: float, level: float, low: float, high: float
) -> None:
    found = garwood(events, exposure, level)
    assert float(found.estimate) == pytest.approx(events / exposure)
    assert limits(found) == pytest.approx((low, high), rel=1e-10)


@settings(deadline=None, max_examples=examples(50))
@given(EVENTS, EXPOSURES, LEVELS)
def test_garwood_limits_are_where_each_poisson_tail_is_half_of_what_remains(
    events: int, exposure: float, level: float
) -> None:
    (low, high), tail = limits(garwood(events, exposure, level)), (1 - level) / 2
    assert stats.poisson.cdf(events, high * exposure) == pytest.approx(tail)
    if events == 0:
        assert low == 0.0
    else:
        assert stats.poisson.sf(events - 1, low * exposure) == pytest.approx(tail)


@settings(deadline=None, max_examples=examples(50))
@given(EVENTS, EXPOSURES, LEVELS)
def test_the_interval_of_a_rate_holds_it_grows_with_the_level_and_has_its_unit(
    events: int, exposure: float, level: float
) -> None:
    low, high = limits(garwood(events, exposure, level))
    assert 0.0 <= low <= events / exposure < high
    lower, higher = limits(garwood(events, exposure, (1 + level) / 2))
    assert lower <= low
    assert high < higher
    in_years = limits(garwood(events, exposure / 365.25, level))
    assert in_years == pytest.approx((low * 365.25, high * 365.25))


# --- the difference of two arms -------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "difference", "low", "high"),
    # R 4.2.2: limits of poisson.test of each arm, squares of their distances added.
    [
        ((41, 28010, 15, 19017), 0.000674995, 0.0000168275, 0.00130197),
        ((6, 565, 21, 342), -0.0507840, -0.0839311, -0.0242626),
        ((0, 100, 4, 120), -0.0333333, -0.0853466, 0.0108130),
    ],
)
def test_difference_of_limits_of_poisson_test_of_r(
    counts: tuple[int, float, int, float], difference: float, low: float, high: float
) -> None:
    found = rate_difference(*counts)
    assert float(found.estimate) == pytest.approx(difference, abs=1e-7)
    assert limits(found) == pytest.approx((low, high), abs=1e-7)


@settings(deadline=None, max_examples=examples(50))
@given(EVENTS, EXPOSURES, EVENTS, EXPOSURES, LEVELS)
def test_the_interval_of_a_difference_holds_it_grows_with_the_level_and_mirrors(
    x1: int, time1: float, x2: int, time2: float, level: float
) -> None:
    found = rate_difference(x1, time1, x2, time2, level)
    low, high = limits(found)
    assert low < float(found.estimate) < high
    lower, higher = limits(rate_difference(x1, time1, x2, time2, (1 + level) / 2))
    assert lower < low
    assert high < higher
    turned = limits(rate_difference(x2, time2, x1, time1, level))
    assert (-turned[1], -turned[0]) == pytest.approx((low, high))


# --- the ratio of two arms ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "ratio", "low", "high"),
    # poisson.test of R 4.2.2 with two rates.
    [
        ((11, 800, 3, 1011), 4.63375, 1.22406596659, 25.86740758635),
        ((5, 10, 2, 20), 5.0, 0.81857216171, 52.50695354482),
        ((15, 40, 15, 40), 1.0, 0.45554112061, 2.19519150908),
        ((0, 10, 4, 20), 0.0, 0.0, 3.02973371873),
        ((6, 50, 0, 60), math.inf, 1.41290967087, math.inf),
    ],
)
def test_ratio_as_in_poisson_test_of_r(
    counts: tuple[int, float, int, float], ratio: float, low: float, high: float
) -> None:
    found = rate_ratio(*counts)
    assert float(found.estimate) == pytest.approx(ratio)
    assert limits(found) == pytest.approx((low, high), rel=1e-10)


def test_without_any_event_every_ratio_is_possible() -> None:
    found = rate_ratio(0, 10, 0, 20)
    assert math.isnan(float(found.estimate))
    assert limits(found) == (0.0, math.inf)


@settings(deadline=None, max_examples=examples(50))
@given(st.integers(0, 60), EXPOSURES, st.integers(0, 60), EXPOSURES, LEVELS)
def test_ratio_limits_are_where_each_conditional_binomial_tail_is_half_of_what_remains(
    x1: int, time1: float, x2: int, time2: float, level: float
) -> None:
    low, high = limits(rate_ratio(x1, time1, x2, time2, level))
    tail = (1 - level) / 2

    def share(ratio: float) -> float:
        return ratio * time1 / (ratio * time1 + time2)

    if x1 > 0:
        assert stats.binom.sf(x1 - 1, x1 + x2, share(low)) == pytest.approx(tail)
    else:
        assert low == 0.0
    if x2 > 0:
        assert stats.binom.cdf(x1, x1 + x2, share(high)) == pytest.approx(tail)
    else:
        assert high == math.inf


@settings(deadline=None, max_examples=examples(50))
@given(st.integers(1, 60), EXPOSURES, st.integers(1, 60), EXPOSURES, LEVELS)
def test_the_interval_of_a_ratio_holds_it_grows_with_the_level_and_turns_over_with_the_arms(
    x1: int, time1: float, x2: int, time2: float, level: float
) -> None:
    found = rate_ratio(x1, time1, x2, time2, level)
    low, high = limits(found)
    assert float(found.estimate) == pytest.approx(x1 / time1 / (x2 / time2))
    assert low < float(found.estimate) < high
    lower, higher = limits(rate_ratio(x1, time1, x2, time2, (1 + level) / 2))
    assert lower < low
    assert high < higher
    swapped = rate_ratio(x2, time2, x1, time1, level)
    assert limits(swapped) == pytest.approx((1 / high, 1 / low))
    # The unit of time does not matter, as long as it is one.
    assert limits(rate_ratio(x1, time1 / 365.25, x2, time2 / 365.25, level)) == pytest.approx(
        (low, high)
    )


# --- tables of many terms, and what is refused ----------------------------------------------


def test_a_table_is_what_its_rows_are_one_by_one() -> None:
    events, exposure = np.array([0, 3, 30], dtype=np.uint32), np.array([[10.0], [400.0]])
    rate, ratio = garwood(events, exposure), rate_ratio(events, exposure, 4, 50.0)
    apart = rate_difference(events, exposure, 4, 50.0)
    assert apart.low[1, 2] == float(rate_difference(30, 400.0, 4, 50.0).low)
    assert rate.low.shape == ratio.high.shape == (2, 3)
    assert rate.low[1, 2] == float(garwood(30, 400.0).low)
    assert ratio.high[1, 2] == float(rate_ratio(30, 400.0, 4, 50.0).high)
    assert garwood([], []).estimate.shape == (0,)
    assert rate_ratio([], [], [], []).low.shape == (0,)


# A warning would stand in the log of whoever opens the page.
@pytest.mark.filterwarnings("error")
def test_an_arm_without_exposure_is_nan_and_disturbs_no_other_row() -> None:
    rate = garwood([0, 2, 3], [0.0, 0.0, 10.0])
    ratio = rate_ratio([0, 2, 3, 3], [0.0, 0.0, 10.0, 10.0], [1, 1, 1, 1], [5.0, 5.0, 0.0, 5.0])
    for values in (rate.estimate, rate.low, rate.high):
        assert np.isnan(values).tolist() == [True, True, False]
    for values in (ratio.estimate, ratio.low, ratio.high):
        assert np.isnan(values).tolist() == [True, True, True, False]
    assert rate.high[2] == float(garwood(3, 10.0).high)
    assert ratio.high[3] == float(rate_ratio(3, 10.0, 1, 5.0).high)


@pytest.mark.parametrize(
    ("events", "exposure", "message"),
    [
        (-1, 10.0, "The numbers of events must be at least 0, but one is -1"),
        ([1.5], 10.0, "The numbers of events must be whole numbers, but are float64"),
        (1, -10.0, r"a finite time of at least 0, but one is -10\.0"),
        (1, [3.0, math.nan], "a finite time of at least 0, but one is nan"),
        (1, math.inf, "a finite time of at least 0, but one is inf"),
        ([1, 2], [1.0, 2.0, 3.0], "could not be broadcast|cannot be broadcast"),
    ],
)
def test_events_and_exposures_that_cannot_be_are_refused(
    events: ArrayLike, exposure: ArrayLike, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        garwood(events, exposure)
    with pytest.raises(ValueError, match=message):
        rate_ratio(events, exposure, 1, 1.0)
    with pytest.raises(ValueError, match=message):
        rate_ratio(1, 1.0, events, exposure)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
def test_a_level_that_is_none_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
        garwood(1, 3.0, level)
    with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
        rate_ratio(1, 3.0, 1, 3.0, level)
