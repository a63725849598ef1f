"""Group-sequential boundaries against published values, rpact, and what simulated scores do."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from estimators.sequential import (
    FARTHEST,
    Reals,
    conditional_power,
    crossing,
    nominal_p,
    t_nominal_p,
    z_of,
)
from estimators.sequential import boundaries as classical
from estimators.spending import Family, Look, Spending, monitor
from tests.conftest import examples

SPENDING: list[Family] = ["Lan-DeMets O'Brien-Fleming", "Lan-DeMets Pocock"]
METHODS: list[Family] = ["O'Brien-Fleming", "Pocock", "Haybittle-Peto", *SPENDING]


def spending_of(method: Family, at: Sequence[float]) -> Spending:
    """The method where its looks are planned as they are held."""
    return Spending(method, planned=tuple(at) if method in ("O'Brien-Fleming", "Pocock") else ())


def boundaries(at: Sequence[float], method: Family, alpha: float = 0.05, sided: int = 2) -> Reals:
    """Critical values of looks that are held as they were planned."""
    held = [Look(fraction) for fraction in at]
    bounds = monitor(held, 1.0, spending_of(method, at), alpha=alpha, sided=sided)
    return np.array([bound.critical for bound in bounds])


def spent(at: Sequence[float], method: Family, sided: int = 2) -> Reals:
    """The error of all sides up to each look."""
    return sided * spending_of(method, at).up_to(at, 0.05 / sided)


def looks(count: int) -> list[float]:
    return [(look + 1) / count for look in range(count)]


@st.composite
def fractions(draw: st.DrawFn) -> list[float]:
    """Looks at least 2 % of the information apart, the last at all of it."""
    steps = draw(st.lists(st.integers(2, 30), min_size=1, max_size=5))
    total = sum(steps)
    return [float(part) for part in np.cumsum(steps) / total]


# --- published: two sides, alpha 0.05, equal looks -------------------------------------------


@pytest.mark.parametrize(("count", "constant"), [(2, 2.178), (3, 2.289), (4, 2.361), (5, 2.413)])
def test_pocock_as_published(count: int, constant: float) -> None:
    assert boundaries(looks(count), "Pocock") == pytest.approx([constant] * count, abs=5e-4)


@pytest.mark.parametrize(
    "published",
    [
        (2.797, 1.977),
        (3.471, 2.454, 2.004),
        (4.049, 2.863, 2.337, 2.024),
        (4.562, 3.226, 2.634, 2.281, 2.040),
    ],
)
def test_obrien_fleming_as_published(published: tuple[float, ...]) -> None:
    found = boundaries(looks(len(published)), "O'Brien-Fleming")
    # The first ones are multiples of a rounded constant.
    assert found == pytest.approx(published, abs=1.5e-3)
    assert found[-1] == pytest.approx(published[-1], abs=5e-4)


@pytest.mark.parametrize(
    "published",
    [
        (2.9626, 1.9686),
        (3.7103, 2.5114, 1.9930),
        (4.3326, 2.9631, 2.3590, 2.0141),
        (4.8769, 3.3570, 2.6803, 2.2898, 2.0310),
    ],
)
def test_lan_demets_obrien_fleming_as_in_gsdesign_and_rpact(published: tuple[float, ...]) -> None:
    # One formula with the whole alpha would give 4.3826, 3.0997, … at five looks.
    found = boundaries(looks(len(published)), "Lan-DeMets O'Brien-Fleming")
    assert found == pytest.approx(published, abs=1e-4)


@pytest.mark.parametrize(
    "published",
    [
        (2.157, 2.201),
        (2.2794, 2.2949, 2.2959),
        (2.3683, 2.3675, 2.3582, 2.3500),
        (2.4380, 2.4268, 2.4102, 2.3966, 2.3860),
    ],
)
def test_lan_demets_pocock_as_in_gsdesign_and_rpact(published: tuple[float, ...]) -> None:
    tolerance = 5e-4 if len(published) == 2 else 1e-4
    found = boundaries(looks(len(published)), "Lan-DeMets Pocock")
    assert found == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize(("count", "final"), [(2, 1.967), (3, 1.975), (4, 1.983), (5, 1.990)])
def test_haybittle_peto_as_published(count: int, final: float) -> None:
    found = boundaries(looks(count), "Haybittle-Peto")
    assert found[:-1] == pytest.approx([3.0] * (count - 1))
    assert found[-1] == pytest.approx(final, abs=1e-3)


# --- unequal looks, as in rpact 3.3.4 ---------------------------------------------------------
#
# getDesignGroupSequential(kMax = 3, alpha = …, sided = …, informationRates = c(0.27, 0.61, 1),
#     typeOfDesign = …, tolerance = 1e-10)$criticalValues, with alpha 0.05 for two sides and 0.025
#     for one, and the types "OF", "P", "HP", "asOF" and "asP".

UNEQUAL = [0.27, 0.61, 1.0]
# Looks so far, of a trial that goes on.
SO_FAR = [0.13, 0.34, 0.58, 0.83]


@pytest.mark.parametrize(
    ("method", "two", "one"),
    [
        (
            "O'Brien-Fleming",
            (3.8375157, 2.5530959, 1.9940317),
            (3.8375157, 2.5530959, 1.9940317),
        ),
        ("Pocock", (2.3046029, 2.3046029, 2.3046029), (2.3046047, 2.3046047, 2.3046047)),
        ("Haybittle-Peto", (3.0, 3.0, 1.9784899), (3.0, 3.0, 1.9784901)),
        (
            "Lan-DeMets O'Brien-Fleming",
            (4.1578466, 2.6436226, 1.9825892),
            (4.1578466, 2.6436226, 1.9825892),
        ),
        (
            "Lan-DeMets Pocock",
            (2.3444251, 2.2972713, 2.2718708),
            (2.3444251, 2.2972713, 2.2718755),
        ),
    ],
)
def test_boundaries_of_unequal_looks_as_in_rpact(
    method: Family, two: tuple[float, ...], one: tuple[float, ...]
) -> None:
    assert boundaries(UNEQUAL, method) == pytest.approx(two, abs=1e-6)
    assert boundaries(UNEQUAL, method, alpha=0.025, sided=1) == pytest.approx(one, abs=1e-6)


@pytest.mark.parametrize(
    ("method", "two", "one", "error"),
    [
        (
            "Lan-DeMets O'Brien-Fleming",
            (6.1067943, 3.6704592, 2.7257577, 2.2303388),
            (6.1067943, 3.6704590, 2.7257577, 2.2303388),
            (0.0, 0.00024212, 0.00649874, 0.02776734),
        ),
        (
            "Lan-DeMets Pocock",
            (2.5730475, 2.4309942, 2.3832514, 2.3620131),
            (2.5730475, 2.4309942, 2.3832547, 2.3620343),
            (0.01008074, 0.02300448, 0.03457237, 0.04431577),
        ),
    ],
)
def test_looks_so_far_as_in_rpact(
    method: Family, two: tuple[float, ...], one: tuple[float, ...], error: tuple[float, ...]
) -> None:
    # kMax = 4 and informationRates = c(0.13, 0.34, 0.58, 0.83); the error from $alphaSpent.
    assert boundaries(SO_FAR, method) == pytest.approx(two, abs=1e-6)
    assert boundaries(SO_FAR, method, alpha=0.025, sided=1) == pytest.approx(one, abs=1e-6)
    assert spent(SO_FAR, method) == pytest.approx(error, abs=2e-8)


@pytest.mark.parametrize(
    ("method", "sided", "expected"),
    [
        ("Lan-DeMets O'Brien-Fleming", 2, (0.00212620, 0.24271009, 0.45641387)),
        ("Lan-DeMets O'Brien-Fleming", 1, (0.00212618, 0.24270794, 0.45641045)),
        ("Lan-DeMets Pocock", 2, (0.14805657, 0.24585002, 0.23713608)),
        ("Lan-DeMets Pocock", 1, (0.14792207, 0.24584133, 0.23713660)),
    ],
)
def test_chances_to_cross_under_a_drift_as_in_rpact(
    method: Family, sided: int, expected: tuple[float, ...]
) -> None:
    # getPowerMeans(design, groups = 1, thetaH0 = 0, alternative = 0.25, stDev = 1,
    #     normalApproximation = TRUE, maxNumberOfSubjects = 100)$rejectPerStage: a drift of 2.5;
    #     with two sides, above and below together.
    critical = boundaries(UNEQUAL, method, alpha=0.025 * sided, sided=sided)
    found = crossing(UNEQUAL, critical.tolist(), drift=2.5, sided=sided)
    assert found.above + found.below == pytest.approx(expected, abs=1e-6)


# --- laws ------------------------------------------------------------------------------------


@settings(max_examples=examples(8))
@given(fractions(), st.sampled_from(METHODS), st.sampled_from([1, 2]))
def test_each_side_spends_its_part_of_the_error(
    at: list[float], method: Family, sided: int
) -> None:
    found = crossing(at, list(boundaries(at, method, sided=sided)), sided=sided)
    assert found.above.sum() == pytest.approx(0.05 / sided, abs=1e-6)
    assert found.below.sum() == pytest.approx(0.025 if sided == 2 else 0.0, abs=1e-6)


@settings(max_examples=examples(15))
@given(fractions(), st.sampled_from(SPENDING))
def test_a_boundary_depends_on_the_looks_before_it_only(at: list[float], method: Family) -> None:
    whole = boundaries(at, method)
    assert boundaries(at[:-1] or at, method) == pytest.approx(whole[: len(at) - 1 or 1], abs=1e-9)


@settings(max_examples=examples(50))
@given(fractions(), st.sampled_from(SPENDING), st.sampled_from([1, 2]))
def test_the_error_is_spent_whole_at_full_information(
    at: list[float], method: Family, sided: int
) -> None:
    so_far = spent(at, method, sided=sided)
    assert so_far[-1] == pytest.approx(0.05)
    assert np.all(np.diff(so_far, prepend=0.0) >= 0)


def test_one_look_is_the_ordinary_test() -> None:
    for method in METHODS:
        assert boundaries([1.0], method) == pytest.approx([1.959964], abs=1e-5)
        assert boundaries([1.0], method, sided=1) == pytest.approx([1.644854], abs=1e-5)


def test_a_look_that_may_spend_nothing_is_beyond_every_score() -> None:
    assert boundaries([0.001, 1.0], "Lan-DeMets O'Brien-Fleming")[0] == FARTHEST


def test_the_chance_to_cross_as_in_simulated_scores() -> None:
    at, drift = [0.2, 0.55, 1.0], 2.5
    critical = boundaries(at, "Lan-DeMets Pocock")
    random = np.random.default_rng(20261123)
    steps = np.diff(at, prepend=0.0)
    walks = np.cumsum(random.normal(drift * steps, np.sqrt(steps), size=(10_000, 3)), axis=1)
    beyond = walks / np.sqrt(at) >= critical
    first = np.where(beyond.any(axis=1), beyond.argmax(axis=1), 3)
    shares = np.bincount(first, minlength=4)[:3] / 10_000
    # Four standard errors of 10,000 trials at most; crossing below is rarer than 1 in 10,000.
    assert crossing(at, list(critical), drift=drift).above == pytest.approx(shares, abs=0.02)


# --- what a boundary means for other statistics ----------------------------------------------


def test_a_t_statistic_is_held_against_a_boundary_by_its_p_value() -> None:
    nominal = nominal_p(2.9626)
    assert nominal == pytest.approx(0.00305, abs=1e-5)
    # Taken as it is, the boundary would spend twice as much.
    assert t_nominal_p(2.9626, 28) == pytest.approx(0.0062, abs=5e-5)
    assert t_nominal_p(stats.t.isf(nominal / 2, 28), 28) == pytest.approx(nominal)


# --- conditional power -----------------------------------------------------------------------


def test_conditional_power_of_one_look_to_come_is_a_normal_tail() -> None:
    # Jennison & Turnbull 2000, section 10.2: Phi((z sqrt(t) - c + drift (1 - t)) / sqrt(1 - t)).
    for drift, effect in ((None, 1.2 / np.sqrt(0.4)), (3.0, 3.0), (0.0, 0.0)):
        found = conditional_power(1.2, 0.4, [1.0], [1.96], drift=drift)
        expected = stats.norm.cdf((1.2 * np.sqrt(0.4) - 1.96 + effect * 0.6) / np.sqrt(0.6))
        assert found == pytest.approx(expected, abs=1e-10)


def test_conditional_power_over_all_first_scores_is_the_power() -> None:
    # The law of total probability, over the score of the first look.
    at, drift = [0.3, 0.6, 1.0], 2.8
    critical = list(boundaries(at, "Lan-DeMets O'Brien-Fleming"))
    # Scores beyond the first boundary have stopped, so the integral ends there.
    nodes, weights = np.polynomial.legendre.leggauss(60)
    scores, weights = nodes * critical[0], weights * critical[0]
    later = [
        conditional_power(float(score), at[0], at[1:], critical[1:], drift=drift)
        for score in scores
    ]
    total = (weights * stats.norm.pdf(scores - drift * np.sqrt(at[0]))) @ np.array(later)
    assert total == pytest.approx(crossing(at, critical, drift=drift).above[1:].sum(), abs=1e-7)


@pytest.mark.parametrize(("drift", "expected"), [(2.5, 0.7819408840), (1.0, 0.3102221674)])
def test_conditional_power_of_two_looks_to_come_as_in_rpact(drift: float, expected: float) -> None:
    # rpact 3.3.4: design <- getDesignGroupSequential(kMax = 3, alpha = 0.025, sided = 1,
    # informationRates = c(0.27, 0.61, 1), typeOfDesign = "asOF", tolerance = 1e-10);
    # getAnalysisResults(design, getDataset(n = 27, means = 0.3, stDevs = 1), stage = 1,
    # nPlanned = c(34, 39), thetaH1 = drift / 10, assumedStDev = 1, normalApproximation = TRUE)
    # $conditionalPower[3]
    critical = boundaries(UNEQUAL, "Lan-DeMets O'Brien-Fleming", alpha=0.025, sided=1)
    found = conditional_power(
        0.3 * np.sqrt(27), 0.27, UNEQUAL[1:], critical[1:].tolist(), drift=drift, sided=1
    )
    assert found == pytest.approx(expected, abs=1e-7)


def test_conditional_power_under_what_is_seen_as_in_rpact() -> None:
    # As above with thetaH1 = 0.3, the mean that is seen: 3 at full information.
    critical = boundaries(UNEQUAL, "Lan-DeMets O'Brien-Fleming", alpha=0.025, sided=1)
    found = conditional_power(0.3 * np.sqrt(27), 0.27, UNEQUAL[1:], critical[1:].tolist(), sided=1)
    assert found == pytest.approx(0.8857770817, abs=1e-7)


@pytest.mark.parametrize(
    ("score", "drift", "at", "critical"),
    [
        (1.5, 0.0, (0.75, 1.0), (2.4, 2.0)),
        # Scores far from where the drift has their mean, and a look soon after.
        (-3.0, 9.0, (0.51, 1.0), (2.5, 2.0)),
        (-2.0, 10.0, (0.52, 0.56, 1.0), (2.6, 2.5, 2.0)),
    ],
)
def test_conditional_power_is_one_minus_a_normal_rectangle(
    score: float, drift: float, at: tuple[float, ...], critical: tuple[float, ...]
) -> None:
    # With one side, no later score crosses with the probability of a rectangle.
    t = np.array(at)
    found = conditional_power(score, 0.5, at, critical, drift=drift, sided=1)
    under = stats.multivariate_normal.cdf(
        np.array(critical) * np.sqrt(t),
        mean=score * np.sqrt(0.5) + drift * (t - 0.5),
        cov=np.minimum.outer(t, t) - 0.5,
        abseps=1e-8,
        releps=1e-8,
    )
    assert found == pytest.approx(1.0 - under, abs=1e-6)


def test_a_score_far_beyond_crosses_surely() -> None:
    assert conditional_power(40.0, 0.5, [0.75, 1.0], [2.4, 2.0]) == pytest.approx(1.0)


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [[], [0.0, 1.0], [0.5, 0.5], [0.6, 0.4], [0.5, 1.1]])
def test_fractions_that_are_none_are_refused(at: list[float]) -> None:
    with pytest.raises(ValueError, match="Information fractions"):
        classical(at, "Pocock")


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="all planned looks"):
        classical([0.3, 0.6], "Pocock")
    with pytest.raises(ValueError, match="no error by a function"):
        spent([0.5], "Haybittle-Peto")
    with pytest.raises(ValueError, match="one side or two"):
        classical([1.0], "Pocock", sided=3)
    with pytest.raises(ValueError, match="boundaries"):
        crossing([0.5, 1.0], [2.0])
    with pytest.raises(ValueError, match="boundaries"):
        conditional_power(1.0, 0.3, [0.5, 1.0], [2.0])
    with pytest.raises(ValueError, match="more information"):
        conditional_power(1.0, 0.5, [0.5, 1.0], [2.0, 2.0])


@given(st.floats(0.05, 8), st.floats(2, 200), st.sampled_from([1, 2]))
def test_a_t_statistic_and_its_normal_score_have_one_p(
    score: float, degrees: float, sided: int
) -> None:
    p = t_nominal_p(score, degrees, sided)
    assert p == pytest.approx(sided * stats.t.sf(score, degrees))
    assert nominal_p(z_of(p, sided), sided) == pytest.approx(p)
