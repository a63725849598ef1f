"""Time to event against published data, R, scipy.stats, exact sums, and the laws to obey."""

import math
from collections import Counter
from fractions import Fraction
from random import Random
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from estimators.proportions import newcombe, square_and_add, wilson_of_size
from estimators.time_to_event import (
    CumulativeIncidence,
    KaplanMeier,
    LogRank,
    Median,
    aalen_johansen,
    difference_at,
    incidence_difference_at,
    incidence_on,
    kaplan_meier,
    log_rank,
    survival_on,
)
from tests.conftest import examples

# Freireich et al., Blood 1963; 21: 699-716, as in Cox, Journal of the Royal Statistical Society B
# 1972; 34: 187-220, table 1: weeks of remission in acute leukemia, 6-mercaptopurine and placebo;
# a time that is censored is negative.
MERCAPTOPURINE = (
    *(6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16),
    *(-17, -19, -20, 22, 23, -25, -32, -32, -34, -35),
)
PLACEBO = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)

# Made up, with ties of both causes and of censoring, an event on day 0 and on the last day; each
# day with what ended it, of two causes and 0 for censoring.
DAYS = (
    *(0, 1, 1, 2, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8),
    *(9, 10, 11, 12, 14, 14, 15, 17, 20, 20, 21, 24, 28, 28, 28),
)
CAUSES = (
    *(2, 1, 0, 1, 2, 1, 0, 1, 1, 2, 0, 1, 2, 0, 1),
    *(0, 2, 1, 0, 1, 2, 0, 0, 1, 0, 2, 0, 1, 0, 0),
)

# Few different days, so that events and censoring are often tied.
Participants: TypeAlias = list[tuple[int, int]]
PARTICIPANTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=1, max_size=30)
LEVELS = st.floats(0.5, 0.999)


def observed(signed: tuple[int, ...]) -> tuple[list[int], list[bool]]:
    return [abs(time) for time in signed], [time > 0 for time in signed]


def split(participants: Participants) -> tuple[list[int], list[int]]:
    return [day for day, _ in participants], [cause for _, cause in participants]


def of_one_cause(participants: Participants) -> tuple[list[int], list[bool]]:
    return [day for day, _ in participants], [cause > 0 for _, cause in participants]


def row(curve: KaplanMeier | CumulativeIncidence, time: float) -> int:
    return int(np.flatnonzero(curve.times == time)[0])


# --- Kaplan and Meier -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "at_risk", "events", "censored", "survival", "error", "low", "high"),
    # survfit of R 4.2.2, survival 3.5-3, conf.type "log-log".
    [
        (6, 21, 3, 1, 0.857142857143, 0.0763603548321, 0.619717955266, 0.951551747647),
        (7, 17, 1, 0, 0.806722689076, 0.0869352851801, 0.563146564622, 0.922809019203),
        (9, 16, 0, 1, 0.806722689076, 0.0869352851801, 0.563146564622, 0.922809019203),
        (10, 15, 1, 1, 0.752941176471, 0.0963496529943, 0.5031995108, 0.889361835169),
        (13, 12, 1, 0, 0.690196078431, 0.106814707775, 0.431610222486, 0.849065963349),
        (23, 6, 1, 0, 0.448179271709, 0.1345914567558, 0.188052005959, 0.680142628495),
        (35, 1, 0, 1, 0.448179271709, 0.1345914567558, 0.188052005959, 0.680142628495),
    ],
)
def test_remission_with_mercaptopurine_as_in_survfit_of_r(
    time: int,
    at_risk: int,
    events: int,
    censored: int,
    survival: float,
    error: float,
    low: float,
    high: float,
) -> None:
    curve = kaplan_meier(*observed(MERCAPTOPURINE))
    i = row(curve, time)
    assert (curve.at_risk[i], curve.events[i], curve.censored[i]) == (at_risk, events, censored)
    assert curve.survival[i] == pytest.approx(survival, rel=1e-10)
    assert math.sqrt(curve.variance[i]) == pytest.approx(error, rel=1e-10)
    assert (curve.low[i], curve.high[i]) == pytest.approx((low, high), rel=1e-10)


def test_median_remission_as_in_survfit_of_r() -> None:
    # R 4.2.2, survival 3.5-3: 23 (13 to not reached) and 8 (4 to 11) weeks.
    assert kaplan_meier(*observed(MERCAPTOPURINE)).median == Median(23.0, 13.0, None)
    assert kaplan_meier(*observed(PLACEBO)).median == Median(8.0, 4.0, 11.0)


