"""From checked tables to the relations of a snapshot: words inside, study days and baseline ours.

The same functions make the open and the complete relations; what differs is what they are given.
"""

from collections.abc import Callable

import polars as pl

from data_validation.blood_gases import DAY, FIO2, PAO2, PLAUSIBLE_RATIO, WORST
from data_validation.distinct import by_distinct
from data_validation.domains import DOMAINS
from data_validation.facts import Domain, Field, Kind, folded, folded_terms
from data_validation.measures import measured
from data_validation.released import Released
from data_validation.sealing import Tables, without_records
from data_validation.values import (
    BLANKS,
    first_day,
    is_empty,
    is_partial_date,
    limit,
    looked_up,
    read_of,
    trimmed,
)
from data_validation.written_dates import stated
from trials import Trial

# Columns of a complete table that are ours; an extract's names are in upper case.
_OURS = ("_file", "_row", "_open")


def participants(tables: Tables, given: Released) -> pl.DataFrame:
    """One row a subject of DM, with what is known of screening and randomization.

    Args:
        given: what opens from sealed input, see `released`.

    Returns:
        DM's words, and: `randomized`, `randomization_date`, `randomization_date_text`, `stratum`;
        `screening_date`, the first of consent and collection of demographics; `screen_failure`,
        `screen_failure_date`, `not_assigned`, `screening_reason`; `end_date`; `died`, from flag or
        date, be it partial.
    """
    people = _worded(tables.frames["DM"], DOMAINS["DM"], open_only=tables.is_open)
    randomized = given.randomized.select(
        pl.col("USUBJID").alias("subject"),
        pl.lit(True).alias("randomized"),
        "randomization_date",
        "randomization_date_text",
        "stratum",
    )
    return (
        people.join(randomized, on="subject", how="left")
        .join(given.screening, on="subject", how="left")
        .join(given.ends, on="subject", how="left")
        .with_columns(
            pl.col("randomized", "screen_failure", "not_assigned").fill_null(value=False),
            pl.min_horizontal("consent_date", "collection_date").alias("screening_date"),
            (
                pl.col("death_flag").is_not_null()
                | pl.col("death_date").is_not_null()
                | is_partial_date("death_date_text").fill_null(value=False)
            ).alias("died"),
        )
        .sort("subject")
    )


def takes_part_since() -> pl.Expr:
    """Of `participants`, the first day on which somebody can have left or died: randomization.

    Of who is not randomized it is that of screening.
    """
    randomized = pl.coalesce("randomization_date", first_day("randomization_date_text"))
    return pl.coalesce(randomized, "screening_date")


# What the rows of a domain of measurements measure, see `measures.measured`, by domain.
Measured = Callable[[str], pl.DataFrame]


def relations(
    tables: Tables, people: pl.DataFrame, trial: Trial, measured_in: Measured
) -> dict[str, pl.DataFrame]:
    """Every relation by name, open ones in the order of their first column, the key.

    Args:
        measured_in: of the frames of these tables, in their order.
    """
    days = people.select("subject", "randomization_date").unique(
        "subject", keep="first", maintain_order=True
    )
    made: dict[str, pl.DataFrame] = {"participant": people}
    for name, frame in tables.frames.items():
        if name == "DM":
            continue
        domain = DOMAINS[name]
        if name in tables.present:
            made[domain.relation] = _relation(
                frame, domain, days, trial, measured_in, open_only=tables.is_open
            )
        else:
            made[domain.relation] = _nothing(domain, trial, open_only=tables.is_open)
    made["blood_gas"] = blood_gases(made["laboratory"])
    made["dataset"] = pl.DataFrame(
        {
            "dataset": list(tables.frames),
            "relation": [DOMAINS[name].relation for name in tables.frames],
            "present": [name in tables.present for name in tables.frames],
        }
    )
    return made


def _relation(
    frame: pl.DataFrame,
    domain: Domain,
    days: pl.DataFrame,
    trial: Trial,
    measured_in: Measured,
    *,
    open_only: bool,
) -> pl.DataFrame:
    words = _worded(frame, domain, open_only=open_only)
    if domain.date:
        words = _with_study_day(words, days, domain.date)
    if domain.planned:
        words = _with_planned_visit(words, trial)
    if domain.measured:
        words = _with_baseline(_with_measures(words, measured_in(domain.name), domain.name))
    if domain.name == "PR":
        words = _with_support(words, trial)
    return words


