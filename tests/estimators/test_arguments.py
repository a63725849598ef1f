"""Shared argument checks: what passes comes back, what does not is named in a sentence."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators.arguments import require_count, require_level, require_nonnegative


@settings(deadline=None)
@given(st.floats(0.0, 1.0, exclude_min=True, exclude_max=True))
def test_a_level_inside_the_unit_interval_passes_unchanged(level: float) -> None:
    assert require_level(level) == level


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, -0.5, math.nan, math.inf])
def test_a_level_outside_the_unit_interval_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match=r"strictly between 0 and 1.*95 % as 0\.95"):
        require_level(level)


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_a_count_passes_as_a_plain_integer_from_numpy_too(count: int) -> None:
    assert require_count(count, "x") == count
    assert type(require_count(np.int64(count), "x")) is int


@pytest.mark.parametrize("value", [2.5, 3.0, math.nan, None, "4"])
def test_what_is_not_a_whole_number_is_refused_by_name(value: object) -> None:
    with pytest.raises(ValueError, match="The number enrolled must be a whole number"):
        require_count(value, "The number enrolled")  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "minimum"), [(-1, 0), (0, 1)])
def test_a_count_below_its_minimum_is_refused_by_name(value: int, minimum: int) -> None:
    with pytest.raises(ValueError, match=f"The target must be at least {minimum}, but is {value}"):
        require_count(value, "The target", minimum=minimum)


@pytest.mark.parametrize("value", [-0.001, math.nan, math.inf, -math.inf])
def test_a_negative_or_non_finite_number_is_refused_by_name(value: float) -> None:
    with pytest.raises(ValueError, match="The horizon must be a finite number of at least 0"):
        require_nonnegative(value, "The horizon")


@settings(deadline=None)
@given(st.floats(0.0, 1e300))
def test_a_finite_number_of_at_least_zero_passes_unchanged(value: float) -> None:
    assert require_nonnegative(value, "x") == value