@pytest.mark.parametrize(
    ("times", "events", "median"),
    # summary of survfit in R 4.2.2, survival 3.5-3, with its empty limits as None.
    [
        # Exactly one half from 2 to 3, from 2 to 4, and from 2 until nobody is left to tell.
        ([1, 2, 3, 4], [1, 1, 1, 1], Median(2.5, 1.0, None)),
        ([1, 2, 3, 4], [1, 1, 0, 1], Median(3.0, 1.0, None)),
        ([1, 2, 3, 4], [1, 1, 0, 0], Median(2.0, 1.0, None)),
        ([1, 2, 3, 4], [0, 1, 1, 0], Median(3.0, 2.0, None)),
        ([0, 0, 0, 5, 6], [1, 1, 0, 1, 0], Median(5.0, 0.0, None)),
        ([2, 2, 4, 6, 6, 8], [1, 0, 1, 1, 0, 1], Median(6.0, 2.0, None)),
        ([5, 5, 5], [1, 1, 1], Median(5.0, None, None)),
        ([3, 4], [0, 0], Median(None, None, None)),
    ],
)
def test_median_as_in_survfit_of_r(times: list[int], events: list[int], median: Median) -> None:
    assert kaplan_meier(times, events).median == median


# SciPy warns where its log-log limits are undefined; ours are NaN there.
@pytest.mark.filterwarnings("ignore:The confidence interval is undefined:RuntimeWarning")
@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS, LEVELS)
def test_the_curve_is_that_of_scipy_stats(participants: Participants, level: float) -> None:
    times, events = of_one_cause(participants)
    curve = kaplan_meier(times, events, level)
    uncensored = [time for time, event in zip(times, events, strict=True) if event]
    censored = [time for time, event in zip(times, events, strict=True) if not event]
    expected = stats.ecdf(stats.CensoredData(uncensored, right=censored)).sf
    assert curve.survival == pytest.approx(expected.evaluate(curve.times), abs=1e-12)
    with np.errstate(all="ignore"):
        limits = expected.confidence_interval(level, method="log-log")
    inside = (curve.survival > 1e-9) & (curve.survival < 1.0 - 1e-9)
    for limit, theirs in ((curve.low, limits.low), (curve.high, limits.high)):
        assert limit[inside] == pytest.approx(theirs.evaluate(curve.times[inside]), abs=1e-9)
        assert np.all(np.isnan(limit[~inside]))


@settings(deadline=None, max_examples=examples(50))
@given(st.lists(st.integers(0, 20), min_size=1, max_size=40))
def test_without_censoring_it_is_the_share_still_without_event_with_binomial_variance(
    times: list[int],
) -> None:
    curve, n = kaplan_meier(times, [True] * len(times)), len(times)
    still = np.array([sum(time > day for time in times) / n for day in curve.times])
    assert curve.survival == pytest.approx(still, abs=1e-12)
    assert curve.variance == pytest.approx(still * (1 - still) / n, abs=1e-12)


@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS, st.randoms(use_true_random=False))
def test_everybody_leaves_once_and_the_order_of_participants_changes_not_one_bit(
    participants: Participants, random: Random
) -> None:
    curve = kaplan_meier(*of_one_cause(participants))
    assert curve.times[0] == 0.0
    assert curve.at_risk[0] == len(participants)
    left = np.cumsum(curve.events + curve.censored)
    assert curve.at_risk[1:].tolist() == (len(participants) - left[:-1]).tolist()
    assert left[-1] == len(participants)
    shuffled = list(participants)
    random.shuffle(shuffled)
    again = kaplan_meier(*of_one_cause(shuffled))
    assert again.survival.tolist() == curve.survival.tolist()
    assert again.variance.tolist() == curve.variance.tolist()
    assert again.median == curve.median


@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS, LEVELS)
def test_limits_hold_the_curve_and_grow_with_the_level(
    participants: Participants, level: float
) -> None:
    times, events = of_one_cause(participants)
    curve, wider = (kaplan_meier(times, events, x) for x in (level, (1 + level) / 2))
    known = ~np.isnan(curve.low)
    assert np.all((curve.survival[known] > 0.0) & (curve.survival[known] < 1.0))
    assert np.all(curve.low[known] < curve.survival[known])
    assert np.all(curve.survival[known] < curve.high[known])
    assert np.all((curve.low[known] >= 0.0) & (curve.high[known] <= 1.0))
    assert np.all(wider.low[known] <= curve.low[known])
    assert np.all(wider.high[known] >= curve.high[known])
    days, low, high = curve.median.days, curve.median.low, curve.median.high
    assert days is None or low is None or low <= days
    assert days is None or high is None or days <= high


def test_events_come_before_the_censoring_of_their_day() -> None:
    # On day 3 one of four has the event and two are censored, who were at risk of it.
    curve = kaplan_meier([3, 3, 3, 5], [True, False, False, False])
    assert curve.survival.tolist() == [1.0, 0.75, 0.75]
    assert curve.at_risk.tolist() == [4, 4, 1]


