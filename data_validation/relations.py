"""From checked tables to the relations of a snapshot: words inside, study days and baseline ours.

The same functions make the open and the complete relations; what differs is what they are given.
"""

import polars as pl

from data_validation.distinct import by_distinct
from data_validation.domains import DOMAINS
from data_validation.facts import Domain, folded, folded_terms
from data_validation.released import Released
from data_validation.sealing import SEPARATOR, Tables, without_records
from data_validation.values import BLANKS, is_partial_date, limit, looked_up, read_of, trimmed
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


def relations(tables: Tables, people: pl.DataFrame, trial: Trial) -> dict[str, pl.DataFrame]:
    """Every relation by name, open ones in the order of their first column, the key."""
    days = people.select("subject", "randomization_date").unique(
        "subject", keep="first", maintain_order=True
    )
    made: dict[str, pl.DataFrame] = {"participant": people}
    for name, frame in tables.frames.items():
        if name == "DM":
            continue
        domain = DOMAINS[name]
        if name in tables.present:
            made[domain.relation] = _relation(frame, domain, days, trial, open_only=tables.is_open)
        else:
            made[domain.relation] = _nothing(domain, trial, open_only=tables.is_open)
    made["blood_gas"] = blood_gases(made["laboratory"], days)
    made["dataset"] = pl.DataFrame(
        {
            "dataset": list(tables.frames),
            "relation": [DOMAINS[name].relation for name in tables.frames],
            "present": [name in tables.present for name in tables.frames],
        }
    )
    return made


def _relation(
    frame: pl.DataFrame, domain: Domain, days: pl.DataFrame, trial: Trial, *, open_only: bool
) -> pl.DataFrame:
    words = _worded(frame, domain, open_only=open_only)
    if domain.date:
        words = _with_study_day(words, days, domain.date)
    if domain.planned:
        words = _with_planned_visit(words, trial)
    if domain.measured:
        words = _with_baseline(_with_measures(words, frame, domain.name, trial), days)
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
        _NOTHING[key] = _relation(frame, domain, days, trial, open_only=open_only)
    return _NOTHING[key]


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


def measured(frame: pl.DataFrame, domain: str, trial: Trial) -> pl.DataFrame:
    """Rows of a domain of measurements beside what they measure.

    A doubtful value is never used, and a check says so: `value` is null where the unit is missing
    or not the measure's, the value is implausible, or the specimen or category is none that counts.

    Returns:
        `frame` with `measure`, null where the test is none of the trial's; `converted`, the result
        in the measure's unit; `is_plausible`; `specimen_counts`; `value`.
    """
    deciding = [f"{domain}TESTCD", f"{domain}ORRESU", f"{domain}SPEC", f"{domain}CAT"]
    about = by_distinct(
        frame,
        [name for name in deciding if name in frame.columns],
        lambda rows: _about_measures(rows, domain, trial),
    )
    converted = (pl.col("result") + pl.col("_offset")) * pl.col("_factor")
    plausible = pl.col("converted").is_between(pl.col("_lower"), pl.col("_upper"))
    usable = pl.col("is_plausible") & pl.col("specimen_counts")
    used = (
        about.with_columns(frame["result"])
        .with_columns(converted.alias("converted"))
        .with_columns(plausible.alias("is_plausible"))
        .with_columns(pl.when(usable).then(pl.col("converted")).alias("value"))
    )
    return frame.with_columns(
        used.select("measure", "converted", "specimen_counts", "is_plausible", "value")
    )


