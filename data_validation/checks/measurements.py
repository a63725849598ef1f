"""Results of tests: units, specimens, plausible values; the same for every domain of them."""

import polars as pl

from data_validation.blood_gases import PLAUSIBLE_RATIO
from data_validation.distinct import repeated
from data_validation.domains import DOMAINS
from data_validation.domains.measurements import MEASUREMENTS
from data_validation.facts import Domain, Severity
from data_validation.relations import paired_gases
from data_validation.rules import Audience, Evidence, Heading, RuleKind, check
from data_validation.units import folded_units
from data_validation.values import is_mark, trimmed
from trials import Trial


def _implausible(evidence: Evidence, name: str) -> pl.DataFrame:
    """Rows of a measure outside its plausible range; `_fits`: the units in which they are not."""
    return evidence.once(f"implausible {name}", lambda: _fitting_units(evidence, name))


def _fitting_units(evidence: Evidence, name: str) -> pl.DataFrame:
    rows = evidence.measured(name).filter(~pl.col("is_plausible"))
    units = [
        (item.name, unit, factor, item.offsets.get(unit, 0.0), item.lower, item.upper)
        for item in evidence.trial.measures
        if item.domain == name
        for unit, factor in item.factors.items()
        if unit
    ]
    schema = ["measure", "_unit", "_factor", "_offset", "_lower", "_upper"]
    ranges = pl.DataFrame(units, schema=schema, orient="row") if units else None
    if ranges is None or rows.is_empty():
        return rows.with_columns(pl.lit("").alias("_fits"))
    value = (pl.col("result") + pl.col("_offset")) * pl.col("_factor")
    fitting = (
        rows.select("record_key", "measure", "result")
        .join(ranges, on="measure")
        .filter(value.is_between(pl.col("_lower"), pl.col("_upper")))
        .group_by("record_key")
        .agg(pl.col("_unit").str.join(" or ").alias("_fits"))
    )
    return rows.join(fitting, on="record_key", how="left", maintain_order="left").with_columns(
        pl.col("_fits").fill_null("")
    )


def _of_the_dataset(**cell: str | None) -> pl.DataFrame:
    """One row about a dataset as a whole, of no record; none where the cell is empty."""
    row = {"record_key": None, "USUBJID": None, "_about": "", **cell}
    return pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)).drop_nulls(list(cell))


