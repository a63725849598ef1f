"""LB: arterial gases and laboratory values that follow the clinical course."""

import numpy as np
import polars as pl

from simulator.draws import Days, Draws, Floats, Integers
from simulator.measurements import (
    Reading,
    Samples,
    assemble,
    hold_to_criteria,
    results,
    within_measure,
)
from simulator.records import Records
from simulator.reference import GASES, LABORATORY, UNASKED, Quantity, Test
from simulator.run import Run
from trials import Measure, Trial

_COLUMNS = [
    "STUDYID", "DOMAIN", "USUBJID", "LBSEQ", "LBTESTCD", "LBTEST", "LBCAT", "LBORRES", "LBORRESU",
    "LBORNRLO", "LBORNRHI", "LBSTRESC", "LBSTRESN", "LBSTRESU", "LBSTNRLO", "LBSTNRHI", "LBNRIND",
    "LBSPEC", "LBBLFL", "VISITNUM", "VISIT", "LBDTC", "LBTPT",
]  # fmt: skip
_TIMINGS = ["1 H POST INSTILLATION", "6 H POST INSTILLATION"]
_SECOND_GAS_RATE = 0.12
_MISSED_SAMPLE_RATE = 0.03
_MISSED_TEST_RATE = 0.015
_KEPT_AT_HOME = 0.75
# FiO2 that support of rank 0 (none) to 4 can give.
_LEAST_OXYGEN = np.array([0.21, 0.30, 0.40, 0.40, 0.50])
_MOST_OXYGEN = np.array([0.21, 0.60, 0.80, 1.00, 1.00])
_FILTRATION = "GFRE"
_CREATININE = next(quantity for quantity in LABORATORY if quantity.code == "CREAT")
_TARGET_PO2 = 78.0  # mmHg that the staff titrate to


def oxygen(run: Run, offset: Days, shift: Floats) -> tuple[Floats, Floats]:
    """PaO2 in mmHg and FiO2 as a fraction, of (persons, n) samples.

    `shift` moves the logarithm of PaO2/FiO2 away from the day's.
    """
    course = run.course
    latent = course.at(course.log_ratio, offset) + course.at(course.deviation, offset) + shift
    ratio = hold_to_criteria(run.trial, run.people, "pao2_fio2", np.exp(latent), offset)
    rank = course.rank(offset)
    titrated = np.round(20 * _TARGET_PO2 / ratio) / 20
    fraction = np.clip(titrated, _LEAST_OXYGEN[rank], _MOST_OXYGEN[rank])
    return np.clip(ratio * fraction, 25.0, 600.0), fraction


def laboratory(run: Run) -> Records | None:
    """LB: one row per test and sample."""
    parts = _gases(run) if run.course.inpatient else []
    parts += _values(run, len(parts))
    return assemble(run, "LB", parts, _TIMINGS, _COLUMNS)


def rounds(run: Run, topic: str) -> Integers:
    """Minutes of the day of scheduled and unscheduled occasions, (persons, occasions).

    Rounds are from 06:30 to 09:55; screening and unscheduled visits at any time of the day.
    """
    occasions = run.occasions
    width = occasions.visits
    uniform = run.draws.uniform(topic, len(run.people), width)
    offset = occasions.offset[:, :width]
    any_time = (offset < 0) | (np.arange(width) >= occasions.scheduled)
    minute = np.where(any_time, 600 + 720 * uniform, 390 + 205 * uniform)
    return np.floor(minute).astype(np.int64)


def _gases(run: Run) -> list[pl.DataFrame]:
    """Arterial gases: each morning in hospital, some evenings, and around administrations."""
    people, occasions, doses, draws = run.people, run.occasions, run.doses, run.draws
    persons = len(people)
    visits, width = occasions.scheduled, occasions.visits
    around = np.arange(width, width + doses.planned)
    column = np.r_[np.arange(width), np.arange(visits), around, around]
    timing = np.r_[np.full(width + visits, -1), np.repeat([0, 1], doses.planned)].astype(np.int64)

    uniform = draws.uniform("gas samples", persons, width + visits)
    seen = occasions.attended & occasions.inpatient
    offset = occasions.offset[:, column]
    taken = seen[:, column]
    taken[:, :width] &= uniform[:, :width] >= _MISSED_SAMPLE_RATE
    evening = slice(width, width + visits)
    taken[:, evening] &= (uniform[:, width:] < _SECOND_GAS_RATE) & (offset[:, evening] > 0)

    later = np.floor(18 * 60 + 300 * draws.uniform("evening gases", persons, visits))
    minute = np.concatenate(
        [
            rounds(run, "gas times"),
            later.astype(np.int64),
            doses.minute + 60,
            doses.minute + 360,
        ],
        axis=1,
    )
    samples = Samples.of(people, occasions, taken, minute=minute, occasion=column, timing=timing)

    noise = _slotted_normal(draws, "gases", persons, (width + visits, 2 * doses.planned), 4)
    # Fluid in the airways: oxygenation dips for an hour after an instillation.
    shift = 0.05 * noise[:, :, 0] - 0.08 * (timing == 0)
    po2, fio2 = oxygen(run, offset, shift)
    severity = run.course.severity(offset)
    matrices = {
        "PO2": po2,
        "FIO2": fio2,
        "PCO2": np.clip(36 + 9 * severity + 3 * noise[:, :, 1], 18, 110),
        "PH": np.clip(7.44 - 0.10 * severity**2 + 0.025 * noise[:, :, 2], 6.85, 7.6),
        "LACTICAC": np.exp(np.log(1.1) + 1.1 * severity**2 + 0.25 * noise[:, :, 3]),
    }
    by_code = run.trial.measures_by_code
    readings = [
        (gas, by_code["LB", gas.code], matrices[gas.code], taken)
        for gas in GASES
        if ("LB", gas.code) in by_code
    ]
    return results(run, "LB", samples, readings)


