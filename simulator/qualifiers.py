"""SUPPDM and SUPPAE: what their domains have no field for."""

import numpy as np
import polars as pl

from simulator.records import Records, calendar, constant, flag
from simulator.run import Run

_VACCINATED_RATE = 0.8


def demographic_qualifiers(run: Run) -> Records:
    """SUPPDM: whether somebody was vaccinated, asked of everyone."""
    uniform = run.draws.uniform("vaccinated", len(run.people), 1)[:, 0]
    frame = _qualifiers(
        run.trial.study,
        "DM",
        pl.DataFrame({"USUBJID": run.subjects}),
        ("VACCINE", "COVID-19 Vaccination"),
        flag(uniform < _VACCINATED_RATE, "Y", "N"),
    )
    return Records(frame, run.people.consented)


def event_qualifiers(run: Run, events: Records) -> Records:
    """SUPPAE: whether an event is treatment-emergent.

    From the first dose on, or in control from day 1: that tells the
    arm of who has an event on day 1 before a dose.
    """
    people = run.people
    since = np.where(people.experimental, calendar(people.anchor, run.doses.first()), people.anchor)
    first = events.frame["USUBJID"].replace_strict(run.subjects, pl.Series(since))
    frame = _qualifiers(
        run.trial.study,
        "AE",
        events.frame,
        ("AETRTEM", "Treatment Emergent Flag"),
        flag(events.recorded >= first.to_numpy(), "Y", "N"),
    )
    return Records(frame, events.recorded)


def _qualifiers(
    study: str, domain: str, records: pl.DataFrame, named: tuple[str, str], values: pl.Series
) -> pl.DataFrame:
    """One qualifier of each record; `records` has USUBJID and, but for DM, the sequence number."""
    rows, (name, label) = records.height, named
    number = f"{domain}SEQ"
    identified = number in records.columns
    return pl.DataFrame(
        {
            "STUDYID": constant(study, rows),
            "RDOMAIN": constant(domain, rows),
            "USUBJID": records["USUBJID"],
            "IDVAR": constant(number if identified else "", rows),
            "IDVARVAL": records[number].cast(pl.String) if identified else constant("", rows),
            "QNAM": constant(name, rows),
            "QLABEL": constant(label, rows),
            "QVAL": values,
            "QORIG": constant("CRF", rows),
        }
    )
