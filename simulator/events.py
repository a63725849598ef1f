"""AE: background events, events of special interest, reactions to the administration, deaths."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import ndtri

from simulator.course import DIED
from simulator.dosing import ADVERSE_EVENT
from simulator.draws import Floats, Integers, Mask, choose
from simulator.listing import listing
from simulator.population import TYPICAL_RATIO
from simulator.records import (
    MINUTES,
    NEVER,
    Learned,
    Records,
    Rows,
    blank,
    calendar,
    constant,
    flag,
    iso_dates,
    iso_times,
    pick,
)
from simulator.reference import (
    BODY_SYSTEMS,
    CRITICAL_CARE,
    CRITICAL_CARE_DEATHS,
    GENERAL,
    OUTPATIENT,
    OUTPATIENT_DEATHS,
    RARE_RATE,
    Event,
)
from simulator.run import Run
from trials import Trial

_OCCURRENCES = 2  # a term can occur so often in one person
_ATTRIBUTES = 8
_RATE_AT_HOME = 0.2  # of the rate in hospital
_SEALED_RATE = 0.0015  # per day, of sealed terms in trials whose definition plans no doses
_ONGOING = "NOT RECOVERED/NOT RESOLVED"
_RELATED = ["NOT RELATED", "UNLIKELY RELATED", "POSSIBLY RELATED", "RELATED"]


@dataclass(frozen=True)
class _Events(Rows):
    """Events as they happen, one value per event.

    Attributes:
        term: index of the term. verbatim: uniform number that chooses the wording.
        start: day since 1970-01-01; clock: minute of the day, -1 where not recorded.
        end: day of the end as the trial learns it, NEVER where it does not.
        grade: CTCAE grade as it stands before any death. fatal: whether the person dies of it.
        serious: whether it is serious whatever its grade. attribute: other uniform numbers.
    """

    person: Integers
    term: Integers
    verbatim: Floats
    start: Integers
    clock: Integers
    end: Integers
    grade: Integers
    fatal: Mask
    serious: Mask
    attribute: Floats


def adverse_events(run: Run) -> Records:
    """AE: one row per event.

    Raises:
        ValueError: the effect names a term or group that the trial does not have.
    """
    trial, inpatient = run.trial, run.course.inpatient
    background = _terms(trial, inpatient)
    sealed = [
        Event(term, BODY_SYSTEMS.get(term, GENERAL), _SEALED_RATE, (6, 3, 0.5, 0), 0.0)
        for term in trial.sealed.preferred_terms
    ]
    terms = [*background, *sealed]
    names = [event.term for event in terms]
    for key in run.effect.event_ratios:
        if key not in {*names, *(group.id for group in trial.special_interest)}:
            raise ValueError(
                f"The effect names {key!r}, which is neither a preferred term that the simulator "
                f"knows nor a special-interest group of {trial.id}."
            )
    parts = _over_time(run, terms, len(background))
    parts.append(_fatal(run, names))
    parts.append(_reactions(run, len(background)))
    return _records(run, terms, _in_order(_Events.joined(parts)), len(background))


def _in_order(events: _Events) -> _Events:
    """Events by person and start; of one term a day only one, the fatal one first."""
    same = (events.start, events.term, events.person)
    order = np.lexsort((~events.fatal, *same))
    again = np.logical_and.reduce([np.diff(values[order], prepend=-1) == 0 for values in same])
    events = events.at(order[~again])
    return events.at(np.lexsort((events.term, events.clock, events.start, events.person)))


def _terms(trial: Trial, inpatient: bool) -> list[Event]:
    """Background terms, and at low rates the trial's terms of special interest."""
    sealed = set(trial.sealed.preferred_terms)
    events = [
        event for event in (CRITICAL_CARE if inpatient else OUTPATIENT) if event.term not in sealed
    ]
    terms = sealed | {event.term for event in events}
    for group in trial.special_interest:
        for term in group.terms:
            if term not in terms:
                terms.add(term)
                events.append(Event(term, BODY_SYSTEMS.get(term, GENERAL), RARE_RATE))
    return events


