"""The difference of two means against its formula."""

import pytest

from estimators.means import welch

FIRST, SECOND = [212.0, 180.5, 251.0, 199.0, 305.5], [150.0, 171.0, 188.5, 240.0]


def test_welch_by_hand() -> None:
    """By the formula of Welch (1947): variances over n, and their degrees of freedom."""
    found = welch(FIRST, SECOND)
    means = [sum(values) / len(values) for values in (FIRST, SECOND)]
    over_n = [
        sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values)
        for values, mean in zip((FIRST, SECOND), means, strict=True)
    ]
    assert found.estimate == pytest.approx(means[0] - means[1])
    assert found.score == pytest.approx((means[0] - means[1]) / sum(over_n) ** 0.5)
    assert found.degrees_of_freedom == pytest.approx(
        sum(over_n) ** 2 / (over_n[0] ** 2 / 4 + over_n[1] ** 2 / 3)
    )


def test_without_spread_there_is_no_score() -> None:
    found = welch([3.0, 3.0], [2.0, 2.0, 2.0])
    assert (found.estimate, found.score, found.degrees_of_freedom) == (1.0, None, None)


def test_one_value_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least two"):
        welch([1.0], SECOND)
