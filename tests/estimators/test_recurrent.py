"""Events that recur against R, published data, a jackknife, and the laws they must obey."""

import math
from itertools import pairwise
from random import Random
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from estimators.rates import rate_difference
from estimators.recurrent import (
    DEATH,
    EVENT,
    OBSERVED,
    MeanCount,
    Sums,
    mean_count,
    mean_count_difference,
    rate_of_sums,
    robust_rate,
    robust_rate_difference,
)
from estimators.time_to_event import incidence_difference_at
from tests.conftest import examples

# Byar's trial of bladder tumors: months of recurrences of each participant and the end of
# observation, `+` alive and `d` dead; without a mark it ended with the last recurrence (Andrews &
# Herzberg, Data, Springer 1985, table 45.1; as in `bladder1` of R's survival).
PLACEBO = (
    "0d; 1d; 4+; 7+; 10d; 6 10d; 14+; 18+; 5 18d; 12 16 18d; 23+; 10 15 23+; 3 16 23; 3 9 21 23d; "
    "7 10 16 24; 3 15 25; 26+; 1 26+; 2 26; 25 28+; 29+; 29+; 29d; 28 30; 2 17 22 30+; 3 6 8 12 "
    "26 30d; 12 15 24 31+; 32+; 34d; 36+; 29 36+; 37+; 9 17 22 24 40+; 16 19 23 29 34 40; 41+; 3 "
    "43+; 6 43+; 3 6 9 44+; 9 11 20 26 30 45d; 18 48+; 49+; 35 51+; 17 53+; 3 15 46 51 53; 59+; 2 "
    "15 24 30 34 39 43 49 52 61+; 5 14 19 27 41 64+; 2 8 12 13 17 21 33 49 64+"
)
THIOTEPA = (
    "1+; 1d; 5; 9+; 10d; 13+; 3 14+; 1 3 5 7 10 17d; 18d; 17 18d; 2 19d; 17 19 21d; 22+; 25+; "
    "25+; 25+; 6 12 13 26+; 6 27+; 2 29+; 26 35 36+; 38+; 22 23 27 32 39+; 4 16 23 27 33 36 37 "
    "39d; 24 26 29 40; 41+; 41d; 1 27 43+; 44+; 2 20 23 27 38 44+; 45+; 2 46+; 46d; 49+; 50+; 4 "
    "24 47 50+; 54+; 38 54+; 59d"
)
Parts: TypeAlias = list[tuple[float, float, int, int]]

# Of each participant the days with an event, that after which nobody sees them, and whether they
# died on it; few different days, so that much is tied.
PERSON = st.tuples(st.lists(st.integers(1, 8), max_size=4), st.integers(1, 8), st.booleans())
PEOPLE = st.lists(PERSON, min_size=2, max_size=12)
Person: TypeAlias = tuple[list[int], int, bool]


def tumors(text: str, *, first: int | None = None) -> Parts:
    """Parts of each participant's observation; with `first` as in `bladder2`, without deaths.

    In `bladder2` only the first four recurrences are, and observation ends with the fourth.
    """
    parts: Parts = []
    for person, written in enumerate(text.split("; ")):
        since = 0.0
        for place, item in enumerate(written.split()):
            if first is not None and place >= first:
                break
            at, mark = float(item.rstrip("+d")), item[-1] if item[-1] in "+d" else ""
            kind = {"": EVENT, "+": OBSERVED, "d": OBSERVED if first else DEATH}[mark]
            if at > since:
                parts.append((since, at, kind, person))
            since = at
    return parts


def counted(parts: Parts, days: ArrayLike, level: float = 0.95) -> MeanCount:
    start, stop, kind, person = zip(*parts, strict=True) if parts else ((), (), (), ())
    return mean_count(start, stop, np.array(kind, dtype=np.int64), person, days, level=level)


