"""DM, DS, IE and the allocation list: who takes part, and how far."""

import numpy as np
import polars as pl

from simulator.course import COMPLETED, DIED, LOST, WITHDREW
from simulator.draws import Integers, choose
from simulator.events import dosing_stopped
from simulator.listing import listing
from simulator.records import (
    NEVER,
    Learned,
    Records,
    calendar,
    constant,
    flag,
    iso_dates,
    pick,
)
from simulator.reference import COUNTRIES, OTHER_RACE_WEIGHTS, RACE_WEIGHTS, RACES
from simulator.run import Run


def demographics(run: Run) -> Records:
    """DM: one row per person who consented."""
    trial, people, course, doses = run.trial, run.people, run.course, run.doses
    persons = len(people)
    country = COUNTRIES.get(trial.timezone)
    uniform = run.draws.uniform("demographics", persons, 2)
    race = choose(uniform[:, 0], RACE_WEIGHTS.get(country or "", OTHER_RACE_WEIGHTS))
    hispanic = uniform[:, 1] < (0.06 if country == "USA" else 0.0)

    randomized = np.where(people.failed, NEVER, people.anchor)
    ended = calendar(people.anchor, np.where(people.failed, NEVER, course.ended))
    died = calendar(people.anchor, np.where(people.failed, NEVER, course.died))
    first = calendar(people.anchor, doses.first())
    last = calendar(people.anchor, doses.last())
    dosed = people.experimental & (trial.dosing is not None)
    reference = np.where(dosed, first, randomized)
    # Dosing is over when the last planned dose was given or not given, or participation ended.
    reached = np.where(doses.offset < NEVER, doses.offset, -1).max(axis=1, initial=-1)
    complete = (doses.offset < NEVER).all(axis=1)
    over = np.where(complete & (reached >= 0), people.anchor + reached, ended)
    untreated = dosed & (first >= NEVER)

    codes, names = trial.arm_codes, [arm.name for arm in trial.arms.list]
    actual = np.where(untreated, -1, people.arm)
    frame = pl.DataFrame(
        {
            "STUDYID": constant(trial.study, persons),
            "DOMAIN": constant("DM", persons),
            "USUBJID": run.subjects,
            "SUBJID": people.labels(),
            "RFSTDTC": iso_dates(reference),
            "RFENDTC": iso_dates(ended),
            "RFXSTDTC": iso_dates(first),
            "RFXENDTC": iso_dates(last),
            "RFICDTC": iso_dates(people.consented),
            "DTHDTC": iso_dates(died),
            "DTHFL": flag(died < NEVER),
            "SITEID": people.sites(),
            "AGE": people.age,
            "AGEU": constant("YEARS", persons),
            "SEX": flag(people.female, "F", "M"),
            "RACE": pick(RACES, race),
            "ETHNIC": flag(hispanic, "HISPANIC OR LATINO", "NOT HISPANIC OR LATINO"),
            "ARMCD": pick(codes, people.arm),
            "ARM": pick(names, people.arm),
            "ACTARMCD": pick(codes, actual),
            "ACTARM": pick(names, actual),
            "ARMNRS": pick(
                ["SCREEN FAILURE", "ASSIGNED, NOT TREATED"],
                np.where(people.failed, 0, np.where(untreated, 1, -1)),
            ),
            "COUNTRY": pick([country or ""], np.full(persons, 0 if country else -1)),
            "DMDTC": iso_dates(people.consented),
        }
    )
    not_treated = np.where(untreated, over, NEVER)
    return Records(
        frame,
        people.consented,
        (
            Learned(reference, {"RFSTDTC": None, "ACTARMCD": None, "ACTARM": None}),
            Learned(ended, {"RFENDTC": None}),
            Learned(first, {"RFXSTDTC": None}),
            Learned(over, {"RFXENDTC": None}),
            Learned(died, {"DTHDTC": None, "DTHFL": None}),
            Learned(randomized, {"ARMCD": None, "ARM": None}),
            Learned(np.where(people.failed, people.decided, not_treated), {"ARMNRS": None}),
        ),
    )