def _of_each_domain(domain: Domain) -> None:
    """The checks on one domain of measurements."""
    name = domain.name
    test, result, unit = f"{name}TESTCD", f"{name}ORRES", f"{name}ORRESU"

    @check(
        Heading(RuleKind.PLAUSIBILITY, f"{name}-101", unit, Severity.MAJOR),
        sentence="The unit is missing or not one of the measure's; the value is not used.",
        why="A value without its unit can be wrong by a factor (mmHg and kPa, cm and in).",
        query=f"The unit of {{{test}}} is {{{unit}}} in {{_records}} of its results. Which is it?",
        audience=Audience.EXPORT,
        cause=(test, unit),
    )
    def unknown_unit(evidence: Evidence) -> pl.DataFrame:
        """A number whose unit the measure does not know."""
        return evidence.measured(name).filter(
            pl.col("measure").is_not_null(),
            pl.col("result").is_not_null(),
            pl.col("converted").is_null(),
        )

    @check(
        Heading(RuleKind.PLAUSIBILITY, f"{name}-102", result, Severity.MAJOR),
        sentence="The value is not plausible in any unit of the measure; it is not used.",
        why="Physiology; usually a slipped decimal or another test's result.",
        query=f"The result of {{{test}}} is {{{result}}} {{{unit}}}. Please check value and unit.",
    )
    def impossible(evidence: Evidence) -> pl.DataFrame:
        """A converted value outside the measure's plausible range, whatever the unit."""
        return _implausible(evidence, name).filter(pl.col("_fits") == "")

    @check(
        Heading(RuleKind.PLAUSIBILITY, f"{name}-112", unit, Severity.MAJOR),
        sentence="The size of the value contradicts its unit; it is not used.",
        why="Physiology: the value is plausible in another unit of the measure, and not in this.",
        query=f"The result of {{{test}}} is {{{result}}} {{{unit}}}, which is not plausible. In "
        "{_fits} it would be. Which unit is correct?",
    )
    def contradicted_unit(evidence: Evidence) -> pl.DataFrame:
        """A converted value outside the plausible range that is inside it in another unit."""
        return _implausible(evidence, name).filter(pl.col("_fits") != "")

    @check(
        Heading(RuleKind.STRUCTURE, f"{name}-107", result, Severity.MINOR),
        sentence="The result of a measure is text and no number; it is not used.",
        why="Only numbers can be shown over time; a detection limit is written with < or >.",
        query=f"The result of {{{test}}} is “{{{result}}}”. Expected a number, or < or > and a "
        "number. Please correct it.",
    )
    def text_for_a_number(evidence: Evidence) -> pl.DataFrame:
        """A result of a measure that is neither a number nor a mark for none."""
        text = trimmed(result).is_not_null() & ~is_mark(result)
        # Few results are no numbers, and only their texts are looked at.
        return (
            evidence.measured(name)
            .filter(pl.col("measure").is_not_null(), pl.col("result").is_null())
            .filter(text)
        )

    @check(
        Heading(RuleKind.AGREEMENT, f"{name}-108", unit, Severity.MINOR),
        sentence="The extract gives one test in several units.",
        why="A reader who does not look at the unit of each value compares what differs by a "
        "factor. Measures of the trial are converted by the unit that is recorded.",
        query="{_about} is given in several units: {_units}. Please confirm the unit of each "
        "result, or send all in one.",
        audience=Audience.EXPORT,
    )
    def mixed_units(evidence: Evidence) -> pl.DataFrame:
        """Tests, by specimen, with more than one unit; one row a test."""
        frame = evidence[name]
        about = [trimmed(test).str.to_uppercase()]
        if f"{name}SPEC" in frame.columns:
            about.append(trimmed(f"{name}SPEC").str.to_uppercase())
        columns = [column for column in (test, f"{name}SPEC", unit) if column in frame.columns]
        units = (
            frame.lazy()
            .filter(pl.col("result").is_not_null())
            .group_by(columns)
            .agg(pl.len().alias("_rows"))
            .select(
                pl.concat_str(about, separator=", ", ignore_nulls=True).alias("_about"),
                trimmed(unit).alias("_unit"),
                "_rows",
            )
            .filter(pl.col("_unit").is_not_null(), pl.col("_about") != "")
            .group_by(
                "_about", pl.col("_unit").map_batches(folded_units, pl.String).alias("_folded")
            )
            .agg(pl.col("_rows").sum(), pl.col("_unit").min())
            .filter(pl.len().over("_about") > 1)
            .sort("_about", "_rows", "_unit", descending=[False, True, False])
            .group_by("_about", maintain_order=True)
            .agg(pl.format("{} ({})", "_unit", "_rows").str.join(", ").alias("_units"))
            .collect()
        )
        return units.with_columns(
            pl.lit(None, dtype=pl.String).alias("record_key"),
            pl.lit(None, dtype=pl.String).alias("USUBJID"),
            pl.col("_units").alias(unit),
        )

    @check(
        Heading(RuleKind.AGREEMENT, f"{name}-109", test, Severity.MINOR),
        sentence="Two results of the same test have the same time.",
        why="It is not known which of them counts.",
        query=f"{{{test}}} is there more than once at visit {{VISIT}}, {{{name}DTC}}. Please say "
        "which result is right.",
        sealed=True,
    )
    def same_test_twice(evidence: Evidence) -> pl.DataFrame:
        """Same subject, test, category, specimen, position, time point and moment to the minute."""
        of_domain = ("TESTCD", "CAT", "SPEC", "TPT", "METHOD", "POS", "LOC", "DTC")
        by = [*(f"{name}{suffix}" for suffix in of_domain), "VISIT", "USUBJID"]
        frame = evidence[name]
        equal = [pl.col(column) for column in by if column in frame.columns]
        timed = repeated(frame, equal).filter(
            trimmed(f"{name}DTC").str.contains(r"[T ][0-9]{2}:[0-9]{2}"),
            trimmed(test).is_not_null(),
            trimmed(result).is_not_null(),
        )
        return repeated(timed, equal)

    @check(
        Heading(RuleKind.STRUCTURE, f"{name}-113", "VISIT", Severity.MAJOR),
        sentence="Results of the trial's measures have no visit.",
        why="The schedule common to both arms: what is at none of its visits stays sealed. Without "
        "a visit a result is of the one planned on its day, else of the only one in whose window "
        "it is.",
        query=f"Results in {name}: {{VISIT}}. Please send VISIT, as the schedule names it, with "
        "each result.",
    )
    def no_visit(evidence: Evidence) -> pl.DataFrame:
        """Results of measures without a visit; one row, with how many were placed by date."""
        counts = evidence.tables.counts.get(name, {})
        lacking, placed = counts.get("no_visit", 0), counts.get("by_date", 0)
        return _of_the_dataset(
            VISIT=f"{lacking:,} without a visit, {placed:,} placed by date, "
            f"{lacking - placed:,} not shown"
            if lacking
            else None
        )

    @check(
        Heading(RuleKind.STRUCTURE, f"{name}-114", "VISIT", Severity.MAJOR),
        sentence="No result of the trial's measures is at a visit of the schedule.",
        why="The schedule common to both arms: results at other visits stay sealed.",
        query=f"Results in {name}: {{VISIT}}. Please name visits as the schedule does, or the "
        "schedule as the extract does.",
    )
    def no_scheduled_visit(evidence: Evidence) -> pl.DataFrame:
        """Datasets of which no result opens and some are at other visits; one row."""
        others = evidence.tables.counts.get(name, {}).get("not_scheduled", 0)
        return _of_the_dataset(
            VISIT=f"{others:,} at visits that are not of the schedule, none shown"
            if others
            else None
        )

    if f"{name}SPEC" not in domain.by_name:
        return

    @check(
        Heading(RuleKind.PLAUSIBILITY, f"{name}-103", f"{name}SPEC", Severity.MAJOR),
        sentence="The specimen is not recorded as one that counts; the value is not used.",
        why="A venous PO2 taken for an arterial one would show a lung far worse than it is.",
        query=f"The specimen of {{{test}}} is {{{name}SPEC}}. Was it {{_specimen}}?",
    )
    def other_specimen(evidence: Evidence) -> pl.DataFrame:
        """A result of a measure with a list of specimens, from none of them."""
        first = {item.name: item.specimens[0] for item in evidence.trial.measures if item.specimens}
        rows = evidence.measured(name).filter(
            pl.col("measure").is_in(list(first)),
            pl.col("result").is_not_null(),
            ~pl.col("specimen_counts"),
        )
        named = pl.col("measure").replace_strict(first, default=None, return_dtype=pl.String)
        return rows.with_columns(named.alias("_specimen"))


