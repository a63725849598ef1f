"""EX: the administrations."""

import numpy as np
import polars as pl

from trials.simulator.dosing import REASONS
from trials.simulator.draws import Days, Mask
from trials.simulator.records import (
    MINUTES,
    NEVER,
    Records,
    blank,
    constant,
    iso_dates,
    iso_times,
    pick,
    sequence,
)
from trials.simulator.run import Run


def exposure(run: Run) -> Records:
    """EX: one row per planned administration that participation reached; 0 where missed."""
    trial, people, doses = run.trial, run.people, run.doses
    person, dose = np.nonzero(doses.offset < NEVER)
    day = people.anchor[person] + doses.offset[person, dose]
    given = doses.given[person, dose]
    uniform = run.draws.uniform("administration", len(people), max(doses.planned, 1))[person, dose]
    start = day * MINUTES + doses.minute[person, dose]
    end = start + 20 + np.floor(40 * uniform).astype(np.int64)
    rows = len(person)
    given_series = pl.Series(given)
    dates = iso_dates(day)
    route = "" if trial.dosing is None else trial.dosing.route.upper()
    names = [arm.name for arm in trial.arms.list]
    frame = pl.DataFrame(
        {
            "STUDYID": constant(trial.study, rows),
            "DOMAIN": constant("EX", rows),
            "USUBJID": pick(run.subjects, person),
            "EXSEQ": sequence(person),
            "EXTRT": pick(names, people.arm[person]),
            "EXDOSE": doses.amount[person, dose],
            "EXDOSU": constant("10^6 cells", rows),
            "EXDOSFRM": constant("SUSPENSION", rows),
            "EXROUTE": constant(route, rows),
            "EXLOT": _lots(day, given),
            "EXADJ": pick(REASONS, doses.reason[person, dose]),
            "VISIT": pl.select(pl.format("INSTILLATION {}", pl.Series(dose + 1))).to_series(),
            "EXSTDTC": iso_times(start).zip_with(given_series, dates),
            "EXENDTC": iso_times(end).zip_with(given_series, dates),
        }
    )
    return Records(frame, day)


def _lots(day: Days, given: Mask) -> pl.Series:
    """Lot numbers: one batch of cells a month."""
    month = pl.Series(day).cast(pl.Int32).cast(pl.Date).dt.strftime("UC%y%m")
    return blank(month, ~given)
