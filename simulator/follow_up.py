"""HO, SS and DD: where people are, whether they live when asked, and what they died of."""

import numpy as np

from simulator.course import DIED, LOST
from simulator.draws import Days, choose
from simulator.events import causes_of_death
from simulator.listing import listing
from simulator.procedures import leaving
from simulator.records import (
    NEVER,
    Learned,
    Records,
    calendar,
    constant,
    iso_dates,
    pick,
)
from simulator.run import Run

_INTENSIVE = 2  # rank of support that intensive care gives
_ASKED_FROM = 14  # study day from which visits ask for the vital status


def hospital_stays(run: Run) -> Records:
    """HO: the stay in hospital of everyone in critical care, and in intensive care of the worst."""
    people, course = run.people, run.course
    everyone = np.arange(len(people)) if course.inpatient else np.zeros(0, dtype=np.int64)
    uniform = run.draws.uniform("admission", len(people), 2)
    admitted = people.consented - choose(uniform[:, 0], [1, 3, 4, 3, 2, 1, 1])
    leaves, _ = leaving(people, course)

    begins, ends = intensive_care(run)
    worst = everyone[begins[everyone] < NEVER]
    # Those in intensive care at consent came there on some day since admission.
    since = people.consented - admitted
    before = people.consented - np.floor((since + 1) * uniform[:, 1]).astype(np.int64)
    entered = np.where(begins < 0, before, calendar(people.anchor, begins))

    person = np.concatenate([everyone, worst])
    start = np.concatenate([admitted[everyone], entered[worst]])
    left = calendar(people.anchor, ends)
    end = np.concatenate([leaves[everyone], np.minimum(left, leaves)[worst]])
    kind = (np.arange(len(person)) >= len(everyone)).astype(np.int64)
    columns = {
        "HOTERM": pick(["HOSPITAL STAY", "INTENSIVE CARE UNIT"], kind),
        "HODECOD": pick(["HOSPITAL", "ICU"], kind),
        "HOSTDTC": iso_dates(start),
        "HOENDTC": iso_dates(end),
    }
    recorded = np.maximum(start, people.consented[person])
    return listing(run, "HO", person, recorded, columns, learned=[Learned(end, {"HOENDTC": None})])


def intensive_care(run: Run) -> tuple[Days, Days]:
    """Offsets of the first day in intensive care and of the day of leaving it; NEVER for none.

    -1 stands for a beginning before randomization. Leaving is NEVER where death or discharge, or
    the end of what is seen, comes first.
    """
    people, course = run.people, run.course
    days = course.support.shape[1]
    offset = np.arange(days)
    seen = course.present(np.broadcast_to(offset, course.support.shape)) & ~people.failed[:, None]
    needed = (course.support >= _INTENSIVE) & seen & (offset < course.discharged[:, None])
    needed &= course.inpatient
    any_day = needed.any(axis=1)
    first = np.where(any_day, np.argmax(needed, axis=1), NEVER)
    last = days - 1 - np.argmax(needed[:, ::-1], axis=1)
    leaves = last + 1
    within = any_day & (leaves < np.minimum(course.ended, course.discharged))
    return np.where(first == 0, -1, first), np.where(within, leaves, NEVER)


def vital_status(run: Run) -> Records:
    """SS: alive at later visits, dead when it is learned, unknown where nobody can be reached."""
    people, course, occasions = run.people, run.course, run.occasions
    asks = np.array([visit.day >= _ASKED_FROM for visit in run.trial.schedule])
    seen = occasions.attended[:, : occasions.scheduled] & asks
    alive, column = np.nonzero(seen & ~people.failed[:, None])
    dead = np.flatnonzero((course.how == DIED) & ~people.failed)
    lost = np.flatnonzero((course.how == LOST) & ~people.failed)
    person = np.concatenate([alive, dead, lost])
    offset = np.concatenate(
        [occasions.offset[alive, column], course.ended[dead], course.ended[lost]]
    )
    kind = np.repeat([0, 1, 2], [len(alive), len(dead), len(lost)])
    visit = np.concatenate([column, np.full(len(dead) + len(lost), -1)])
    status = pick(["ALIVE", "DEAD", "UNKNOWN"], kind)
    day = people.anchor[person] + offset
    columns = {
        "SSTESTCD": constant("SURVSTAT", len(person)),
        "SSTEST": constant("Survival Status", len(person)),
        "SSORRES": status,
        "SSSTRESC": status,
        "VISIT": pick(occasions.names, visit),
        "SSDTC": iso_dates(day),
    }
    return listing(run, "SS", person, day, columns)


def death_details(run: Run) -> Records:
    """DD: the primary cause of each death."""
    people, course = run.people, run.course
    person, causes = causes_of_death(run)
    day = (people.anchor + course.ended)[person]
    columns = {
        "DDTESTCD": constant("PRCDTH", len(person)),
        "DDTEST": constant("Primary Cause of Death", len(person)),
        "DDORRES": causes,
        "DDSTRESC": causes.str.to_uppercase(),
        "DDEVAL": constant("INVESTIGATOR", len(person)),
        "DDDTC": iso_dates(day),
    }
    return listing(run, "DD", person, day, columns)
