"""Adjusted differences against R, and the laws they must obey."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from estimators.linear import ancova, delta_adjusted

Rows = NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


def made_up() -> tuple[Rows, Rows]:
    """16 participants, 3 days, some days missing; the same formulas were given to R."""
    i = np.arange(1, 17)
    baseline = 100.0 + i * 37 % 23
    days = [
        baseline * 0.6 + 8 * t + 5 * (i <= 8) * t + i * 53 % 17 + i * t * 29 % 13 for t in (1, 2, 3)
    ]
    rows = np.column_stack([baseline, *days])
    return rows[:8], rows[8:]


def with_gaps() -> tuple[Rows, Rows]:
    first, second = made_up()
    first[2, 2] = first[6, 3] = second[3, 1] = second[6, 2] = second[6, 3] = math.nan
    return first, second


def drawn(seed: int, n: int = 9, days: int = 1, missing: float = 0.2) -> tuple[Rows, Rows]:
    dice = np.random.default_rng(seed)
    arms = []
    for shift in (5.0, 0.0):
        baseline = dice.normal(150, 30, (n, 1))
        person = dice.normal(0, 10, (n, 1))
        outcome = 60 + 0.6 * baseline + person + shift + dice.normal(0, 10, (n, days))
        outcome[dice.random((n, days)) < missing] = math.nan
        outcome[:3] = np.where(np.isnan(outcome[:3]), 150.0 + dice.random((3, days)), outcome[:3])
        arms.append(np.hstack([baseline, outcome]))
    return arms[0], arms[1]


# --- one day --------------------------------------------------------------------------------


def test_ancova_as_lm_of_r() -> None:
    first, second = with_gaps()
    found = ancova(first[:, :2], second[:, :2])
    # lm and confint of R 4.2.2.
    assert found.difference == pytest.approx(8.67004162448, abs=1e-9)
    assert found.standard_error == pytest.approx(3.808747198076, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((0.3714943644, 16.968588885), abs=1e-8)
    assert found.degrees_of_freedom == 12


@given(SEEDS, st.floats(-500, 500), st.floats(0.1, 50))
def test_ancova_mirrors_shifts_and_scales(seed: int, shift: float, scale: float) -> None:
    first, second = drawn(seed)
    found, mirror = ancova(first, second), ancova(second[::-1], first)
    moved = ancova(first * scale + shift, second * scale + shift)
    assert found.difference is not None
    assert mirror.difference is not None
    assert found.low is not None
    assert mirror.high is not None
    assert moved.high is not None
    assert found.difference == pytest.approx(-mirror.difference, abs=1e-7)
    assert found.low == pytest.approx(-mirror.high, abs=1e-7)
    assert moved.difference == pytest.approx(found.difference * scale, rel=1e-6, abs=1e-6)
    assert (found.n1 + found.left_out1, found.n2 + found.left_out2) == (9, 9)
    assert found.left_out1 == int(np.isnan(first).any(axis=1).sum())


FLAT = [[1.0, 2.0], [1.0, 4.0], [1.0, 5.0]]
STRAIGHT = [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ([], STRAIGHT, "fewer than two"),
        ([[1.0, math.nan], [2.0, 1.0]], STRAIGHT, "fewer than two"),
        (FLAT, FLAT, "baseline does not vary"),
        (FLAT, [[2.0, 2.0], [2.0, 1.0]], "baseline does not vary"),
        (STRAIGHT, STRAIGHT, "no error"),
    ],
)
def test_what_cannot_be_told_has_a_reason_and_no_number(
    first: list[list[float]], second: list[list[float]], says: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ancova(first, second)
        table = delta_adjusted(first, second, [(0.0, 0.0)])
    for reason in (found.reason, table[0].reason):
        assert reason is not None
        assert says in reason
    assert found.difference is None
    assert table[0].high is None


def test_wrong_shapes_and_infinite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of a baseline"):
        ancova([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="infinite"):
        ancova([[1.0, math.inf]], STRAIGHT)
    with pytest.raises(ValueError, match="finite"):
        delta_adjusted(STRAIGHT, STRAIGHT, [(math.nan, 0.0)])


# --- delta ----------------------------------------------------------------------------------


@given(SEEDS, st.floats(-80, 80), st.floats(-80, 80))
def test_delta_is_ancova_of_what_was_filled_in(seed: int, one: float, two: float) -> None:
    first, second = drawn(seed, missing=0.4)
    seen = [arm[~np.isnan(arm[:, 1])] for arm in (first, second)]
    design = np.array([[a, 1.0, b] for a, arm in zip((1, 0), seen, strict=True) for b, _ in arm])
    fit = np.linalg.lstsq(design, np.concatenate([arm[:, 1] for arm in seen]), rcond=None)[0]
    filled = []
    for arm, is_first, delta in ((first, 1.0, one), (second, 0.0, two)):
        predicted = fit[0] * is_first + fit[1] + fit[2] * arm[:, 0] + delta
        outcome = np.where(np.isnan(arm[:, 1]), predicted, arm[:, 1])
        filled.append(np.column_stack([arm[:, 0], outcome]))
    plain, whole = ancova(first, second), ancova(filled[0], filled[1])
    none, found = delta_adjusted(first, second, [(0.0, 0.0), (one, two)])
    assert (none.difference, none.low, none.high) == (plain.difference, plain.low, plain.high)
    assert found.difference == pytest.approx(whole.difference, abs=1e-6)
    assert found.low is not None
    assert found.high is not None
    assert plain.low is not None
    assert plain.high is not None
    assert found.high - found.low == pytest.approx(plain.high - plain.low, abs=1e-8)
    assert (found.imputed1, found.imputed2) == (plain.left_out1, plain.left_out2)


def test_intervals_cover_the_effect_at_30_an_arm() -> None:
    covered, runs = 0, 300
    for seed in range(runs):
        found = ancova(*drawn(seed + 10_000, n=30, missing=0.0))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 5.0 <= found.high
    assert covered / runs > 0.91


# --- strata ---------------------------------------------------------------------------------


@given(SEEDS)
def test_strata_are_adjusted_for(seed: int) -> None:
    """What a stratum adds to everybody in it moves nothing but the degrees of freedom."""
    first, second = drawn(seed)
    labels = [np.arange(len(arm)) % 3 for arm in (first, second)]
    moved = [
        np.column_stack([arm[:, 0], arm[:, 1] + 100.0 * of])
        for arm, of in zip((first, second), labels, strict=True)
    ]
    strata = (labels[0], labels[1])
    found = ancova(first, second, strata=strata)
    same = ancova(moved[0], moved[1], strata=strata)
    assert found.degrees_of_freedom == (ancova(first, second).degrees_of_freedom or 0) - 2
    assert found.difference == pytest.approx(same.difference, abs=1e-6)
    assert found.standard_error == pytest.approx(same.standard_error, abs=1e-6)
    with pytest.raises(ValueError, match="label"):
        ancova(first, second, strata=(labels[0], labels[1][1:]))


@given(SEEDS)
def test_ancova_within_strata_is_that_of_a_column_for_each(seed: int) -> None:
    """Strata of whom nobody has an outcome, the first among them, have no column."""
    dice = np.random.default_rng(seed)
    first, second = drawn(seed, n=20)
    labels = [dice.integers(0, 6, 20) for _ in range(2)]
    for arm, of in zip((first, second), labels, strict=True):
        arm[of == 0, 1] = math.nan
    rows, of = np.concatenate([first, second]), np.concatenate(labels)
    there = ~np.isnan(rows[:, 1])
    used = rows[there]
    columns = of[there][:, None] == np.unique(of[there])
    design = np.column_stack([np.arange(40)[there] < 20, used[:, 0], columns]).astype(np.float64)
    effects, squares, rank, _ = np.linalg.lstsq(design, used[:, 1], rcond=None)
    found = ancova(first, second, strata=(labels[0], labels[1]))
    if rank < design.shape[1] or min(found.n1, found.n2) < 2:
        assert found.difference is None
        return
    degrees = len(used) - rank
    variance = squares[0] / degrees * np.linalg.inv(design.T @ design)[0, 0]
    assert found.degrees_of_freedom == degrees
    assert found.difference == pytest.approx(effects[0], rel=1e-6, abs=1e-6)
    assert found.standard_error == pytest.approx(math.sqrt(variance), rel=1e-6)