for _domain in MEASUREMENTS:
    _of_each_domain(_domain)


@check(
    Heading(RuleKind.PLAUSIBILITY, "LB-104", "LBORRES", Severity.MAJOR),
    sentence="PaO2/FiO2 of this sample is outside 20 to 700 mmHg; the ratio is not used.",
    why="No patient lives outside; usually a unit of PaO2 or a percent FiO2.",
    query="PaO2 is {LBORRES} {LBORRESU}; with FiO2 of the same sample the ratio is impossible. "
    "Please check value and unit of both.",
)
def impossible_ratio(evidence: Evidence) -> pl.DataFrame:
    """PO2 rows whose ratio with the FIO2 of the same sample is impossible."""
    impossible = paired_gases(evidence.relations["laboratory"]).filter(
        ~pl.col("pao2_fio2").is_between(*PLAUSIBLE_RATIO)
    )
    return evidence["LB"].filter(pl.col("record_key").is_in(impossible["record_key"].implode()))


@check(
    Heading(RuleKind.AGREEMENT, "LB-115", "LBTESTCD", Severity.MAJOR),
    sentence="PaO2 results are without the FiO2 of the same sample; they have no ratio.",
    why="PaO2/FiO2 is of one sample: of one minute, else of one LBREFID or LBSPID, else the only "
    "two of the visit and day. Several of a day without clock times have no first one.",
    query="{LBTESTCD}. Please send LBDTC with the clock time, and LBREFID, with each of both.",
)
def unpaired_gases(evidence: Evidence) -> pl.DataFrame:
    """PaO2 of which the FiO2 is not known among those of the day; days without a first sample.

    One row, with how many.
    """
    counts = evidence.tables.counts.get("LB", {})
    unpaired, without_time = counts.get("unpaired", 0), counts.get("without_time", 0)
    return _of_the_dataset(
        LBTESTCD=f"{unpaired:,} of {counts['pressures']:,} PaO2 results without the FiO2 of the "
        f"same sample, {without_time:,} days with several samples and no clock time"
        if unpaired or without_time
        else None
    )


