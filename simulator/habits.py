"""Habits of recording: the same trial as another site, system or export would write it down.

A habit takes away or writes otherwise what an extract says; what happened stays the same. Defects
are another matter: those are mistakes.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Literal, get_args

import numpy as np
import polars as pl

from simulator.draws import Draws, split_mix
from simulator.reference import GASES
from trials import Trial

Habit = Literal[
    "no list",
    "DS only",
    "DM only",
    "reasons not opened",
    "no ends",
    "several gases",
    "no VISIT",
    "month-only dates",
    "no seriousness",
    "no limits",
]
HABITS: tuple[Habit, ...] = get_args(Habit)
Frames = dict[str, pl.DataFrame]

_ENDS = ("COMPLETED", "DEATH", "WITHDRAWAL BY SUBJECT", "LOST TO FOLLOW-UP")
_LEFT_EARLY = _ENDS[2:]
# Of CDISC's list of reasons for not completing; the first two that a definition does not list.
_REASONS = (
    "PHYSICIAN DECISION", "ADVERSE EVENT", "LACK OF EFFICACY", "PROTOCOL DEVIATION",
    "NON-COMPLIANCE WITH STUDY DRUG", "PROGRESSIVE DISEASE", "PREGNANCY",
)  # fmt: skip
_RESULTS = ("lb", "cp", "vs", "re", "eg", "rs", "qs")
_EVENTS_AND_TREATMENTS = ("ae", "ce", "mh", "cm", "pr", "ho")
_KNOWN_TO_THE_MONTH = 0.1
_SERIOUSNESS = (
    "AESER", "AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESLIFE", "AESMIE", "AESEV", "AETOXGR",
    "AEOUT",
)  # fmt: skip
_LIMITS = ("LBORNRLO", "LBORNRHI", "LBSTNRLO", "LBSTNRHI", "LBNRIND")
_MINUTES_BETWEEN_GASES = 270
_OXYGEN_OF_LATER_GASES = (0.75, 0.9)  # PaO2, of the day's first


def checked(habits: Collection[str]) -> tuple[Habit, ...]:
    """The habits, each once, in the order in which they are applied.

    Raises:
        ValueError: one of them is not known.
    """
    for habit in habits:
        if habit not in HABITS:
            raise ValueError(
                f"{habit!r} is no habit of recording; choose among {', '.join(HABITS)}."
            )
    return tuple(habit for habit in HABITS if habit in habits)


def recorded(
    frames: Mapping[str, pl.DataFrame], habits: Collection[Habit], trial: Trial, seed: int
) -> Frames:
    """The datasets as these habits record them; without a habit, as they are."""
    written = dict(frames)
    for habit in habits:
        written = _APPLIED[habit](written, trial, seed)
    return written


def _no_list(frames: Frames, _trial: Trial, _seed: int) -> Frames:
    """DS RANDOMIZED remains, and the arm in DM."""
    return _without(frames, "randomization")


def _ds_only(frames: Frames, _trial: Trial, _seed: int) -> Frames:
    """Who was randomized and when stands in DS alone; DM has the arm and no date of it."""
    left = _without(frames, "randomization")
    return left | {"dm": left["dm"].drop("RFSTDTC")}


def _dm_only(frames: Frames, _trial: Trial, _seed: int) -> Frames:
    """Neither list nor DS nor SV: DM alone, with ARMCD and RFSTDTC."""
    return _without(frames, "randomization", "ds", "sv")


def _reasons_not_opened(frames: Frames, trial: Trial, _seed: int) -> Frames:
    if "ds" not in frames:
        return frames
    reasons = [reason for reason in _REASONS if reason not in trial.open.dispositions]
    others = dict(zip(_LEFT_EARLY, reasons, strict=False))
    left = pl.col("DSDECOD").is_in(_LEFT_EARLY)
    reason = pl.col("DSDECOD").replace(others)
    ds = frames["ds"].with_columns(
        DSDECOD=reason, DSTERM=pl.when(left).then(reason).otherwise(pl.col("DSTERM"))
    )
    return frames | {"ds": ds}


def _no_ends(frames: Frames, _trial: Trial, _seed: int) -> Frames:
    if "ds" not in frames:
        return frames
    event = (pl.col("DSCAT") == "DISPOSITION EVENT") & pl.col("DSSCAT").is_null()
    failed = pl.col("DSDECOD") == "SCREEN FAILURE"
    return frames | {"ds": frames["ds"].filter(~event | failed)}


def _several_gases(frames: Frames, _trial: Trial, _seed: int) -> Frames:
    """Two further gases on each day that has one, later than its first; each has its sample."""
    lb = frames["lb"]
    is_gas = pl.col("LBTESTCD").is_in([gas.code for gas in GASES])
    taken = pl.col("LBDTC").str.to_datetime("%Y-%m-%dT%H:%M", strict=False)
    gases = lb.filter(is_gas & taken.is_not_null())
    first = gases.filter(
        pl.col("LBDTC") == pl.col("LBDTC").min().over("USUBJID", taken.dt.date())
    ).with_columns(LBTPT=pl.lit(None, dtype=pl.String), LBBLFL=pl.lit(None, dtype=pl.String))
    # Not beyond the day, however late the first was taken.
    left = 24 * 60 - 1 - taken.dt.hour().cast(pl.Int64) * 60 - taken.dt.minute()
    step = pl.min_horizontal(pl.lit(_MINUTES_BETWEEN_GASES), left // 2)
    oxygen = pl.col("LBTESTCD") == "PO2"
    later = [
        first.with_columns(
            (taken + pl.duration(minutes=place * step))
            .dt.strftime("%Y-%m-%dT%H:%M")
            .alias("LBDTC"),
            *(
                pl.when(oxygen)
                .then((pl.col(name).cast(pl.Float64) * factor).round(1).cast(lb.schema[name]))
                .otherwise(pl.col(name))
                .alias(name)
                for name in ("LBORRES", "LBSTRESC", "LBSTRESN")
            ),
        )
        for place, factor in enumerate(_OXYGEN_OF_LATER_GASES, start=1)
    ]
    samples = pl.concat([gases, *later]).with_columns(
        LBREFID="G" + pl.col("LBDTC").rank("dense").over("USUBJID").cast(pl.String).str.zfill(3)
    )
    rest = lb.join(gases.select("USUBJID", "LBSEQ"), on=["USUBJID", "LBSEQ"], how="anti")
    both = pl.concat([samples, rest], how="diagonal").sort("USUBJID", "LBDTC", maintain_order=True)
    number = pl.int_range(1, pl.len() + 1).over("USUBJID").cast(lb.schema["LBSEQ"])
    return frames | {"lb": both.with_columns(LBSEQ=number)}


def _no_visit(frames: Frames, _trial: Trial, _seed: int) -> Frames:
    return frames | {
        name: frames[name].drop("VISIT", "VISITNUM", strict=False)
        for name in _RESULTS
        if name in frames
    }


def _month_only(frames: Frames, _trial: Trial, seed: int) -> Frames:
    """One in ten dates of events and treatments, and of randomization: the month and no day."""
    written = dict(frames)
    for name in _EVENTS_AND_TREATMENTS:
        if name not in frames:
            continue
        dates = [f"{name.upper()}STDTC", f"{name.upper()}ENDTC"]
        for date in (column for column in dates if column in frames[name].columns):
            hit = _one_in_ten(frames[name], seed, date, pl.col(f"{name.upper()}SEQ"))
            written[name] = written[name].with_columns(_to_the_month(date, hit))
    for name, date in (("randomization", "RANDDTC"), ("ds", "DSSTDTC")):
        if name in frames:
            hit = _one_in_ten(frames[name], seed, "RANDDTC", pl.lit(0))
            if name == "ds":
                hit &= (frames[name]["DSDECOD"] == "RANDOMIZED").fill_null(value=False)
            written[name] = frames[name].with_columns(_to_the_month(date, hit))
    return written


def _one_in_ten(frame: pl.DataFrame, seed: int, topic: str, record: pl.Expr) -> pl.Series:
    """Whether a record is among those, by its participant and number: the same in every cut."""
    person = pl.col("USUBJID").str.extract(r"([0-9]+)$").cast(pl.UInt64)
    number = frame.select(number=person * 1_000_003 + record.cast(pl.UInt64))["number"].to_numpy()
    words = split_mix(Draws(seed).words(f"month-only {topic}"), number)
    return pl.Series(words < np.uint64(int(_KNOWN_TO_THE_MONTH * 2**64)))


def _to_the_month(date: str, hit: pl.Series) -> pl.Expr:
    return pl.when(hit).then(pl.col(date).str.slice(0, 7)).otherwise(pl.col(date)).alias(date)


def _no_seriousness(frames: Frames, _trial: Trial, _seed: int) -> Frames:
    return frames | {"ae": frames["ae"].drop(_SERIOUSNESS, strict=False)}


def _no_limits(frames: Frames, _trial: Trial, _seed: int) -> Frames:
    return frames | {"lb": frames["lb"].drop(_LIMITS, strict=False)}


def _without(frames: Frames, *names: str) -> Frames:
    return {name: frame for name, frame in frames.items() if name not in names}


_APPLIED: Mapping[Habit, Callable[[Frames, Trial, int], Frames]] = {
    "no list": _no_list,
    "DS only": _ds_only,
    "DM only": _dm_only,
    "reasons not opened": _reasons_not_opened,
    "no ends": _no_ends,
    "several gases": _several_gases,
    "no VISIT": _no_visit,
    "month-only dates": _month_only,
    "no seriousness": _no_seriousness,
    "no limits": _no_limits,
}
