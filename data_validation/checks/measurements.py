"""Results of tests: units, specimens, plausible values; the same for every domain of them."""

import polars as pl

from data_validation.distinct import repeated
from data_validation.domains.measurements import MEASUREMENTS
from data_validation.facts import Domain, Severity
from data_validation.relations import PLAUSIBLE_RATIO, paired_gases
from data_validation.rules import Audience, Evidence, Heading, RuleKind, check
from data_validation.values import is_mark, trimmed


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
        return evidence.measured(name).filter(
            pl.col("measure").is_not_null(), text, pl.col("result").is_null()
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
            .group_by("_about", pl.col("_unit").str.to_lowercase().alias("_folded"))
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
    """PO2 rows whose ratio with the FIO2 of the same subject, visit and date is impossible."""
    impossible = paired_gases(evidence.relations["laboratory"]).filter(
        ~pl.col("pao2_fio2").is_between(*PLAUSIBLE_RATIO)
    )
    return evidence["LB"].filter(pl.col("record_key").is_in(impossible["record_key"].implode()))