def parts_of(people: list[Person], *, with_deaths: bool = True) -> Parts:
    """The parts of those whose events are seen while they are."""
    parts: Parts = []
    for person, (events, last, died) in enumerate(people):
        since = 0
        for day in sorted(day for day in events if day <= last):
            parts.append((since, day, EVENT, person))
            since = day
        parts.append((since, last, DEATH if died and with_deaths else OBSERVED, person))
    return parts


# --- the mean count -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "means", "errors"),
    # survfit of survival in R 4.2, `Surv(start, stop, event) ~ rx`, id, bladder2: cumhaz, std.chaz.
    [
        (PLACEBO, (0.7168284, 1.4467742), (0.1405844, 0.2438208)),
        (THIOTEPA, (0.4473736, 0.8898365), (0.1347737, 0.2140515)),
    ],
)
def test_recurrences_without_deaths_as_nelsons_in_r(
    text: str, means: tuple[float, ...], errors: tuple[float, ...]
) -> None:
    found = counted(tumors(text, first=4), [12, 24])
    assert found.mean == pytest.approx(means, abs=1e-7)
    assert found.error == pytest.approx(errors, abs=1e-7)


@pytest.mark.parametrize(
    ("text", "means", "errors", "jackknife"),
    # The formulas of Ghosh & Lin as written down in R 4.2 apart from this code.
    [
        (PLACEBO, (0.6967333, 1.3724984), (0.13726, 0.23087), (0.1389, 0.2339)),
        (THIOTEPA, (0.4638336, 0.8339075), (0.15330, 0.20157), (0.1556, 0.2047)),
    ],
)
def test_recurrences_with_deaths_as_by_ghosh_and_lin(
    text: str, means: tuple[float, ...], errors: tuple[float, ...], jackknife: tuple[float, ...]
) -> None:
    parts = tumors(text)
    found = counted(parts, [12, 24])
    assert found.mean == pytest.approx(means, abs=1e-7)
    assert found.error == pytest.approx(errors, abs=6e-6)
    people = sorted({person for *_, person in parts})
    assert found.participants == len(people)
    without = np.array(
        [counted([p for p in parts if p[3] != gone], [12, 24]).mean for gone in people]
    )
    spread = np.sqrt((len(people) - 1) * without.var(axis=0))
    assert spread == pytest.approx(jackknife, abs=1e-4)
    # The limits hold the error of a jackknife, which is a little larger than that of influence.
    times = stats.t.ppf(0.975, len(people) - 1)
    assert np.log(found.high / found.mean) == pytest.approx(times * spread / found.mean, rel=0.01)


def test_by_hand() -> None:
    """Two of four have an event on day 2, one of them dies on day 3, one has another on day 4.

    Mean: 2/4 on day 2, and on day 4 3/4 of those then at risk alive: 1/2 + 3/4 x 1/3 = 3/4.
    """
    parts: Parts = [
        *((0, 2, EVENT, 1), (2, 3, DEATH, 1), (0, 2, EVENT, 2), (2, 4, EVENT, 2)),
        *((4, 5, OBSERVED, 2), (0, 5, OBSERVED, 3), (0, 5, OBSERVED, 4)),
    ]
    found = counted(parts, [5, 1, 2, 3, 6])
    assert found.mean.tolist()[:4] == [0.75, 0.0, 0.5, 0.5]
    assert np.isnan(found.mean[4])
    assert found.at_risk.tolist() == [3, 4, 4, 4, 0]
    # On day 2 two have 1 and two 0: the error of a share of two of four.
    assert found.error[2] == pytest.approx(math.sqrt(0.5 * 0.5 / 4))
    assert (found.error[1], math.isnan(found.low[1]), math.isnan(found.high[1])) == (0, True, True)


@settings(deadline=None, max_examples=examples(40))
@given(PEOPLE, st.integers(1, 9))
def test_the_mean_is_the_sum_as_printed(people: list[Person], day: int) -> None:
    seen = [(sorted(d for d in days if d <= last), last, died) for days, last, died in people]
    alive, mean = 1.0, 0.0
    for now in range(1, day + 1):
        at_risk = sum(last >= now for _, last, _ in seen)
        if not at_risk:
            break
        mean += alive * sum(days.count(now) for days, _, _ in seen) / at_risk
        alive *= 1 - sum(died and last == now for _, last, died in seen) / at_risk
    found = counted(parts_of(people), [day])
    if day <= max(last for _, last, _ in seen) or alive == 0.0:
        assert found.mean[0] == pytest.approx(mean, abs=1e-12)
    else:
        assert np.isnan([found.mean[0], found.error[0], found.low[0]]).all()


