"""VS: vital signs at every visit, height and weight at the first."""

import numpy as np

from simulator.draws import Floats
from simulator.laboratory import oxygen, rounds
from simulator.measurements import Reading, Samples, assemble, results, within_measure
from simulator.records import Records
from simulator.reference import VITAL_SIGNS, Test, VitalSign
from simulator.run import Run
from trials import Measure, Trial

_COLUMNS = [
    "STUDYID", "DOMAIN", "USUBJID", "VSSEQ", "VSTESTCD", "VSTEST", "VSORRES", "VSORRESU",
    "VSSTRESC", "VSSTRESN", "VSSTRESU", "VSBLFL", "VISITNUM", "VISIT", "VSDTC", "VSTPT",
]  # fmt: skip
_TIMINGS = ["DURING INSTILLATION"]
_MISSED_TEST_RATE = 0.015
_HEIGHT = Test(code="HEIGHT", name="Height", unit="cm", decimals=0)
_WEIGHT = Test(code="WEIGHT", name="Weight", unit="kg", decimals=1)


def vital_signs(run: Run) -> Records | None:
    """VS: one row per sign and occasion."""
    trial, people, occasions, doses = run.trial, run.people, run.occasions, run.doses
    persons, width = len(people), occasions.visits
    columns = np.arange(width + doses.planned)
    offset = occasions.offset
    timing = np.where(columns >= width, 0, -1)
    minute = np.concatenate([rounds(run, "vital sign times"), doses.minute + 15], axis=1)
    samples = Samples.of(
        people, occasions, occasions.attended, minute=minute, occasion=columns, timing=timing
    )
    severity = run.course.severity(offset)
    readings: list[Reading] = []
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
        test, values = within_measure(run, sign, measure, values + sign.within * noise, offset)
        readings.append((test, measure, values, missing >= _MISSED_TEST_RATE))
    first_visit = np.broadcast_to(columns == 0, offset.shape)
    for body, size in ((_HEIGHT, people.height), (_WEIGHT, people.weight)):
        if (measure_of_body := trial.measures_by_code.get(("VS", body.code))) is not None:
            values = np.broadcast_to(size[:, None], offset.shape)
            readings.append((body, measure_of_body, values, first_visit))
    return assemble(run, "VS", results(run, "VS", samples, readings), _TIMINGS, _COLUMNS)


def _saturation(po2: Floats) -> Floats:
    """Oxygen saturation in percent from PaO2 in mmHg (Severinghaus 1979)."""
    return np.asarray(100.0 / (1.0 + 23400.0 / (po2**3 + 150.0 * po2)), dtype=np.float64)


def _signs(trial: Trial) -> list[tuple[VitalSign, Measure]]:
    signs_by_code = {sign.code: sign for sign in VITAL_SIGNS}
    signs = []
    for (domain, code), measure in trial.measures_by_code.items():
        if domain != "VS" or code in (_HEIGHT.code, _WEIGHT.code):
            continue
        sign = signs_by_code.get(code)
        if sign is None or sign.unit not in measure.factors:
            width = measure.upper - measure.lower
            sign = VitalSign(
                code=code,
                name=measure.label,
                unit=measure.unit,
                decimals=1,
                mean=measure.lower + 0.4 * width,
                slope=0,
                between=0.02 * width,
                within=0.02 * width,
            )
        signs.append((sign, measure))
    return signs