def _slotted_normal(
    draws: Draws, topic: str, persons: int, widths: tuple[int, ...], depth: int
) -> Floats:
    """Normal draws in slots of their own, so that one slot's width leaves the others alone."""
    return np.concatenate(
        [
            draws.normal(f"{topic} {slot}", persons, width * depth).reshape(persons, width, depth)
            for slot, width in enumerate(widths)
        ],
        axis=1,
    )


def _values(run: Run, order: int) -> list[pl.DataFrame]:
    """Chemistry, counts and immune markers at each visit; at home not always."""
    trial, people, occasions, draws = run.trial, run.people, run.occasions, run.draws
    persons, width = len(people), occasions.visits
    column = np.arange(width)
    offset = occasions.offset[:, :width]
    uniform = draws.uniform("laboratory samples", persons, 2 * width)
    home = run.course.inpatient & (offset >= run.course.discharged[:, None])
    taken = occasions.attended[:, :width] & (uniform[:, :width] >= _MISSED_SAMPLE_RATE)
    taken &= ~home | (uniform[:, width:] < _KEPT_AT_HOME)
    minute = rounds(run, "laboratory times")
    timing = np.full(width, -1, dtype=np.int64)
    samples = Samples.of(people, occasions, taken, minute=minute, occasion=column, timing=timing)
    severity = run.course.severity(offset)

    readings: list[Reading] = []
    for quantity, measure in _quantities(trial, run.course.inpatient):
        present = draws.uniform(f"missing {quantity.code}", persons, width) >= _MISSED_TEST_RATE
        if quantity.code == _FILTRATION:
            values = _filtration(run, levels(run, _CREATININE, severity))
        else:
            values = levels(run, quantity, severity)
        test: Test = quantity
        if measure is not None:
            test, values = within_measure(run, quantity, measure, values, offset)
        readings.append((test, measure, values, present))
    return results(run, "LB", samples, readings, order)


def levels(run: Run, quantity: Quantity, severity: Floats) -> Floats:
    """Values of a test, (persons, occasions) as `severity` is."""
    # A topic of its own per test: another test in the definition moves no other value.
    persons, width = severity.shape
    normal = run.draws.normal(f"test {quantity.code}", persons, width + 1)
    return quantity.median * np.exp(
        quantity.slope * severity
        + quantity.between * normal[:, :1]
        + quantity.within * normal[:, 1:]
    )


def _filtration(run: Run, creatinine: Floats) -> Floats:
    """Estimated glomerular filtration rate in mL/min/1.73m2, of creatinine in umol/L.

    CKD-EPI 2021, without race (Inker et al., N Engl J Med 2021;385:1737).
    """
    female, age = run.people.female[:, None], run.people.age[:, None]
    relative = creatinine / 88.42 / np.where(female, 0.7, 0.9)
    below = np.minimum(relative, 1) ** np.where(female, -0.241, -0.302)
    rate = 142 * below * np.maximum(relative, 1) ** -1.2 * 0.9938**age
    return np.asarray(rate * np.where(female, 1.012, 1.0), dtype=np.float64)


def _quantities(trial: Trial, inpatient: bool) -> list[tuple[Quantity, Measure | None]]:
    """The trial's tests beside gases, and in critical care those that no definition asks for."""
    gases = {gas.code for gas in GASES} if inpatient else set()
    planned: list[tuple[Quantity, Measure | None]] = [
        (quantity_of(LABORATORY, code, measure), measure)
        for (domain, code), measure in trial.measures_by_code.items()
        if domain == "LB" and code not in gases
    ]
    unasked = [test for test in UNASKED if ("LB", test.code) not in trial.measures_by_code]
    return planned + [(test, None) for test in unasked if inpatient]


def quantity_of(quantities: tuple[Quantity, ...], code: str, measure: Measure) -> Quantity:
    """A test as it is known; else from its definition, about the lower third of the plausible."""
    for quantity in quantities:
        if quantity.code == code and quantity.unit in measure.factors:
            return quantity
    middle = measure.lower + 0.3 * (measure.upper - measure.lower)
    return Quantity(
        code=code,
        name=measure.label,
        unit=measure.unit,
        decimals=2,
        category="OTHER",
        specimen="SERUM",
        median=middle if middle > 0 else 1.0,
        slope=0.0,
        between=0.1,
        within=0.05,
    )
