"""SV: the visits."""

import numpy as np
import polars as pl

from simulator.records import Records, constant, iso_dates, pick
from simulator.run import Run


def subject_visits(run: Run) -> Records:
    """SV: one row per visit that took place."""
    occasions = run.occasions
    person, column = np.nonzero(occasions.attended)
    number = occasions.number[person, column]
    order = np.lexsort((number, occasions.offset[person, column], person))
    person, column, number = person[order], column[order], number[order]
    day = run.people.anchor[person] + occasions.offset[person, column]
    dates = iso_dates(day)
    frame = pl.DataFrame(
        {
            "STUDYID": constant(run.trial.study, len(person)),
            "DOMAIN": constant("SV", len(person)),
            "USUBJID": pick(run.subjects, person),
            "VISITNUM": np.round(number, 2),
            "VISIT": pick(occasions.names, column),
            "SVSTDTC": dates,
            "SVENDTC": dates,
        }
    )
    return Records(frame, day)