# A warning would stand in the log of whoever opens the page.
@pytest.mark.filterwarnings("error")
def test_nobody_everybody_censored_and_everything_at_once() -> None:
    nobody = kaplan_meier([], [])
    assert (nobody.times.tolist(), nobody.at_risk.tolist()) == ([0.0], [0])
    assert np.isnan([nobody.survival[0], nobody.variance[0], nobody.low[0]]).all()
    assert nobody.median == Median(None, None, None)
    censored = kaplan_meier([4, 9], [False, False])
    assert censored.survival.tolist() == [1.0, 1.0, 1.0]
    assert censored.variance.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(censored.low).all()
    first = kaplan_meier([0, 0], [True, True])
    assert (first.times.tolist(), first.survival.tolist()) == ([0.0], [0.0])
    assert first.variance.tolist() == [0.0]
    last = kaplan_meier([7, 7, 7], [1, 1, 1])
    assert (last.times.tolist(), last.survival.tolist()) == ([0.0, 7.0], [1.0, 0.0])
    assert last.median.days == 7.0


def test_the_curve_on_asked_days_with_its_numbers_at_risk() -> None:
    curve = kaplan_meier(*observed(MERCAPTOPURINE))
    found = survival_on(curve, [10, 0, 6, 5.5, 6.5, 35, 36])
    assert found.at_risk.tolist() == [15, 21, 21, 21, 17, 1, 0]
    assert found.survival[:6] == pytest.approx([0.752941, 1.0, 0.857143, 1.0, 0.857143, 0.448179])
    assert found.low[0] == curve.low[row(curve, 10)]
    assert found.high[0] == curve.high[row(curve, 10)]
    # After the last participant was last seen nobody knows, unless nobody is left without event.
    assert np.isnan([found.survival[6], found.low[6], found.high[6]]).all()
    assert survival_on(kaplan_meier(*observed(PLACEBO)), [36]).survival.tolist() == [0.0]
    assert np.isnan(survival_on(kaplan_meier([], []), [0, 28]).survival).all()


# --- log-rank -------------------------------------------------------------------------------


def remission() -> LogRank:
    times, events = observed((*MERCAPTOPURINE, *PLACEBO))
    return log_rank(times, events, ["mercaptopurine"] * 21 + ["placebo"] * 21)


def test_mercaptopurine_against_placebo_freireich_1963() -> None:
    # Published 16.79, p 4.17e-5; more digits: survdiff of R 4.2.2, survival 3.5-3.
    found = remission()
    assert (found.chi_square, found.p) == pytest.approx((16.7929409892, 4.16880910933e-05))
    assert found.degrees_of_freedom == 1
    assert found.groups == ("mercaptopurine", "placebo")
    assert found.people.tolist() == [21, 21]
    assert found.observed.tolist() == [9, 21]
    assert found.expected == pytest.approx([19.250500948, 10.749499052])


@pytest.mark.parametrize(
    ("causes", "chi_square", "p", "expected"),
    # survdiff of R 4.2.2, survival 3.5-3; statistic and p also lifelines 0.30.3.
    [
        ((1, 2), 0.386324196136, 0.824348338036, [6.13112269843, 7.8848000164, 3.98407728517]),
        ((1,), 0.166964172893, 0.919907565337, [3.52568739299, 4.92125985285, 2.55305275415]),
    ],
)
def test_three_groups_as_in_survdiff_of_r(
    causes: tuple[int, ...], chi_square: float, p: float, expected: list[float]
) -> None:
    found = log_rank(DAYS, [cause in causes for cause in CAUSES], [1, 1, 2, 3, 2] * 6)
    assert (found.chi_square, found.p) == pytest.approx((chi_square, p), rel=1e-9)
    assert found.degrees_of_freedom == 2
    assert found.expected == pytest.approx(expected, rel=1e-9)


@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS, PARTICIPANTS)
def test_two_groups_are_compared_as_by_scipy_stats(
    first: Participants, second: Participants
) -> None:
    samples, everybody = [], [*first, *second]
    for group in (first, second):
        uncensored = [day for day, cause in group if cause > 0]
        samples.append(
            stats.CensoredData(uncensored, right=[day for day, cause in group if cause == 0])
        )
    found = log_rank(*of_one_cause(everybody), [0] * len(first) + [1] * len(second))
    with np.errstate(all="ignore"):
        theirs = stats.logrank(*samples)
    if found.chi_square is None:
        assert not np.isfinite(theirs.statistic)
    else:
        assert found.chi_square == pytest.approx(theirs.statistic**2, abs=1e-9)
        assert found.p == pytest.approx(theirs.pvalue, abs=1e-9)


@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS, st.integers(2, 4), st.randoms(use_true_random=False))
def test_neither_the_order_of_participants_nor_the_names_of_groups_matter(
    participants: Participants, number: int, random: Random
) -> None:
    groups = [random.randrange(number) for _ in participants]
    found = log_rank(*of_one_cause(participants), groups)
    places = list(range(len(participants)))
    random.shuffle(places)
    names = random.sample(["a", "b", "c", "d"], 4)
    again = log_rank(
        *of_one_cause([participants[i] for i in places]), [names[groups[i]] for i in places]
    )
    assert again.chi_square == pytest.approx(found.chi_square, abs=1e-9)
    assert again.reason == found.reason
    assert again.degrees_of_freedom == found.degrees_of_freedom
    assert found.observed.sum() == sum(cause > 0 for _, cause in participants)
    assert found.expected.sum() == pytest.approx(found.observed.sum())


