"""Boundaries of looks that come as they come, against rpact, R and the normal distribution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from estimators.sequential import FARTHEST, conditional_power, predictive_power
from estimators.spending import Bound, Look, Spending, futility, monitor
from tests.conftest import examples

LAN_DEMETS = Spending("Lan-DeMets O'Brien-Fleming")
POCOCK_LIKE = Spending("Lan-DeMets Pocock")
HWANG = Spending("Hwang-Shih-DeCani", -4.0)
HAYBITTLE_PETO = Spending("Haybittle-Peto")
THIRDS = (1 / 3, 2 / 3, 1.0)
OBRIEN_FLEMING = Spending("O'Brien-Fleming", planned=THIRDS)
POCOCK = Spending("Pocock", planned=THIRDS)
ALL = (LAN_DEMETS, POCOCK_LIKE, HWANG, HAYBITTLE_PETO, OBRIEN_FLEMING, POCOCK)


def held(*information: float, final: bool = False) -> list[Look]:
    last = len(information) - 1
    return [Look(at, is_final=final and place == last) for place, at in enumerate(information)]


def critical(bounds: tuple[Bound, ...]) -> list[float]:
    return [bound.critical for bound in bounds]


# --- values ----------------------------------------------------------------------------------
#
# rpact 3.3.4, getDesignGroupSequential(…)$criticalValues with userAlphaSpending where looks are
# over- or under-run; Haybittle and Peto's last boundary by R's mvtnorm.


@pytest.mark.parametrize(
    ("spending", "looks", "expected"),
    [
        (LAN_DEMETS, held(0.5, 1.2), (2.962588, 1.971512)),
        (LAN_DEMETS, held(0.5, 0.85), (2.962588, 2.181964)),
        (LAN_DEMETS, held(0.5, 0.85, final=True), (2.962588, 1.965683)),
        (LAN_DEMETS, held(1 / 3, 2 / 3, 0.9, final=True), (3.710303, 2.511427, 1.982676)),
        (LAN_DEMETS, held(0.4, final=True), (1.959964,)),
        (OBRIEN_FLEMING, held(1 / 3, 0.5, 2 / 3, 1), (3.471091, 2.684040, 2.552374, 2.010434)),
        (OBRIEN_FLEMING, held(1 / 3, 0.6, 0.9, final=True), (3.471091, 2.531064, 1.990920)),
        (HAYBITTLE_PETO, held(0.4, 0.9, final=True), (3.0, 1.969009)),
        (HAYBITTLE_PETO, held(0.5, 1.0), (3.0, 1.967294)),
    ],
)
def test_boundaries_of_looks_as_they_came(
    spending: Spending, looks: list[Look], expected: tuple[float, ...]
) -> None:
    assert critical(monitor(looks, 1.0, spending)) == pytest.approx(expected, abs=2e-6)


def test_hwang_shih_and_decani_with_futility_as_in_rpact() -> None:
    # kMax = 3, alpha = 0.025, sided = 1, typeOfDesign = "asHSD", gammaA = -4,
    # typeBetaSpending = "bsHSD", gammaB = -2, beta = 0.1, bindingFutility = FALSE.
    upper = critical(monitor(held(*THIRDS), 1.0, HWANG, alpha=0.025, sided=1))
    assert upper == pytest.approx((3.010739, 2.546531, 1.999226), abs=2e-6)
    lower = futility(THIRDS, upper, Spending("Hwang-Shih-DeCani", -2.0), 0.1)
    assert lower == pytest.approx((-0.238724, 0.941067, 1.999226), abs=2e-6)


def test_each_of_two_comparisons_has_half_of_the_error() -> None:
    bounds = monitor(held(*THIRDS), 1.0, LAN_DEMETS, alpha=0.05 / 2)
    assert critical(bounds) == pytest.approx((4.170845, 2.845814, 2.263724), abs=2e-6)
    assert bounds[-1].spent == pytest.approx(0.025)


def test_classical_boundaries_are_met_where_the_plan_is() -> None:
    # Pocock 1977 and O'Brien & Fleming 1979, three looks, two sides, 5 %.
    assert critical(monitor(held(*THIRDS), 1.0, POCOCK)) == pytest.approx([2.289] * 3, abs=5e-4)
    found = critical(monitor(held(*THIRDS), 1.0, OBRIEN_FLEMING))
    assert found == pytest.approx((3.471, 2.454, 2.004), abs=5e-4)


def test_a_line_of_hwang_shih_and_decani_spends_evenly() -> None:
    even = Spending("Hwang-Shih-DeCani", 0.0)
    assert even.up_to([0.25, 0.5, 2.0], 0.04) == pytest.approx([0.01, 0.02, 0.04])
    # Their family has it as its limit.
    near = Spending("Hwang-Shih-DeCani", 1e-7)
    assert near.up_to([0.25, 0.5], 0.04) == pytest.approx([0.01, 0.02], abs=1e-8)


# --- situations ------------------------------------------------------------------------------


def test_information_that_shrinks_spends_nothing_and_is_held_against_the_last_boundary() -> None:
    first, second, third = monitor([Look(0.5), Look(0.45), Look(0.8)], 1.0, LAN_DEMETS)
    assert (second.is_counted, second.note) == (False, "fewer")
    assert (second.critical, second.spent) == (first.critical, first.spent)
    # As if it had not been.
    without = monitor([Look(0.5), Look(0.8)], 1.0, LAN_DEMETS)
    assert third == without[1]


def test_a_look_that_was_not_planned_spends_nothing() -> None:
    opened = Look(0.6, is_planned=False)
    first, between, last = monitor([Look(0.5), opened, Look(1.0)], 1.0, LAN_DEMETS)
    assert (between.is_counted, between.note) == (False, "unplanned")
    assert between.spent == first.spent
    assert last == monitor([Look(0.5), Look(1.0)], 1.0, LAN_DEMETS)[1]
    # It has the boundary that a look with its information would have had.
    assert between.critical == monitor(held(0.5, 0.6), 1.0, LAN_DEMETS)[1].critical


def test_after_the_error_is_spent_results_are_held_against_the_last_boundary() -> None:
    over, after = monitor([Look(1.1), Look(1.2)], 1.0, LAN_DEMETS)
    assert (over.note, over.is_counted) == ("over", True)
    assert over.spent == pytest.approx(0.05)
    assert (after.note, after.is_counted, after.critical) == ("after", False, over.critical)
    final, later = monitor([Look(0.7, is_final=True), Look(0.9)], 1.0, LAN_DEMETS)
    assert (final.note, later.note) == ("final", "after")


def test_a_look_too_early_to_spend_has_a_boundary_that_no_score_reaches() -> None:
    assert monitor([Look(0.001)], 1.0, LAN_DEMETS)[0].critical == FARTHEST


# --- laws ------------------------------------------------------------------------------------

looks_held = st.lists(st.integers(3, 45), min_size=1, max_size=4).map(
    lambda steps: [float(part) / 100 for part in np.cumsum(steps)]
)


@settings(max_examples=examples(12), deadline=None)
@given(looks_held, st.sampled_from(ALL), st.booleans())
def test_whatever_looks_come_a_trial_without_an_effect_crosses_as_often_as_is_said(
    information: list[float], spending: Spending, final: bool
) -> None:
    """By the distribution of correlated normal scores, which nothing here integrates."""
    bounds = [
        bound
        for bound in monitor(held(*information, final=final), 1.0, spending)
        if bound.is_counted
    ]
    t = np.array([bound.fraction for bound in bounds])
    correlation = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    limits = np.array(critical(tuple(bounds)))
    stays = stats.multivariate_normal.cdf(
        limits, cov=correlation, lower_limit=-limits, abseps=1e-6, releps=1e-6
    )
    assert 1.0 - stays == pytest.approx(bounds[-1].spent, abs=2e-4)
    assert bounds[-1].spent <= 0.05 + 1e-9
    spends_all = final or information[-1] >= 1.0
    assert (bounds[-1].spent == pytest.approx(0.05)) or not spends_all


@settings(max_examples=examples(15), deadline=None)
@given(looks_held, st.sampled_from(ALL))
def test_no_boundary_depends_on_what_comes_after(
    information: list[float], spending: Spending
) -> None:
    whole = monitor(held(*information), 1.0, spending)
    assert monitor(held(*information)[:-1], 1.0, spending) == whole[:-1]
    # Nor on the unit of the information.
    in_people = monitor([Look(60 * at) for at in information], 60.0, spending)
    assert critical(in_people) == pytest.approx(critical(whole), abs=1e-7)


# --- what is likely --------------------------------------------------------------------------


def test_conditional_and_predictive_power_of_one_look_to_come() -> None:
    # R: pnorm((z - c sqrt(t)) / sqrt(1 - t)) for the predictive one.
    at = (0.5, [1.0], [1.9686])
    assert conditional_power(-2.0, *at, drift=2.8) == pytest.approx(0.0025227, abs=1e-7)
    assert conditional_power(-2.0, *at) == pytest.approx(5.84e-12, rel=1e-3)
    assert conditional_power(2.0, *at) == pytest.approx(0.8880036, abs=1e-7)
    assert predictive_power(-2.0, *at) == pytest.approx(8.05e-7, rel=1e-3)
    assert predictive_power(2.0, *at) == pytest.approx(0.8050578, abs=1e-7)
    assert predictive_power(1.5, *at) == pytest.approx(0.5606906, abs=1e-7)


def test_predictive_power_of_two_looks_as_in_simulated_trials() -> None:
    random = np.random.default_rng(20261201)
    score, now, to_come, limits = 1.1, 0.4, [0.7, 1.0], [2.4, 2.0]
    drift = random.normal(score / np.sqrt(now), 1 / np.sqrt(now), 200_000)
    steps = np.diff([now, *to_come])
    moved = random.normal(drift[:, None] * steps, np.sqrt(steps))
    walks = score * np.sqrt(now) + np.cumsum(moved, axis=1)
    scores = walks / np.sqrt(to_come)
    below_first = scores[:, 0] <= -limits[0]
    crosses = (scores[:, 0] >= limits[0]) | (~below_first & (scores[:, 1] >= limits[1]))
    # Four standard errors of 200,000 trials.
    assert predictive_power(score, now, to_come, limits) == pytest.approx(
        crosses.mean(), abs=0.0045
    )


# --- refusals --------------------------------------------------------------------------------


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(ValueError, match="has a parameter"):
        Spending("Hwang-Shih-DeCani")
    with pytest.raises(ValueError, match="has a parameter"):
        Spending("Haybittle-Peto", -4.0)
    with pytest.raises(ValueError, match="planned looks"):
        Spending("Pocock")
    with pytest.raises(ValueError, match="planned looks"):
        Spending("Lan-DeMets Pocock", planned=THIRDS)
    with pytest.raises(ValueError, match="Information is above 0"):
        monitor([Look(0.0)], 1.0, LAN_DEMETS)
    with pytest.raises(ValueError, match="Information is above 0"):
        monitor([Look(0.5)], 0.0, LAN_DEMETS)
    with pytest.raises(ValueError, match="one side or two"):
        monitor([Look(0.5)], 1.0, LAN_DEMETS, sided=3)
    with pytest.raises(ValueError, match="have not"):
        futility([0.5, 1.0], [2.0], LAN_DEMETS, 0.1)
