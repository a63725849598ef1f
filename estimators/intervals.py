"""Two estimates with their limits, one less the other.

Source
------
Donner A, Zou GY. Closed-form confidence intervals for functions of the normal mean and standard
deviation. Statistical Methods in Medical Research 2012; 21: 347-359 (the method of variance
estimates recovery, MOVER).
"""

import math

Estimate = tuple[float, float, float]


def difference_of(first: Estimate, second: Estimate) -> Estimate:
    """The first estimate less the second, which is independent of it, with limits.

    Parameters
    ----------
    first, second : estimate, lower and upper limit, of one level and unit.

    Method: the squares of the distances to the limits are added, each from the side on which it
    makes the difference smaller, or larger; the limits keep what the single ones know of skewness.

    Raises ValueError where an estimate lies outside its limits.
    """
    for estimate, low, high in (first, second):
        if not low <= estimate <= high:
            raise ValueError(f"{estimate} does not lie between its limits {low} and {high}.")
    apart = first[0] - second[0]
    below = math.hypot(first[0] - first[1], second[2] - second[0])
    above = math.hypot(first[2] - first[0], second[0] - second[1])
    return apart, apart - below, apart + above
