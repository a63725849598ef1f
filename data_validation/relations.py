"""From checked tables to the relations of a snapshot: words inside, study days and baseline ours.

The same functions make the open and the complete relations; what differs is what they are given.
"""

import polars as pl

from data_validation.domains import DOMAINS
from data_validation.facts import Domain, folded, folded_terms
from data_validation.sealing import Tables
from data_validation.values import limit, trimmed
from trials import Measure, Trial

# The date that places a record in the study, by domain.
RECORD_DATE = {
    "DS": "start_date",
    "IE": "date",
    "SV": "start_date",
    "EX": "start_date",
    "AE": "start_date",
    "LB": "date",
    "VS": "date",
    "PR": "start_date",
}


def participants(tables: Tables, randomized: pl.DataFrame) -> pl.DataFrame:
    """One row a subject of DM, with what is known of screening and randomization.

    Args:
        randomized: as `sealing.released_randomization` returns it.

    Returns:
        DM's words, and: `randomized`, `randomization_date`, `stratum`; `screening_date`, the first
        of consent and collection of demographics; `screen_failure`, `screen_failure_date`;
        `died`, from flag or date.
    """
    people = _worded(tables.frames["DM"], DOMAINS["DM"], open_only=tables.is_open)
    released = randomized.select(
        pl.col("USUBJID").alias("subject"),
        pl.lit(True).alias("randomized"),
        "randomization_date",
        "stratum",
    )
    return (
        people.join(released, on="subject", how="left")
        .join(_screen_failures(tables), on="subject", how="left")
        .with_columns(
            pl.col("randomized").fill_null(value=False),
            pl.min_horizontal("consent_date", "collection_date").alias("screening_date"),
            pl.col("screen_failure").fill_null(value=False),
            (pl.col("death_flag").is_not_null() | pl.col("death_date").is_not_null()).alias("died"),
        )
        .sort("subject")
    )


def _screen_failures(tables: Tables) -> pl.DataFrame:
    return (
        tables.frames["DS"]
        .filter(folded("DSDECOD").is_in(folded_terms(("SCREEN FAILURE", "SCREENING FAILURE"))))
        .group_by(trimmed("USUBJID").alias("subject"))
        .agg(
            pl.lit(True).alias("screen_failure"),
            pl.col("start_date").min().alias("screen_failure_date"),
        )
    )


def relations(tables: Tables, people: pl.DataFrame, trial: Trial) -> dict[str, pl.DataFrame]:
    """Every relation by name, each in the order of its first column, its key."""
    days = people.select("subject", "randomization_date")
    made: dict[str, pl.DataFrame] = {"participant": people}
    for name, frame in tables.frames.items():
        if name == "DM":
            continue
        domain = DOMAINS[name]
        words = _worded(frame, domain, open_only=tables.is_open)
        if name in RECORD_DATE:
            words = _with_study_day(words, days, RECORD_DATE[name])
        if name in ("LB", "VS"):
            words = _with_baseline(_with_measures(words, frame, domain, trial), days)
        if name in ("LB", "VS", "SV"):
            words = _with_planned_visit(words, trial)
        if name == "PR":
            words = _with_support(words, trial)
        made[domain.relation] = words.sort("record_key")
    made["blood_gas"] = blood_gases(made["laboratory"], days)
    made["dataset"] = pl.DataFrame(
        {
            "dataset": list(tables.frames),
            "relation": [DOMAINS[name].relation for name in tables.frames],
            "present": [name in tables.present for name in tables.frames],
        }
    )
    return made


def _worded(frame: pl.DataFrame, domain: Domain, *, open_only: bool) -> pl.DataFrame:
    """Fields under their words; the text of a field that has a form under `<word>_text`."""
    fields = domain.open_fields if open_only else domain.fields
    columns: list[pl.Expr] = [pl.col("record_key")]
    for field in fields:
        if field.typed:
            columns.append(pl.col(field.word))
            columns.append(pl.col(field.name).alias(f"{field.word}_text"))
        else:
            columns.append(
                (trimmed(field.name) if field.name in domain.keys else pl.col(field.name)).alias(
                    field.word
                )
            )
    kept = frame.select(columns)
    if open_only:
        return kept
    known = {field.name for field in domain.fields} | {
        word for field in domain.fields if field.typed for word in (field.word,)
    }
    extra = [name for name in frame.columns if name not in known and name != "record_key"]
    return kept.with_columns(
        frame[name].alias(name if name.startswith("_") else f"received_{name}") for name in extra
    )


def _with_study_day(words: pl.DataFrame, days: pl.DataFrame, date: str) -> pl.DataFrame:
    """Day 1 is the calendar date of randomization; the day before is -1: there is no day 0."""
    difference = (pl.col(date) - pl.col("_day_one")).dt.total_days()
    return (
        words.join(
            days.rename({"randomization_date": "_day_one"}),
            on="subject",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.when(difference >= 0)
            .then(difference + 1)
            .otherwise(difference)
            .cast(pl.Int64)
            .alias("study_day")
        )
        .drop("_day_one")
    )


