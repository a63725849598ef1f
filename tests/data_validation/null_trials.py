"""Simulated trials without any effect of treatment, and what the open store would hold of them.

The simulator gives the experimental arm everything that its administration brings: instillation
visits, gases and vital signs around them, bronchoscopy, premedication, symptoms and deviations,
product accountability, reactions under sealed terms. It has no premedication among procedures and
no samples at another time of the day; `with_premedication` and `sampled_before_doses` add these.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_validation.domains import DOMAINS
from data_validation.domains.supplemental import with_merged_qualifiers
from data_validation.facts import Exposure
from data_validation.readers.text import FILE_COLUMN, ROW_COLUMN
from data_validation.relations import participants
from data_validation.released import released
from data_validation.rules import Evidence
from data_validation.sealing import Tables, split
from simulator import simulate
from tests.data_validation.small_extracts import together
from trials import MedicationClass, ProcedureClass, TimePoint, Trial, load_trial

Frames = dict[str, pl.DataFrame]
Relations = dict[str, pl.DataFrame]

TRIAL = load_trial("nct05689008")
TREATED = "UCMSC"
# After the last follow-up: the finished trial has the most that could tell.
FINISHED = date(2024, 6, 1)


@cache
def null_extract(seed: int, participants: int = 60) -> Frames:
    """An extract as a reader gives it, with every procedural difference."""
    frames = simulate(TRIAL, participants=participants, seed=seed, cutoff=FINISHED)
    plain = {name.upper(): frame.select(pl.all().cast(pl.String)) for name, frame in frames.items()}
    return sampled_before_doses(with_premedication(plain))


def with_premedication(frames: Frames) -> Frames:
    """Antihistamine on each day of a dose; and for every tenth of the others on some day."""
    doses = frames["PR"].filter(pl.col("PRDECOD") == "BRONCHOSCOPY")
    others = frames["DS"].filter(pl.col("DSDECOD") == "RANDOMIZED").gather_every(10)
    given = pl.concat(
        [
            doses.select("USUBJID", pl.col("PRSTDTC").str.slice(0, 10)),
            others.select("USUBJID", pl.col("DSSTDTC").str.slice(0, 10).alias("PRSTDTC")),
        ]
    ).with_columns(pl.lit("ANTIHISTAMINE").alias("PRDECOD"), pl.lit("PR").alias("DOMAIN"))
    return frames | {"PR": pl.concat([frames["PR"], given], how="diagonal")}


def sampled_before_doses(frames: Frames) -> Frames:
    """The scheduled samples of a day with a dose are drawn at noon, before it."""
    doses = frames["PR"].filter(pl.col("PRDECOD") == "BRONCHOSCOPY")
    days = doses.select("USUBJID", pl.col("PRSTDTC").str.slice(0, 10).alias("_day")).unique()
    moved = {}
    for name in ("LB", "VS"):
        date_column = f"{name}DTC"
        noon = pl.col("_day") + "T12:30"
        moved[name] = (
            frames[name]
            .with_columns(pl.col(date_column).str.slice(0, 10).alias("_on"))
            .join(
                days.with_columns(pl.col("_day").alias("_on")),
                on=["USUBJID", "_on"],
                how="left",
                maintain_order="left",
            )
            .with_columns(
                pl.when(pl.col("_day").is_not_null() & ~pl.col("VISIT").str.contains("INSTILL"))
                .then(noon)
                .otherwise(pl.col(date_column))
                .alias(date_column)
            )
            .drop("_on", "_day")
        )
    return frames | moved


@dataclass(frozen=True)
class Opened:
    """The open relations of an extract, and who is in which arm."""

    relations: Relations
    allocation: pl.DataFrame

    @property
    def people(self) -> pl.Series:
        """The subjects randomized, in the order of the allocation."""
        return self.allocation["subject"]

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Whether each is in the experimental arm."""
        return (self.allocation["planned"] == TREATED).to_numpy()


def opened(frames: Frames, trial: Trial = TRIAL) -> Opened:
    """What a load would publish, by the allow-list as it is now."""
    return _opened(split(_received(frames), trial), frames, trial)


def _received(frames: Frames) -> Frames:
    """Datasets as a reader gives them, with file and row."""
    return with_merged_qualifiers(
        {
            name: frame.with_columns(
                pl.lit(name).alias(FILE_COLUMN),
                pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW_COLUMN),
            )
            for name, frame in frames.items()
        }
    )


