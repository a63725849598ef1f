"""Which PaO2 and FiO2 are of one arterial sample, and which of the day's samples open.

Clock times and sample numbers are sealed, so this is decided before sealing, and nowhere else. Of a
visit and day at most two samples open, however many were taken: the value of the day and the one
with the lowest ratio, for more samples would tell who was watched more closely.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from data_validation.facts import Domain, folded
from data_validation.measures import SEPARATOR, measured
from data_validation.values import open_text, trimmed, typed
from trials import Trial

# The parts of a ratio.
PAO2, FIO2 = "pao2", "fio2"
# mmHg; outside these bounds the ratio is a finding and is not used.
PLAUSIBLE_RATIO = (20.0, 700.0)
# How `LBGAS` names the samples that open.
DAY, WORST, DAY_AND_WORST = "DAY", "WORST", "DAY AND WORST"
# The value of the day is the first sample taken between these times, both included.
MORNING = ("06:00", "10:00")

_MINUTE = r"[T :]((?:[01][0-9]|2[0-3]):[0-5][0-9])"
# A number for each participant, visit and day.
_OF_DAY = ("_visit_and_day",)


@dataclass(frozen=True)
class ChosenGases:
    """What was decided of the rows of a table.

    Attributes:
        made: `LBGAS` and `LBSAMPLE`, in the order of the rows.
        is_open: which rows may open now.
        counts: of open rows: `pressures`, usable PaO2 of visits and days that have an FiO2;
            `unpaired`, those of them of which it is not known which FiO2 is theirs; `without_time`,
            days of a visit with several samples and no time of any.
    """

    made: list[pl.Series]
    is_open: pl.Series
    counts: Mapping[str, int] = field(default_factory=dict)


def chosen_gases(
    frame: pl.DataFrame, is_open: pl.Series, domain: Domain, trial: Trial
) -> ChosenGases:
    """Pair the blood gases of a table and choose those that open, from the rows that may open.

    Args:
        frame: text columns by SDTM name.
        is_open: which rows may open by the rule of the domain.
    """
    rows = _gases(frame, is_open, domain, trial)
    nothing = pl.repeat(None, frame.height, dtype=pl.String, eager=True)
    if rows.is_empty():
        return ChosenGases([nothing.alias("LBGAS"), nothing.alias("LBSAMPLE")], is_open)
    # A sealed row is never paired with an open one: what opens would depend on it.
    rows = pl.concat(
        [_paired(rows.filter(pl.col("_open") == side)) for side in (True, False)]
    ).sort("_place")
    samples = _samples(rows)
    rows = rows.join(
        samples.select("_sample", "gas", "number"), on="_sample", how="left", maintain_order="left"
    ).with_columns(_opens())
    places = rows.select(pl.col("_place").cast(pl.Int64)).to_series()
    told = {"gas": "LBGAS", "number": "LBSAMPLE"}
    made = [nothing.scatter(places, rows[name]).alias(column) for name, column in told.items()]
    usable = rows.filter("_open").drop_nulls("value")
    has_fraction = (pl.col("measure") == FIO2).any().over(*_OF_DAY)
    usable = usable.filter(has_fraction & (pl.col("measure") == PAO2))
    return ChosenGases(
        made,
        is_open.clone().scatter(places, rows["_opens"]),
        {
            "pressures": usable.height,
            "unpaired": usable["_sample"].null_count(),
            "without_time": samples.filter(pl.col("_open"), gas=WORST)
            .join(samples.filter(pl.col("gas").str.starts_with(DAY)), on=_OF_DAY, how="anti")
            .height,
        },
    )


def _gases(frame: pl.DataFrame, is_open: pl.Series, domain: Domain, trial: Trial) -> pl.DataFrame:
    """Rows of PaO2 and FiO2 beside their `value`, null where it is not used."""
    codes = [item.code.upper() for item in trial.measures if item.name in (PAO2, FIO2)]
    code = trimmed("LBTESTCD").str.to_uppercase()
    rows = (
        frame.with_row_index("_place")
        .with_columns(is_open.alias("_open"))
        .filter(code.is_in(codes).fill_null(value=False))
    )
    return (
        measured(rows.with_columns(typed(domain.by_name["LBORRES"])), "LB", trial)
        .with_columns(
            trimmed("USUBJID").alias("_subject"),
            open_text(domain.by_name["LBDTC"]).alias("_day"),
            pl.col("LBDTC").str.extract(_MINUTE, 1).alias("_minute"),
            *(
                trimmed(name) if name in rows.columns else pl.lit(None, pl.String).alias(name)
                for name in ("LBREFID", "LBSPID")
            ),
        )
        .with_columns(
            pl.concat_str(
                pl.col("_subject").fill_null(""),
                folded("VISIT").fill_null(""),
                pl.col("_day").fill_null(""),
                separator=SEPARATOR,
            )
            .rank("dense")
            .alias(*_OF_DAY)
        )
    )


def _paired(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with `_sample`, the same for the PaO2 and the FiO2 of one sample, else null.

    A sample has one of both: of one minute, else of one number, else the only ones of the visit
    and day.
    """
    usable = pl.col("value").is_not_null()
    rows = rows.with_columns(pl.lit(None, pl.get_index_type()).alias("_sample"))
    for name in ("_minute", "LBREFID", "LBSPID", None):
        by = [*_OF_DAY, *([name] if name else [])]
        free = pl.col("_sample").is_null()
        counts = usable & (free & pl.col(name).is_not_null() if name else pl.lit(value=True))
        alone = [
            (counts & (pl.col("measure") == measure)).sum().over(by) == 1
            for measure in (PAO2, FIO2)
        ]
        both_free = (counts & free).sum().over(by) == 2
        first = pl.when(counts).then("_place").min().over(by)
        rows = rows.with_columns(
            pl.when(counts & pl.all_horizontal(*alone, both_free))
            .then(first)
            .otherwise("_sample")
            .alias("_sample")
        )
    return rows


