"""Eligibility of everyone randomized, as far as limits can be held against the data."""

import polars as pl

from data_validation.checks.common import is_measure, with_person
from data_validation.facts import Severity
from data_validation.relations import usable_value
from data_validation.rules import Evidence, check
from data_validation.values import trimmed
from trials import Criterion, Measure


def _outside(column: str, criterion: Criterion) -> pl.Expr:
    too_low = pl.col(column) < criterion.lower if criterion.lower is not None else pl.lit(False)
    too_high = pl.col(column) > criterion.upper if criterion.upper is not None else pl.lit(False)
    return too_low | too_high


def _criterion(evidence: Evidence, measure: str) -> Criterion | None:
    found = [item for item in evidence.trial.criteria if item.measure == measure]
    return found[0] if found else None


def _baseline(evidence: Evidence, measure: Measure) -> pl.DataFrame:
    """`_subject` and the last usable value on or before the date of randomization."""
    return (
        with_person(evidence, measure.domain)
        .filter(is_measure(measure), pl.col("date") <= pl.col("randomization_date"))
        .with_columns(usable_value(measure).alias("_value"))
        .filter(pl.col("_value").is_not_null())
        .sort("date", "record_key", descending=[True, False])
        .unique("_subject", keep="first", maintain_order=True)
        .select("_subject", "VISIT", "date", pl.col("_value").alias(f"_{measure.name}"))
    )


@check(
    id="DM-111",
    domain="DM",
    field="AGE",
    severity=Severity.MAJOR,
    sentence="The participant is randomized although the age is outside the protocol's limits.",
    why="Protocol, inclusion criterion on age.",
    query="{USUBJID} is randomized at age {AGE}. Please check the age, or report a deviation.",
)
def age_outside_limits(evidence: Evidence) -> pl.DataFrame:
    """Randomized, age outside the criterion's limits."""
    criterion = _criterion(evidence, "age")
    if criterion is None:
        return evidence["DM"].clear()
    return with_person(evidence, "DM").filter("randomized", _outside("age", criterion))


@check(
    id="DM-112",
    domain="DM",
    field="USUBJID",
    severity=Severity.MAJOR,
    sentence="The participant is randomized although the BMI is outside the protocol's limits.",
    why="Protocol, inclusion criterion on the body mass index, recomputed from height and weight.",
    query="{USUBJID} is randomized with a BMI of {bmi} kg/m². Please check height and weight.",
    needs=("VS",),
)
def bmi_outside_limits(evidence: Evidence) -> pl.DataFrame:
    """Randomized; weight / height² at baseline outside the criterion's limits."""
    criterion = _criterion(evidence, "bmi")
    by_name = {item.name: item for item in evidence.trial.measures}
    if criterion is None or not {"height", "weight"} <= set(by_name):
        return evidence["DM"].clear()
    height = _baseline(evidence, by_name["height"]).select("_subject", "_height")
    weight = _baseline(evidence, by_name["weight"]).select("_subject", "_weight")
    return (
        with_person(evidence, "DM")
        .join(height, on="_subject", how="inner", maintain_order="left")
        .join(weight, on="_subject", how="inner", maintain_order="left")
        .with_columns((pl.col("_weight") / (pl.col("_height") / 100) ** 2).round(1).alias("bmi"))
        .filter("randomized", _outside("bmi", criterion))
    )


@check(
    id="DM-113",
    domain="DM",
    field="USUBJID",
    severity=Severity.MAJOR,
    sentence="The participant is randomized although PaO2/FiO2 is above the protocol's limit.",
    why="Protocol, inclusion criterion on refractory hypoxia; the limit is the trial definition's.",
    query="{USUBJID} is randomized with PaO2/FiO2 of {pao2_fio2} mmHg. Please check the gas.",
    needs=("LB",),
)
def oxygenation_outside_limits(evidence: Evidence) -> pl.DataFrame:
    """Randomized; PaO2/FiO2 of the last sample up to randomization outside the limits."""
    criterion = _criterion(evidence, "pao2_fio2")
    by_name = {item.name: item for item in evidence.trial.measures}
    if criterion is None or not {"pao2", "fio2"} <= set(by_name):
        return evidence["DM"].clear()
    sample = ["_subject", "VISIT", "date"]
    ratio = (
        _baseline(evidence, by_name["pao2"])
        .join(_baseline(evidence, by_name["fio2"]), on=sample, how="inner")
        .select("_subject", (pl.col("_pao2") / pl.col("_fio2")).round(0).alias("pao2_fio2"))
    )
    return (
        with_person(evidence, "DM")
        .join(ratio, on="_subject", how="inner", maintain_order="left")
        .filter("randomized", _outside("pao2_fio2", criterion))
    )


@check(
    id="DM-114",
    domain="DM",
    field="USUBJID",
    severity=Severity.MINOR,
    sentence="The screening is over for 30 days and its outcome is not recorded.",
    why="The screening flow cannot place the participant.",
    query="{USUBJID} was screened and neither randomized nor recorded as a screen failure. Which?",
)
def screening_without_outcome(evidence: Evidence) -> pl.DataFrame:
    """Screened more than 30 days before the cut-off; neither randomized nor a screen failure."""
    if evidence.cutoff is None:
        return evidence["DM"].clear()
    screened = pl.min_horizontal("consent_date", "collection_date")
    return with_person(evidence, "DM").filter(
        ~pl.col("randomized"),
        ~pl.col("screen_failure"),
        (pl.lit(evidence.cutoff) - screened).dt.total_days() > 30,
        trimmed("USUBJID").is_not_null(),
    )
