"""What a result measures, by the trial definition, and its value in the unit of the measure."""

import polars as pl

from data_validation.distinct import by_distinct
from data_validation.facts import folded, folded_terms
from data_validation.units import by_unit, folded_units
from data_validation.values import looked_up, trimmed
from trials import Trial

SEPARATOR = "\x1f"


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
        factors |= {prefix + unit: factor for unit, factor in by_unit(item.factors).items()}
        offsets |= {prefix + unit: offset for unit, offset in by_unit(item.offsets).items()}
        specimens += [prefix + specimen for specimen in folded_terms(item.specimens)]
        categories += [prefix + category for category in folded_terms(item.categories)]
    any_specimen = [item.name for item in measures if not item.specimens]
    any_category = [item.name for item in measures if not item.categories]

    measure = pl.col("measure")
    code = trimmed(f"{domain}TESTCD").str.to_uppercase()
    unit = pl.col(f"{domain}ORRESU").map_batches(folded_units, pl.String)
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
