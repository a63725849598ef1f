"""EX, EC and DA: the administrations, how they were collected, and what became of the product."""

import numpy as np
import polars as pl

from simulator.dosing import CELLS, REASONS
from simulator.draws import Days, Mask
from simulator.listing import listing
from simulator.records import (
    MINUTES,
    NEVER,
    Records,
    blank,
    constant,
    flag,
    iso_dates,
    iso_times,
    pick,
)
from simulator.run import Run

_AS_GIVEN = ("DOSE", "DOSU", "LOT", "ROUTE", "STDTC", "ENDTC")
# Test codes as CDISC has them, but for viability, for which it has none.
_COUNTED = (
    ("DISPAMT", "Dispensed Amount", "10^6 cells"),
    ("RETAMT", "Returned Amount", "10^6 cells"),
    ("VIABLTY", "Viability", "%"),
)


def exposure(run: Run) -> Records:
    """EX: one row per planned administration that participation reached; 0 where missed."""
    trial, people, doses = run.trial, run.people, run.doses
    person, dose = np.nonzero(doses.offset < NEVER)
    day = people.anchor[person] + doses.offset[person, dose]
    given = doses.given[person, dose]
    uniform = run.draws.uniform("administration", len(people), max(doses.planned, 1))[person, dose]
    start = day * MINUTES + doses.minute[person, dose]
    end = start + 20 + np.floor(40 * uniform).astype(np.int64)
    dates, timed = iso_dates(day), pl.Series(given)
    route = "" if trial.dosing is None else trial.dosing.route.upper()
    columns = {
        "EXTRT": pick([arm.name for arm in trial.arms.list], people.arm[person]),
        "EXDOSE": pl.Series(doses.amount[person, dose]),
        "EXDOSU": constant("10^6 cells", len(person)),
        "EXDOSFRM": constant("SUSPENSION", len(person)),
        "EXROUTE": constant(route, len(person)),
        "EXLOT": _lots(day, given),
        "EXADJ": pick(REASONS, doses.reason[person, dose]),
        "VISIT": pick(_visits(run), dose),
        "EXSTDTC": iso_times(start).zip_with(timed, dates),
        "EXENDTC": iso_times(end).zip_with(timed, dates),
    }
    return listing(run, "EX", person, day, columns)


def _visits(run: Run) -> list[str]:
    """VISIT of each administration."""
    return run.occasions.names[run.occasions.visits :]


def exposure_as_collected(run: Run) -> Records:
    """EC: what EX says, as the form asks: was it given, and if not, why."""
    given = exposure(run)
    frame = given.frame
    occurred = frame["EXDOSE"].to_numpy() > 0
    collected = frame.select("STUDYID", "USUBJID", "VISIT").with_columns(
        constant("EC", frame.height).alias("DOMAIN"),
        frame["EXSEQ"].alias("ECSEQ"),
        frame["EXTRT"].alias("ECTRT"),
        constant("PERFORMED", frame.height).alias("ECMOOD"),
        flag(occurred, "Y", "N").alias("ECOCCUR"),
        frame["EXADJ"].alias("ECREASOC"),
        *(frame[f"EX{name}"].alias(f"EC{name}") for name in _AS_GIVEN),
    )
    return Records(collected, given.recorded)


def accountability(run: Run) -> Records:
    """DA: of each dose given, the cells that came, those left over, and how many were alive."""
    people, doses = run.people, run.doses
    person, dose = np.nonzero(doses.given)
    day = people.anchor[person] + doses.offset[person, dose]
    uniform = run.draws.uniform("viability", len(people), max(doses.planned, 1))[person, dose]
    amount = doses.amount[person, dose]
    results = (np.full(len(person), CELLS), CELLS - amount, np.round(86 + 12 * uniform))
    columns = {
        "DAREFID": _repeated(_lots(day, np.ones(len(person), dtype=np.bool_))),
        "DATESTCD": _each(len(person), [code for code, _, _ in _COUNTED]),
        "DATEST": _each(len(person), [name for _, name, _ in _COUNTED]),
        "DAORRES": pl.Series(np.concatenate(results).astype(np.int64)).cast(pl.String),
        "DAORRESU": _each(len(person), [unit for _, _, unit in _COUNTED]),
        "VISIT": _repeated(pick(_visits(run), dose)),
        "DADTC": _repeated(iso_dates(day)),
    }
    return listing(run, "DA", np.tile(person, 3), np.tile(day, 3), columns)


def _repeated(values: pl.Series) -> pl.Series:
    return pl.concat([values] * len(_COUNTED))


def _each(rows: int, texts: list[str]) -> pl.Series:
    return pl.concat([constant(text, rows) for text in texts])


def _lots(day: Days, given: Mask) -> pl.Series:
    """Lot numbers: one batch of cells a month."""
    month = pl.Series(day).cast(pl.Int32).cast(pl.Date).dt.strftime("UC%y%m")
    return blank(month, ~given)