def _with_limits(trial: Trial) -> pl.DataFrame:
    """Which limits of normal the trial holds results against: `measure`, `_limit`, `_words`."""
    high, low = ("normal_high", "upper"), ("normal_low", "lower")
    wanted = [
        (item.measure, *limit)
        for item in trial.grades
        for limit, is_used in (
            (high, item.rises),
            (low, any(step.below_normal for step in item.steps)),
        )
        if is_used
    ]
    if trial.liver is not None:
        names = (
            *trial.liver.aminotransferases,
            trial.liver.bilirubin,
            trial.liver.alkaline_phosphatase,
        )
        wanted += [(name, *high) for name in names if name is not None]
    schema = ["measure", "_limit", "_words"]
    return pl.DataFrame(wanted, schema=dict.fromkeys(schema, pl.String), orient="row").unique(
        maintain_order=True
    )


@check(
    Heading(RuleKind.AGREEMENT, "LB-116", "LBTESTCD", Severity.MAJOR),
    sentence="Results that are graded or judged have no limit of normal; they are not.",
    why="Grades and signs of liver injury are multiples of the limit of the laboratory; a limit of "
    "0 or below is none. A participant whose highest result has none is not judged.",
    query="{LBTESTCD}: {_missing} of {_results} results have no {_words} limit of normal "
    "({_limit_field}). Please send it with each result.",
)
def without_limit(evidence: Evidence) -> pl.DataFrame:
    """Measures held against a limit of normal of which results have none; one row a measure.

    Of a limit that the extract does not have at all, the missing column is the finding.
    """
    wanted = _with_limits(evidence.trial)
    absent = {DOMAINS["LB"].by_name[name].word for name in evidence.tables.absent.get("LB", ())}
    limit = pl.when(pl.col("_limit") == "normal_high").then("normal_high").otherwise("normal_low")
    labels = {name: item.label for name, item in evidence.trial.measures_by_name.items()}
    return (
        evidence.measured("LB")
        .select("measure", "value", "normal_high", "normal_low")
        .filter(pl.col("value").is_not_null())
        .join(wanted.filter(~pl.col("_limit").is_in(list(absent))), on="measure")
        .group_by("measure", "_limit", "_words")
        .agg(
            pl.len().alias("_results"),
            (~(limit > 0).fill_null(value=False)).sum().alias("_missing"),
        )
        .filter(pl.col("_missing") > 0)
        .sort("measure", "_limit")
        .select(
            pl.lit(None, pl.String).alias("record_key"),
            pl.lit(None, pl.String).alias("USUBJID"),
            pl.format("{} {}", "measure", "_limit").alias("_about"),
            pl.col("measure").replace(labels).alias("LBTESTCD"),
            "_missing",
            "_results",
            "_words",
            pl.when(pl.col("_limit") == "normal_high")
            .then(pl.lit("LBORNRHI"))
            .otherwise(pl.lit("LBORNRLO"))
            .alias("_limit_field"),
        )
    )
