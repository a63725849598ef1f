"""MH and CE: what people had before, and the symptoms that they report."""

import numpy as np
import polars as pl

from simulator.draws import Days, Integers, choose
from simulator.listing import listing
from simulator.records import (
    NEVER,
    Learned,
    Records,
    constant,
    flag,
    iso_dates,
    pick,
    repeated,
)
from simulator.reference import HISTORY, SYMPTOM_RATES
from simulator.run import Run

_ACUTE = "COVID-19"
_AFTER_A_DOSE = ("COUGH", "CHEST TIGHTNESS", "FEVER")
_AFTER_A_DOSE_RATE = 0.4


def medical_history(run: Run) -> Records:
    """MH: conditions that no criterion excludes, and in critical care the illness itself."""
    people = run.people
    uniform = run.draws.uniform("history", len(people), 2 * len(HISTORY) + 1)
    rate = np.array([condition.rate for condition in HISTORY])
    has = uniform[:, : len(HISTORY)] < rate * np.exp(0.02 * (people.age[:, None] - 63.0))
    person, kind = np.nonzero(has)
    year = 1970 + people.consented[person] // 365.25
    years = 1 + np.floor(20 * uniform[person, len(HISTORY) + kind])
    start = pl.Series((year - years).astype(np.int64)).cast(pl.String)
    terms = [condition.term for condition in HISTORY]
    systems = [condition.body_system for condition in HISTORY]
    if run.course.inpatient:
        everyone = np.arange(len(people))
        onset = people.consented - 3 - np.floor(9 * uniform[:, -1]).astype(np.int64)
        person, kind = np.r_[person, everyone], np.r_[kind, np.full(len(people), len(HISTORY))]
        start = pl.concat([start, iso_dates(onset)])
        terms, systems = [*terms, _ACUTE], [*systems, "Infections and infestations"]
    columns = {
        "MHTERM": pick(terms, kind).str.to_lowercase(),
        "MHDECOD": pick(terms, kind),
        "MHBODSYS": pick(systems, kind),
        "MHSTDTC": start,
        "MHDTC": iso_dates(people.consented[person]),
    }
    return listing(run, "MH", person, people.consented[person], columns)


def clinical_events(run: Run) -> Records:
    """CE: symptoms that everybody is asked for at consent, and those felt after administrations."""
    people, course, doses = run.people, run.course, run.doses
    symptoms = run.trial.open.symptoms
    uniform = run.draws.uniform("symptoms", len(people), 4 * len(symptoms))
    uniform = uniform.reshape(len(people), len(symptoms), 4)
    rates = np.array([SYMPTOM_RATES.get(name, 0.3) for name in symptoms])
    everyone, kind = (index.ravel() for index in np.indices((len(people), len(symptoms))))
    draw = uniform[everyone, kind]
    occurs = draw[:, 0] < rates[kind]
    start = people.consented[everyone] - 2 - np.floor(6 * draw[:, 1]).astype(np.int64)
    end = people.consented[everyone] + 1 + np.floor(20 * draw[:, 2] ** 2).astype(np.int64)
    seen = ~people.failed[everyone] & (end < (people.anchor + course.ended)[everyone])
    parts = [
        _columns(
            pick(symptoms, kind),
            np.where(occurs, 1 + choose(draw[:, 3], [3, 4, 2]), 0),
            np.where(occurs, start, NEVER),
            np.where(occurs & seen, end, NEVER),
            "SYMPTOMS AT ENTRY",
            prespecified=True,
        )
    ]
    person, recorded = everyone, people.consented[everyone]
    if run.effect.procedural and symptoms:
        felt = run.draws.uniform("felt after a dose", len(people), 2 * max(doses.planned, 1))
        treated, dose = np.nonzero(doses.given & (felt[:, : doses.planned] < _AFTER_A_DOSE_RATE))
        day = people.anchor[treated] + doses.offset[treated, dose]
        which = np.floor(len(_AFTER_A_DOSE) * felt[treated, doses.planned + dose])
        parts.append(
            _columns(
                pick(_AFTER_A_DOSE, which.astype(np.int64)),
                np.ones(len(treated), dtype=np.int64),
                day,
                day,
                "SYMPTOMS AFTER INSTILLATION",
                prespecified=False,
            )
        )
        person, recorded = np.r_[person, treated], np.r_[recorded, day]
    frame = pl.concat(parts).with_columns(pl.Series("CEDTC", iso_dates(recorded)))
    ends = frame["_end"].to_numpy()
    columns = {name: frame[name] for name in frame.columns if name != "_end"}
    return listing(run, "CE", person, recorded, columns, learned=[Learned(ends, {"CEENDTC": None})])


def _columns(
    term: pl.Series,
    severity: Integers,
    start: Days,
    end: Days,
    category: str,
    *,
    prespecified: bool,
) -> pl.DataFrame:
    """Symptoms by day; severity 0 says that it did not occur."""
    grade = severity - 1
    return pl.DataFrame(
        {
            "CETERM": term,
            "CEDECOD": term,
            "CECAT": constant(category, len(term)),
            "CEPRESP": repeated("Y" if prespecified else None, len(term), pl.String),
            "CEOCCUR": flag(grade >= 0, "Y", "N"),
            "CESEV": pick(["MILD", "MODERATE", "SEVERE"], grade),
            "CESTDTC": iso_dates(start),
            "CEENDTC": iso_dates(end),
            "_end": pl.Series(end),
        }
    )
