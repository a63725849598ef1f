"""Administrations in the experimental arms, with what goes wrong, and the reactions to them."""

from dataclasses import dataclass

import numpy as np

from simulator.course import Course
from simulator.draws import Days, Draws, Floats, Integers, Mask, choose
from simulator.effect import Effect
from simulator.population import Population
from simulator.records import NEVER
from trials import Trial

CELLS = 100.0  # million cells of a full dose
REACTION_RATE = 0.07
_MISSED_RATE = 0.04
REASONS = (
    "CELL PRODUCT NOT AVAILABLE",
    "PARTICIPANT CLINICALLY UNSTABLE",
    "DESATURATION DURING INSTILLATION",
    "ADVERSE EVENT",
)
_NO_PRODUCT, _UNSTABLE, _DESATURATION, ADVERSE_EVENT = range(4)


@dataclass(frozen=True)
class Doses:
    """Planned administrations, (persons, doses) each.

    Attributes:
        target: study offset that the plan and earlier doses lead to, whoever gets there.
        offset: study offset of the administration, or of the day on which it was not given; NEVER
            where participation ended before, and in control.
        given: whether anything was given.
        minute: start, in minutes of the day.
        amount: million cells; 0 where missed.
        reason: index of the reason for a change, -1 for none.
        reaction: index of the sealed preferred term of a reaction, -1 for none.
        reaction_grade: its grade. reaction_delay: minutes from the start of the administration.
    """

    target: Days
    offset: Days
    given: Mask
    minute: Integers
    amount: Floats
    reason: Integers
    reaction: Integers
    reaction_grade: Integers
    reaction_delay: Integers

    @property
    def planned(self) -> int:
        """The number of administrations planned."""
        return int(self.offset.shape[1])

    def first(self) -> Days:
        """The offset of the first administration; NEVER if there was none."""
        first = np.where(self.given, self.offset, NEVER).min(axis=1, initial=NEVER)
        return np.asarray(first, dtype=np.int64)

    def last(self) -> Days:
        """The offset of the last administration; NEVER if there was none."""
        last = np.where(self.given, self.offset, -1).max(axis=1, initial=-1)
        return np.where(last < 0, NEVER, last)


def administer(
    trial: Trial, people: Population, course: Course, effect: Effect, draws: Draws
) -> Doses:
    """Give the planned doses to the experimental arms: in their windows, few missed or partial."""
    persons = len(people)
    planned = 0 if trial.dosing is None else trial.dosing.planned
    offset = np.full((persons, planned), NEVER, dtype=np.int64)
    targets = np.full((persons, planned), NEVER, dtype=np.int64)
    given = np.zeros((persons, planned), dtype=np.bool_)
    amount = np.zeros((persons, planned))
    reason = np.full((persons, planned), -1, dtype=np.int64)
    reaction = np.full((persons, planned), -1, dtype=np.int64)
    grade = np.zeros((persons, planned), dtype=np.int64)
    uniform = draws.uniform("doses", persons, 10 * planned).reshape(persons, planned, 10)
    terms = trial.sealed.preferred_terms if effect.procedural else ()
    rates = np.minimum(REACTION_RATE * np.array([effect.ratio(trial, term) for term in terms]), 1.0)
    stopped = np.zeros(persons, dtype=np.bool_)
    earliest = np.zeros(persons, dtype=np.int64)
    for dose in range(planned):
        assert trial.dosing is not None
        draw = uniform[:, dose]
        delay = np.minimum(choose(draw[:, 0], [0.85, 0.15]), trial.dosing.window_days)
        target = trial.dosing.days[dose] - (trial.dosing.day_one == "assignment")
        day = np.maximum(target + delay, earliest)
        due = people.experimental & course.present(day[:, None])[:, 0]
        missed = stopped | (draw[:, 1] < _MISSED_RATE)
        day = np.where(missed, np.maximum(target, earliest), day)
        partial = draw[:, 2] < 0.06
        targets[:, dose] = day
        given[:, dose] = due & ~missed
        offset[:, dose] = np.where(due, day, NEVER)
        size = np.where(partial, 10 * np.round(4 + 5 * draw[:, 3]), CELLS)
        amount[:, dose] = np.where(due & ~missed, size, 0.0)
        cause = np.where(draw[:, 4] < 0.6, _NO_PRODUCT, _UNSTABLE)
        why = np.where(
            stopped,
            ADVERSE_EVENT,
            np.where(missed, cause, np.where(partial, _DESATURATION, -1)),
        )
        reason[:, dose] = np.where(due, why, -1)
        if terms:
            which = np.floor(draw[:, 5] * len(terms)).astype(np.int64)
            reacts = given[:, dose] & (draw[:, 6] < rates[which])
            reaction[:, dose] = np.where(reacts, which, -1)
            grade[:, dose] = np.where(reacts, 1 + choose(draw[:, 7], [6, 3, 1]), 0)
            stopped = stopped | (grade[:, dose] >= 3)
        earliest = np.where(
            given[:, dose], day + trial.dosing.minimum_interval_days, earliest
        ).astype(np.int64)
    return Doses(
        target=targets,
        offset=offset,
        given=given,
        minute=np.floor(13 * 60 + 240 * uniform[:, :, 8]).astype(np.int64),
        amount=amount,
        reason=reason,
        reaction=reaction,
        reaction_grade=grade,
        reaction_delay=np.floor(5 + 350 * uniform[:, :, 9] ** 2).astype(np.int64),
    )