def _about_measures(rows: pl.DataFrame, domain: str, trial: Trial) -> pl.DataFrame:
    """What test, unit, specimen and category say of a result, whatever the result is."""
    measures = [item for item in trial.measures if item.domain == domain]
    codes = {item.code.upper(): item.name for item in measures}
    lower = {item.name: item.lower for item in measures}
    upper = {item.name: item.upper for item in measures}
    factors: dict[str, float] = {}
    offsets: dict[str, float] = {}
    specimens: list[str] = []
    categories: list[str] = []
    for item in measures:
        prefix = item.name + SEPARATOR
        factors |= {prefix + unit.lower(): factor for unit, factor in item.factors.items()}
        offsets |= {prefix + unit.lower(): offset for unit, offset in item.offsets.items()}
        specimens += [prefix + specimen for specimen in folded_terms(item.specimens)]
        categories += [prefix + category for category in folded_terms(item.categories)]
    any_specimen = [item.name for item in measures if not item.specimens]
    any_category = [item.name for item in measures if not item.categories]

    measure = pl.col("measure")
    code = trimmed(f"{domain}TESTCD").str.to_uppercase()
    unit = pl.col(f"{domain}ORRESU").fill_null("").str.strip_chars().str.to_lowercase()
    in_unit = pl.concat_str(measure, unit, separator=SEPARATOR)
    counts = measure.is_in(any_specimen)
    if specimens and f"{domain}SPEC" in rows.columns:
        taken_from = pl.concat_str(measure, folded(f"{domain}SPEC"), separator=SEPARATOR)
        counts |= taken_from.is_in(specimens).fill_null(value=False)
    if categories:
        of_category = pl.concat_str(measure, folded(f"{domain}CAT"), separator=SEPARATOR)
        counts &= measure.is_in(any_category) | of_category.is_in(categories).fill_null(value=False)
    return rows.with_columns(looked_up(code, codes, pl.String()).alias("measure")).select(
        "measure",
        counts.alias("specimen_counts"),
        looked_up(in_unit, factors, pl.Float64()).alias("_factor"),
        looked_up(in_unit, offsets, pl.Float64()).fill_null(0.0).alias("_offset"),
        looked_up(measure, lower, pl.Float64()).alias("_lower"),
        looked_up(measure, upper, pl.Float64()).alias("_upper"),
    )


def _with_measures(
    words: pl.DataFrame, frame: pl.DataFrame, domain: str, trial: Trial
) -> pl.DataFrame:
    """The measure, its usable value in the measure's unit, and the detection limit's sign."""
    result = f"{domain}ORRES"
    return words.with_columns(
        *measured(frame, domain, trial).select("measure", "value").get_columns(),
        *read_of(frame, {result: [limit(result).alias("value_limit")]}),
    )


def _with_baseline(words: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Marks the last usable value on or before the date of randomization, by measure.

    Of several on that date, the one of the latest scheduled visit; of one visit, the first by key.
    """
    before = (
        words.select("record_key", "subject", "measure", "value", "date", "visit_number")
        .join(days, on="subject", how="left")
        .filter(pl.col("value").is_not_null() & (pl.col("date") <= pl.col("randomization_date")))
        .sort("date", "visit_number", "record_key", descending=[True, True, False], nulls_last=True)
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
    """Arterial PaO2 and FiO2 of the same sample, and their ratio in mmHg, plausible or not.

    A sample is one subject, visit and date; where a visit holds two of either, which belongs to
    which is not known and no ratio is formed. `record_key` is that of the PaO2.
    """
    sample = ["subject", "visit", "visit_number", "planned_day", "date", "study_day"]
    gases = laboratory.filter(
        pl.col("measure").is_in(["pao2", "fio2"]) & pl.col("value").is_not_null()
    )
    return (
        gases.group_by(sample)
        .agg(
            pl.col("record_key").filter(pl.col("measure") == "pao2").min().alias("record_key"),
            pl.col("value").filter(pl.col("measure") == "pao2").alias("pao2"),
            pl.col("value").filter(pl.col("measure") == "fio2").alias("fio2"),
        )
        .filter((pl.col("pao2").list.len() == 1) & (pl.col("fio2").list.len() == 1))
        .with_columns(pl.col("pao2").list.first(), pl.col("fio2").list.first())
        .with_columns((pl.col("pao2") / pl.col("fio2")).alias("pao2_fio2"))
        .select("record_key", *sample, "pao2", "fio2", "pao2_fio2")
    )


def blood_gases(laboratory: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Samples with a plausible PaO2/FiO2, the baseline of each subject marked."""
    rows = paired_gases(laboratory).filter(pl.col("pao2_fio2").is_between(*PLAUSIBLE_RATIO))
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