_NOTHING: dict[tuple[Domain, str, bool], pl.DataFrame] = {}


def _nothing(domain: Domain, trial: Trial, *, open_only: bool) -> pl.DataFrame:
    """The relation of a domain that the extract does not have; the same in every extract."""
    key = (domain, trial.id, open_only)
    if key not in _NOTHING:
        days = pl.DataFrame(schema={"subject": pl.String, "randomization_date": pl.Date})
        frame = without_records(domain, open_only=open_only)
        _NOTHING[key] = _relation(
            frame,
            domain,
            days,
            trial,
            lambda name: measured(frame, name, trial),
            open_only=open_only,
        )
    return _NOTHING[key]


def _worded(frame: pl.DataFrame, domain: Domain, *, open_only: bool) -> pl.DataFrame:
    """Fields under their words; the text of a field that has a form under `<word>_text`.

    There a date is as ISO 8601 has it as far as it is known, for all that reads it. How it was
    written otherwise, complete relations have under `received_<NAME>`.
    """
    fields = domain.open_fields if open_only else domain.fields
    columns: list[pl.Expr | pl.Series] = [pl.col("record_key")]
    for field in fields:
        if field.typed:
            written = frame[field.name]
            text = _date_text(frame, field) if field.kind is Kind.DATE else written
            columns += [pl.col(field.word), text.alias(f"{field.word}_text")]
            if text is not written and not open_only:
                columns.append(written.alias(f"received_{field.name}"))
        else:
            columns.append(
                (trimmed(field.name) if field.name in domain.keys else pl.col(field.name)).alias(
                    field.word
                )
            )
    kept = frame.select(columns)
    if open_only:
        return kept
    named = {field.name for field in domain.fields} | {
        field.word for field in domain.fields if field.typed
    }
    extra = [
        name
        for name in frame.columns
        if name not in named and name != "record_key" and not name.startswith(BLANKS)
    ]
    return kept.with_columns(
        frame[name].alias(name if name in _OURS else f"received_{name}") for name in extra
    )


def _date_text(frame: pl.DataFrame, field: Field) -> pl.Series:
    """The texts of a date, those in another form of SDTM as what they state. Few are."""
    written, text = frame[field.name], pl.col(field.name)
    if is_empty(written):
        return written
    is_other = pl.col(field.word).is_null() | text.str.contains("24:00", literal=True)
    places = frame.select(pl.arg_where(text.is_not_null() & is_other)).to_series()
    if places.is_empty():
        return written
    said = frame[places].select(trimmed(field.name).map_batches(stated, pl.String)).to_series()
    places, said = places.filter(said.is_not_null()), said.drop_nulls()
    return written if said.is_empty() else written.clone().scatter(places, said)


def _with_study_day(words: pl.DataFrame, days: pl.DataFrame, date: str) -> pl.DataFrame:
    """Day 1 is the calendar date of randomization; the day before is -1: there is no day 0."""
    difference = (pl.col(date) - pl.col("_day_one")).dt.total_days()
    joined = words.select("subject", date).join(
        days.rename({"randomization_date": "_day_one"}),
        on="subject",
        how="left",
        maintain_order="left",
    )
    day = pl.when(difference >= 0).then(difference + 1).otherwise(difference).cast(pl.Int64)
    return words.with_columns(joined.select(day.alias("study_day")).to_series())


def _with_measures(words: pl.DataFrame, rows: pl.DataFrame, domain: str) -> pl.DataFrame:
    """The measure, its usable value in the measure's unit, and the detection limit's sign.

    Args:
        rows: the same beside what they measure.
    """
    result = f"{domain}ORRES"
    return words.with_columns(
        *rows.select("measure", "value").get_columns(),
        *read_of(rows, {result: [limit(result).alias("value_limit")]}),
    )


