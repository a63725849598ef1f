"""Who is screened, who fails and why, who is randomized, when, and to which arm."""

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri

from simulator.draws import Days, Draws, Floats, Integers, Mask, choose
from simulator.records import day_number, sequence
from trials import Criterion, Trial

SCREEN_FAILURE_RATE = 0.25
SECOND_REASON_RATE = 0.2
SLOW_START_DAYS = 30
SLOW_START_RATE = 0.4
# Share of the accrual period after which a cut is taken when nobody asks for another.
CUTOFF_SHARE = 0.6
TYPICAL_RATIO = 120.0
_AGES = (18.0, 90.0)
_MASS_INDEXES = (17.0, 38.0)


@dataclass(frozen=True, kw_only=True)
class _Bodies:
    """Reasons to fail screening, and the bodies that go with them, as in `Population`."""

    reasons: Integers
    age: Integers
    female: Mask
    height: Floats
    weight: Floats
    log_ratio: Floats
    forced: dict[str, Floats]


@dataclass(frozen=True, kw_only=True)
class Population(_Bodies):
    """Everyone screened, in the order of consent: one value per person in each array.

    Attributes:
        site: index of the site.
        number: the person's number within the site, from 1.
        consented: day of consent.
        anchor: day of randomization, or the day it would have been.
        failed: whether screening failed.
        decided: day of randomization or of screen failure.
        reasons: (persons, 2) indexes of criteria that screening failed on; -1 for none.
        arm: index of the arm; -1 where screening failed.
        sequence: position on the site's allocation list; 0 where screening failed.
        experimental: whether the arm is any but control.
        age: years at consent. female: sex. height: cm. weight: kg.
        log_ratio: logarithm of PaO2/FiO2 in mmHg at screening.
        forced: screening values of measures that a failed criterion holds, by measure name; NaN
            where none is forced.
        widths: digits of a site and of a number within it, the same for everyone.
    """

    site: Integers
    number: Integers
    consented: Days
    anchor: Days
    failed: Mask
    decided: Days
    arm: Integers
    sequence: Integers
    experimental: Mask
    widths: tuple[int, int]

    def __len__(self) -> int:
        """The number of persons screened."""
        return len(self.site)

    def take(self, persons: Integers) -> "Population":
        """Only these persons, by their place in the order of consent."""
        forced = {name: values[persons] for name, values in self.forced.items()}
        arrays = {
            field.name: getattr(self, field.name)[persons]
            for field in fields(self)
            if field.name not in ("forced", "widths")
        }
        return replace(self, forced=forced, **arrays)

    def sites(self) -> pl.Series:
        """SITEID of each person."""
        return pl.Series(self.site + 1).cast(pl.String).str.zfill(self.widths[0])

    def labels(self) -> pl.Series:
        """SUBJID of each person: the site and the number in the order of consent there."""
        return self.sites() + pl.Series(self.number).cast(pl.String).str.zfill(self.widths[1])


def has_gases(trial: Trial) -> bool:
    """Whether the trial measures arterial gases: it is then one of lungs in critical care."""
    return {("LB", "PO2"), ("LB", "FIO2")} <= set(trial.measures_by_code)


def planned_cutoff(trial: Trial) -> date:
    """The cut-off taken when none is asked for: 60 % of the way through the planned accrual."""
    span = trial.accrual.end - trial.accrual.start
    return trial.accrual.start + timedelta(days=round(CUTOFF_SHARE * span.days))


def recruit(trial: Trial, participants: int, sites: int, draws: Draws) -> Population:
    """Screen until `participants` are randomized, at about the planned rate."""
    criteria = _usable_criteria(trial)
    rate = SCREEN_FAILURE_RATE if criteria else 0.0
    failed = _screen(participants, rate, draws)
    persons = len(failed)
    consented = _consent_days(trial, participants / (1 - rate), persons, draws)
    steps = draws.stream("screening steps").random((persons, 2))
    first_day = min(0, *(visit.day for visit in trial.schedule))
    longest = max(1, -first_day)
    lag = (
        (longest + choose(steps[:, 0], [0.35, 0.4, 0.25]))
        if first_day < 0
        else choose(steps[:, 0], [0.4, 0.4, 0.2])
    )
    anchor = consented + lag
    decided = np.where(failed, consented + np.floor(steps[:, 1] * np.maximum(lag, 1)), anchor)
    site = choose(
        draws.stream("site").random((persons, 1))[:, 0],
        [1 / (1 + 0.25 * index) for index in range(sites)],
    )
    number = _rank_within(site)
    arm, position = _allocate(trial, site, anchor, ~failed, draws)
    controls = np.array([arm.control for arm in trial.arms.list])
    return Population(
        site=site,
        number=number,
        consented=consented,
        anchor=anchor,
        failed=failed,
        decided=decided.astype(np.int64),
        arm=arm,
        sequence=position,
        experimental=~failed & ~controls[np.maximum(arm, 0)],
        **vars(_bodies(trial, criteria, failed, draws)),
        widths=(max(2, len(str(sites))), max(4, len(str(persons)))),
    )


