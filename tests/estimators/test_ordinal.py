"""Ordered categories against R, the fourfold table, and the laws they must obey."""

import os
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

from estimators.ordinal import proportional_odds

PROVE = os.environ.get("DSMB_PROVE") == "1"
TABLES = st.integers(2, 6).flatmap(
    lambda c: st.tuples(*[st.lists(st.integers(0, 12), min_size=c, max_size=c)] * 2)
)


def test_as_polr_of_r() -> None:
    found = proportional_odds([3, 5, 9, 8, 5], [8, 9, 6, 4, 3])
    # polr of MASS 7.3-58.2 in R 4.2.2; limits by uniroot over its likelihood with an offset.
    assert found.estimate is not None
    assert found.low is not None
    assert found.high is not None
    logs = [np.log(found.estimate), np.log(found.low), np.log(found.high)]
    assert logs == pytest.approx([1.071217396, 0.1483621, 2.0280614], abs=2e-5)
    assert found.p_value == pytest.approx(
        stats.chi2.sf(2 * (95.261857971 - 92.665601090), 1), abs=1e-8
    )
    first, second = np.array([3, 5, 9, 8, 5]), np.array([8, 9, 6, 4, 3])
    free = sum(float((c * np.log(c / c.sum())).sum()) for c in (first, second))
    assert found.proportionality_p_value == pytest.approx(
        stats.chi2.sf(2 * (free + 92.665601090), 3), abs=1e-8
    )


@given(*[st.integers(1, 30)] * 4)
def test_two_categories_have_the_odds_ratio_of_the_table(a: int, b: int, c: int, d: int) -> None:
    found = proportional_odds([a, b], [c, d])
    assert found.estimate == pytest.approx(b * c / (a * d), rel=1e-6)
    assert found.proportionality_p_value is None
    peer = stats.chi2_contingency([[a, b], [c, d]], correction=False, lambda_="log-likelihood")
    assert found.p_value == pytest.approx(peer.pvalue, abs=1e-6)


@settings(max_examples=300 if PROVE else 25)
@given(TABLES)
def test_swapped_or_reversed_the_odds_turn_over(table: tuple[list[int], list[int]]) -> None:
    first, second = table
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, swapped = proportional_odds(first, second), proportional_odds(second, first)
        turned = proportional_odds(first[::-1], second[::-1])
        wider = proportional_odds([0, *first], [0, *second])
    assert (found.n1, found.n2) == (sum(first), sum(second))
    if found.estimate is None or found.low is None or found.high is None:
        assert found.reason
        assert swapped.reason == turned.reason == wider.reason == found.reason
        return
    assert found.low < found.estimate < found.high
    assert found.p_value is not None
    assert (found.low > 1.0 or found.high < 1.0) == (found.p_value < 0.05)
    assert wider.estimate == pytest.approx(found.estimate, rel=1e-9)
    for other in (swapped, turned):
        assert other.estimate == pytest.approx(1.0 / found.estimate, rel=1e-5)
        assert other.low == pytest.approx(1.0 / found.high, rel=1e-5)


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ([0, 0, 5], [4, 3, 0], "separated"),
        ([0, 2, 5], [4, 3, 0], "separated"),
        ([4, 0], [3, 3], "separated"),
        ([0, 4], [0, 3], "one category"),
        ([0, 0], [1, 3], "no participants"),
    ],
)
def test_no_finite_estimate_is_no_number(first: list[int], second: list[int], says: str) -> None:
    found = proportional_odds(first, second)
    assert found.estimate is found.low is found.high is found.p_value is None
    assert found.reason is not None
    assert says in found.reason


def test_wrong_counts_are_refused() -> None:
    for wrong in ([1, 2, 3], [1.5, 2], [-1, 2]):
        with pytest.raises(ValueError, match="ounts"):
            proportional_odds(wrong, [1, 2])


def test_profile_limits_cover_at_30_an_arm() -> None:
    dice = np.random.default_rng(20260103)
    cuts, covered, runs = np.array([-1.5, -0.5, 0.5, 1.5]), 0, 1_000 if PROVE else 60
    for _ in range(runs):
        scores = dice.logistic(size=(2, 30)) + np.array([[1.0], [0.0]])
        counts = [np.bincount(np.searchsorted(cuts, row), minlength=5) for row in scores]
        found = proportional_odds(counts[0], counts[1])
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= np.e <= found.high
    # Limits that keep their level fall below this in fewer than one of a thousand such series.
    assert covered >= stats.binom.ppf(0.001, runs, 0.95)