def _with_baseline(words: pl.DataFrame) -> pl.DataFrame:
    """Marks the last usable value on or before the date of randomization, by measure.

    Of several on that date, the one of the latest scheduled visit; of one visit, that of the blood
    gas which is the value of the day, else the first by key.
    """
    of_day = pl.col("gas").str.starts_with(DAY) if "gas" in words.columns else pl.lit(value=False)
    before = (
        words.select(
            "record_key",
            "subject",
            "measure",
            "value",
            "date",
            "study_day",
            "visit_number",
            of_day.fill_null(value=False).alias("_of_day"),
        )
        # Day 1 is the day of randomization.
        .filter(pl.col("value").is_not_null() & (pl.col("study_day") <= 1))
        .sort(
            "date",
            "visit_number",
            "_of_day",
            "record_key",
            descending=[True, True, True, False],
            nulls_last=True,
        )
        .unique(["subject", "measure"], keep="first", maintain_order=True)
    )
    return words.with_columns(
        pl.col("record_key").is_in(before["record_key"].implode()).alias("is_baseline")
    )


def _with_planned_visit(words: pl.DataFrame, trial: Trial) -> pl.DataFrame:
    schedule = pl.DataFrame(
        {
            "_visit": folded_terms(tuple(visit.visit for visit in trial.schedule)),
            "visit_number": [visit.number for visit in trial.schedule],
            "planned_day": [visit.day for visit in trial.schedule],
        }
    )

    def planned(rows: pl.DataFrame) -> pl.DataFrame:
        visits = rows.select(folded("visit").alias("_visit"))
        joined = visits.join(schedule, on="_visit", how="left", maintain_order="left")
        return joined.select("visit_number", "planned_day")

    return words.with_columns(by_distinct(words, ["visit"], planned))


def _with_support(words: pl.DataFrame, trial: Trial) -> pl.DataFrame:
    ranks = {item.name: item.support for item in trial.open.procedure_classes}
    support = looked_up(pl.col("procedure_class"), ranks, pl.Int64())
    return words.with_columns(support.alias("support"))


def paired_gases(laboratory: pl.DataFrame) -> pl.DataFrame:
    """PaO2 and FiO2 of each sample, and their ratio in mmHg, plausible or not.

    Samples are as `blood_gases` paired them before sealing; of open tables those that opened.
    `record_key` is that of the PaO2.
    """
    about = ["visit", "visit_number", "planned_day", "date", "study_day"]
    sample = ["subject", "visit_number", "date", "gas"]
    is_paired = pl.col("gas").is_not_null()
    if "sample" in laboratory.columns:
        sample.append("sample")
        is_paired = pl.col("sample").is_not_null()
    gases = laboratory.filter(
        is_paired & pl.col("measure").is_in([PAO2, FIO2]) & pl.col("value").is_not_null()
    )
    of_pressure = pl.col("measure") == PAO2
    return (
        gases.group_by(sample)
        .agg(
            pl.col("record_key", *(name for name in about if name not in sample))
            .filter(of_pressure)
            .first(),
            pl.col("value").filter(of_pressure).first().alias(PAO2),
            pl.col("value").filter(~of_pressure).first().alias(FIO2),
        )
        .with_columns(
            (pl.col(PAO2) / pl.col(FIO2)).alias("pao2_fio2"),
            pl.col("gas").str.starts_with(DAY).fill_null(value=False).alias("is_day_value"),
            pl.col("gas").str.ends_with(WORST).fill_null(value=False).alias("is_worst"),
        )
        .select(
            "record_key", "subject", *about, PAO2, FIO2, "pao2_fio2", "is_day_value", "is_worst"
        )
    )


def blood_gases(laboratory: pl.DataFrame) -> pl.DataFrame:
    """Samples with a plausible PaO2/FiO2, the baseline of each subject marked.

    `is_day_value` says which is the value of the visit and day, `is_worst` which has the lowest
    ratio of it; they are the same in every view. Only a value of the day is a baseline.
    """
    rows = paired_gases(laboratory).filter(pl.col("pao2_fio2").is_between(*PLAUSIBLE_RATIO))
    return (
        _with_baseline(
            rows.with_columns(
                pl.lit("pao2_fio2").alias("measure"),
                pl.when("is_day_value").then("pao2_fio2").alias("value"),
            )
        )
        .drop("measure", "value")
        .sort("record_key")
    )