@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS)
def test_groups_that_are_the_same_do_not_differ(participants: Participants) -> None:
    times, events = of_one_cause(participants * 3)
    found = log_rank(times, events, np.repeat(["a", "b", "c"], len(participants)))
    if found.reason is None:
        assert found.chi_square == pytest.approx(0.0, abs=1e-12)
        assert found.p == pytest.approx(1.0)
    else:
        assert found.reason in (
            "Nobody had the event.",
            "Everybody had the event at the same time.",
        )


def test_a_group_that_nobody_of_is_at_risk_of_an_event_costs_no_degree_of_freedom() -> None:
    times, events = observed((*MERCAPTOPURINE, *PLACEBO))
    # Censored before the first event at week 1.
    found = log_rank([*times, 0.5], [*events, False], [1] * 21 + [2] * 21 + [3])
    assert found.degrees_of_freedom == 1
    assert found.chi_square == pytest.approx(16.7929409892)
    assert found.observed.tolist() == [9, 21, 0]
    assert found.expected[2] == 0.0


@pytest.mark.parametrize(
    ("times", "events", "groups", "reason"),
    [
        ([], [], [], "Nobody had the event."),
        ([1, 2], [0, 0], ["a", "b"], "Nobody had the event."),
        ([1, 2], [1, 1], ["a", "a"], "Fewer than two groups had anybody at risk"),
        ([1, 2], [0, 1], ["a", "b"], "Fewer than two groups had anybody at risk"),
        ([5, 5, 5], [1, 1, 1], ["a", "b", "b"], "Everybody had the event at the same time."),
    ],
)
def test_where_there_is_nothing_to_compare_the_reason_is_said(
    times: list[int], events: list[int], groups: list[str], reason: str
) -> None:
    found = log_rank(times, events, groups)
    assert (found.chi_square, found.p) == (None, None)
    assert found.reason is not None
    assert found.reason.startswith(reason)


# --- Aalen and Johansen ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "event_free", "incidence", "variance", "low", "high"),
    # survfit of a multi-state outcome in R 4.2.2, survival 3.5-3, conf.type "log-log"; its
    # variance is the infinitesimal jackknife. Incidences also cuminc of cmprsk 2.2-11.
    [
        (
            2,
            0.829629629630,
            (0.1024691358025, 0.0679012345679),
            (0.00314467081012, 0.00215078437682),
            (0.02604120393982, 0.01198181277710),
            (0.241058989601, 0.194923538036),
        ),
        (
            14,
            0.427228809838,
            (0.3397403991607, 0.2330307910018),
            (0.00878754886209, 0.00715176292838),
            (0.16837136889282, 0.09314306108006),
            (0.519867361287, 0.409081233972),
        ),
        (
            28,
            0.195304598783,
            (0.4984253856718, 0.3062700155454),
            (0.01437819630048, 0.01041958138218),
            (0.25396958662706, 0.12807413257088),
            (0.702046966110, 0.505958845157),
        ),
    ],
)
def test_two_causes_as_in_survfit_of_r(
    time: int,
    event_free: float,
    incidence: tuple[float, float],
    variance: tuple[float, float],
    low: tuple[float, float],
    high: tuple[float, float],
) -> None:
    found = aalen_johansen(DAYS, CAUSES)
    i = row(found, time)
    assert found.causes == (1, 2)
    assert found.event_free[i] == pytest.approx(event_free, rel=1e-10)
    assert found.incidence[:, i] == pytest.approx(incidence, rel=1e-10)
    assert found.variance[:, i] == pytest.approx(variance, rel=1e-10)
    assert found.low[:, i] == pytest.approx(low, rel=1e-10)
    assert found.high[:, i] == pytest.approx(high, rel=1e-10)


def test_limits_at_another_level_as_in_survfit_of_r() -> None:
    # R 4.2.2, survival 3.5-3, conf.int 0.9.
    found = aalen_johansen(DAYS, CAUSES, 0.90)
    i = row(found, 14)
    assert found.low[:, i] == pytest.approx([0.1932587824846, 0.1114259189385], rel=1e-10)
    assert found.high[:, i] == pytest.approx([0.492112800393, 0.380281140862], rel=1e-10)


def exact_incidence_and_variance(
    participants: Participants, cause: int, until: int
) -> tuple[Fraction, Fraction]:
    """Incidence by a day and its variance in rational numbers, as Gaynor et al. 1993 print it."""
    event_free, incidence = Fraction(1), Fraction(0)
    past = []
    for day in sorted({day for day, _ in participants if day <= until}):
        n = sum(other >= day for other, _ in participants)
        d = sum(other == day and of > 0 for other, of in participants)
        own = sum(other == day and of == cause for other, of in participants)
        incidence += event_free * Fraction(own, n)
        past.append((incidence, event_free, n, d, own))
        event_free *= Fraction(n - d, n)
    variance = Fraction(0)
    for then, before, n, d, own in past:
        later = incidence - then
        if later != 0:
            variance += later**2 * Fraction(d, n * (n - d))
        variance += before**2 * Fraction(own * (n - own), n**3)
        variance -= 2 * later * before * Fraction(own, n**2)
    return incidence, variance