def _opened(tables: tuple[Tables, Tables], frames: Frames, trial: Trial) -> Opened:
    open_tables, complete = tables
    people = participants(open_tables, released(complete, trial, None))
    listed = frames["RANDOMIZATION"].select(
        pl.col("USUBJID").alias("subject"), pl.col("ARMCD").alias("planned")
    )
    made = Evidence(open_tables, people, trial, None).relations
    return Opened(made, listed.sort("subject"))


@cache
def _parted(seed: int) -> dict[str, tuple[Tables, Tables]]:
    """Each dataset of a trial split by itself, once for all that is planted in others."""
    received = _received(null_extract(seed))
    return {name: split({name: received[name]}, TRIAL) for name in DOMAINS if name in received}


# Give-aways: each changes the allow-list, or the extract in a way that the allow-list cannot see.


@dataclass(frozen=True)
class GiveAway:
    """One procedural difference let into the open store, alone.

    Attributes:
        domain: whose facts change. rows: opens every row of it. column: the column that opens.
        trial: the definition changed. extract: the extract changed. clock: whether dates keep
            their time of day.
    """

    domain: str = ""
    rows: bool = False
    column: str = ""
    trial: Callable[[Trial], Trial] = lambda trial: trial
    extract: Callable[[Frames], Frames] = lambda frames: frames
    clock: bool = False


def with_class(name: str) -> Callable[[Trial], Trial]:
    """The definition with one more open class, of one procedure."""

    def changed(trial: Trial) -> Trial:
        more = ProcedureClass(name=name.capitalize(), terms=(name,))
        classes = (*trial.open.procedure_classes, more)
        return trial.model_copy(
            update={"open": trial.open.model_copy(update={"procedure_classes": classes})}
        )

    return changed


def with_medicine(name: str) -> Callable[[Trial], Trial]:
    """The definition with one more open class, of one medicine."""

    def changed(trial: Trial) -> Trial:
        more = MedicationClass(name=name.capitalize(), terms=(name,))
        classes = (*trial.open.medication_classes, more)
        return trial.model_copy(
            update={"open": trial.open.model_copy(update={"medication_classes": classes})}
        )

    return changed


def without_sealed_terms(trial: Trial) -> Trial:
    """The definition with every preferred term open."""
    return trial.model_copy(
        update={"sealed": trial.sealed.model_copy(update={"preferred_terms": ()})}
    )


def as_unscheduled(frames: Frames) -> Frames:
    """Visits of a dose booked as unscheduled ones."""
    visit = pl.col("VISIT")
    booked = pl.when(visit.str.starts_with("INSTILLATION")).then(pl.lit("UNSCHEDULED"))
    return frames | {"SV": frames["SV"].with_columns(booked.otherwise(visit).alias("VISIT"))}


def at_scheduled_visits(frames: Frames) -> Frames:
    """Samples after a dose filed under the visit of the schedule, without a time point."""
    visit = pl.col("VISIT")
    filed = {"INSTILLATION 1": "BASELINE", "INSTILLATION 2": "DAY 4"}
    return frames | {
        "LB": frames["LB"].with_columns(
            visit.replace(filed),
            pl.when(~visit.str.starts_with("INSTILLATION")).then("LBTPT").alias("LBTPT"),
        )
    }


def without_time_points(frames: Frames) -> Frames:
    """Samples around a dose that do not say so: a time point seals by itself."""
    nothing = pl.lit(None, dtype=pl.String)
    return frames | {
        name: frames[name].with_columns(nothing.alias(f"{name}TPT")) for name in ("LB", "VS")
    }


def sampled_around_doses(frames: Frames) -> Frames:
    """Three more samples of one test of the treated, at the baseline, at time points of a dose."""
    treated = frames["RANDOMIZATION"].filter(pl.col("ARMCD") == TREATED)["USUBJID"]
    once = pl.col("USUBJID").is_in(treated.implode()) & (pl.col("VISIT") == "BASELINE")
    rows = frames["LB"].filter(once, pl.col("LBTESTCD") == "CRP").unique("USUBJID")
    more = [rows.with_columns(LBTPT=pl.lit(name)) for name in ("2H POST", "T+30MIN", "PRE")]
    return frames | {"LB": pl.concat([frames["LB"], *more])}


