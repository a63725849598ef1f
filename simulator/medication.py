"""CM: standard care in courses of days, single doses, and premedication of administrations."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulator.draws import Days, Integers
from simulator.listing import listing
from simulator.procedures import leaving
from simulator.records import (
    MINUTES,
    NEVER,
    Learned,
    Records,
    Rows,
    calendar,
    constant,
    flag,
    iso_dates,
    iso_times,
    pick,
)
from simulator.reference import COURSES, PREMEDICATION, SINGLE_DOSES, Medicine
from simulator.run import Run

_VASOPRESSOR = Medicine("NOREPINEPHRINE", "SHOCK", 0.55)  # of those on invasive ventilation
_VENTILATED = 3  # rank of support


_MEDICINES = (*COURSES, _VASOPRESSOR, *SINGLE_DOSES, *PREMEDICATION)


@dataclass(frozen=True)
class _Given(Rows):
    """Who had which medicine, from which day to which.

    `medicine` indexes the medicines; `minute` is that of the day for single doses, else -1.
    """

    medicine: Integers
    person: Integers
    start: Days
    end: Days
    minute: Integers

    @classmethod
    def of(
        cls,
        medicine: Medicine,
        person: Integers,
        start: Days,
        end: Days,
        minute: Integers | None = None,
    ) -> "_Given":
        """The rows of one medicine."""
        which = np.full(len(person), _MEDICINES.index(medicine))
        untimed = np.full(len(person), -1)
        return cls(which, person, start, end, untimed if minute is None else minute)


def vasopressors(run: Run) -> tuple[Days, Days]:
    """Offsets of the first and the last day on vasopressors, NEVER for none.

    Some of those on invasive ventilation have them, from its first day on for three days and more.
    """
    course = run.course
    uniform = run.draws.uniform("vasopressors", len(run.people), 2)
    ventilated = course.support >= _VENTILATED
    days = ventilated.shape[1]
    first = np.argmax(ventilated, axis=1)
    ends = ~ventilated & (np.arange(days) > first[:, None])
    weaned = np.where(ends.any(axis=1), np.argmax(ends, axis=1), days)
    last = np.minimum(first + 2 + np.floor(6 * uniform[:, 1]).astype(np.int64), weaned - 1)
    given = ventilated.any(axis=1) & (uniform[:, 0] < _VASOPRESSOR.rate) & ~run.people.failed
    given &= course.present(first[:, None])[:, 0] & (first < course.discharged) & (last > first)
    return np.where(given, first, NEVER), np.where(given, last, NEVER)


def medication(run: Run) -> Records:
    """CM: one row per course or dose."""
    parts: list[_Given] = []
    if run.course.inpatient:
        parts += [_course(run, medicine) for medicine in COURSES]
        first, last = vasopressors(run)
        person = np.flatnonzero(first < NEVER)
        anchor = run.people.anchor[person]
        end = _seen(run, person, anchor + last[person])
        parts.append(_Given.of(_VASOPRESSOR, person, anchor + first[person], end))
    parts += [_single(run, medicine) for medicine in SINGLE_DOSES]
    if run.effect.procedural:
        parts += [_before_doses(run, medicine) for medicine in PREMEDICATION]
    return _records(run, _Given.joined(parts))


def _seen(run: Run, person: Integers, end: Days) -> Days:
    """The day of an end, or of death or discharge before it; NEVER where nobody sees it."""
    people, course = run.people, run.course
    leaves, _ = leaving(people, course)
    watched = calendar(people.anchor, course.ended)
    watched = np.where(people.failed, people.decided, watched)
    end = np.minimum(end, leaves[person])
    return np.where(end <= watched[person], end, NEVER)


def _course(run: Run, medicine: Medicine) -> _Given:
    """Standard care that began between admission and consent, whatever comes of screening."""
    people = run.people
    uniform = run.draws.uniform(f"medicine {medicine.term}", len(people), 3)
    person = np.flatnonzero(uniform[:, 0] < medicine.rate)
    start = people.consented[person] - np.floor(3 * uniform[person, 1]).astype(np.int64)
    shortest, longest = medicine.days
    length = shortest + np.floor((longest - shortest + 1) * uniform[person, 2]).astype(np.int64)
    return _Given.of(medicine, person, start, _seen(run, person, start + length))


def _single(run: Run, medicine: Medicine) -> _Given:
    """One dose on some day after randomization."""
    people, course = run.people, run.course
    uniform = run.draws.uniform(f"single {medicine.term}", len(people), 3)
    offset = np.floor(10 * uniform[:, 1]).astype(np.int64)
    there = course.present(offset[:, None])[:, 0] & ~people.failed
    there &= (offset < course.discharged) | (not course.inpatient)
    person = np.flatnonzero((uniform[:, 0] < medicine.rate) & there)
    day = people.anchor[person] + offset[person]
    minute = np.floor(MINUTES * uniform[person, 2]).astype(np.int64)
    return _Given.of(medicine, person, day, day, minute)


def _before_doses(run: Run, medicine: Medicine) -> _Given:
    """Half an hour before an administration: only who is treated has it."""
    people, doses = run.people, run.doses
    uniform = run.draws.uniform(f"before {medicine.term}", len(people), max(doses.planned, 1))
    person, dose = np.nonzero(doses.given & (uniform[:, : doses.planned] < medicine.rate))
    day = people.anchor[person] + doses.offset[person, dose]
    return _Given.of(medicine, person, day, day, doses.minute[person, dose] - 30)


def _records(run: Run, given: _Given) -> Records:
    start, end = given.start, given.end
    timed = pl.Series(given.minute >= 0)
    clock = iso_times(start * MINUTES + np.maximum(given.minute, 0))
    terms = pick([medicine.term for medicine in _MEDICINES], given.medicine)
    columns = {
        "CMTRT": terms,
        "CMDECOD": terms,
        "CMINDC": pick([medicine.indication for medicine in _MEDICINES], given.medicine),
        "CMSTDTC": clock.zip_with(timed, iso_dates(start)),
        "CMENDTC": clock.zip_with(timed, iso_dates(end)),
        "CMENRTPT": flag(end >= NEVER, "ONGOING"),
    }
    # What began before consent is asked for then.
    recorded = np.maximum(start, run.people.consented[given.person])
    ended = np.where(end < NEVER, np.maximum(end, recorded), NEVER)
    learned = Learned(ended, {"CMENDTC": None, "CMENRTPT": constant("ONGOING", len(end))})
    return listing(run, "CM", given.person, recorded, columns, learned=[learned])