@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS, st.integers(0, 12))
def test_incidence_and_variance_are_the_sums_as_printed(
    participants: Participants, until: int
) -> None:
    found = aalen_johansen(*split(participants), codes=[1, 2])
    i = int(np.flatnonzero(found.times <= until)[-1])
    for number, cause in enumerate((1, 2)):
        incidence, variance = exact_incidence_and_variance(participants, cause, until)
        assert found.incidence[number, i] == pytest.approx(float(incidence), abs=1e-12)
        assert found.variance[number, i] == pytest.approx(float(variance), abs=1e-12)


@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS)
def test_on_every_day_everybody_is_event_free_or_has_one_cause(participants: Participants) -> None:
    times, causes = split(participants)
    found = aalen_johansen(times, causes)
    assert found.event_free + found.incidence.sum(axis=0) == pytest.approx(1.0, abs=1e-12)
    assert np.all(np.diff(found.incidence, axis=1) >= 0.0)
    together = kaplan_meier(times, [cause > 0 for cause in causes])
    assert found.event_free.tolist() == together.survival.tolist()
    assert found.at_risk.tolist() == together.at_risk.tolist()
    assert found.events.sum(axis=0).tolist() == together.events.tolist()


@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS)
def test_with_one_cause_it_is_kaplan_meier_turned_over_with_greenwoods_variance(
    participants: Participants,
) -> None:
    times, events = of_one_cause(participants)
    found, curve = aalen_johansen(times, events, codes=[1]), kaplan_meier(times, events)
    assert found.incidence[0] == pytest.approx(1.0 - curve.survival, abs=1e-12)
    assert found.variance[0] == pytest.approx(curve.variance, abs=1e-12)


@settings(deadline=None, max_examples=examples(50))
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 3)), min_size=1, max_size=30))
def test_without_censoring_it_is_the_share_with_the_cause_with_binomial_variance(
    participants: Participants,
) -> None:
    found, n = aalen_johansen(*split(participants)), len(participants)
    for number, cause in enumerate(found.causes):
        share = np.array(
            [sum(day <= time and of == cause for day, of in participants) for time in found.times]
        )
        share = share / n
        assert found.incidence[number] == pytest.approx(share, abs=1e-12)
        assert found.variance[number] == pytest.approx(share * (1 - share) / n, abs=1e-12)


@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS)
def test_censoring_the_other_cause_never_shows_less_incidence(participants: Participants) -> None:
    times, causes = split(participants)
    competing = aalen_johansen(times, causes, codes=[1, 2]).incidence[0]
    censored = 1.0 - kaplan_meier(times, [cause == 1 for cause in causes]).survival
    assert np.all(competing <= censored + 1e-12)


@settings(deadline=None, max_examples=examples(50))
@given(PARTICIPANTS, LEVELS, st.randoms(use_true_random=False))
def test_incidence_limits_hold_it_grow_with_the_level_and_do_not_see_the_order(
    participants: Participants, level: float, random: Random
) -> None:
    found, wider = (aalen_johansen(*split(participants), x) for x in (level, (1 + level) / 2))
    assert np.all(found.variance >= 0.0)
    known = ~np.isnan(found.low)
    inside = (found.incidence > 1e-9) & (found.incidence < 1.0 - 1e-9)
    assert known.tolist() == inside.tolist() == (~np.isnan(found.high)).tolist()
    assert np.all(found.low[known] < found.incidence[known])
    assert np.all(found.incidence[known] < found.high[known])
    assert np.all((found.low[known] >= 0.0) & (found.high[known] <= 1.0))
    assert np.all(wider.low[known] <= found.low[known])
    assert np.all(wider.high[known] >= found.high[known])
    shuffled = list(participants)
    random.shuffle(shuffled)
    again = aalen_johansen(*split(shuffled), level)
    assert again.incidence.tolist() == found.incidence.tolist()
    assert again.variance.tolist() == found.variance.tolist()


def test_codes_say_which_rows_there_are_and_in_which_order() -> None:
    found = aalen_johansen(DAYS, CAUSES, codes=[3, 2, 1])
    plain = aalen_johansen(DAYS, CAUSES)
    assert found.causes == (3, 2, 1)
    assert found.incidence[1:].tolist() == plain.incidence[::-1].tolist()
    assert found.events[0].sum() == 0
    assert not found.incidence[0].any()
    assert np.isnan(found.low[0]).all()


@pytest.mark.filterwarnings("error")
def test_incidence_of_nobody_of_everybody_censored_and_of_everything_at_once() -> None:
    nobody = aalen_johansen([], [], codes=[1, 2])
    assert (nobody.times.tolist(), nobody.at_risk.tolist()) == ([0.0], [0])
    assert nobody.incidence.shape == (2, 1)
    assert np.isnan(nobody.incidence).all()
    assert aalen_johansen([], []).incidence.shape == (0, 1)
    censored = aalen_johansen([4, 9], [0, 0], codes=[1])
    assert censored.incidence.tolist() == [[0.0, 0.0, 0.0]]
    assert aalen_johansen([4, 9], [0, 0]).incidence.shape == (0, 3)
    first = aalen_johansen([0, 0, 0, 0], [1, 2, 2, 2])
    assert first.incidence.tolist() == [[0.25], [0.75]]
    assert first.event_free.tolist() == [0.0]
    assert first.variance == pytest.approx(np.full((2, 1), 0.25 * 0.75 / 4))