def _over_time(run: Run, terms: list[Event], first_sealed: int) -> list[_Events]:
    """First and second occurrences by exponential waiting times, faster in the frail.

    The ratio of an experimental arm shortens its waiting times; nothing else is drawn anew. Where
    doses are planned, sealed terms come as reactions to them; else they come over time.
    """
    people = run.people
    frailty = np.exp(0.35 * run.draws.normal("frailty", len(people), 1)[:, 0])
    frailty *= np.exp(0.008 * (people.age - 63.0))
    if run.course.inpatient:
        frailty *= np.exp(-0.6 * (people.log_ratio - np.log(TYPICAL_RATIO)))
    sealed_too = run.trial.dosing is None and run.effect.procedural
    parts: list[_Events] = []
    for index, event in enumerate(terms if sealed_too else terms[:first_sealed]):
        ratio = run.effect.ratio(run.trial, event.term)
        rate = event.rate * frailty * np.where(people.experimental, ratio, 1.0)
        if index >= first_sealed:
            rate = np.where(people.experimental, rate, 0.0)
        parts.append(_occurring(run, event, index, rate))
    return parts


def _occurring(run: Run, event: Event, index: int, rate: Floats) -> _Events:
    """The occurrences of one term that fall into the time in which each person is observed."""
    people, course = run.people, run.course
    # A topic per term: a term added to the definition moves no other.
    columns = _OCCURRENCES * (1 + _ATTRIBUTES)
    uniform = run.draws.uniform(f"event {event.term}", len(people), columns)
    uniform = uniform.reshape(len(people), _OCCURRENCES, 1 + _ATTRIBUTES)
    waiting = -np.log1p(-uniform[:, :, 0]) / np.maximum(rate, 1e-12)[:, None]
    # A second occurrence waits from the first, and at least for its usual duration.
    exposed = np.cumsum(waiting + np.array([0.0, event.duration]), axis=1)
    exposed = np.minimum(exposed, NEVER / 4)
    home = course.discharged[:, None]
    if course.inpatient:
        at_home = home + (exposed - home) / _RATE_AT_HOME
        exposed = np.where(exposed > home, at_home, exposed)
    offset = np.minimum(np.floor(exposed), NEVER).astype(np.int64)
    seen = (offset < course.ended[:, None]) & ~people.failed[:, None]
    person, occurrence = np.nonzero(seen)
    draw = uniform[person, occurrence]
    start = people.anchor[person] + offset[person, occurrence]
    grade = 1 + choose(draw[:, 1], list(event.grades))
    return _Events(
        person=person,
        term=np.full(len(person), index),
        verbatim=draw[:, 2],
        start=start,
        clock=np.full(len(person), -1),
        end=_end(run, person, start, event.duration, draw[:, 3]),
        grade=grade,
        fatal=np.zeros(len(person), dtype=np.bool_),
        serious=(draw[:, 4] < event.serious) | (grade == 4),
        attribute=draw[:, 5:],
    )


def _end(run: Run, person: Integers, start: Integers, duration: float, uniform: Floats) -> Integers:
    """The day on which an event ends, if the trial is still there to see it."""
    spread = np.exp(0.7 * ndtri(np.clip(uniform, 1e-9, 1 - 1e-9)))
    end = start + np.floor(duration * spread).astype(np.int64)
    return np.where(end < (run.people.anchor + run.course.ended)[person], end, NEVER)


def causes_of_death(run: Run) -> tuple[Integers, pl.Series]:
    """Those who die, and the preferred term of what they die of."""
    person, _, cause = _deaths(run)
    return person, pick([term for term, _, _ in _causes(run)], cause)


def _causes(run: Run) -> tuple[tuple[str, float, int], ...]:
    return CRITICAL_CARE_DEATHS if run.course.inpatient else OUTPATIENT_DEATHS