def disposition(run: Run) -> Records:
    """DS: consent, the result of screening, how participation ended, and why dosing did."""
    people, course = run.people, run.course
    terms = [
        ("INFORMED CONSENT OBTAINED", "INFORMED CONSENT OBTAINED"),
        ("RANDOMIZED", "RANDOMIZED"),
        ("INCLUSION OR EXCLUSION CRITERIA NOT FULFILLED", "SCREEN FAILURE"),
        ("COMPLETED", "COMPLETED"),
        ("DEATH", "DEATH"),
        ("WITHDREW CONSENT", "WITHDRAWAL BY SUBJECT"),
        ("COULD NOT BE REACHED", "LOST TO FOLLOW-UP"),
        ("STUDY TREATMENT STOPPED", "ADVERSE EVENT"),
    ]
    ending = np.array([3, 4, 5, 6])[np.searchsorted([COMPLETED, DIED, WITHDREW, LOST], course.how)]
    everyone = np.arange(len(people))
    randomized = np.flatnonzero(~people.failed)
    stopped_on = dosing_stopped(run)
    stopped = np.flatnonzero(stopped_on < NEVER)
    person = np.concatenate([everyone, everyone, randomized, stopped])
    term = np.concatenate(
        [
            np.zeros_like(everyone),
            np.where(people.failed, 2, 1),
            ending[randomized],
            np.full(len(stopped), len(terms) - 1),
        ]
    )
    day = np.concatenate(
        [
            people.consented,
            people.decided,
            (people.anchor + course.ended)[randomized],
            stopped_on[stopped],
        ]
    )
    columns = {
        "DSTERM": pick([verbatim for verbatim, _ in terms], term),
        "DSDECOD": pick([decoded for _, decoded in terms], term),
        "DSCAT": flag(term > 1, "DISPOSITION EVENT", "PROTOCOL MILESTONE"),
        "DSSCAT": flag(term == len(terms) - 1, "STUDY TREATMENT"),
        "DSSTDTC": iso_dates(day),
    }
    return listing(run, "DS", person, day, columns)


def eligibility(run: Run) -> Records:
    """IE: the criteria on which screening failed, and no others."""
    people, criteria = run.people, run.trial.criteria
    reasons = np.sort(people.reasons, axis=1)
    person, slot = np.nonzero(reasons >= 0)
    which: Integers = reasons[person, slot]
    inclusion = np.array([c.kind == "inclusion" for c in criteria], dtype=np.bool_)
    included = inclusion[which] if len(which) else np.zeros(0, dtype=np.bool_)
    answer = flag(included, "N", "Y")
    day = people.decided[person]
    columns = {
        "IETESTCD": pick([criterion.id for criterion in criteria], which),
        "IETEST": pick([criterion.label for criterion in criteria], which),
        "IECAT": flag(included, "INCLUSION", "EXCLUSION"),
        "IEORRES": answer,
        "IESTRESC": answer,
        "IEDTC": iso_dates(day),
    }
    return listing(run, "IE", person, day, columns)


def allocation_list(run: Run) -> Records:
    """The allocation list: one row per randomized participant."""
    trial, people = run.trial, run.people
    person = np.flatnonzero(~people.failed)
    arm = people.arm[person]
    frame = pl.DataFrame(
        {
            "USUBJID": pick(run.subjects, person),
            "ARMCD": pick(trial.arm_codes, arm),
            "ARM": pick([arm.name for arm in trial.arms.list], arm),
            "RANDDTC": iso_dates(people.anchor[person]),
            "STRATUM": pick("SITE " + people.sites(), person),
            "RANDSEQ": people.sequence[person],
        }
    )
    return Records(frame, people.anchor[person])
