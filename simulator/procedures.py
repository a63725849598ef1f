"""PR: episodes of respiratory support, other procedures, and those of the administration."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulator.course import DIED, Course
from simulator.draws import Integers, Mask
from simulator.listing import listing
from simulator.population import Population
from simulator.records import (
    MINUTES,
    NEVER,
    Learned,
    Records,
    Rows,
    blank,
    iso_dates,
    iso_times,
    pick,
)
from simulator.run import Run
from trials import ProcedureClass

_OTHER_RATE = 0.06
# Procedures that no definition names, with how many have them: an extract brings more than it asks.
_UNASKED = (("PRONE POSITIONING", 0.30), ("CENTRAL VENOUS CATHETERIZATION", 0.35))
_FAR = NEVER * MINUTES


@dataclass(frozen=True)
class _Episodes(Rows):
    """Procedures with start and end in minutes.

    `term` indexes the names; `dated` ends on a day whose time is not recorded.
    """

    person: Integers
    term: Integers
    start: Integers
    end: Integers
    dated: Mask


def procedures(run: Run) -> Records:
    """PR: one row per episode or procedure."""
    names: list[str] = []
    parts: list[_Episodes] = []
    if run.course.inpatient:
        parts.append(_support(run, names))
        others = [
            (item.terms[0], _OTHER_RATE)
            for item in run.trial.open.procedure_classes
            if item.support is None
        ]
        for term, rate in (*others, *_UNASKED):
            parts.append(_other(run, term, rate, names))
    parts += _administration(run, names)
    return _records(run, names, parts)


def leaving(people: Population, course: Course) -> tuple[Integers, Mask]:
    """The day of death or discharge as the trial sees it, and whether it sees one."""
    leaves = np.minimum(course.discharged, np.where(course.how == DIED, course.ended, NEVER))
    seen = (leaves <= course.ended) & ~people.failed
    return np.where(seen, people.anchor + leaves, NEVER), seen


def _index(names: list[str], term: str) -> int:
    if term not in names:
        names.append(term)
    return names.index(term)


def _support(run: Run, names: list[str]) -> _Episodes:
    """Runs of days with the same support, from consent until it changes or the person leaves."""
    people, course = run.people, run.course
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
    time = np.floor(MINUTES * run.draws.uniform("support times", persons, days + 1)).astype(
        np.int64
    )
    time[:, 0] = 8 * 60 + time[:, 0] // 24
    person, column = np.nonzero(changed)
    day = np.where(column == 0, people.consented[person], people.anchor[person] + column - 1)
    start = day * MINUTES + time[person, column]
    # An episode ends where the next begins, the last one with death or discharge if these are seen.
    followed = np.r_[person[1:] == person[:-1], False]
    leaves, left = leaving(people, course)
    end = np.where(followed, np.r_[start[1:], 0], leaves[person] * MINUTES)
    supported = rank[person, column] > 0
    terms = _terms_by_rank(run, names)
    term = terms[person, rank[person, column]]
    keep = supported & (term >= 0)
    return _Episodes(
        person[keep], term[keep], start[keep], end[keep], (left[person] & ~followed)[keep]
    )


def _terms_by_rank(run: Run, names: list[str]) -> Integers:
    """Which term each person has for each rank of support: the device at hand."""
    uniform = run.draws.uniform("support devices", len(run.people), 5)
    terms = np.full((len(run.people), 5), -1, dtype=np.int64)
    for rank in range(1, 5):
        classes: list[ProcedureClass] = [
            item for item in run.trial.open.procedure_classes if item.support == rank
        ]
        devices = [_index(names, term) for item in classes for term in item.terms]
        if devices:
            which = np.floor(uniform[:, rank] * len(devices)).astype(np.int64)
            terms[:, rank] = np.array(devices)[which]
    return terms


def _other(run: Run, term: str, rate: float, names: list[str]) -> _Episodes:
    """A procedure that some of those in hospital have, for one to ten days."""
    people, course = run.people, run.course
    uniform = run.draws.uniform(f"procedure {term}", len(people), 4)
    offset = 1 + np.floor(12 * uniform[:, 1] ** 1.5).astype(np.int64)
    present = course.present(offset[:, None])[:, 0] & (offset < course.discharged)
    person = np.flatnonzero((uniform[:, 0] < rate) & present & ~people.failed)
    start = (people.anchor[person] + offset[person]) * MINUTES
    start += np.floor(MINUTES * uniform[person, 2]).astype(np.int64)
    length = np.floor((1 + 9 * uniform[person, 3]) * MINUTES).astype(np.int64)
    stay = people.anchor[person] + np.minimum(course.ended, course.discharged)[person]
    over = start + length < stay * MINUTES
    leaves, left = leaving(people, course)
    end = np.where(over, start + length, leaves[person] * MINUTES)
    which = np.full(len(person), _index(names, term))
    return _Episodes(person, which, start, end, left[person] & ~over)


def _administration(run: Run, names: list[str]) -> list[_Episodes]:
    """Bronchoscopy and instillation, which tell the arm."""
    people, doses = run.people, run.doses
    person, dose = np.nonzero(doses.given & run.effect.procedural)
    start = (people.anchor[person] + doses.offset[person, dose]) * MINUTES
    start += doses.minute[person, dose]
    instillation = np.array(
        [_index(names, f"{arm.name} INSTILLATION".upper()) for arm in run.trial.arms.list]
    )
    no = np.zeros(len(person), dtype=np.bool_)
    bronchoscopy = np.full(len(person), _index(names, "BRONCHOSCOPY"))
    return [
        _Episodes(person, bronchoscopy, start - 15, start + 35, no),
        _Episodes(person, instillation[people.arm[person]], start, start + 20, no),
    ]


def _records(run: Run, names: list[str], parts: list[_Episodes]) -> Records:
    episodes = _Episodes.joined(parts)
    episodes = episodes.at(np.lexsort((episodes.term, episodes.start)))
    support = {
        term
        for item in run.trial.open.procedure_classes
        for term in item.terms
        if item.support is not None
    }
    categories = ["RESPIRATORY SUPPORT" if name in support else "OTHER PROCEDURE" for name in names]
    start, end = episodes.start, episodes.end
    ends = iso_times(end).zip_with(pl.Series(~episodes.dated), iso_dates(end // MINUTES))
    columns = {
        "PRTRT": pick(names, episodes.term),
        "PRDECOD": pick(names, episodes.term),
        "PRCAT": pick(categories, episodes.term),
        "PRSTDTC": iso_times(start),
        "PRENDTC": blank(ends, end >= _FAR),
    }
    learned = Learned(end // MINUTES, {"PRENDTC": None})
    return listing(run, "PR", episodes.person, start // MINUTES, columns, learned=[learned])
