"""Many preferred terms at once: p-values adjusted for how many there are.

An adjusted p-value is the smallest false discovery rate (the share of chance findings to expect
among what is marked) at which its term would be marked. It belongs beside an estimate with its
interval, as a mark; it is not what a table of harms is sorted by, and a term without a mark is
not shown to be harmless.

A p-value that is NaN, as of an arm without participants, stays NaN and is not counted.

Sources
-------
Benjamini Y, Hochberg Y. Controlling the false discovery rate: a practical and powerful approach
to multiple testing. Journal of the Royal Statistical Society B 1995; 57: 289-300.
Mehrotra DV, Heyse JF. Use of the false discovery rate for evaluating clinical safety data.
Statistical Methods in Medical Research 2004; 13: 227-238.
Mehrotra DV, Adewale AJ. Flagging clinical adverse experiences: reducing false discoveries without
materially compromising power for detecting true signals. Statistics in Medicine 2012; 31:
1918-1930.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estimators.proportions import AS_PROBABLE, require_counts, splits

Reals: TypeAlias = NDArray[np.float64]

# The group of each term, by name or number.
Labels: TypeAlias = ArrayLike | Sequence[Hashable]


@dataclass(frozen=True)
class DoubleFalseDiscoveryRate:
    """Adjusted p-values of n terms, arrays of shape (n,) in the order of the input.

    `within` is adjusted among the terms of the same group, `groups` is that of the term's group
    among all groups. `both` is the larger of the two: the term is marked at every rate that is
    not below it.
    """

    within: Reals
    groups: Reals
    both: Reals


def benjamini_hochberg(p: ArrayLike) -> Reals:
    """At what false discovery rate would each of several p-values be marked?

    Parameters
    ----------
    p : shape (n,), p-values in [0, 1]; NaN is left out of the count and stays NaN.

    Method: step-up; the i-th smallest of m p-values becomes the smallest m p_j / j over j from i
    on, and never more than 1.

    Misleads with many terms too rare to be marked at all (Fisher's p is 1 with a single event):
    they count like the others and hide what is there. Leave rare terms out by their total over
    the arms, decided before any p-value is seen, never by their difference.

    Raises ValueError where `p` is not one-dimensional or holds a number outside [0, 1].

    Source: Benjamini & Hochberg 1995, for independent (or positively dependent) p-values.
    """
    values = _p_values(p)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(values))
    ascending = known[np.argsort(values[known], kind="stable")]
    scaled = values[ascending] * (known.size / np.arange(1, known.size + 1))
    # From the largest down, so that a smaller p-value is never adjusted to a larger one.
    adjusted[ascending] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def double_false_discovery_rate(p: ArrayLike, groups: Labels) -> DoubleFalseDiscoveryRate:
    """Which terms stand out within a body system that itself stands out?

    Parameters
    ----------
    p : shape (n,), p-values of the terms in [0, 1]; NaN is left out of the count and stays NaN.
    groups : shape (n,), the body system (system organ class) of each term, by name or number;
        terms without one (None) are a group of their own.

    Method: the double FDR as refined in 2012. Terms are adjusted by Benjamini and Hochberg within
    their group; the smallest adjusted p-value of a group stands for it, and these are adjusted
    once more among the groups. A term is marked at a rate if both are at most that rate. The
    original of 2004 lets the smallest unadjusted p-value stand for the group, which favors groups
    with many terms, and needs its two rates found by resampling. Without that it marks something
    in 8 of 10 trials in which nothing is there (simulated: 20 groups of 1 to 20 terms, both rates
    10 %); the refined one, as it should, in 1 of 10.

    Misleads where a harm spreads over body systems, each of which then shows little; terms are
    then better grouped by what they mean. And as `benjamini_hochberg` does.

    Raises ValueError where an argument is not one-dimensional, where they differ in length, or
    where `p` holds a number outside [0, 1].

    Source: Mehrotra & Adewale 2012, after Mehrotra & Heyse 2004.
    """
    values = _p_values(p)
    labels: NDArray[Any] = np.asarray(groups)
    if labels.shape != values.shape:
        raise ValueError(
            f"Every p-value needs one group, but there are {values.size} p-values and groups of "
            f"shape {labels.shape}."
        )
    # Not by `np.unique`, which cannot order None among names.
    number_of = {name: number for number, name in enumerate(dict.fromkeys(labels.tolist()))}
    group = np.array([number_of[name] for name in labels.tolist()], dtype=np.intp)
    within = np.full(values.shape, np.nan)
    smallest = np.full(len(number_of), np.nan)
    for number in range(len(number_of)):
        adjusted = benjamini_hochberg(values[group == number])
        within[group == number] = adjusted
        smallest[number] = np.fmin.reduce(adjusted)
    of_group = np.where(np.isnan(values), np.nan, benjamini_hochberg(smallest)[group])
    return DoubleFalseDiscoveryRate(within, of_group, np.maximum(within, of_group))


def least_total(people1: int, people2: int, p: float) -> int:
    """From how many participants of two arms together on could Fisher's p be as small as `p`?

    With fewer, no split is so uneven, so that a term can be left out before anybody knows which arm
    has more. Where none ever is, as of two arms of two, one more than there are participants.

    Parameters
    ----------
    people1, people2 : participants of the arms, 1 or more.
    p : a two-sided p-value, in (0, 1).

    Raises ValueError where an arm is empty, or `p` is not in (0, 1).
    """
    if people1 < 1 or people2 < 1 or not 0.0 < p < 1.0:
        raise ValueError("Each arm needs a participant, and p must lie between 0 and 1.")
    for total in range(1, people1 + people2):
        if _fisher_of_splits(splits(total, people1, people2)[1]).min() <= p:
            return total
    return people1 + people2 + 1


def expected_by_chance(p: float, totals: ArrayLike, people1: int, people2: int) -> float:
    """How many of several terms would have a Fisher's p of `p` or less, if the arms were alike?

    Parameters
    ----------
    p : a two-sided p-value, in [0, 1].
    totals : shape (n,), participants with each term, of both arms.
    people1, people2 : participants of the arms.

    Method: exact; the sum over the terms of the hypergeometric probability of a split whose p is so
    small. Terms need not be independent of each other. A term that is too rare for such a p adds
    nothing, which is why p times their number is too many.

    Raises ValueError for counts that are none, or more than there are participants.
    """
    counts = require_counts(totals, "Totals")
    if counts.size and int(counts.max()) > people1 + people2:
        raise ValueError("More participants have a term than there are.")
    distinct, how_many = np.unique(counts, return_counts=True)
    return float(
        sum(
            many * _chance(p, int(total), people1, people2)
            for total, many in zip(distinct, how_many, strict=True)
        )
    )


def _chance(p: float, total: int, people1: int, people2: int) -> float:
    """The probability that a term of so many participants has a p of `p` or less."""
    _, probability = splits(total, people1, people2)
    return float(probability[_fisher_of_splits(probability) <= p * AS_PROBABLE].sum())


def _fisher_of_splits(probability: Reals) -> Reals:
    """Fisher's two-sided p of each split: all that are no more probable, together."""
    no_more = probability[None, :] <= probability[:, None] * AS_PROBABLE
    return np.asarray(no_more @ probability)


def _p_values(p: ArrayLike) -> Reals:
    values = np.array(p, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(
            f"The p-values must be a one-dimensional array, but have {values.ndim} dimensions."
        )
    wrong = (values < 0.0) | (values > 1.0)
    if np.any(wrong):
        raise ValueError(f"A p-value must lie between 0 and 1, but one is {values[wrong][0]}.")
    return values