def _screen(participants: int, rate: float, draws: Draws) -> Mask:
    """Whether each person fails screening, up to the last who is randomized."""
    screened = 2 * participants + 20
    while True:
        failed = draws.stream("eligibility").random((screened, 1))[:, 0] < rate
        passed = np.flatnonzero(~failed)
        if len(passed) >= participants:
            return failed[: passed[participants - 1] + 1]
        screened *= 2


def _consent_days(trial: Trial, expected: float, persons: int, draws: Draws) -> Days:
    """Days of consent: a Poisson process whose rate varies by week and starts slowly.

    The intensity is scaled so that the planned period brings `expected` persons; after it,
    recruitment goes on in the same way until everyone needed is there.
    """
    planned = (trial.accrual.end - trial.accrual.start).days
    horizon = 3 * planned + 70
    weeks = np.exp(draws.stream("weeks").standard_normal(horizon // 7 + 1) * 0.3)
    intensity = np.repeat(weeks, 7)[:horizon]
    intensity[:SLOW_START_DAYS] *= SLOW_START_RATE
    cumulative = np.r_[0.0, np.cumsum(intensity)] * (expected / intensity[:planned].sum())
    arrivals = np.cumsum(draws.stream("referrals").standard_exponential(persons))
    days = np.interp(arrivals, cumulative, np.arange(horizon + 1))
    # Beyond the horizon at the average rate.
    days += np.maximum(arrivals - cumulative[-1], 0.0) * horizon / cumulative[-1]
    return day_number(trial.accrual.start) + np.floor(days).astype(np.int64)


def _rank_within(group: Integers) -> Integers:
    """1, 2, … within each group, in order."""
    order = np.argsort(group, kind="stable")
    ranks = np.empty(len(group), dtype=np.int64)
    ranks[order] = sequence(group[order])
    return ranks


def _allocate(
    trial: Trial, site: Integers, anchor: Days, randomized: Mask, draws: Draws
) -> tuple[Integers, Integers]:
    """Arm and list position by permuted blocks within sites, in the order of randomization."""
    ratios = [arm.ratio for arm in trial.arms.list]
    block = np.repeat(np.arange(len(ratios)), 2 * np.array(ratios))
    arm = np.full(len(site), -1, dtype=np.int64)
    position = np.zeros(len(site), dtype=np.int64)
    for index in np.unique(site):
        members = np.flatnonzero(randomized & (site == index))
        members = members[np.argsort(anchor[members], kind="stable")]
        blocks = len(members) // len(block) + 1
        order = draws.stream("allocation", int(index)).random((blocks, len(block)))
        allocation = block[np.argsort(order, axis=1)].ravel()
        arm[members] = allocation[: len(members)]
        position[members] = np.arange(1, len(members) + 1)
    return arm, position


def _is_about_consent(criterion: Criterion) -> bool:
    """Nobody is in DM without consent, so nobody fails on it."""
    return "consent" in criterion.label.casefold()


def _is_about_pregnancy(criterion: Criterion) -> bool:
    return "pregnan" in criterion.label.casefold()


def _is_measured(criterion: Criterion) -> bool:
    return criterion.measure is not None and (criterion.lower, criterion.upper) != (None, None)


def _weight(criterion: Criterion) -> float:
    """How often screening fails on a criterion, against the others."""
    if _is_about_pregnancy(criterion):
        return 0.3
    return 3.0 if _is_measured(criterion) else 1.0


def _usable_criteria(trial: Trial) -> list[int]:
    """Indexes of the criteria that a simulated person can fail on."""
    return [
        index
        for index, criterion in enumerate(trial.criteria)
        if not _is_about_consent(criterion)
        and (criterion.measure != "pao2_fio2" or has_gases(trial))
    ]


def _bodies(trial: Trial, usable: list[int], failed: Mask, draws: Draws) -> _Bodies:
    """Age, sex, size and lungs within the criteria, or beyond those that screening failed on."""
    persons = len(failed)
    reasons = _reasons(trial, usable, failed, draws)
    uniform = draws.stream("body").random((persons, 6))

    low, high = _limits(trial, "age", *_AGES)
    age = np.floor(
        _truncated_normal(uniform[:, 0], low + 0.68 * (high - low), 0.19 * (high - low), low, high)
    )
    female = uniform[:, 1] < 0.38
    height = np.where(female, 159.0, 171.0) + 6.5 * ndtri(np.clip(uniform[:, 2], 1e-4, 1 - 1e-4))
    height = np.round(height)
    low, high = _limits(trial, "bmi", *_MASS_INDEXES)
    low, high = low + 0.25, high - 0.25  # rounded height and weight must stay within
    mass_index = _truncated_normal(
        uniform[:, 3], low + 0.45 * (high - low), 0.27 * (high - low), low, high
    )
    low, high = _limits(trial, "pao2_fio2", 45.0, 450.0)
    log_ratio = _truncated_normal(
        uniform[:, 4], np.log(TYPICAL_RATIO), 0.28, np.log(1.05 * low), np.log(0.95 * high)
    )

    beyond = draws.stream("beyond the limit").random((persons, 2))
    forced: dict[str, Floats] = {}
    for index in usable:
        criterion = trial.criteria[index]
        caught = (reasons == index).any(axis=1)
        if _is_about_pregnancy(criterion):
            female = female | caught
            age = np.where(caught, 20 + np.floor(uniform[:, 0] * 22), age)
        if not _is_measured(criterion):
            continue
        value = _outside(criterion, beyond)
        match criterion.measure:
            case "age":
                age = np.where(caught, np.floor(value), age)
            case "bmi":
                mass_index = np.where(caught, value, mass_index)
            case str(name):
                forced[name] = np.where(caught, value, forced.get(name, np.nan))
                if name == "pao2_fio2":
                    log_ratio = np.where(caught, np.log(value), log_ratio)
            case None:
                pass
    return _Bodies(
        reasons=reasons,
        age=age.astype(np.int64),
        female=female,
        height=height,
        weight=np.round(mass_index * (height / 100) ** 2, 1),
        log_ratio=log_ratio,
        forced=forced,
    )


def _reasons(trial: Trial, usable: list[int], failed: Mask, draws: Draws) -> Integers:
    persons = len(failed)
    reasons = np.full((persons, 2), -1, dtype=np.int64)
    if not usable:
        return reasons
    weights = [_weight(trial.criteria[index]) for index in usable]
    uniform = draws.stream("failure reason").random((persons, 3))
    indexes = np.array(usable, dtype=np.int64)
    first = indexes[choose(uniform[:, 0], weights)]
    second = indexes[choose(uniform[:, 1], weights)]
    pregnancy = np.array([_is_about_pregnancy(criterion) for criterion in trial.criteria])
    two = (uniform[:, 2] < SECOND_REASON_RATE) & (second != first)
    # Pregnancy sets age and sex, which a second reason must not contradict.
    two &= ~pregnancy[first] & ~pregnancy[second]
    reasons[:, 0] = np.where(failed, first, -1)
    reasons[:, 1] = np.where(failed & two, second, -1)
    return reasons


def limits_of(trial: Trial, measure: str) -> tuple[float | None, float | None]:
    """The tightest limits that the criteria set to a measure."""
    named = [criterion for criterion in trial.criteria if criterion.measure == measure]
    lower = [criterion.lower for criterion in named if criterion.lower is not None]
    upper = [criterion.upper for criterion in named if criterion.upper is not None]
    return (max(lower) if lower else None, min(upper) if upper else None)


def _limits(trial: Trial, measure: str, lowest: float, highest: float) -> tuple[float, float]:
    lower, upper = limits_of(trial, measure)
    low = lowest if lower is None else lower
    high = highest if upper is None else upper
    if low >= high:
        # A limit beyond the usual range moves the other end with it.
        low, high = (low, 1.5 * low) if upper is None else (high / 1.5, high)
    return low, high


def _outside(criterion: Criterion, uniform: Floats) -> Floats:
    """Values beyond a criterion's limits, by about a tenth; above, where both sides exist.

    A body mass index misses on either side; age is missed by the old, not by children.
    """
    lower, upper = criterion.lower, criterion.upper
    step = 0.012 + 0.09 * uniform[:, 0]
    if criterion.measure == "pao2_fio2":
        step = 0.06 + 0.35 * uniform[:, 0]
    above = None if upper is None else upper * (1 + step) + (criterion.measure == "age")
    below = None if lower is None else lower * (1 - step) - (criterion.measure == "age")
    if above is None:
        assert below is not None
        return below
    if below is None or criterion.measure != "bmi":
        return above
    return np.where(uniform[:, 1] < 0.3, below, above)


def _truncated_normal(
    uniform: Floats, mean: float, deviation: float, low: float, high: float
) -> Floats:
    """Normal values between `low` and `high`, by inversion."""
    bottom, top = ndtr((low - mean) / deviation), ndtr((high - mean) / deviation)
    values = mean + deviation * ndtri(bottom + uniform * (top - bottom))
    return np.asarray(np.clip(values, low, high), dtype=np.float64)