@settings(deadline=None, max_examples=examples(40))
@given(PEOPLE)
def test_of_everybody_observed_alike_it_is_a_mean_with_its_error(people: list[Person]) -> None:
    alike = [(days, 8, False) for days, _, _ in people]
    found = counted(parts_of(alike), [8])
    counts = [len(days) for days, _, _ in people]
    assert found.mean[0] == pytest.approx(np.mean(counts))
    assert found.error[0] == pytest.approx(np.std(counts) / math.sqrt(len(counts)), abs=1e-12)
    rate = robust_rate(counts, [8] * len(counts))
    assert (8 * rate.estimate, 8 * rate.error) == pytest.approx((found.mean[0], found.error[0]))


@settings(deadline=None, max_examples=examples(40))
@given(PEOPLE)
def test_deaths_leave_less_than_nelsons_estimate(people: list[Person]) -> None:
    days = np.arange(1, 9)
    with_deaths = counted(parts_of(people), days).mean
    nelson = counted(parts_of(people, with_deaths=False), days).mean
    known = ~np.isnan(nelson)
    assert np.all(with_deaths[known] <= nelson[known] + 1e-12)
    if not any(died for *_, died in people):
        assert with_deaths[known] == pytest.approx(nelson[known])


@settings(deadline=None, max_examples=examples(40))
@given(PEOPLE, st.randoms(use_true_random=False), st.floats(0.5, 0.99))
def test_neither_order_nor_names_matter_and_limits_grow(
    people: list[Person], random: Random, level: float
) -> None:
    days, parts = [3, 8], parts_of(people)
    found = counted(parts, days, level)
    shuffled = [(a, b, kind, -person) for a, b, kind, person in parts]
    random.shuffle(shuffled)
    again = counted(shuffled, days, level)
    assert again.mean == pytest.approx(found.mean, nan_ok=True)
    assert again.error == pytest.approx(found.error, abs=1e-12, nan_ok=True)
    known = ~np.isnan(found.low)
    wider = counted(parts, days, (1 + level) / 2)
    assert np.all(wider.low[known] < found.low[known])
    assert np.all(found.low[known] < found.mean[known])
    assert np.all(found.mean[known] < found.high[known])
    assert np.all(found.high[known] < wider.high[known])


