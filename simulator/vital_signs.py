"""VS: vital signs at every visit, height and weight at the first."""

import numpy as np
import polars as pl

from simulator.draws import Floats
from simulator.laboratory import oxygen, rounds
from simulator.measurements import (
    Samples,
    Test,
    assemble,
    hold_to_criteria,
    in_measures_unit,
    results,
)
from simulator.records import Records
from simulator.reference import VITAL_SIGNS, VitalSign
from simulator.run import Run
from simulator.visits import UNSCHEDULED
from trials import Measure, Trial

_COLUMNS = [
    "STUDYID", "DOMAIN", "USUBJID", "VSSEQ", "VSTESTCD", "VSTEST", "VSORRES", "VSORRESU",
    "VSSTRESC", "VSSTRESN", "VSSTRESU", "VSBLFL", "VISITNUM", "VISIT", "VSDTC", "VSTPT",
]  # fmt: skip
_TIMINGS = ["DURING INSTILLATION"]
_MISSED_TEST_RATE = 0.015
_BODY = {
    "HEIGHT": Test("HEIGHT", "Height", "cm", 0),
    "WEIGHT": Test("WEIGHT", "Weight", "kg", 1),
}


def vital_signs(run: Run) -> Records:
    """VS: one row per sign and occasion."""
    trial, people, occasions, doses = run.trial, run.people, run.occasions, run.doses
    persons, width = len(people), occasions.scheduled + UNSCHEDULED
    columns = np.arange(width + doses.planned)
    offset = occasions.offset
    timing = np.where(columns >= width, 0, -1)
    minute = np.concatenate([rounds(run, "vital sign times"), doses.minute + 15], axis=1)
    samples = Samples.of(
        people, occasions, occasions.attended, minute=minute, occasion=columns, timing=timing
    )
    severity = run.course.severity(offset)
    parts: list[pl.DataFrame] = []
    for sign, measure in _signs(trial):
        normal = run.draws.normal(f"sign {sign.code}", persons, 1 + width)
        # Signs during an instillation have a stream of their own: control has none.
        during = run.draws.normal(f"sign {sign.code} in {_TIMINGS[0]}", persons, doses.planned)
        noise = np.concatenate([normal[:, 1:], during], axis=1)
        missing = run.draws.uniform(f"missing {sign.code}", persons, columns.size)
        if sign.code == "OXYSAT" and run.course.inpatient:
            values = _saturation(oxygen(run, offset, 0.05 * noise)[0])
        else:
            values = sign.mean + sign.slope * severity + sign.between * normal[:, :1]
        values = values + sign.within * noise
        test = Test(sign.code, sign.name, sign.unit, sign.decimals)
        test, values = in_measures_unit(test, measure, values)
        values = hold_to_criteria(trial, people, measure.name, values, offset)
        values = np.clip(values, measure.lower, measure.upper)
        kept = missing[samples.person, samples.column] >= _MISSED_TEST_RATE
        parts.append(
            results(
                "VS",
                test,
                measure,
                samples,
                samples.values(values),
                kept=kept,
                order=len(parts),
                site=people.site,
            )
        )
    for code, body in (("HEIGHT", people.height), ("WEIGHT", people.weight)):
        measure_of_body = trial.measures_by_code.get(("VS", code))
        if measure_of_body is None:
            continue
        parts.append(
            results(
                "VS",
                _BODY[code],
                measure_of_body,
                samples,
                body[samples.person],
                kept=samples.column == 0,
                order=len(parts),
                site=people.site,
            )
        )
    return assemble(run, "VS", parts, _TIMINGS, _COLUMNS)


def _saturation(po2: Floats) -> Floats:
    """Oxygen saturation in percent from PaO2 in mmHg (Severinghaus 1979)."""
    return np.asarray(100.0 / (1.0 + 23400.0 / (po2**3 + 150.0 * po2)), dtype=np.float64)


def _signs(trial: Trial) -> list[tuple[VitalSign, Measure]]:
    known = {sign.code: sign for sign in VITAL_SIGNS}
    signs = []
    for (domain, code), measure in trial.measures_by_code.items():
        if domain != "VS" or code in _BODY:
            continue
        sign = known.get(code)
        if sign is None or sign.unit not in measure.factors:
            middle = measure.lower + 0.4 * (measure.upper - measure.lower)
            spread = 0.02 * (measure.upper - measure.lower)
            sign = VitalSign(code, measure.label, measure.unit, middle, 0, spread, spread, 1)
        signs.append((sign, measure))
    return signs
