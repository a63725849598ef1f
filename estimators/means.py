"""The difference of two means, without supposing that both arms spread alike.

Source
------
Welch BL. The generalization of "Student's" problem when several different population variances are
involved. Biometrika 1947; 34: 28-35.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import scipy  # type: ignore[import-untyped, unused-ignore]


@dataclass(frozen=True)
class MeanDifference:
    """The first mean less the second, its t statistic and degrees of freedom.

    All but the estimate are None where neither arm spreads.
    """

    estimate: float
    score: float | None
    degrees_of_freedom: float | None


def welch(first: Sequence[float], second: Sequence[float]) -> MeanDifference:
    """How far are two means apart, in standard errors?

    Parameters
    ----------
    first, second : values of each arm, at least two, in one unit.

    Misleads where few values are far from normal: compare by rank beside it.

    Raises ValueError where an arm has fewer than two values.

    Source: Welch 1947.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError("Each arm needs at least two values.")
    estimate = sum(first) / len(first) - sum(second) / len(second)
    if len(set(first)) == len(set(second)) == 1:
        return MeanDifference(estimate, None, None)
    test = scipy.stats.ttest_ind(first, second, equal_var=False)
    return MeanDifference(estimate, float(test.statistic), float(test.df))