# A warning would stand in the log of whoever opens the page.
@pytest.mark.filterwarnings("error")
def test_nobody_one_and_all_dead_on_the_first_day() -> None:
    nobody = counted([], [7])
    assert (nobody.participants, nobody.at_risk.tolist()) == (0, [0])
    assert np.isnan([nobody.mean[0], nobody.error[0], nobody.low[0]]).all()
    one = counted([(0, 3, EVENT, 1), (3, 9, OBSERVED, 1)], [7])
    assert one.mean.tolist() == [1.0]
    assert np.isnan(one.low[0])
    dead = counted([(0, 1, DEATH, 1), (0, 1, EVENT, 2), (1, 1, DEATH, 2)], [1, 28])
    assert dead.mean.tolist() == [0.5, 0.5]
    assert dead.at_risk.tolist() == [2, 0]
    alone = counted([(0, 3, EVENT, 1), (3, 28, OBSERVED, 1)], [1, 28])
    apart = mean_count_difference(dead, alone)
    assert apart.estimate.tolist() == [0.5, -0.5]
    assert np.isnan(apart.low).all()
    quiet = counted([(0, 5, OBSERVED, 1), (0, 5, OBSERVED, 2)], [5])
    assert (quiet.mean[0], quiet.error[0], np.isnan(quiet.high[0])) == (0.0, 0.0, True)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([(3, 2, EVENT, 1)], "ends before it begins"),
        ([(0, 4, EVENT, 1), (3, 5, OBSERVED, 1)], "overlap"),
        ([(0, 4, DEATH, 1), (4, 5, OBSERVED, 1)], "after death"),
        ([(0, 4, 3, 1)], "0, 1 for an event or 2 for death"),
        ([(2, 2, EVENT, 1)], "no observation before it"),
        ([(0, 2, EVENT, 1), (5, 5, EVENT, 1)], "no observation before it"),
        ([(-1, 2, EVENT, 1)], "at least 0"),
        ([(0, math.inf, EVENT, 1)], "at least 0"),
        ([(0, 2, EVENT, math.nan)], "one has none"),
    ],
)
def test_parts_that_cannot_be_are_refused(
    parts: list[tuple[float, float, int, float]], message: str
) -> None:
    start, stop, kind, person = zip(*parts, strict=True)
    with pytest.raises(ValueError, match=message):
        mean_count(start, stop, kind, person, [3])


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="a kind and a participant"):
        mean_count([0], [1], [1, 0], [1], [1])
    with pytest.raises(ValueError, match="one dimension"):
        mean_count([0], [1], [1], [1], [[1]])
    with pytest.raises(ValueError, match="A day must be"):
        mean_count([0], [1], [1], [1], [-1])
    one = counted([(0, 3, EVENT, 1)], [1])
    with pytest.raises(ValueError, match="on the same days"):
        mean_count_difference(one, counted([(0, 3, EVENT, 1)], [2]))
    with pytest.raises(ValueError, match="one count and one exposure"):
        robust_rate([1, 2], [3.0])
    with pytest.raises(ValueError, match="at least 0"):
        robust_rate([1], [-3.0])
    with pytest.raises(ValueError, match="whole numbers"):
        robust_rate([0.5], [3.0])
    for level in (0.0, 95.0):
        with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
            mean_count([0], [1], [1], [1], [1], level=level)
        with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
            mean_count_difference(one, one, level)
        with pytest.raises(ValueError, match=r"write 95 % as 0\.95"):
            robust_rate([1], [3.0], level)


# --- rates of all events --------------------------------------------------------------------


@settings(deadline=None, max_examples=examples(40))
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 28)), min_size=2, max_size=20))
def test_the_error_of_a_rate_is_that_of_the_sandwich(people: list[tuple[int, int]]) -> None:
    """A Poisson model of counts with the logarithm of days as offset: bread 1/E, meat by person."""
    events, days = (np.array(part) for part in zip(*people, strict=True))
    found = robust_rate(events, days)
    assert found.estimate == pytest.approx(events.sum() / days.sum())
    if not events.any():
        assert (found.error, math.isnan(found.low)) == (0.0, True)
        return
    scores = events - found.estimate * days
    of_logarithm = math.sqrt(float(scores @ scores)) / events.sum()
    assert found.error == pytest.approx(found.estimate * of_logarithm, abs=1e-12)
    if math.isnan(found.low):
        assert of_logarithm < 1e-8
        return
    n = len(people)
    spread = stats.t.ppf(0.975, n - 1) * math.sqrt(n / (n - 1)) * of_logarithm
    assert math.log(found.high / found.estimate) == pytest.approx(spread)
    assert math.log(found.estimate / found.low) == pytest.approx(spread)
    of_days = days.astype(float)
    sums = Sums(
        n,
        int(events.sum()),
        of_days.sum(),
        *(float(a @ b) for a, b in ((events, events), (events, of_days), (of_days, of_days))),
    )
    assert rate_of_sums(sums) == found
    per_week = robust_rate(events, days / 7)
    assert (per_week.low, per_week.high) == pytest.approx((7 * found.low, 7 * found.high))


