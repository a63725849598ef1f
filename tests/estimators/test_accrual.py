"""Accrual against published values, scipy.stats, simulation, and the laws it must obey."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from estimators.accrual import (
    AccrualPlan,
    CountForecast,
    TimeForecast,
    count_by,
    count_path,
    posterior,
    probability_of_target_by,
    time_to_target,
)

LARGE = AccrualPlan(target=300, duration=36.0, prior_weight=0.5)
SMALL = AccrualPlan(target=60, duration=24.0, prior_weight=0.5)


@dataclass(frozen=True)
class Situation:
    """A plan, and data that leave the target open and the posterior proper."""

    plan: AccrualPlan
    enrolled: int
    elapsed: float

    @property
    def missing(self) -> int:
        return self.plan.target - self.enrolled


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    target = draw(st.integers(1, 500))
    duration = draw(st.floats(1.0, 1000.0))
    weight = draw(st.one_of(st.just(0.0), st.floats(0.01, 1.0)))
    informed = weight == 0.0
    enrolled = draw(st.integers(min(1, target - 1) if informed else 0, target - 1))
    elapsed = draw(st.floats(duration / 100.0 if informed else 0.0, 2.0 * duration))
    assume(not informed or enrolled > 0)
    return Situation(AccrualPlan(target, duration, weight), enrolled, elapsed)


LEVELS = st.floats(0.05, 0.999)
# Time from now to the horizon, as a multiple of the planned duration.
AHEAD = st.floats(0.001, 5.0)


def test_count_for_300_in_36_months_gajewski_simon_carlson_2008() -> None:
    forecast = count_by(LARGE, enrolled=100, elapsed=10.0, horizon=36.0)
    # The posterior rate is (150 + 100) / (18 + 10), for 26 more months, after 100 enrolled.
    assert forecast.mean == pytest.approx(332.142857142857, abs=1e-9)
    assert (forecast.low, forecast.high) == (292, 375)


def test_count_and_probability_for_60_in_24_months() -> None:
    forecast = count_by(SMALL, enrolled=20, elapsed=10.0, horizon=24.0)
    assert (forecast.median, forecast.low, forecast.high) == (51, 39, 67)
    assert probability_of_target_by(SMALL, 20, 10.0, 24.0) == pytest.approx(0.144, abs=5e-4)


def test_posterior_adds_the_weighted_plan_to_the_data() -> None:
    rate = posterior(LARGE, enrolled=100, elapsed=10.0)
    assert (rate.shape, rate.rate) == (250.0, 28.0)
    assert rate.mean == pytest.approx(250.0 / 28.0)


@settings(deadline=None)
@given(st.integers(1, 500), st.floats(0.5, 1000.0), st.floats(0.001, 1.0))
def test_before_any_data_the_rate_is_centered_on_the_plan(
    target: int, duration: float, weight: float
) -> None:
    plan = AccrualPlan(target, duration, weight)
    assert posterior(plan, 0, 0.0).mean == pytest.approx(target / duration)
    assert count_by(plan, 0, 0.0, duration).mean == pytest.approx(target)


def test_with_weight_zero_only_the_data_speak() -> None:
    rate = posterior(AccrualPlan(60, 24.0, 0.0), enrolled=20, elapsed=10.0)
    assert (rate.shape, rate.rate) == (20.0, 10.0)


@settings(deadline=None)
@given(situations(), AHEAD, LEVELS)
def test_count_limits_are_the_quantiles_of_scipy_stats_nbinom(
    situation: Situation, ahead: float, level: float
) -> None:
    plan, enrolled, elapsed = situation.plan, situation.enrolled, situation.elapsed
    horizon = elapsed + ahead * plan.duration
    forecast = count_by(plan, enrolled, elapsed, horizon, level)
    shape = plan.prior_weight * plan.target + enrolled
    rate = plan.prior_weight * plan.duration + elapsed
    remainder = stats.nbinom(shape, rate / (rate + horizon - elapsed))
    assert forecast.mean == pytest.approx(enrolled + remainder.mean())
    for limit, probability in (
        (forecast.low, (1.0 - level) / 2.0),
        (forecast.median, 0.5),
        (forecast.high, (1.0 + level) / 2.0),
    ):
        # The definition of a quantile, up to the last digits of the distribution function.
        assert remainder.cdf(limit - enrolled) >= probability - 1e-9
        assert remainder.cdf(limit - enrolled - 1) <= probability + 1e-9


@settings(deadline=None)
@given(situations(), LEVELS)
def test_time_limits_are_the_quantiles_of_scipy_stats_betaprime(
    situation: Situation, level: float
) -> None:
    plan, enrolled, elapsed = situation.plan, situation.enrolled, situation.elapsed
    forecast = time_to_target(plan, enrolled, elapsed, level)
    shape = plan.prior_weight * plan.target + enrolled
    rate = plan.prior_weight * plan.duration + elapsed
    wait = stats.betaprime(situation.missing, shape, scale=rate)
    assume(math.isfinite(forecast.high))
    assert wait.cdf(forecast.low - elapsed) == pytest.approx((1.0 - level) / 2.0, abs=1e-7)
    assert wait.cdf(forecast.median - elapsed) == pytest.approx(0.5, abs=1e-7)
    assert wait.cdf(forecast.high - elapsed) == pytest.approx((1.0 + level) / 2.0, abs=1e-7)
    if shape > 1.0:
        assert forecast.mean == pytest.approx(
            elapsed + rate * situation.missing / (shape - 1.0), rel=1e-9
        )
    else:
        assert forecast.mean is None
    assert not forecast.already_reached


@settings(deadline=None)
@given(situations(), AHEAD)
def test_count_reaches_the_target_exactly_when_the_time_has_come(
    situation: Situation, ahead: float
) -> None:
    """P(N(t) >= target) == P(T <= t), each from its own distribution in scipy.stats."""
    plan, enrolled, elapsed = situation.plan, situation.enrolled, situation.elapsed
    horizon = elapsed + ahead * plan.duration
    shape = plan.prior_weight * plan.target + enrolled
    rate = plan.prior_weight * plan.duration + elapsed
    remaining = horizon - elapsed
    by_count = stats.nbinom.sf(situation.missing - 1, shape, rate / (rate + remaining))
    by_time = stats.betaprime.cdf(remaining, situation.missing, shape, scale=rate)
    probability = probability_of_target_by(plan, enrolled, elapsed, horizon)
    assert probability == pytest.approx(by_count, abs=1e-9)
    assert probability == pytest.approx(by_time, abs=1e-9)


@settings(deadline=None)
@given(situations(), LEVELS)
def test_the_target_is_reached_by_a_time_limit_with_that_limits_probability(
    situation: Situation, level: float
) -> None:
    plan, enrolled, elapsed = situation.plan, situation.enrolled, situation.elapsed
    forecast = time_to_target(plan, enrolled, elapsed, level)
    assume(math.isfinite(forecast.high))
    for limit, probability in (
        (forecast.low, (1.0 - level) / 2.0),
        (forecast.median, 0.5),
        (forecast.high, (1.0 + level) / 2.0),
    ):
        assert probability_of_target_by(plan, enrolled, elapsed, limit) == pytest.approx(
            probability, abs=1e-6
        )


@settings(deadline=None)
@given(situations(), AHEAD, LEVELS)
def test_a_count_limit_is_at_the_target_exactly_when_the_time_limit_is_before_the_horizon(
    situation: Situation, ahead: float, level: float
) -> None:
    plan, enrolled, elapsed = situation.plan, situation.enrolled, situation.elapsed
    horizon = elapsed + ahead * plan.duration
    count = count_by(plan, enrolled, elapsed, horizon, level)
    time = time_to_target(plan, enrolled, elapsed, level)
    for fewest, latest in (
        (count.low, time.high),
        (count.median, time.median),
        (count.high, time.low),
    ):
        assume(not math.isclose(latest, horizon, rel_tol=1e-6))
        assert (fewest >= plan.target) == (latest < horizon)


def test_forecasts_agree_with_a_simulation_of_the_process() -> None:
    draws = 200_000
    generator = np.random.default_rng(20230930)
    # Drawn from the definition: a rate, then exponential waiting times or a Poisson count.
    rates = generator.gamma(30.0 + 20.0, 1.0 / (12.0 + 10.0), draws)
    counts = 20 + generator.poisson(rates * 14.0)
    times = 10.0 + generator.gamma(40.0, 1.0, draws) / rates
    count = count_by(SMALL, 20, 10.0, 24.0)
    time = time_to_target(SMALL, 20, 10.0)
    # Four standard errors of each simulated figure.
    assert counts.mean() == pytest.approx(count.mean, abs=4 * counts.std() / math.sqrt(draws))
    assert times.mean() == pytest.approx(time.mean, abs=4 * times.std() / math.sqrt(draws))
    error = 4 * math.sqrt(0.025 * 0.975 / draws)
    for limit, probability in ((time.low, 0.025), (time.high, 0.975)):
        assert np.mean(times <= limit) == pytest.approx(probability, abs=error)
    assert np.mean(times <= time.median) == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(draws))
    assert np.quantile(counts, [0.025, 0.5, 0.975]) == pytest.approx(
        [count.low, count.median, count.high], abs=1
    )
    reached = probability_of_target_by(SMALL, 20, 10.0, 24.0)
    assert np.mean(counts >= 60) == pytest.approx(reached, abs=0.004)
    assert np.mean(times <= 24.0) == pytest.approx(reached, abs=0.004)


@settings(deadline=None)
@given(situations(), st.lists(st.floats(0.0, 5.0), max_size=8), LEVELS)
def test_a_path_is_the_single_forecasts_side_by_side(
    situation: Situation, ahead: list[float], level: float
) -> None:
    plan, enrolled, elapsed = situation.plan, situation.enrolled, situation.elapsed
    horizons = [elapsed + step * plan.duration for step in ahead]
    path = count_path(plan, enrolled, elapsed, horizons, level)
    assert path.horizons.tolist() == horizons
    for i, horizon in enumerate(horizons):
        alone = count_by(plan, enrolled, elapsed, horizon, level)
        assert alone == CountForecast(path.mean[i], path.median[i], path.low[i], path.high[i])


@settings(deadline=None)
@given(situations(), st.lists(AHEAD, min_size=2, max_size=8), LEVELS, LEVELS)
def test_a_path_rises_with_time_and_widens_with_the_level(
    situation: Situation, ahead: list[float], level: float, other: float
) -> None:
    plan, enrolled, elapsed = situation.plan, situation.enrolled, situation.elapsed
    horizons = elapsed + plan.duration * np.sort(ahead)
    narrow = count_path(plan, enrolled, elapsed, horizons, min(level, other))
    wide = count_path(plan, enrolled, elapsed, horizons, max(level, other))
    for path in (narrow, wide):
        assert np.all(enrolled <= path.low)
        assert np.all((path.low <= path.median) & (path.median <= path.high))
        for line in (path.mean, path.low, path.median, path.high):
            assert np.all(np.diff(line) >= 0)
    assert np.all((wide.low <= narrow.low) & (narrow.high <= wide.high))


def test_a_path_leaves_the_callers_array_alone() -> None:
    horizons = np.array([12.0, 24.0])
    path = count_path(SMALL, 20, 10.0, horizons)
    horizons[0] = -1.0
    assert path.horizons.tolist() == [12.0, 24.0]


@settings(deadline=None)
@given(situations(), AHEAD, LEVELS)
def test_the_unit_of_time_does_not_matter(situation: Situation, ahead: float, level: float) -> None:
    """Months or days: counts and probabilities stay, times are scaled. (By a power of two, so
    that not one bit may differ.)"""
    plan, enrolled, elapsed = situation.plan, situation.enrolled, situation.elapsed
    horizon = elapsed + ahead * plan.duration
    scaled = AccrualPlan(plan.target, 32.0 * plan.duration, plan.prior_weight)
    there = (enrolled, 32.0 * elapsed)
    assert count_by(scaled, *there, 32.0 * horizon, level) == count_by(
        plan, enrolled, elapsed, horizon, level
    )
    assert probability_of_target_by(scaled, *there, 32.0 * horizon) == probability_of_target_by(
        plan, enrolled, elapsed, horizon
    )
    times, scaled_times = (
        time_to_target(plan, enrolled, elapsed, level),
        time_to_target(scaled, *there, level),
    )
    assert scaled_times.median == 32.0 * times.median
    assert (scaled_times.low, scaled_times.high) == (32.0 * times.low, 32.0 * times.high)


@settings(deadline=None)
@given(situations())
def test_at_the_elapsed_time_the_count_is_known(situation: Situation) -> None:
    plan, enrolled, elapsed = situation.plan, situation.enrolled, situation.elapsed
    assert count_by(plan, enrolled, elapsed, elapsed) == CountForecast(
        enrolled, enrolled, enrolled, enrolled
    )


@settings(deadline=None)
@given(situations(), st.floats(0.0, 1.0))
def test_an_open_target_was_not_reached_in_the_past(situation: Situation, share: float) -> None:
    plan, enrolled, elapsed = situation.plan, situation.enrolled, situation.elapsed
    assert probability_of_target_by(plan, enrolled, elapsed, share * elapsed) == 0.0


@settings(deadline=None)
@given(situations(), st.integers(0, 50), AHEAD)
def test_a_target_behind_us_is_certain_and_marked(
    situation: Situation, excess: int, ahead: float
) -> None:
    plan, elapsed = situation.plan, situation.elapsed
    enrolled = plan.target + excess
    assert time_to_target(plan, enrolled, elapsed) == TimeForecast(
        elapsed, elapsed, elapsed, elapsed, already_reached=True
    )
    assert probability_of_target_by(plan, enrolled, elapsed, elapsed + ahead) == 1.0


def test_whether_a_target_behind_us_was_reached_by_an_earlier_time_is_refused() -> None:
    with pytest.raises(ValueError, match=r"by the earlier time 9\.0 must be read from the data"):
        probability_of_target_by(SMALL, 60, 10.0, 9.0)


def test_nobody_enrolled_for_a_while_pushes_the_target_away() -> None:
    # Shape stays 30 while the rate grows from 12 to 22: 10 + 22 * 60 / 29.
    forecast = time_to_target(SMALL, enrolled=0, elapsed=10.0)
    assert forecast.mean == pytest.approx(10.0 + 22.0 * 60.0 / 29.0)
    assert forecast.low > time_to_target(SMALL, 0, 0.0).low
    assert count_by(SMALL, 0, 10.0, 24.0).mean == pytest.approx(14.0 * 30.0 / 22.0)


def test_a_mean_waiting_time_that_is_infinite_is_none() -> None:
    # One enrolled and no prior: shape 1, where the integral for the mean diverges.
    forecast = time_to_target(AccrualPlan(60, 24.0, 0.0), enrolled=1, elapsed=1.0)
    assert forecast.mean is None
    assert math.isfinite(forecast.high)


def test_a_limit_beyond_a_double_is_infinite_and_not_an_error() -> None:
    forecast = time_to_target(AccrualPlan(1, 24.0, 1e-6), enrolled=0, elapsed=1.0)
    assert forecast.high == math.inf


def test_a_limit_ages_away_is_still_reached_with_its_probability() -> None:
    # Shape 1/32: the upper limit is so far off that rate / (rate + wait) rounds to nothing.
    plan = AccrualPlan(target=1, duration=1.0, prior_weight=1 / 32)
    upper = time_to_target(plan, 0, 0.0, level=0.5).high
    assert upper > 1e16
    assert probability_of_target_by(plan, 0, 0.0, upper) == pytest.approx(0.75, abs=1e-9)


def test_a_count_reached_with_exactly_the_limits_probability_is_the_limit() -> None:
    # One enrolled in one month and no prior: the rest of the next month is geometric with
    # P(K = 0) = 1/2 exactly, so nobody more is the median.
    assert count_by(AccrualPlan(60, 24.0, 0.0), 1, 1.0, 2.0).median == 1


def test_a_high_level_keeps_its_digits() -> None:
    level = 0.999999
    forecast = count_by(SMALL, 20, 10.0, 24.0, level)
    tail = (1.0 - level) / 2.0
    remainder = stats.nbinom(50.0, 22.0 / 36.0)
    assert remainder.sf(forecast.high - 20) <= tail < remainder.sf(forecast.high - 21)
    latest = time_to_target(SMALL, 20, 10.0, level).high
    assert stats.betaprime.sf(latest - 10.0, 40, 50, scale=22.0) == pytest.approx(tail, rel=1e-6)


@pytest.mark.parametrize(("enrolled", "elapsed"), [(0, 0.0), (0, 10.0), (20, 0.0)])
def test_without_plan_and_data_no_rate_is_made_up(enrolled: int, elapsed: float) -> None:
    plan = AccrualPlan(60, 24.0, 0.0)
    with pytest.raises(ValueError, match=r"the plan says nothing.*give the plan a weight above 0"):
        posterior(plan, enrolled, elapsed)
    with pytest.raises(ValueError, match="the plan says nothing"):
        count_by(plan, enrolled, elapsed, 24.0)
    with pytest.raises(ValueError, match="the plan says nothing"):
        time_to_target(plan, enrolled, elapsed)
    with pytest.raises(ValueError, match="the plan says nothing"):
        probability_of_target_by(plan, enrolled, elapsed, 24.0)


@pytest.mark.parametrize("horizon", [9.999, math.nan, math.inf])
def test_a_count_in_the_past_or_at_no_time_is_refused(horizon: float) -> None:
    with pytest.raises(ValueError, match=r"not before the elapsed time 10\.0, but one is"):
        count_path(SMALL, 20, 10.0, [12.0, horizon])


def test_horizons_of_two_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="one-dimensional array, but have 2 dimensions"):
        count_path(SMALL, 20, 10.0, [[12.0]])


def test_a_forecast_that_no_longer_counts_participants_is_refused() -> None:
    with pytest.raises(ValueError, match="exceeds 2\\*\\*53 participants"):
        count_by(SMALL, 20, 10.0, 1e18)


@pytest.mark.parametrize(
    ("target", "duration", "weight", "sentence"),
    [
        (0, 24.0, 0.5, "The target of an accrual plan must be at least 1, but is 0"),
        (60, 0.0, 0.5, "The duration of an accrual plan must be a finite time above 0"),
        (60, math.inf, 0.5, "The duration of an accrual plan must be a finite time above 0"),
        (60, math.nan, 0.5, "The duration of an accrual plan must be a finite time above 0"),
        (60, 24.0, 50.0, "The prior weight of an accrual plan must lie between 0 .* is 50.0"),
        (60, 24.0, -0.1, "The prior weight of an accrual plan must lie between 0"),
        (60, 24.0, math.nan, "The prior weight of an accrual plan must lie between 0"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(
    target: int, duration: float, weight: float, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        AccrualPlan(target, duration, weight)


@pytest.mark.parametrize(
    ("enrolled", "elapsed", "sentence"),
    [
        (-1, 10.0, "The number enrolled must be at least 0"),
        (20, -1.0, "The elapsed time must be a finite number of at least 0"),
        (20, math.nan, "The elapsed time must be a finite number of at least 0"),
    ],
)
def test_data_that_cannot_be_are_refused(enrolled: int, elapsed: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        posterior(SMALL, enrolled, elapsed)
    with pytest.raises(ValueError, match=sentence):
        count_by(SMALL, enrolled, elapsed, 24.0)
    with pytest.raises(ValueError, match=sentence):
        time_to_target(SMALL, enrolled, elapsed)
    with pytest.raises(ValueError, match=sentence):
        probability_of_target_by(SMALL, enrolled, elapsed, 24.0)


def test_a_level_in_percent_is_refused() -> None:
    with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
        count_by(SMALL, 20, 10.0, 24.0, level=95)
    with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
        time_to_target(SMALL, 20, 10.0, level=95)
