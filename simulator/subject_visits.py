"""SV: the visits."""

from dataclasses import replace

import numpy as np
import polars as pl

from simulator.listing import listing
from simulator.records import Records, iso_dates, pick
from simulator.run import Run


def subject_visits(run: Run) -> Records:
    """SV: one row per visit that took place."""
    occasions = run.occasions
    person, column = np.nonzero(occasions.attended)
    order = np.argsort(occasions.number[person, column], kind="stable")
    person, column = person[order], column[order]
    day = run.people.anchor[person] + occasions.offset[person, column]
    columns = {
        "VISITNUM": pl.Series(np.round(occasions.number[person, column], 2)),
        "VISIT": pick(occasions.names, column),
        "SVSTDTC": iso_dates(day),
        "SVENDTC": iso_dates(day),
    }
    records = listing(run, "SV", person, day, columns)
    return replace(records, frame=records.frame.drop("SVSEQ"))