def _deaths(run: Run) -> tuple[Integers, Floats, Integers]:
    """Those who die, their uniform numbers, and the index of the cause."""
    uniform = run.draws.uniform("fatal events", len(run.people), 4 + _ATTRIBUTES)
    person = np.flatnonzero((run.course.how == DIED) & ~run.people.failed)
    draw = uniform[person]
    return person, draw, choose(draw[:, 0], [weight for _, weight, _ in _causes(run)])


def _fatal(run: Run, names: list[str]) -> _Events:
    """The event that each death comes from; it may begin some days before."""
    people, course, causes = run.people, run.course, _causes(run)
    person, draw, cause = _deaths(run)
    ended = course.ended[person]
    longest = np.array([days for _, _, days in causes])[cause]
    lead = np.minimum(np.floor(draw[:, 1] * (longest + 1)).astype(np.int64), ended)
    return _Events(
        person=person,
        term=np.array([names.index(term) for term, _, _ in causes])[cause],
        verbatim=draw[:, 2],
        start=people.anchor[person] + ended - lead,
        clock=np.full(len(person), -1),
        end=people.anchor[person] + ended,
        grade=np.where(draw[:, 3] < 0.6, 4, 3),
        fatal=np.ones(len(person), dtype=np.bool_),
        serious=np.ones(len(person), dtype=np.bool_),
        attribute=draw[:, 8:],
    )


def _reactions(run: Run, first_sealed: int) -> _Events:
    """Reactions to an administration: within hours, timed, over in a day or two."""
    people, doses = run.people, run.doses
    uniform = run.draws.uniform("reactions", len(people), doses.planned * _ATTRIBUTES)
    uniform = uniform.reshape(len(people), doses.planned, _ATTRIBUTES)
    person, dose = np.nonzero(doses.reaction >= 0)
    draw = uniform[person, dose]
    minute = doses.minute[person, dose] + doses.reaction_delay[person, dose]
    start = people.anchor[person] + doses.offset[person, dose]
    end = start + np.floor(2 * draw[:, 1]).astype(np.int64)
    grade = doses.reaction_grade[person, dose]
    return _Events(
        person=person,
        term=first_sealed + doses.reaction[person, dose],
        verbatim=draw[:, 0],
        start=start,
        clock=minute,
        end=np.where(end < (people.anchor + run.course.ended)[person], end, NEVER),
        grade=grade,
        fatal=np.zeros(len(person), dtype=np.bool_),
        serious=(draw[:, 2] < 0.3) & (grade >= 3),
        attribute=draw[:, 4:],
    )