def with_time_points(trial: Trial) -> Trial:
    """The definition with the time points of a dose named as common to all arms."""
    points = tuple(TimePoint(name=name) for name in ("2H POST", "T+30MIN", "PRE"))
    return trial.model_copy(update={"open": trial.open.model_copy(update={"time_points": points})})


GIVE_AWAYS = {
    "samples at time points of a dose": GiveAway(
        trial=with_time_points, extract=sampled_around_doses
    ),
    "instillation visits": GiveAway("SV", rows=True),
    "instillation visits booked as unscheduled": GiveAway("SV", rows=True, extract=as_unscheduled),
    "gases after instillation": GiveAway("LB", rows=True, extract=without_time_points),
    "gases after instillation under scheduled visits": GiveAway(extract=at_scheduled_visits),
    "vital signs during instillation": GiveAway("VS", rows=True, extract=without_time_points),
    "bronchoscopy": GiveAway(trial=with_class("BRONCHOSCOPY")),
    "premedication": GiveAway(trial=with_class("ANTIHISTAMINE")),
    "premedication as medication": GiveAway("CM", rows=True, trial=with_medicine("MIDAZOLAM")),
    "sampling times": GiveAway("LB", clock=True),
    "gaps in the laboratory's numbers": GiveAway("LB", column="LBSEQ"),
    "gaps in the vital signs' numbers": GiveAway("VS", column="VSSEQ"),
    "first exposure": GiveAway("DM", column="RFXSTDTC"),
    "action taken": GiveAway("AE", column="AEACN"),
    "relatedness": GiveAway("AE", column="AEREL"),
    "terms of the intervention": GiveAway(trial=without_sealed_terms),
}


def planted(give_away: GiveAway, seed: int) -> Opened:
    """What a load of the trial of this seed would publish with the give-away let in."""
    as_it_was = null_extract(seed)
    frames, trial = give_away.extract(as_it_was), give_away.trial(TRIAL)
    touched = {
        name: frame
        for name, frame in frames.items()
        if name == give_away.domain or frame is not as_it_was[name]
    }
    parts = _parted(seed)  # by the allow-list as it is
    as_it_is = dict(DOMAINS)
    domain = DOMAINS.get(give_away.domain)
    if domain is not None and give_away.rows:
        domain = replace(domain, open_rows=lambda _frame, _trial: pl.lit(value=True))
    if domain is not None and give_away.column:
        fields = tuple(
            replace(field, exposure=Exposure.DAY if field.name.endswith("DTC") else Exposure.OPEN)
            if field.name == give_away.column
            else field
            for field in domain.fields
        )
        domain = replace(domain, fields=fields)
    try:
        if domain is not None:
            DOMAINS[domain.name] = domain
        if trial is not TRIAL:
            found = opened(frames, trial)
        else:
            again = {
                name: split({name: frame}, trial) for name, frame in _received(touched).items()
            }
            found = _opened(together([*(parts | again).values()], trial), frames, trial)
    finally:
        DOMAINS.update(as_it_is)
    return _with_clock(found, give_away.domain, frames) if give_away.clock else found


def _with_clock(found: Opened, domain: str, frames: Frames) -> Opened:
    """Dates of a relation with their time: per record the first of its test, visit and day."""
    name = DOMAINS[domain].relation
    times = (
        frames[domain]
        .filter(pl.col("VISIT").str.starts_with("INSTILLATION").not_())
        .select(
            pl.col("USUBJID").alias("subject"),
            pl.col(f"{domain}TESTCD").alias("test_code"),
            pl.col("VISIT").alias("visit"),
            pl.col(f"{domain}DTC").str.slice(0, 10).alias("date_text"),
            pl.col(f"{domain}DTC").alias("_time"),
        )
        .unique(["subject", "test_code", "visit", "date_text"], keep="first", maintain_order=True)
    )
    keys = ["subject", "test_code", "visit", "date_text"]
    timed = (
        found.relations[name]
        .join(times, on=keys, how="left", maintain_order="left")
        .with_columns(pl.col("_time").fill_null(pl.col("date_text")).alias("date_text"))
        .drop("_time")
    )
    return Opened(found.relations | {name: timed}, found.allocation)