def _samples(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a sample: `gas`, how it opens, if it does; `number`, its place within the day."""

    def of(measure: str, name: str) -> pl.Expr:
        return pl.col(name).filter(pl.col("measure") == measure).first()

    samples = (
        rows.drop_nulls("_sample")
        .group_by("_sample")
        .agg(
            pl.col(*_OF_DAY, "_subject", "_day", "_open").first(),
            pl.coalesce(of(PAO2, "_minute"), of(FIO2, "_minute")).alias("_minute"),
            of(PAO2, "value").alias(PAO2),
            of(FIO2, "value").alias(FIO2),
        )
        .with_columns((pl.col(PAO2) / pl.col(FIO2)).alias("_ratio"))
        .with_columns((~pl.col("_ratio").is_between(*PLAUSIBLE_RATIO)).alias("_impossible"))
    )
    is_timed = pl.col("_minute").is_not_null()
    begins, ends = map(pl.lit, MORNING)
    early = pl.col("_minute").is_between(begins, ends).fill_null(value=False)
    alike = pl.len().over(*_OF_DAY, "_open", "_impossible") == 1
    first = pl.int_range(pl.len()).over(*_OF_DAY, "_open") == 0
    exact = ("_ratio", PAO2, "_sample")
    return (
        samples.sort("_impossible", ~early, "_minute", *exact, nulls_last=True)
        # Of several without clock times it is not known which was the first.
        .with_columns((first & (is_timed | alike)).alias("_is_day"))
        .sort("_impossible", "_ratio", "_minute", PAO2, "_sample", nulls_last=True)
        .with_columns(first.alias("_is_worst"))
        .sort("_minute", PAO2, FIO2, "_sample", nulls_last=True)
        .with_columns(
            (1 + pl.int_range(pl.len()).over("_subject", "_day")).cast(pl.String).alias("number"),
            pl.when(~pl.col("_open"))
            .then(None)
            .when(pl.col("_is_day") & pl.col("_is_worst"))
            .then(pl.lit(DAY_AND_WORST))
            .when("_is_day")
            .then(pl.lit(DAY))
            .when("_is_worst")
            .then(pl.lit(WORST))
            .alias("gas"),
        )
    )


def _opens() -> pl.Expr:
    """Whether a row opens: it is of a chosen sample, or the day has none and it is its first."""
    of_test = [*_OF_DAY, "measure", "_open"]
    is_chosen = pl.col("gas").is_not_null()
    order = (
        pl.col("value").is_null(),
        pl.col("_minute").fill_null("~"),
        *(pl.col(name).fill_null("") for name in ("LBORRES", "LBORRESU", "LBSPEC")),
        pl.col("_place"),
    )
    first = pl.col("_place").sort_by(*order).first().over(of_test)
    alone = ~is_chosen.any().over(of_test) & (pl.col("_place") == first)
    return (pl.col("_open") & (is_chosen | alone)).alias("_opens")
