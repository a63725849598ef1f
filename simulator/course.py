"""The clinical course: lungs, respiratory support, discharge, and how participation ends.

Everything is in study offsets: whole days since randomization, so that day 1 is offset 0. A latent
trajectory of PaO2/FiO2 parts between those who recover and those who die; support and discharge
follow it. Trials without arterial gases get mild courses at home.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammainc, gammaincinv, ndtri

from simulator.draws import Days, Draws, Floats, Integers, Mask, choose
from simulator.effect import Effect
from simulator.population import TYPICAL_RATIO, Population, has_gases
from simulator.records import NEVER
from trials import Trial

COMPLETED, DIED, WITHDREW, LOST = range(4)

_RECOVERED = np.log(400.0)
_MORIBUND = np.log(55.0)
_DEATH_WINDOW = 28  # deaths of the acute illness fall into the first 28 days
# PaO2/FiO2 below which support of each rank is given; ranks as in trial.toml, 4 the highest.
_SUPPORT_BELOW = (300.0, 190.0, 108.0)


@dataclass(frozen=True)
class Course:
    """What happens to each person; arrays have one row per person.

    Attributes:
        inpatient: whether this is a trial in critical care, with gases and support.
        ended: offset of the last day of participation. how: COMPLETED, DIED, WITHDREW or LOST.
        died: offset of the death that the trial learns of, else NEVER.
        discharged: offset of hospital discharge, else NEVER; 0 in trials of outpatients.
        log_ratio: (persons, days) latent logarithm of PaO2/FiO2 by offset.
        deviation: (persons, days) what the lungs of a day deviate from it.
        support: (persons, days) rank of respiratory support by offset, 0 for none.
        visit_offset: (persons, visits) when each scheduled visit takes place.
    """

    inpatient: bool
    ended: Days
    how: Integers
    died: Days
    discharged: Days
    log_ratio: Floats
    deviation: Floats
    support: Integers
    visit_offset: Days

    def present(self, offset: Days) -> Mask:
        """Whether a participant is still there to be seen, at (persons, n) offsets."""
        completed = (self.how == COMPLETED)[:, None]
        ended = self.ended[:, None]
        return np.where(completed, offset <= ended, offset < ended)

    def at(self, values: Floats, offset: Days) -> Floats:
        """Values of a (persons, days) matrix at (persons, n) offsets; those of day 1 before it."""
        day = np.clip(offset, 0, values.shape[1] - 1)
        return np.asarray(np.take_along_axis(values, day, axis=1), dtype=np.float64)

    def rank(self, offset: Days) -> Integers:
        """The rank of support at (persons, n) offsets; that of day 1 before it."""
        day = np.clip(offset, 0, self.support.shape[1] - 1)
        return np.asarray(np.take_along_axis(self.support, day, axis=1), dtype=np.int64)

    def severity(self, offset: Days) -> Floats:
        """0 for recovered lungs to 1 for moribund ones, at (persons, n) offsets."""
        if not self.inpatient:
            return np.zeros(offset.shape)
        latent = self.at(self.log_ratio, offset) + self.at(self.deviation, offset)
        share = (_RECOVERED - latent) / (_RECOVERED - _MORIBUND)
        return np.asarray(np.clip(share, 0.0, 1.2), dtype=np.float64)


def follow(trial: Trial, people: Population, effect: Effect, draws: Draws) -> Course:
    """The course of everyone screened; that of screen failures stays unused."""
    inpatient = has_gases(trial)
    persons = len(people)
    visits = _visit_offsets(trial, people, draws)
    last = np.maximum(visits[:, -1], 0)
    days = max(1, *(visit.day + visit.window_after for visit in trial.schedule))
    days += len(trial.schedule)  # keeping visits in order may push them on
    death = _deaths(people, effect, inpatient, last, draws)
    log_ratio = _trajectory(people, effect, death, days if inpatient else 1, draws)
    support = _support(people, log_ratio, inpatient, draws)
    discharged = _discharges(log_ratio, death, inpatient, draws)

    uniform = draws.uniform("end", persons, 4)
    leave_rate, lose_rate = (0.035, 0.04) if inpatient else (0.16, 0.05)
    span = np.maximum(last - 1, 1)
    withdrew = np.where(
        uniform[:, 0] < leave_rate, 1 + np.floor(uniform[:, 1] * span).astype(np.int64), NEVER
    )
    home = np.minimum(discharged, last)
    lost = np.where(
        (uniform[:, 2] < lose_rate) & (discharged + 2 < last),
        home + 2 + np.floor(uniform[:, 3] * (last - home - 1)).astype(np.int64),
        NEVER,
    )
    ends = np.stack([death, withdrew, lost, last], axis=1)
    how = np.array([DIED, WITHDREW, LOST, COMPLETED])[np.argmin(ends, axis=1)]
    ended: Days = ends.min(axis=1)
    return Course(
        inpatient=inpatient,
        ended=ended,
        how=how,
        died=np.where(how == DIED, ended, NEVER),
        discharged=discharged,
        log_ratio=log_ratio,
        deviation=_deviation(log_ratio.shape, draws),
        support=support,
        visit_offset=visits,
    )


def _visit_offsets(trial: Trial, people: Population, draws: Draws) -> Days:
    """Visits near their planned days, inside their windows, in order."""
    planned = np.array([visit.day - (visit.day > 0) for visit in trial.schedule], dtype=np.int64)
    early = np.array([visit.window_before for visit in trial.schedule])
    late = np.array([visit.window_after for visit in trial.schedule])
    normal = draws.normal("visit days", len(people), len(planned))
    shift = np.clip(np.round(normal * (early + late) / 6), -early, late).astype(np.int64)
    offsets = planned + shift
    screening = planned < 0
    lag = people.consented - people.anchor
    if screening.any():
        earliest = np.minimum(lag + 1, -1)[:, None]
        before = np.clip(offsets[:, screening], earliest, -1)
        offsets[:, screening] = np.maximum.accumulate(before, axis=1)
        offsets[:, np.flatnonzero(screening)[0]] = lag
    day_one = planned == 0
    offsets[:, day_one] = 0
    steps = np.arange(len(planned))
    treated = ~screening & ~day_one
    if treated.any():
        # Neighboring windows may overlap; a later visit is never on an earlier day.
        ordered = np.maximum.accumulate(offsets[:, treated] - steps[treated], axis=1)
        offsets[:, treated] = np.maximum(ordered + steps[treated], 1)
    return np.asarray(offsets, dtype=np.int64)


def _deaths(people: Population, effect: Effect, inpatient: bool, last: Days, draws: Draws) -> Days:
    """The offset of death, NEVER for survivors: about 30 % by day 28 in critical care."""
    uniform = draws.uniform("death", len(people), 2)
    if inpatient:
        logit = (
            -0.87 + 0.045 * (people.age - 63.0) - 1.6 * (people.log_ratio - np.log(TYPICAL_RATIO))
        )
        risk = expit(logit)
    else:
        risk = np.full(len(people), 0.012)
    risk = np.where(people.experimental, np.minimum(risk * effect.mortality_ratio, 0.98), risk)
    if inpatient:
        # Time to death: gamma, most in the second week, cut at day 28.
        shape, scale = 2.3, 5.2
        reach = gammainc(shape, (_DEATH_WINDOW - 1) / scale)
        offset = 1 + np.floor(scale * gammaincinv(shape, uniform[:, 1] * reach)).astype(np.int64)
    else:
        offset = 1 + np.floor(uniform[:, 1] * np.maximum(last - 1, 1)).astype(np.int64)
    return np.where((uniform[:, 0] < risk) & (offset <= last), offset, NEVER)


def _trajectory(people: Population, effect: Effect, death: Days, days: int, draws: Draws) -> Floats:
    """The latent course: up to healthy lungs, or down until death."""
    normal = draws.normal("trajectory", len(people), 3)
    offset = np.arange(days, dtype=np.float64)
    pace = 8.0 * np.exp(0.45 * normal[:, 0])
    pace = np.where(people.experimental, pace / effect.recovery_ratio, pace)
    recovery = 1 - np.exp(-((offset / pace[:, None]) ** 1.4))
    dies = death < NEVER
    span = np.where(dies, death, 1)[:, None]
    decline = np.minimum(offset / span, 1.0) ** 1.2
    target = np.where(dies, np.log(58.0) + 0.08 * normal[:, 1], np.log(400.0) + 0.08 * normal[:, 2])
    target = np.where(dies, np.minimum(target, people.log_ratio - 0.1), target)
    share = np.where(dies[:, None], decline, recovery)
    start = people.log_ratio[:, None]
    return np.asarray(start + (target[:, None] - start) * share, dtype=np.float64)


def _deviation(shape: tuple[int, int], draws: Draws) -> Floats:
    """Day-to-day deviations of the lungs, correlated from one day to the next."""
    normal = draws.normal("deviation", *shape)
    deviation = np.empty(shape)
    deviation[:, 0] = 0.07 * normal[:, 0]
    for day in range(1, shape[1]):
        deviation[:, day] = 0.6 * deviation[:, day - 1] + 0.07 * normal[:, day]
    return deviation


def _support(people: Population, log_ratio: Floats, inpatient: bool, draws: Draws) -> Integers:
    """The rank of support each day: the worse the lungs, the higher."""
    uniform = draws.uniform("support", len(people), 2)
    if not inpatient:
        return np.zeros(log_ratio.shape, dtype=np.int64)
    practice = 0.1 * ndtri(np.clip(uniform[:, 0], 1e-6, 1 - 1e-6))
    felt = log_ratio + practice[:, None]
    rank = np.sum([felt < np.log(limit) for limit in _SUPPORT_BELOW], axis=0)
    # Extracorporeal support: the young with failing lungs, a share of them.
    chosen = (people.age < 65) & (uniform[:, 1] < 0.25)
    rank = np.where(chosen[:, None] & (log_ratio < np.log(70.0)), 4, rank)
    return np.asarray(rank, dtype=np.int64)


def _discharges(log_ratio: Floats, death: Days, inpatient: bool, draws: Draws) -> Days:
    """Discharge two to six days after PaO2/FiO2 has passed 300 mmHg."""
    persons = len(death)
    if not inpatient:
        return np.zeros(persons, dtype=np.int64)
    well = log_ratio > np.log(300.0)
    recovered = well.any(axis=1) & (death >= NEVER)
    stay = 2 + choose(draws.uniform("discharge", persons, 1)[:, 0], [1, 2, 2, 1, 1])
    return np.where(recovered, np.argmax(well, axis=1) + stay, NEVER)