def _with_measures(
    words: pl.DataFrame, frame: pl.DataFrame, domain: Domain, trial: Trial
) -> pl.DataFrame:
    """The measure, its value in the measure's unit, and the detection limit's sign.

    The value is null where the unit is missing or not the measure's, the specimen is not one that
    counts, or the value is implausible: a doubtful value is never used, and a check says so.
    """
    measures = [item for item in trial.measures if item.domain == domain.name]
    value = pl.lit(None, dtype=pl.Float64)
    name = pl.lit(None, dtype=pl.String)
    for measure in measures:
        is_it = trimmed(f"{domain.name}TESTCD").str.to_uppercase() == measure.code.upper()
        name = pl.when(is_it).then(pl.lit(measure.name)).otherwise(name)
        value = pl.when(is_it).then(usable_value(measure)).otherwise(value)
    return words.with_columns(
        frame.select(
            name.alias("measure"),
            value.alias("value"),
            limit(f"{domain.name}ORRES").alias("value_limit"),
        )
    )


def converted_value(measure: Measure) -> pl.Expr:
    """The result in the measure's unit; null where the recorded unit is missing or unknown."""
    unit = pl.col(f"{measure.domain}ORRESU").fill_null("").str.strip_chars().str.to_lowercase()
    value = pl.lit(None, dtype=pl.Float64)
    for recorded, factor in measure.factors.items():
        shift = next(
            (
                number
                for name, number in measure.offsets.items()
                if name.lower() == recorded.lower()
            ),
            0.0,
        )
        value = (
            pl.when(unit == recorded.lower())
            .then((pl.col("result") + shift) * factor)
            .otherwise(value)
        )
    return value


def counts_by_specimen(measure: Measure) -> pl.Expr:
    """Whether the specimen is one that the measure accepts; measures without a list accept all."""
    if not measure.specimens:
        return pl.lit(True)
    return folded("LBSPEC").is_in(folded_terms(measure.specimens)).fill_null(value=False)


def usable_value(measure: Measure) -> pl.Expr:
    """The converted value where the specimen counts and the value is plausible, else null."""
    value = converted_value(measure)
    return pl.when(
        value.is_between(measure.lower, measure.upper) & counts_by_specimen(measure)
    ).then(value)


def _with_baseline(words: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Marks the last usable value on or before the date of randomization, by measure.

    Of several on that date, the one of the latest scheduled visit; of one visit, the first by key.
    """
    before = (
        words.select("record_key", "subject", "measure", "value", "date", "visit")
        .join(days, on="subject", how="left")
        .filter(pl.col("value").is_not_null() & (pl.col("date") <= pl.col("randomization_date")))
        .sort("date", "visit", "record_key", descending=[True, False, False], nulls_last=True)
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
    return (
        words.with_columns(folded("visit").alias("_visit"))
        .join(schedule, on="_visit", how="left", maintain_order="left")
        .drop("_visit")
    )


def _with_support(words: pl.DataFrame, trial: Trial) -> pl.DataFrame:
    ranks = {item.name: item.support for item in trial.open.procedure_classes}
    return words.with_columns(
        pl.col("procedure_class")
        .replace_strict(ranks, default=None, return_dtype=pl.Int64)
        .alias("support")
        if ranks
        else pl.lit(None, dtype=pl.Int64).alias("support")
    )


def blood_gases(laboratory: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Arterial PaO2 and FiO2 of the same sample, and their ratio in mmHg.

    A sample is one subject, visit and date; where a visit holds two of either, which belongs to
    which is not known and no ratio is formed.
    """
    sample = ["subject", "visit", "visit_number", "planned_day", "date", "study_day"]
    gases = laboratory.filter(
        pl.col("measure").is_in(["pao2", "fio2"]) & pl.col("value").is_not_null()
    )
    paired = (
        gases.group_by(sample)
        .agg(
            pl.col("record_key").filter(pl.col("measure") == "pao2").min().alias("record_key"),
            pl.col("value").filter(pl.col("measure") == "pao2").alias("pao2"),
            pl.col("value").filter(pl.col("measure") == "fio2").alias("fio2"),
        )
        .filter((pl.col("pao2").list.len() == 1) & (pl.col("fio2").list.len() == 1))
        .with_columns(pl.col("pao2").list.first(), pl.col("fio2").list.first())
        .with_columns((pl.col("pao2") / pl.col("fio2")).alias("pao2_fio2"))
        .filter(pl.col("pao2_fio2").is_between(*PLAUSIBLE_RATIO))
    )
    rows = paired.select("record_key", *sample, "pao2", "fio2", "pao2_fio2")
    return (
        _with_baseline(
            rows.with_columns(
                pl.lit("pao2_fio2").alias("measure"), pl.col("pao2_fio2").alias("value")
            ),
            days,
        )
        .drop("measure", "value")
        .sort("record_key")
    )


# mmHg; outside these bounds the ratio is a finding and is not used.
PLAUSIBLE_RATIO = (20.0, 700.0)
