"""RE, RS, CP, EG and QS: settings of support, the scale of progression, cells, ECG, symptom scores.

Only what the trial names as a measure is made; a domain without any is not in the extract.
"""

import numpy as np

from simulator.draws import Floats, Integers, Mask
from simulator.laboratory import levels, oxygen, quantity_of, rounds
from simulator.measurements import Reading, Samples, assemble, in_measures_unit, results
from simulator.medication import vasopressors
from simulator.records import Records
from simulator.reference import OTHER_FINDINGS, Test
from simulator.run import Run
from simulator.visits import UNSCHEDULED
from trials import Measure

_CANNULA, _HIGH_FLOW, _VENTILATED, _EXTRACORPOREAL = 1, 2, 3, 4
_QUICK_RECOVERY = 10  # days after discharge with symptoms
_SCALE = "WHO Clinical Progression Scale"
_QUESTIONNAIRE_SLOPES = {"DYSPNEA": 7.5, "COUGH": 4.0, "FATIGUE": 6.0}


def respiratory_settings(run: Run) -> Records | None:
    """RE: what the device in use was set to, at visits in hospital."""
    offset, rank = _when(run)
    severity = run.course.severity(offset)
    normal = run.draws.normal("settings", *offset.shape)
    high_flow = 5 * np.round(8 + 4 * severity + 0.5 * normal)
    flow = np.where(rank == _CANNULA, np.round(3 + 9 * severity + normal), high_flow)
    settings: dict[str, tuple[Test, Floats, Mask]] = {
        "PEEP": (
            Test(code="PEEP", name="Positive End Expiratory Pressure", unit="cmH2O", decimals=0),
            np.clip(np.round(6 + 8 * severity + normal), 5, 24),
            rank >= _VENTILATED,
        ),
        "O2FLOW": (
            Test(code="O2FLOW", name="Oxygen Flow Rate", unit="L/min", decimals=0),
            np.clip(flow, 1, 60),
            (rank == _CANNULA) | (rank == _HIGH_FLOW),
        ),
        "FIO2": (
            Test(code="FIO2", name="Fraction of Inspired Oxygen", unit="fraction", decimals=2),
            oxygen(run, offset, np.zeros(offset.shape))[1],
            rank >= _HIGH_FLOW,
        ),
    }
    in_hospital = run.occasions.inpatient[:, : offset.shape[1]]
    parts: list[Reading] = [
        (test, measure, values, _seen(run) & in_hospital & applies)
        for measure in _measures(run, "RE")
        for test, values, applies in [settings[measure.code]]
        if measure.code in settings
    ]
    return _findings(run, "RE", parts)


def progression(run: Run) -> Records | None:
    """RS: the WHO clinical progression scale of 0 to 10 (Marshall et al. 2020), at every visit."""
    offset, rank = _when(run)
    course = run.course
    ratio = np.exp(course.at(course.log_ratio, offset) + course.at(course.deviation, offset))
    first, last = vasopressors(run)
    supported = (offset >= first[:, None]) & (offset <= last[:, None])
    ventilated = 7 + (ratio < 150).astype(np.int64) + supported
    score = np.select(
        [rank < _VENTILATED, rank == _VENTILATED], [4 + rank, np.minimum(ventilated, 9)], default=9
    )
    since = offset - course.discharged[:, None]
    score = np.where(since >= 0, np.where(since < _QUICK_RECOVERY, 2, 1), score)
    parts: list[Reading] = [
        (_scored(measure, _SCALE), measure, score.astype(np.float64), _seen(run))
        for measure in _measures(run, "RS")
    ]
    return _findings(run, "RS", parts)


def symptom_scores(run: Run) -> Records | None:
    """QS: scores of 0 to 10 of those who can answer, weekly."""
    offset, rank = _when(run)
    severity = run.course.severity(offset)
    parts: list[Reading] = []
    for measure in _measures(run, "QS"):
        normal = run.draws.normal(f"score {measure.code}", offset.shape[0], offset.shape[1] + 1)
        slope = _QUESTIONNAIRE_SLOPES.get(measure.code, 5.0)
        scores = np.clip(
            np.round(1 + slope * severity + normal[:, :1] + 0.7 * normal[:, 1:]), 0, 10
        )
        able = rank < _VENTILATED
        parts.append((_scored(measure, measure.label), measure, scores, _weekly(run) & able))
    return _findings(run, "QS", parts)


def cell_phenotypes(run: Run) -> Records | None:
    """CP: lymphocyte subsets, weekly."""
    return _levels(run, "CP")


def electrocardiograms(run: Run) -> Records | None:
    """EG: weekly."""
    return _levels(run, "EG")


def _levels(run: Run, domain: str) -> Records | None:
    severity = run.course.severity(_when(run)[0])
    parts: list[Reading] = []
    for measure in _measures(run, domain):
        quantity = quantity_of(OTHER_FINDINGS, measure.code, measure)
        test, values = in_measures_unit(quantity, measure, levels(run, quantity, severity))
        values = np.clip(values, measure.lower, measure.upper)
        parts.append((test, measure, values, _weekly(run)))
    return _findings(run, domain, parts)


def _measures(run: Run, domain: str) -> list[Measure]:
    return [measure for measure in run.trial.measures if measure.domain == domain]


def _scored(measure: Measure, name: str) -> Test:
    category = measure.categories[0] if measure.categories else ""
    return Test(code=measure.code, name=name, unit=measure.unit, decimals=0, category=category)


def _when(run: Run) -> tuple[Integers, Integers]:
    """Offsets of the scheduled visits and unscheduled ones, and the rank of support at them."""
    offset = run.occasions.offset[:, : run.occasions.visits]
    rank = np.where(offset >= run.course.discharged[:, None], 0, run.course.rank(offset))
    return offset, rank


def _seen(run: Run) -> Mask:
    return run.occasions.attended[:, : run.occasions.visits]


def _weekly(run: Run) -> Mask:
    """Visits until day 1, and each whole week after it."""
    weekly = [visit.day <= 1 or visit.day % 7 == 0 for visit in run.trial.schedule]
    weekly += [False] * UNSCHEDULED
    return np.asarray(_seen(run) & np.array(weekly), dtype=np.bool_)


def _findings(run: Run, domain: str, readings: list[Reading]) -> Records | None:
    """Each test at the occasions of its mask."""
    if not readings:
        return None
    width = run.occasions.visits
    samples = Samples.of(
        run.people,
        run.occasions,
        _seen(run),
        minute=rounds(run, f"{domain} times"),
        occasion=np.arange(width),
        timing=np.full(width, -1),
    )
    frames = results(run, domain, samples, readings)
    columns = ["STUDYID", "DOMAIN", "USUBJID"]
    columns += [f"{domain}{name}" for name in ("SEQ", "TESTCD", "TEST")]
    columns += [f"{domain}{name}" for name in ("CAT", "SPEC") if f"{domain}{name}" in frames[0]]
    columns += [f"{domain}{name}" for name in ("ORRES", "ORRESU", "STRESC", "STRESN", "STRESU")]
    columns += [f"{domain}BLFL", "VISITNUM", "VISIT", f"{domain}DTC"]
    return assemble(run, domain, frames, [], columns)