def test_incidence_on_asked_days_with_its_numbers_at_risk() -> None:
    curves = aalen_johansen(DAYS, CAUSES)
    found = incidence_on(curves, [14, 13, 0, 29])
    assert found.causes == (1, 2)
    assert found.at_risk.tolist() == [11, 11, 30, 0]
    assert found.incidence[:, 0].tolist() == curves.incidence[:, row(curves, 14)].tolist()
    assert found.incidence[:, 1].tolist() == curves.incidence[:, row(curves, 12)].tolist()
    assert found.low[:, 0].tolist() == curves.low[:, row(curves, 14)].tolist()
    assert found.high[:, 0].tolist() == curves.high[:, row(curves, 14)].tolist()
    assert found.incidence[:, 2] == pytest.approx([0.0, 1 / 30])
    assert np.isnan(found.incidence[:, 3]).all()
    over = incidence_on(aalen_johansen([1, 2], [1, 2]), [28])
    assert over.incidence.tolist() == [[0.5], [0.5]]


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "events", "message"),
    [
        ([3.0, -1.0], [1, 0], r"a finite number of days of at least 0, but one is -1\.0"),
        ([3.0, math.nan], [1, 0], "a finite number of days of at least 0, but one is nan"),
        ([3.0, math.inf], [1, 0], "a finite number of days of at least 0, but one is inf"),
        ([3, 4], [1], r"the times have shape \(2,\) and the events \(1,\)"),
        ([[3, 4]], [[1, 0]], "Days must be a one-dimensional array, but have 2 dimensions"),
    ],
)
def test_times_that_cannot_be_or_have_no_event_are_refused(
    times: ArrayLike, events: ArrayLike, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kaplan_meier(times, events)
    with pytest.raises(ValueError, match=message):
        log_rank(times, events, ["a", "b"])
    with pytest.raises(ValueError, match=message):
        aalen_johansen(times, events)


@pytest.mark.parametrize("events", [[2, 0], [-1, 0], [1.0, 0.0], ["1", "0"], [True, None]])
def test_an_event_that_is_neither_true_nor_false_is_refused(events: ArrayLike) -> None:
    with pytest.raises(ValueError, match=r"An event must be true \(1\) or false \(0, censored\)"):
        kaplan_meier([3, 4], events)
    with pytest.raises(ValueError, match=r"An event must be true \(1\) or false \(0, censored\)"):
        log_rank([3, 4], events, ["a", "b"])


@pytest.mark.parametrize("causes", [[-1, 0], [1.0, 0.0], ["1", "0"]])
def test_a_cause_that_is_no_number_of_a_cause_is_refused(causes: ArrayLike) -> None:
    with pytest.raises(ValueError, match="A cause must be a whole number: 0 for censoring"):
        aalen_johansen([3, 4], causes)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([1], r"The data have the causes \[2\], which the codes \[1\] leave out"),
        ([1, 2, 1], "The codes of the causes must differ"),
        ([0, 1, 2], "The code of a cause must be at least 1, but is 0"),
    ],
)
def test_codes_that_do_not_fit_the_causes_are_refused(codes: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        aalen_johansen([3, 4, 5], [1, 2, 0], codes=codes)


@pytest.mark.parametrize("groups", [["a", None], [1.0, math.nan]])
def test_a_participant_without_a_group_is_refused(groups: list[str | None]) -> None:
    with pytest.raises(ValueError, match="Every participant needs a group, but one has none"):
        log_rank([3, 4], [True, False], groups)


def test_groups_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 2 participants and groups of shape"):
        log_rank([3, 4], [True, False], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ([-1.0], "A day must be a finite number of days of at least 0"),
        ([math.nan], "A day must be a finite number of days of at least 0"),
        (28.0, "Days must be a one-dimensional array, but have 0 dimensions"),
    ],
)
def test_days_that_cannot_be_are_refused(days: ArrayLike, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        survival_on(kaplan_meier([3], [True]), days)
    with pytest.raises(ValueError, match=message):
        incidence_on(aalen_johansen([3], [1]), days)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
def test_a_level_that_is_none_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
        kaplan_meier([3], [True], level)
    with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
        aalen_johansen([3], [1], level)


# --- the difference at a day ----------------------------------------------------------------


def test_difference_at_a_day_as_by_hand_from_survfit_of_r() -> None:
    # Miller's leukemia data (aml) at week 24; survfit of R 4.2.2, survival 3.5-3.
    kept = ([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0])
    not_kept = ([5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45], [1] * 5 + [0] + [1] * 6)
    found = difference_at(kept, not_kept, 24)
    limits = []
    for survival, error in ((0.613636363636, 0.152632331027), (0.486111111111, 0.148130062553)):
        size = survival * (1 - survival) / error**2
        # Wilson's limits are the roots of this quadratic.
        square = stats.norm.ppf(0.975) ** 2 / size
        limits.append(np.sort(np.roots([1 + square, -(2 * survival + square), survival**2])))
    estimate = 0.613636363636 - 0.486111111111
    low = estimate - math.hypot(0.613636363636 - limits[0][0], limits[1][1] - 0.486111111111)
    high = estimate + math.hypot(limits[0][1] - 0.613636363636, 0.486111111111 - limits[1][0])
    assert (found.estimate, found.low, found.high) == pytest.approx((estimate, low, high), abs=1e-9)
    assert (found.n, found.known) == ((11, 12), (10, 11))
    assert found.known_share == pytest.approx((10 / 11, 11 / 12))


@given(st.integers(0, 20), st.integers(1, 20), st.integers(0, 20), st.integers(1, 20), LEVELS)
def test_without_censoring_it_is_newcombes_interval(
    alive1: int, dead1: int, alive2: int, dead2: int, level: float
) -> None:
    arms = [([28] * a + [3] * d, [0] * a + [1] * d) for a, d in ((alive1, dead1), (alive2, dead2))]
    for first, second in (arms, [arms[0], ([28], [0])]):
        found = difference_at(first, second, 28, level)
        alive = sum(1 for e in second[1] if e == 0)
        peer = newcombe(alive1, alive1 + dead1, alive, len(second[1]), level)
        assert found.low == pytest.approx(float(peer.low), abs=1e-9)
        assert found.high == pytest.approx(float(peer.high), abs=1e-9)


@given(PARTICIPANTS, PARTICIPANTS, st.integers(0, 12))
def test_a_difference_mirrors_when_the_arms_swap_and_stays_within_its_limits(
    first: Participants, second: Participants, day: int
) -> None:
    one, other = of_one_cause(first), of_one_cause(second)
    found, mirror = difference_at(one, other, day), difference_at(other, one, day)
    assert found.known == (mirror.known[1], mirror.known[0])
    if found.estimate is None or mirror.high is None:
        assert found.reason is not None
        assert found.reason == mirror.reason
        return
    assert found.low is not None
    assert found.high is not None
    assert -1.0 <= found.low <= found.estimate <= found.high <= 1.0
    assert found.low == pytest.approx(-mirror.high, abs=1e-12)


def test_a_day_that_nobody_reached_and_an_empty_arm_have_a_reason() -> None:
    some = ([5, 9], [1, 0])
    assert difference_at(some, some, 10).reason == "In an arm nobody is observed through day 10."
    empty = difference_at(some, ([], []), 5)
    assert (empty.reason, empty.known_share) == ("An arm is empty.", (1.0, None))


def test_the_difference_at_a_day_covers_at_30_an_arm_with_censoring() -> None:
    dice = np.random.default_rng(20260102)
    covered, runs = 0, 800
    truth = math.exp(-28 * 0.006) - math.exp(-28 * 0.02)
    for _ in range(runs):
        arms = []
        for rate in (0.006, 0.02):
            death, lost = dice.exponential(1 / rate, 30), dice.uniform(10, 90, 30)
            arms.append((np.minimum(death, lost), death <= lost))
        found = difference_at(arms[0], arms[1], 28)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high
    assert covered / runs > 0.925


# --- the difference of incidences at a day --------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "difference", "low", "high"),
    # mgus2 of survival by sex, 120 months: incidence and error of survfit of R 4.2, women and men;
    # limits by R. First progression, with death competing, then death.
    [
        ((0.0738857, 0.0107698), (0.0553102, 0.0086443), 0.0185754, -0.0082783, 0.0466684),
        ((0.4804900, 0.0208049), (0.5751785, 0.0189386), -0.0946884, -0.1492827, -0.0393356),
    ],
)
def test_limits_from_incidences_and_their_errors_as_in_r(
    first: tuple[float, float],
    second: tuple[float, float],
    difference: float,
    low: float,
    high: float,
) -> None:
    z = float(stats.norm.ppf(0.975))
    arms = [
        (share, *wilson_of_size(share, share * (1 - share) / error**2, z))
        for share, error in (first, second)
    ]
    found = [float(part) for part in square_and_add(arms[0], arms[1])]
    assert found == pytest.approx([difference, low, high], abs=3e-7)


