"""How surely a structure separates one arm from the rest: exact tests, and what many are worth.

A structure is one whole number per participant: how many visits, tests or codes of a kind. It is
compared among participants of one stratum, those who took part for as long. Numpy alone, because
loading scipy would cost more than the whole check.

Conservative throughout: a two-sided p-value is twice the tail, the observed value included.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

# The rank sum is enumerated up to so many participants; beyond, see `rank_sum`.
EXACT_UP_TO = 100
# Whether a structure can come out at all is worked out where fewer than so many have another count
# than most; with more it is taken to be so, which costs a little power.
_SPARSE = 20


@dataclass(frozen=True)
class Question:
    """One structure, to be compared within strata.

    Attributes:
        levels: as `levels_of` returns them, one per participant.
        strata: the position of each participant's stratum; all 0 for one stratum.
    """

    levels: Counts
    strata: Counts


@dataclass(frozen=True)
class Tested:
    """One structure of one arm against the rest.

    Attributes:
        question: its position. arm: the arm's position.
        p: two-sided, before correction. adjusted: after Holm, over all that were tested.
    """

    question: int
    arm: int
    p: float
    adjusted: float


@dataclass(frozen=True)
class Family:
    """All tests of one extract.

    Attributes:
        size: how many tests Holm corrects for.
        significant: those that hold at the family-wise level, the surest first.
    """

    size: int
    significant: tuple[Tested, ...]


def levels_of(counts: Counts) -> Counts:
    """Counts as 0, 1, 2, … in their order: all that a test by ranks uses of them."""
    if counts.max(initial=0) > 10 * len(counts) + 1000:
        return np.unique(counts, return_inverse=True)[1].astype(np.int64)
    is_there = np.bincount(counts) > 0
    return np.asarray((np.cumsum(is_there) - 1)[counts], dtype=np.int64)


def rank_sum(question: Question, chosen: Mask) -> float:
    """Whether those chosen have more or less of it than the rest: two-sided p-value.

    The permutation distribution, within strata, of the sum of midranks. For presence, two levels,
    it is Fisher's exact test at any size, and with strata the exact test of Cochran, Mantel and
    Haenszel. Up to `EXACT_UP_TO` participants it is enumerated (Streitberg & Röhmel 1986). Beyond
    that, a count of which more than half have the same is tested exactly as having that or not; any
    other by the normal curve with corrections for ties and continuity.
    """
    levels = question.levels
    if levels.max(initial=0) > 1 and len(levels) > EXACT_UP_TO:
        held = np.bincount(levels)
        if 2 * held.max() <= len(levels):
            return _by_normal_curve(question, chosen, continuity=True)
        levels = (levels != held.argmax()).astype(np.int64)
    return _enumerated(levels, chosen, question.strata)


def least_attainable(question: Question, chosen: Mask) -> float:
    """The smallest p-value that `rank_sum` could give, of all allocations with the same sizes.

    0 where that is not worth knowing: a structure in which many differ.
    """
    held = np.bincount(question.levels)
    if len(question.levels) - held.max() >= _SPARSE:
        return 0.0
    lowest = highest = 0.0
    for stratum in np.unique(question.strata):
        inside = question.strata == stratum
        size = int(chosen[inside].sum())
        held = np.bincount(question.levels[inside])
        lowest += _log_extreme(held, size)
        highest += _log_extreme(held[::-1], size)
    return min(1.0, 2 * float(np.exp(min(lowest, highest))))


def _log_extreme(held: Counts, size: int) -> float:
    """The log probability that chance chooses the `size` first, in the order of the levels."""
    if size == 0:
        return 0.0
    before = np.cumsum(held) - held
    last = int(np.flatnonzero(before < size)[-1])
    logs = _log_factorials(int(held.sum()))
    ways = _log_choose(logs, int(held[last]), size - int(before[last]))
    return float(ways - _log_choose(logs, int(held.sum()), size))


def examine(questions: list[Question], arms: Counts, level: float) -> Family:
    """Test every structure for every arm against the rest, at a family-wise error `level`.

    Tests that could not come out whatever the allocation are left out (Tarone 1990): which they are
    follows from the structures and the sizes of the arms, not from who is in which. Holm (1979)
    corrects for the others. Of two arms the one against the other is one test. A p-value that by
    the normal curve is above `level` cannot matter: it counts as 1 and is not worked out.

    Args:
        arms: the position of each participant's arm.
    """
    against = [int(arm) for arm in np.unique(arms)]
    if len(against) < 2:
        return Family(0, ())
    if len(against) == 2:
        against = against[1:]
    tests = [(place, arm) for place in range(len(questions)) for arm in against]
    least = np.array([least_attainable(questions[place], arms == arm) for place, arm in tests])
    tests = [test for test, kept in zip(tests, can_come_out(least, level), strict=True) if kept]
    raw = np.ones(len(tests))
    for number, (place, arm) in enumerate(tests):
        chosen = arms == arm
        if _by_normal_curve(questions[place], chosen, continuity=False) <= level:
            raw[number] = rank_sum(questions[place], chosen)
    significant = [
        Tested(place, arm, float(p), float(corrected))
        for (place, arm), p, corrected in zip(tests, raw, holm(raw), strict=True)
        if corrected <= level
    ]
    return Family(len(tests), tuple(sorted(significant, key=lambda item: (item.p, item.question))))


def can_come_out(least: Floats, level: float) -> Mask:
    """Tests that can come out at all, given how many of them can (Tarone 1990)."""
    for family in range(1, len(least) + 1):
        kept = least <= level / family
        if kept.sum() <= family:
            return np.asarray(kept, dtype=np.bool_)
    return np.zeros(len(least), dtype=np.bool_)


def holm(p: Floats) -> Floats:
    """p-values adjusted by Holm's step-down procedure (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))), 1.0)
    adjusted = np.empty_like(p)
    adjusted[order] = stepped
    return adjusted