def _records(run: Run, terms: list[Event], events: _Events, first_sealed: int) -> Records:
    """The rows, with what each turns into when its end, its death or the end of dosing comes."""
    person, rows = events.person, len(events.person)
    sealed = events.term >= first_sealed
    wordings = [event.verbatim or (event.term.lower(),) for event in terms]
    flat = [wording for wording_list in wordings for wording in wording_list]
    counts = np.array([len(wording_list) for wording_list in wordings])
    starts = np.r_[0, np.cumsum(counts)[:-1]]
    which = np.floor(events.verbatim * counts[events.term]).astype(np.int64)

    timed = events.clock >= 0
    start = iso_dates(events.start)
    start = start.zip_with(
        pl.Series(~timed), iso_times(events.start * MINUTES + np.maximum(events.clock, 0))
    )
    draw = events.attribute
    ended = events.end < NEVER
    end = iso_dates(events.end)

    ongoing = pick([_ONGOING, "RECOVERING/RESOLVING"], (draw[:, 1] < 0.3).astype(np.int64))
    recovered = pick(
        ["RECOVERED/RESOLVED", "RECOVERED/RESOLVED WITH SEQUELAE"],
        ((draw[:, 1] > 0.97) & (events.grade >= 3)).astype(np.int64),
    )
    outcome = ongoing.zip_with(pl.Series(~ended), recovered)
    outcome = outcome.zip_with(pl.Series(~events.fatal), constant("FATAL", rows))

    # Every serious event names why: its grade, else disability, else a longer stay or another.
    threatening = events.serious & (events.grade == 4)
    disabling = events.serious & ~threatening & (draw[:, 2] < 0.04)
    important = events.serious & ~threatening & ~disabling & (draw[:, 2] > 0.75)
    prolonging = events.serious & ~disabling & ~important & (~threatening | (draw[:, 2] > 0.5))

    grade = pl.Series(events.grade).cast(pl.String)
    names = pl.Series([event.term for event in terms])
    systems = pl.Series([event.body_system for event in terms])
    columns = {
        "AETERM": pick(flat, starts[events.term] + which),
        "AEDECOD": pick(names, events.term),
        "AEBODSYS": pick(systems, events.term),
        "AESOC": pick(systems, events.term),
        "AESEV": pick(["MILD", "MODERATE", "SEVERE"], np.minimum(events.grade, 3) - 1),
        "AESER": flag(events.serious, "Y", "N"),
        "AEACN": _action(run, events, sealed),
        "AEREL": _relatedness(run, events, sealed),
        "AEOUT": outcome,
        "AESCONG": constant("N", rows),
        "AESDISAB": flag(disabling, "Y", "N"),
        "AESDTH": flag(events.fatal, "Y", "N"),
        "AESHOSP": flag(prolonging, "Y", "N"),
        "AESLIFE": flag(threatening, "Y", "N"),
        "AESMIE": flag(important, "Y", "N"),
        "AETOXGR": grade.zip_with(pl.Series(~events.fatal), constant("5", rows)),
        "AESTDTC": start,
        "AEENDTC": blank(end, ~ended),
    }
    death = np.where(events.fatal, events.end, events.start)
    earlier_action = columns["AEACN"].replace("DRUG WITHDRAWN", "DOSE NOT CHANGED")
    learned = (
        Learned(events.end, {"AEENDTC": None, "AEOUT": ongoing}),
        Learned(death, {"AESDTH": constant("N", rows), "AETOXGR": grade}),
        Learned(dosing_stopped(run)[person], {"AEACN": earlier_action}),
    )
    return listing(run, "AE", person, events.start, columns, learned=learned)


def dosing_stopped(run: Run) -> Integers:
    """The day of the first dose that an adverse event prevented, NEVER if there was none."""
    prevented = run.doses.reason == ADVERSE_EVENT
    offset = np.where(prevented, run.doses.offset, NEVER).min(axis=1, initial=NEVER)
    return calendar(run.people.anchor, offset)


def _action(run: Run, events: _Events, sealed: Mask) -> pl.Series:
    """AEACN: withdrawn where a reaction ended dosing; not applicable in control and afterwards."""
    people, doses = run.people, run.doses
    treated = people.experimental[events.person]
    if doses.planned:
        due = np.where(doses.offset < NEVER, doses.offset, doses.target)[:, -1]
        treated &= (people.anchor + due)[events.person] >= events.start
    prevented = dosing_stopped(run)[events.person] < NEVER
    withdrawn = treated & sealed & (events.grade >= 3) & prevented
    index = np.where(withdrawn, 2, np.where(treated, 1, 0))
    return pick(["NOT APPLICABLE", "DOSE NOT CHANGED", "DRUG WITHDRAWN"], index)


def _relatedness(run: Run, events: _Events, sealed: Mask) -> pl.Series:
    """AEREL as an unblinded investigator sees it; nothing is related in control."""
    uniform = events.attribute[:, 3]
    index = np.where(
        sealed,
        choose(uniform, [0.0, 0.05, 0.35, 0.6]),
        choose(uniform, [0.72, 0.14, 0.11, 0.03]),
    )
    return pick(_RELATED, np.where(run.people.experimental[events.person], index, 0))