def test_difference_of_incidences_as_by_hand_from_survfit_of_r() -> None:
    # Day 28 of the made-up data: one cause against the other, as above.
    turned = [{0: 0, 1: 2, 2: 1}[cause] for cause in CAUSES]
    found = incidence_difference_at((DAYS, CAUSES), (DAYS, turned), 28, 1)
    limits = []
    for share, variance in (
        (0.4984253856718, 0.01437819630048),
        (0.3062700155454, 0.01041958138218),
    ):
        square = stats.norm.ppf(0.975) ** 2 * variance / (share * (1 - share))
        limits.append(np.sort(np.roots([1 + square, -(2 * share + square), share**2])))
    assert (found.first, found.second) == pytest.approx((0.4984253856718, 0.3062700155454))
    estimate = 0.4984253856718 - 0.3062700155454
    low = estimate - math.hypot(0.4984253856718 - limits[0][0], limits[1][1] - 0.3062700155454)
    high = estimate + math.hypot(limits[0][1] - 0.4984253856718, 0.3062700155454 - limits[1][0])
    assert (found.estimate, found.low, found.high) == pytest.approx((estimate, low, high), abs=1e-9)
    assert incidence_difference_at((DAYS, turned), (DAYS, CAUSES), 28, 2) == found
    observed = sum(day >= 28 or cause > 0 for day, cause in zip(DAYS, CAUSES, strict=True))
    assert (found.n, found.known) == ((30, 30), (observed, observed))


