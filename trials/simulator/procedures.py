"""PR: episodes of respiratory support, other procedures, and those of the administration."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from trials.definition import ProcedureClass, Trial
from trials.simulator.course import DIED, Course
from trials.simulator.dosing import Doses
from trials.simulator.draws import Draws, Integers, Mask
from trials.simulator.effect import Effect
from trials.simulator.population import Population
from trials.simulator.records import (
    MINUTES,
    NEVER,
    Learned,
    Records,
    blank,
    constant,
    iso_dates,
    iso_times,
    pick,
    sequence,
)

_OTHER_RATE = 0.06
# Procedures that no definition names, with how many have them: an extract brings more than it asks.
_UNASKED = (("PRONE POSITIONING", 0.30), ("CENTRAL VENOUS CATHETERIZATION", 0.35))
_FAR = NEVER * MINUTES


@dataclass(frozen=True)
class _Episodes:
    """Procedures with start and end in minutes; `term` indexes the names; `dated` ends on a day
    whose time is not recorded."""

    person: Integers
    term: Integers
    start: Integers
    end: Integers
    dated: Mask


def procedures(
    trial: Trial,
    people: Population,
    subjects: pl.Series,
    course: Course,
    doses: Doses,
    effect: Effect,
    draws: Draws,
) -> Records:
    """PR: one row per episode or procedure."""
    names: list[str] = []
    parts: list[_Episodes] = []
    if course.inpatient:
        parts.append(_support(trial, people, course, names, draws))
        others = [
            (found.terms[0], _OTHER_RATE)
            for found in trial.open.procedure_classes
            if found.support is None
        ]
        for term, rate in (*others, *_UNASKED):
            parts.append(_other(term, rate, people, course, names, draws))
    if effect.procedural:
        parts += _administration(trial, people, doses, names)
    return _records(trial, subjects, names, parts)


def _index(names: list[str], term: str) -> int:
    if term not in names:
        names.append(term)
    return names.index(term)


def _support(
    trial: Trial, people: Population, course: Course, names: list[str], draws: Draws
) -> _Episodes:
    """Runs of days with the same support, from consent until it changes or the person dies."""
    days = course.support.shape[1]
    persons = len(people)
    # Column 0 stands for the days from consent to randomization.
    rank = np.concatenate([course.support[:, :1], course.support], axis=1)
    offset = np.arange(-1, days)
    observed = course.present(np.broadcast_to(offset, rank.shape)) & ~people.failed[:, None]
    observed &= offset < course.discharged[:, None]
    observed[:, 0] = True
    changed = observed & np.concatenate(
        [np.ones((persons, 1), dtype=np.bool_), rank[:, 1:] != rank[:, :-1]], axis=1
    )
    time = np.floor(MINUTES * draws.uniform("support times", persons, days + 1)).astype(np.int64)
    time[:, 0] = 8 * 60 + time[:, 0] // 24
    person, column = np.nonzero(changed)
    day = np.where(column == 0, people.consented[person], people.anchor[person] + column - 1)
    start = day * MINUTES + time[person, column]
    # An episode ends where the next begins; the last one with the death, or is not seen to end.
    followed = np.r_[person[1:] == person[:-1], False]
    died = course.how[person] == DIED
    died &= ~people.failed[person]
    death = (people.anchor[person] + course.ended[person]) * MINUTES
    end = np.where(followed, np.r_[start[1:], 0], np.where(died, death, _FAR))
    supported = rank[person, column] > 0
    terms = _terms_by_rank(trial, people, names, draws)
    term = terms[person, rank[person, column]]
    keep = supported & (term >= 0)
    return _Episodes(person[keep], term[keep], start[keep], end[keep], (died & ~followed)[keep])


def _terms_by_rank(
    trial: Trial, people: Population, names: list[str], draws: Draws
) -> Integers:
    """Which term each person has for each rank of support: the device at hand."""
    uniform = draws.uniform("support devices", len(people), 10)
    terms = np.full((len(people), 5), -1, dtype=np.int64)
    for rank in range(1, 5):
        classes: list[ProcedureClass] = [
            found for found in trial.open.procedure_classes if found.support == rank
        ]
        known = [_index(names, term) for found in classes for term in found.terms]
        if known:
            which = np.floor(uniform[:, rank] * len(known)).astype(np.int64)
            terms[:, rank] = np.array(known)[which]
    return terms


def _other(
    term: str, rate: float, people: Population, course: Course, names: list[str], draws: Draws
) -> _Episodes:
    """A procedure that some of those in hospital have, for one to ten days."""
    uniform = draws.uniform(f"procedure {term}", len(people), 4)
    offset = 1 + np.floor(12 * uniform[:, 1] ** 1.5).astype(np.int64)
    present = course.present(offset[:, None])[:, 0] & (offset < course.discharged)
    person = np.flatnonzero((uniform[:, 0] < rate) & present & ~people.failed)
    start = (people.anchor[person] + offset[person]) * MINUTES
    start += np.floor(MINUTES * uniform[person, 2]).astype(np.int64)
    length = np.floor((1 + 9 * uniform[person, 3]) * MINUTES).astype(np.int64)
    stay = people.anchor[person] + np.minimum(course.ended, course.discharged)[person]
    ended = start + length < stay * MINUTES
    death = people.anchor[person] + course.ended[person]
    died = ~ended & (course.how[person] == DIED)
    end = np.where(ended, start + length, np.where(died, death * MINUTES, _FAR))
    return _Episodes(person, np.full(len(person), _index(names, term)), start, end, died)


def _administration(
    trial: Trial, people: Population, doses: Doses, names: list[str]
) -> list[_Episodes]:
    """Bronchoscopy and instillation, which tell the arm."""
    person, dose = np.nonzero(doses.given)
    start = (people.anchor[person] + doses.offset[person, dose]) * MINUTES
    start += doses.minute[person, dose]
    instillation = np.array(
        [_index(names, f"{arm.name} INSTILLATION".upper()) for arm in trial.arms.list]
    )
    no = np.zeros(len(person), dtype=np.bool_)
    bronchoscopy = np.full(len(person), _index(names, "BRONCHOSCOPY"))
    return [
        _Episodes(person, bronchoscopy, start - 15, start + 35, no),
        _Episodes(person, instillation[people.arm[person]], start, start + 20, no),
    ]


def _records(
    trial: Trial, subjects: pl.Series, names: list[str], parts: list[_Episodes]
) -> Records:
    empty = np.zeros(0, dtype=np.int64)
    person = np.concatenate([part.person for part in parts] or [empty])
    term = np.concatenate([part.term for part in parts] or [empty])
    start = np.concatenate([part.start for part in parts] or [empty])
    end = np.concatenate([part.end for part in parts] or [empty])
    dated = np.concatenate([part.dated for part in parts] or [empty.astype(np.bool_)])
    order = np.lexsort((term, start, person))
    person, term, start, end, dated = (
        values[order] for values in (person, term, start, end, dated)
    )
    support = {
        name: found.support is not None
        for found in trial.open.procedure_classes
        for name in found.terms
    }
    categories = [
        "RESPIRATORY SUPPORT" if support.get(name) else "OTHER PROCEDURE" for name in names
    ]
    ends = iso_times(end).zip_with(pl.Series(~dated), iso_dates(end // MINUTES))
    rows = len(person)
    frame = pl.DataFrame(
        {
            "STUDYID": constant(trial.study, rows),
            "DOMAIN": constant("PR", rows),
            "USUBJID": pick(subjects, person),
            "PRSEQ": sequence(person),
            "PRTRT": pick(names, term),
            "PRDECOD": pick(names, term),
            "PRCAT": pick(categories, term),
            "PRSTDTC": iso_times(start),
            "PRENDTC": blank(ends, end >= _FAR),
        }
    )
    return Records(frame, start // MINUTES, (Learned(end // MINUTES, {"PRENDTC": None}),))
