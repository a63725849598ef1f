"""Bayesian stopping against published counts, closed forms, and simulated trials."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats  # type: ignore[import-untyped, unused-ignore]

from estimators.stopping import (
    ComparativeRule,
    StoppingRule,
    comparative_operating_characteristics,
    comparative_stopping_counts,
    operating_characteristics,
    probability_above,
    probability_greater,
    stopping_counts,
)
from tests.conftest import examples

FLAT, JEFFREYS = (1.0, 1.0), (0.5, 0.5)
PRIORS = st.tuples(st.floats(0.2, 20), st.floats(0.2, 20))
LIMITS = st.floats(0.01, 0.9)


# --- independent values ----------------------------------------------------------------------
#
# From R 4.2.2 by pbeta; of two arms by integrate() over qbeta of the control arm.


@pytest.mark.parametrize(
    ("prior", "counts"),
    # The first count with pbeta(0.1, a + k, b + n - k, lower.tail = FALSE) > 0.95, 0 if none.
    [
        (
            (1.0, 9.0),
            "0 0 3 3 3 4 4 4 4 4 4 5 5 5 5 5 5 5 6 6 6 6 6 6 6 7 7 7 7 7",
        ),
        (FLAT, "1 1 2 2 2 2 2 3 3 3 3 3 3 4 4 4 4 4 4 5 5 5 5 5 5 5 6 6 6 6"),
    ],
)
def test_stopping_counts_as_by_pbeta(prior: tuple[float, float], counts: str) -> None:
    rule = StoppingRule(prior, limit=0.10, probability=0.95)
    assert stopping_counts(rule, range(1, 31)).tolist() == [int(part) for part in counts.split()]


def test_probabilities_of_one_arm_as_by_pbeta() -> None:
    assert probability_above(3, 10, FLAT, 0.10) == pytest.approx(0.981465, abs=1e-6)
    assert probability_above(6, 30, FLAT, 0.10) == pytest.approx(0.969437, abs=1e-6)
    assert probability_above(6, 30, JEFFREYS, 0.10) == pytest.approx(0.955632, abs=1e-6)


@pytest.mark.parametrize(
    ("events", "control", "prior", "expected"),
    [
        (3, 0, JEFFREYS, 0.970023),
        (3, 0, FLAT, 0.943595),
        (6, 2, JEFFREYS, 0.937419),
        (6, 2, FLAT, 0.926678),
    ],
)
def test_probabilities_of_two_arms_as_by_integrate(
    events: int, control: int, prior: tuple[float, float], expected: float
) -> None:
    found = probability_greater(events, 30, control, 30, prior)
    assert found == pytest.approx(expected, abs=2e-6)


# --- laws ------------------------------------------------------------------------------------


@settings(max_examples=examples(60))
@given(PRIORS, LIMITS, st.floats(0.55, 0.99), st.integers(1, 40), st.integers(1, 12))
def test_the_stopping_count_is_the_first_that_stops(
    prior: tuple[float, float], limit: float, threshold: float, n: int, minimum: int
) -> None:
    rule = StoppingRule(prior, limit, threshold, minimum)
    stops = probability_above(np.arange(n + 1), n, prior, limit) > threshold
    stops[0] = False  # no event never stops, whatever the prior says
    expected = int(stops.argmax()) if n >= minimum else 0
    assert stopping_counts(rule, [n]).tolist() == [expected]


@settings(max_examples=examples(8))
@example(0, 0, 0, 0, (0.5, 0.5), 0.5)
@given(
    st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), PRIORS,
    st.floats(0.0, 0.5),
)  # fmt: skip
def test_two_arms_as_by_adaptive_quadrature(
    x: int, more: int, y: int, other: int, prior: tuple[float, float], margin: float
) -> None:
    a, b = prior
    rate = stats.beta(a + x, b + more)
    control = stats.beta(a + y, b + other)
    expected, _ = integrate.quad(
        lambda share: rate.sf(min(control.ppf(share) + margin, 1.0)), 0, 1, limit=200
    )
    found = probability_greater(x, x + more, y, y + other, prior, margin=margin)
    assert found == pytest.approx(expected, abs=1e-5)


@settings(max_examples=examples(30))
@given(st.integers(0, 30), st.integers(0, 30), PRIORS)
def test_two_arms_alike_are_even(x: int, more: int, prior: tuple[float, float]) -> None:
    assert probability_greater(x, x + more, x, x + more, prior) == pytest.approx(0.5, abs=1e-6)


@settings(max_examples=5)
@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.0, 0.2))
def test_comparative_counts_are_the_first_that_stop(n: int, m: int, margin: float) -> None:
    rule = ComparativeRule(JEFFREYS, margin, 0.9, minimum=2)
    for beside, found in enumerate(comparative_stopping_counts(rule, n, m)):
        stops = probability_greater(np.arange(n + 1), n, beside, m, JEFFREYS, margin=margin) > 0.9
        stops[0] = False
        expected = int(stops.argmax()) if min(n, m) >= 2 else 0
        assert found == expected


# --- operating characteristics ---------------------------------------------------------------


def test_characteristics_as_in_10000_simulated_trials() -> None:
    rule = StoppingRule((1.0, 9.0), 0.10, 0.95, minimum=5)
    looks, rates = [8, 14, 30], [0.05, 0.10, 0.30]
    found = operating_characteristics(rule, looks, rates)
    random, limits = np.random.default_rng(20261123), stopping_counts(rule, looks)
    for row, rate in enumerate(rates):
        counts = (random.random((10_000, 30)) < rate).cumsum(axis=1)[:, np.array(looks) - 1]
        crossed = (counts >= limits) & (limits > 0)
        first = np.where(crossed.any(axis=1), crossed.argmax(axis=1), 3)
        shares = np.bincount(first, minlength=4)[:3] / 10_000
        # Four standard errors of 10,000 trials.
        assert found.by_look[row] == pytest.approx(shares, abs=0.02)
        counted = np.append(looks, 30)[first].mean()
        assert found.participants[row] == pytest.approx(counted, abs=0.5)


def test_characteristics_of_one_look_are_a_binomial_tail() -> None:
    rule = StoppingRule((1.0, 9.0), 0.10, 0.95)
    found = operating_characteristics(rule, [30], [0.1, 0.2, 0.0, 1.0])
    assert found.stops == pytest.approx(stats.binom.sf(6, 30, [0.1, 0.2, 0.0, 1.0]), abs=1e-12)
    assert found.participants == pytest.approx(30)


def test_characteristics_of_two_arms_as_in_10000_simulated_trials() -> None:
    rule = ComparativeRule(JEFFREYS, 0.0, 0.975, minimum=5)
    looks, rates = [(6, 7), (15, 14), (24, 24)], [(0.1, 0.1), (0.3, 0.02)]
    found = comparative_operating_characteristics(rule, looks, rates)
    random = np.random.default_rng(20261124)
    limits_at = [comparative_stopping_counts(rule, n, m) for n, m in looks]
    for row, pair in enumerate(rates):
        had, control = ((random.random((10_000, 24)) < rate).cumsum(axis=1) for rate in pair)
        crossed = np.empty((10_000, 3), dtype=bool)
        for look, (n, m) in enumerate(looks):
            limits = limits_at[look][control[:, m - 1]]
            crossed[:, look] = (had[:, n - 1] >= limits) & (limits > 0)
        first = np.where(crossed.any(axis=1), crossed.argmax(axis=1), 3)
        shares = np.bincount(first, minlength=4)[:3] / 10_000
        assert found.by_look[row] == pytest.approx(shares, abs=0.02)


# --- refusals --------------------------------------------------------------------------------


def test_what_is_impossible_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and all"):
        probability_above(5, 4, FLAT, 0.1)
    with pytest.raises(ValueError, match="beta prior"):
        StoppingRule((0.0, 1.0), 0.1, 0.95)
    with pytest.raises(ValueError, match="limit of a rate"):
        StoppingRule(FLAT, 1.0, 0.95)
    with pytest.raises(ValueError, match="threshold"):
        ComparativeRule(FLAT, 0.0, 95)
    with pytest.raises(ValueError, match="margin"):
        ComparativeRule(FLAT, -0.1, 0.95)
    with pytest.raises(ValueError, match="margin"):
        probability_greater(1, 2, 1, 2, FLAT, margin=1.0)
    rule = StoppingRule(FLAT, 0.1, 0.95)
    with pytest.raises(ValueError, match="that grow"):
        operating_characteristics(rule, [10, 10], [0.1])
    with pytest.raises(ValueError, match="true rate"):
        operating_characteristics(rule, [10], [1.1])
    pairs = ComparativeRule(FLAT, 0.0, 0.95)
    with pytest.raises(ValueError, match="that grow"):
        comparative_operating_characteristics(pairs, [(5, 5), (4, 8)], [(0.1, 0.1)])
    with pytest.raises(ValueError, match="True rates"):
        comparative_operating_characteristics(pairs, [(5, 5)], [(0.1, 1.1)])
    with pytest.raises(ValueError, match="too many"):
        comparative_operating_characteristics(pairs, [(300, 300)], [(0.1, 0.1)])