Three: TypeAlias = tuple[int, int, int]
THREE = st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)).filter(any)


@given(THREE, THREE, LEVELS)
def test_incidences_without_censoring_have_newcombes_interval(
    first: Three, second: Three, level: float
) -> None:
    """Of each arm so many have the event, die before it, and have neither; none or all, too."""
    arms = [
        ([3] * had + [5] * died + [28] * neither, [1] * had + [2] * died + [0] * neither)
        for had, died, neither in (first, second)
    ]
    found = incidence_difference_at(arms[0], arms[1], 28, 1, level)
    peer = newcombe(first[0], sum(first), second[0], sum(second), level)
    assert found.low == pytest.approx(float(peer.low), abs=1e-9)
    assert found.high == pytest.approx(float(peer.high), abs=1e-9)
    turned = incidence_difference_at(arms[1], arms[0], 28, 1, level)
    assert turned.estimate == pytest.approx(-(found.estimate or 0.0))
    assert turned.high == pytest.approx(-(found.low or 0.0))


@given(PARTICIPANTS, PARTICIPANTS, st.integers(0, 12))
def test_with_one_cause_the_difference_is_that_of_survival_turned(
    first: Participants, second: Participants, day: int
) -> None:
    one, other = of_one_cause(first), of_one_cause(second)
    found = incidence_difference_at(one, other, day, 1)
    peer = difference_at(one, other, day)
    assert (found.reason, found.known) == (peer.reason, peer.known)
    if peer.estimate is not None and found.estimate is not None:
        assert found.estimate == pytest.approx(-peer.estimate, abs=1e-9)
        assert found.low == pytest.approx(-(peer.high or 0.0), abs=1e-9)


@given(PARTICIPANTS, PARTICIPANTS, st.integers(0, 12))
def test_a_difference_of_incidences_lies_within_its_limits(
    first: Participants, second: Participants, day: int
) -> None:
    found = incidence_difference_at(split(first), split(second), day, 1)
    if found.estimate is None:
        assert found.reason == f"In an arm nobody is observed through day {day}."
        return
    assert found.low is not None
    assert found.high is not None
    assert -1.0 <= found.low <= found.estimate <= found.high <= 1.0


def test_an_incidence_of_an_empty_arm_or_of_no_cause() -> None:
    some = ([5, 9], [1, 0])
    assert incidence_difference_at(some, ([], []), 5, 1).reason == "An arm is empty."
    at_once = ([1, 1, 1], [2, 2, 2])
    dead = incidence_difference_at(some, at_once, 9, 1)
    assert (dead.second, dead.estimate) == (0.0, 0.5)
    with pytest.raises(ValueError, match="The code of a cause must be at least 1"):
        incidence_difference_at(some, some, 5, 0)
    with pytest.raises(ValueError, match="The day must be a finite number"):
        incidence_difference_at(some, some, -1, 1)
    with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
        incidence_difference_at(some, some, 5, 1, 95)


@given(PARTICIPANTS, PARTICIPANTS, st.integers(0, 12))
def test_participants_who_are_alike_may_stand_as_one_entry(
    first: Participants, second: Participants, day: int
) -> None:
    grouped = []
    for arm in (first, second):
        alike = Counter(arm)
        times, causes = split(list(alike))
        grouped.append((times, causes, np.array([*alike.values()], dtype=np.int64)))
        curves, one_by_one = (
            aalen_johansen(times, causes, codes=[1, 2], people=grouped[-1][2]),
            aalen_johansen(*split(arm), codes=[1, 2]),
        )
        for name in ("times", "at_risk", "events", "incidence", "variance"):
            assert getattr(curves, name).tolist() == getattr(one_by_one, name).tolist(), name
    found = incidence_difference_at(grouped[0], grouped[1], day, 1)
    assert found == incidence_difference_at(split(first), split(second), day, 1)


def test_numbers_of_participants_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one number of participants"):
        aalen_johansen([1, 2], [1, 0], people=[3])
    with pytest.raises(ValueError, match="must be at least 0"):
        aalen_johansen([1, 2], [1, 0], people=[3, -1])
