"""Occasions on which a person is seen: scheduled, unscheduled, and at administrations."""

from dataclasses import dataclass

import numpy as np

from simulator.course import COMPLETED, Course
from simulator.dosing import Doses
from simulator.draws import Days, Draws, Floats, Mask
from simulator.effect import Effect
from simulator.population import Population
from trials import Trial

UNSCHEDULED = 2  # at most so many per person
_UNSCHEDULED_RATE = 0.1
_MISSED_RATE = 0.03
_MISSED_AT_HOME_RATE = 0.08


@dataclass(frozen=True)
class Occasions:
    """Occasions by person: first the schedule's visits, then unscheduled ones, then doses.

    Attributes:
        names: VISIT of each column.
        number: VISITNUM, (persons, occasions).
        offset: study offset, (persons, occasions).
        attended: whether it took place, (persons, occasions).
        scheduled: the number of scheduled visits, which come first.
        inpatient: whether the person was in hospital, (persons, occasions).
    """

    names: list[str]
    number: Floats
    offset: Days
    attended: Mask
    scheduled: int
    inpatient: Mask

    @property
    def visits(self) -> int:
        """The number of scheduled and unscheduled visits, without administrations."""
        return self.scheduled + UNSCHEDULED


def attend(
    trial: Trial,
    people: Population,
    course: Course,
    doses: Doses,
    *,
    effect: Effect,
    draws: Draws,
) -> Occasions:
    """Which occasions took place, and when."""
    persons, visits = len(people), len(trial.schedule)
    planned = course.visit_offset
    numbers = np.array([visit.number for visit in trial.schedule], dtype=np.float64)

    # Until randomization a person is seen as long as screening lasts, then as long as in the trial.
    before = planned < 0
    screening = people.anchor[:, None] + planned <= people.decided[:, None]
    followed = ~people.failed[:, None] & course.present(planned)
    uniform = draws.uniform("missed visits", persons, visits)
    at_home = planned >= course.discharged[:, None]
    missed = uniform < np.where(at_home, _MISSED_AT_HOME_RATE, _MISSED_RATE)
    missed[:, 0] = False
    missed &= planned != 0
    # Completion is the last visit.
    missed[:, -1] &= course.how != COMPLETED
    scheduled = np.where(before, screening, followed) & ~missed

    extra = draws.uniform("unscheduled visits", persons, 2 * UNSCHEDULED)
    reach = max(1, *(min(visit.day, 28) - 1 for visit in trial.schedule))
    extra_offset = 1 + np.floor(np.sort(extra[:, :UNSCHEDULED], axis=1) * reach).astype(np.int64)
    taken = (extra_offset[:, :, None] == planned[:, None, :]).any(axis=2)
    taken[:, 1:] |= extra_offset[:, 1:] == extra_offset[:, :1]
    unscheduled = (
        (extra[:, UNSCHEDULED:] < _UNSCHEDULED_RATE)
        & ~taken
        & ~people.failed[:, None]
        & course.present(extra_offset)
    )
    if course.inpatient:
        unscheduled &= extra_offset < course.discharged[:, None]

    given = doses.given if effect.procedural else np.zeros_like(doses.given)
    offset = np.concatenate([planned, extra_offset, doses.offset], axis=1)
    previous = np.concatenate([extra_offset, doses.offset], axis=1)
    steps = np.r_[0.1 + 0.1 * np.arange(UNSCHEDULED), 0.5 + 0.05 * np.arange(doses.planned)]
    # Numbered after the last scheduled visit that was planned by then.
    reached = planned[:, None, :] <= previous[:, :, None]
    preceding = np.where(reached, numbers, numbers.min()).max(axis=2) + steps
    names = [visit.visit for visit in trial.schedule]
    names += [f"UNSCHEDULED {extra + 1}" for extra in range(UNSCHEDULED)]
    names += [f"INSTILLATION {dose + 1}" for dose in range(doses.planned)]
    inpatient = course.inpatient & (offset < course.discharged[:, None])
    return Occasions(
        names=names,
        number=np.concatenate([np.broadcast_to(numbers, planned.shape), preceding], axis=1),
        offset=offset,
        attended=np.concatenate([scheduled, unscheduled, given], axis=1),
        scheduled=visits,
        inpatient=inpatient,
    )
