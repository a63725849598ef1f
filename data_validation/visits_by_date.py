"""Which visit a result without one is of, by its date.

A visit that the extract names is never changed. One that it does not name follows from the day
counted from randomization, where the schedule common to all arms leaves one choice.
"""

from collections.abc import Mapping

import polars as pl

from data_validation.blood_gases import FIO2, PAO2
from data_validation.domains import DOMAINS
from data_validation.facts import Domain
from data_validation.released import released
from data_validation.sealing import lacks_visit, split, would_open
from data_validation.values import trimmed, typed
from trials import Trial

# What says who is randomized, and when.
_RANDOMIZATION = ("DM", "RANDOMIZATION", "DS", "SV")


def visits_by_date(datasets: Mapping[str, pl.DataFrame], trial: Trial) -> dict[str, pl.Series]:
    """The visits of results without one, in the order of the rows, by dataset that lacks any.

    Null where a visit is named; where the result would not open at a visit of the schedule; where
    there is no complete date or no date of randomization; where no visit is planned on the day, or
    several are; and where VISITNUM is a fraction, as of an unscheduled visit, that no visit has. Of
    several results of a test on one day the first alone is placed: their number could tell who was
    given something. Blood gases are left to the choice of the day's samples.
    """
    lacking = {
        name: lacks_visit(frame)
        for name, frame in datasets.items()
        if name in DOMAINS and DOMAINS[name].measured
    }
    lacking = {name: lacks for name, lacks in lacking.items() if lacks.any()}
    if not lacking or not trial.schedule:
        return {}
    about = {name: datasets[name] for name in _RANDOMIZATION if name in datasets}
    _, complete = split(about, trial)
    randomized = released(complete, trial, None).randomized
    days = randomized.select("USUBJID", "randomization_date")
    offsets = _visits_by_offset(trial)

    def visits(name: str, lacks: pl.Series) -> pl.Series:
        frame, domain = datasets[name], DOMAINS[name]
        found = _on_a_day(frame, lacks & would_open(frame, domain, trial), domain, trial)
        offset = (pl.col("_date") - pl.col("randomization_date")).dt.total_days()
        visit = offset.replace_strict(offsets, default=None, return_dtype=pl.String)
        placed = found.join(days, on="USUBJID", how="inner", maintain_order="left").select(
            pl.col("_place").cast(pl.Int64), visit.alias("visit")
        )
        nothing = pl.repeat(None, frame.height, dtype=pl.String, eager=True)
        return nothing.scatter(placed["_place"], placed["visit"])

    return {name: visits(name, lacks) for name, lacks in lacking.items()}


def _on_a_day(frame: pl.DataFrame, wanted: pl.Series, domain: Domain, trial: Trial) -> pl.DataFrame:
    """The wanted rows that are of no unscheduled visit: `_place`, `USUBJID`, `_date`."""
    date = domain.by_name[f"{domain.name}DTC"]
    known = frame.with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in (date.name, "VISITNUM")
        if name not in frame.columns
    )
    number = trimmed("VISITNUM").cast(pl.Float64, strict=False)
    planned = [visit.number for visit in trial.schedule]
    is_unscheduled = (number != number.floor()) & ~number.is_in(planned)
    test = trimmed(f"{domain.name}TESTCD").str.to_uppercase()
    gases = [item.code.upper() for item in trial.measures if item.name in (PAO2, FIO2)]
    again = pl.int_range(pl.len()).over("USUBJID", "_test", "_date") > 0
    return (
        known.with_row_index("_place")
        .filter(wanted)
        .filter(~is_unscheduled.fill_null(value=False))
        .select(
            "_place",
            trimmed("USUBJID"),
            test.alias("_test"),
            typed(date).alias("_date"),
            trimmed(date.name).alias("_written"),
        )
        .sort("_written", "_place", nulls_last=True)
        .filter(pl.col("_test").is_in(gases).fill_null(value=False) | ~again)
        .sort("_place")
        .select("_place", "USUBJID", "_date")
    )


def _visits_by_offset(trial: Trial) -> dict[int, str]:
    """The visit of each day from randomization: the one planned on it, else the only one in reach.

    A day that is planned is of that visit, though the window of another may hold it: the day of
    randomization is of the baseline, not of a screening that may be as late.
    """
    planned: dict[int, list[str]] = {}
    in_reach: dict[int, list[str]] = {}
    for visit in trial.schedule:
        offset = visit.day - 1 if visit.day > 0 else visit.day
        planned.setdefault(offset, []).append(visit.visit)
        for day in range(offset - visit.window_before, offset + visit.window_after + 1):
            in_reach.setdefault(day, []).append(visit.visit)
    chosen = {day: planned.get(day, visits) for day, visits in in_reach.items()}
    return {day: visits[0] for day, visits in chosen.items() if len(visits) == 1}