def smallest_detectable(chosen: Mask, strata: Counts, tests: int, level: float) -> int | None:
    """How many of those chosen must have what nobody else has, to be found at once.

    At once: at the first step of Holm, against `level` / `tests`. They are spread evenly over the
    strata. None where not even everybody would do.
    """
    members = np.flatnonzero(chosen)[np.argsort(strata[chosen], kind="stable")]

    def is_found(having: int) -> bool:
        spread = (2 * np.arange(having) + 1) * len(members) // (2 * having)
        levels = np.zeros(len(chosen), dtype=np.int64)
        levels[members[spread]] = 1
        return _enumerated(levels, chosen, strata) <= level / max(tests, 1)

    if not len(members) or not is_found(len(members)):
        return None
    return 1 + bisect_left(range(1, len(members)), True, key=is_found)


def _by_normal_curve(question: Question, chosen: Mask, *, continuity: bool) -> float:
    """Two-sided p-value of the rank sum by its mean and variance within strata, ties included."""
    scores = _doubled_midranks(question.levels).astype(np.float64)
    people = np.bincount(question.strata)
    sizes = np.bincount(question.strata, weights=chosen)
    means = np.bincount(question.strata, weights=scores) / np.maximum(people, 1)
    deviations = scores - means[question.strata]
    squares = np.bincount(question.strata, weights=deviations**2)
    several = people > 1
    shares = (sizes * (people - sizes))[several] / (people * (people - 1.0))[several]
    variance = float(shares @ squares[several])
    if variance <= 0:
        return 1.0
    distance = abs(float(deviations[chosen].sum())) - continuity
    return erfc(max(distance, 0.0) / sqrt(2 * variance))


def _doubled_midranks(levels: Counts) -> Counts:
    """Twice the midrank of each participant, so that it is whole."""
    held = np.bincount(levels)
    after = np.cumsum(held)
    return np.asarray((2 * after - held + 1)[levels], dtype=np.int64)


@lru_cache(maxsize=64)
def _log_factorials(people: int) -> Floats:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, people + 1)))])


def _log_choose(logs: Floats, of: int, those: int | Counts) -> Floats:
    return np.asarray(logs[of] - logs[those] - logs[of - those], dtype=np.float64)


def _enumerated(levels: Counts, chosen: Mask, strata: Counts) -> float:
    """The sum of midranks among all allocations of the same sizes in every stratum.

    Scores are turned so that the observed sum is at or below what is expected. In every stratum
    they begin at 0, and no sum above the observed one needs to be followed.
    """
    scores = _doubled_midranks(levels)
    scores = scores - scores.min()
    scores = scores // max(int(np.gcd.reduce(scores)), 1)
    parts = [
        (scores[here], chosen[here])
        for here in (strata == stratum for stratum in np.unique(strata))
        if 0 < np.count_nonzero(chosen[here]) < np.count_nonzero(here)
    ]
    beyond_expected = sum(part[sample].sum() - sample.sum() * part.mean() for part, sample in parts)
    if beyond_expected > 0:
        parts = [(part.max() - part, sample) for part, sample in parts]
    parts = [(part - part.min(), sample) for part, sample in parts]
    observed = sum(int(part[sample].sum()) for part, sample in parts)
    tail = np.zeros(observed + 1)
    tail[0] = 1.0
    for part, sample in parts:
        if part.any():
            sums = _sums(part, int(sample.sum()), observed)
            tail = np.convolve(tail, sums)[: observed + 1]
    return min(1.0, 2 * float(tail.sum()))


def _sums(scores: Counts, size: int, most: int) -> Floats:
    """The probability of each sum, up to `most`, of `size` scores drawn without replacement."""
    people = len(scores)
    logs = _log_factorials(people)
    total = _log_choose(logs, people, size)
    high = int(scores.max())
    having = int(np.count_nonzero(scores))
    if np.all((scores == 0) | (scores == high)):
        sample = np.arange(max(0, size - (people - having)), min(having, size, most // high) + 1)
        ways = _log_choose(logs, having, sample) + _log_choose(logs, people - having, size - sample)
        sums = np.zeros(most + 1)
        sums[sample * high] = np.exp(ways - total)
        return sums
    if 2 * size > people:
        # The sum of those left out says the same, and is of fewer.
        everything = int(scores.sum())
        left = _sums(scores, people - size, everything)
        return left[::-1][: most + 1]
    # ways[k, s]: how many sets of k have scores that sum to s.
    ways_by_size = np.zeros((size + 1, most + 1))
    ways_by_size[0, 0] = 1.0
    for score in np.sort(scores).tolist():
        if score <= most:
            ways_by_size[1:, score:] += ways_by_size[:-1, : most + 1 - score].copy()
    return np.asarray(ways_by_size[size] / np.exp(total), dtype=np.float64)