def test_of_equal_observation_the_difference_is_welchs() -> None:
    first, second = [0, 3, 1, 0, 7, 2], [1, 0, 0, 2]
    rates = [robust_rate(events, [10.0] * len(events)) for events in (first, second)]
    found = robust_rate_difference(rates[0], rates[1])
    peer = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert (10 * float(found.low), 10 * float(found.high)) == pytest.approx((peer.low, peer.high))
    turned = robust_rate_difference(rates[1], rates[0])
    assert float(turned.low) == pytest.approx(-float(found.high))


@pytest.mark.filterwarnings("error")
def test_without_events_exposure_or_anybody_there_are_no_limits() -> None:
    some = robust_rate([1, 0, 2], [5.0, 6.0, 7.0])
    for events, exposure in (([0, 0], [3.0, 4.0]), ([3], [5.0]), ([1, 1], [4.0, 4.0])):
        one = robust_rate(events, exposure)
        assert one.estimate == sum(events) / sum(exposure)
        assert np.isnan([one.low, one.high]).all()
        apart = robust_rate_difference(one, some)
        assert float(apart.estimate) == one.estimate - some.estimate
        assert np.isnan([float(apart.low), float(apart.high)]).all()
    for nothing in (robust_rate([], []), robust_rate([1], [0.0])):
        assert np.isnan([nothing.estimate, nothing.error, nothing.low]).all()
        assert np.isnan(float(robust_rate_difference(nothing, some).estimate))


# --- trials without an effect ---------------------------------------------------------------

TRIALS, EACH = 400, 30


def test_without_an_effect_robust_limits_hold_and_poissons_do_not() -> None:
    """Participants differ (gamma rates, shape 1), three in ten leave early; decision of the rule.

    Of 400 intervals at 5 % so many as 2 to 9 % exclude zero with a probability of 0.999.
    """
    dice = np.random.default_rng(20261201)
    robust = of_means = poisson = 0
    for _ in range(TRIALS):
        rates, means, totals = [], [], []
        for _ in range(2):
            days = np.where(dice.random(EACH) < 0.3, dice.integers(1, 28, EACH), 28)
            events = dice.poisson(dice.gamma(1.0, 0.08, EACH) * days)
            rates.append(robust_rate(events, days))
            totals.append((int(events.sum()), float(days.sum())))
            parts: Parts = []
            for person, (count, last) in enumerate(zip(events, days, strict=True)):
                seen = [0, *sorted(dice.integers(1, last + 1, count).tolist())]
                parts += [(a, b, EVENT, person) for a, b in pairwise(seen)]
                parts.append((seen[-1], last, OBSERVED, person))
            means.append(counted(parts, [28]))
        (events1, days1), (events2, days2) = totals
        for_itself = rate_difference(events1, days1, events2, days2)
        poisson += bool(for_itself.low > 0 or for_itself.high < 0)
        by_person = robust_rate_difference(rates[0], rates[1])
        robust += bool(by_person.low > 0 or by_person.high < 0)
        counts = mean_count_difference(means[0], means[1])
        of_means += bool(counts.low[0] > 0 or counts.high[0] < 0)
    assert 0.02 * TRIALS <= robust <= 0.09 * TRIALS
    assert 0.02 * TRIALS <= of_means <= 0.09 * TRIALS
    assert poisson > 0.2 * TRIALS


def test_without_an_effect_the_difference_of_incidences_holds_its_level() -> None:
    """Deaths compete and some leave; a discrete interval: 2 to 9 %, as for the rates."""
    dice = np.random.default_rng(20261202)
    excluded = 0
    for _ in range(TRIALS):
        arms = []
        for _ in range(2):
            event, death, left = (
                np.ceil(dice.exponential(mean, EACH)) for mean in (30.0, 60.0, 120.0)
            )
            times = np.minimum.reduce([event, death, left, np.full(EACH, 28.0)])
            causes = np.where(event <= times, 1, np.where(death <= times, 2, 0))
            arms.append((times, causes))
        found = incidence_difference_at(arms[0], arms[1], 28, 1)
        assert found.low is not None
        assert found.high is not None
        excluded += found.low > 0 or found.high < 0
    assert 0.02 * TRIALS <= excluded <= 0.09 * TRIALS
