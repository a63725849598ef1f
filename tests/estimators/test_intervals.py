"""The difference of two estimates against published limits, and the laws it must obey."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.intervals import difference_of
from estimators.proportions import newcombe, wilson


def test_of_wilson_limits_it_is_newcombes_tenth() -> None:
    # Newcombe 1998, method 10, 56/70 and 48/80: 0.2 (0.0524 to 0.3339).
    first, second = (
        (float(item.estimate), float(item.low), float(item.high))
        for item in (wilson(56, 70), wilson(48, 80))
    )
    assert difference_of(first, second) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    plain = newcombe(56, 70, 48, 80)
    expected = (float(plain.estimate), float(plain.low), float(plain.high))
    assert difference_of(first, second) == pytest.approx(expected)


def test_of_symmetric_limits_it_adds_the_squares() -> None:
    apart = difference_of((10.0, 7.0, 13.0), (4.0, 0.0, 8.0))
    assert apart == pytest.approx((6.0, 1.0, 11.0))


ends = st.tuples(*[st.floats(-1, 1)] * 3).map(sorted)


@given(ends, ends)
def test_turned_round_it_is_its_mirror_image(first: list[float], second: list[float]) -> None:
    a, b = ((middle, low, high) for low, middle, high in (first, second))
    there, back = difference_of(a, b), difference_of(b, a)
    assert back == pytest.approx((-there[0], -there[2], -there[1]))
    assert there[1] <= there[0] <= there[2]


def test_an_estimate_outside_its_limits_is_refused() -> None:
    with pytest.raises(ValueError, match="between its limits"):
        difference_of((2.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="between its limits"):
        difference_of((math.nan, 0.0, 1.0), (0.0, 0.0, 0.0))
