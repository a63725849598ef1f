"""Eligibility of everyone randomized, as far as limits can be held against the data."""

import polars as pl

from data_validation.checks.common import with_person
from data_validation.facts import Severity
from data_validation.rules import Evidence, RuleKind, check
from data_validation.values import trimmed
from trials import Criterion


def _outside(column: str, criterion: Criterion) -> pl.Expr:
    too_low = pl.col(column) < criterion.lower if criterion.lower is not None else pl.lit(False)
    too_high = pl.col(column) > criterion.upper if criterion.upper is not None else pl.lit(False)
    return too_low | too_high


def _criterion(evidence: Evidence, measure: str) -> Criterion | None:
    found = [item for item in evidence.trial.criteria if item.measure == measure]
    return found[0] if found else None


def _baseline(evidence: Evidence, measure: str) -> pl.DataFrame:
    """`_subject` and the baseline of a vital sign, under the measure's name."""
    return (
        evidence.relations["vital_sign"]
        .filter("is_baseline", pl.col("measure") == measure)
        .select(pl.col("subject").alias("_subject"), pl.col("value").alias(f"_{measure}"))
    )


@check(
    id="DM-111",
    kind=RuleKind.ELIGIBILITY,
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
    kind=RuleKind.ELIGIBILITY,
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
    if criterion is None:
        return evidence["DM"].clear()
    return (
        with_person(evidence, "DM")
        .join(_baseline(evidence, "height"), on="_subject", how="inner", maintain_order="left")
        .join(_baseline(evidence, "weight"), on="_subject", how="inner", maintain_order="left")
        .with_columns((pl.col("_weight") / (pl.col("_height") / 100) ** 2).round(1).alias("bmi"))
        .filter("randomized", _outside("bmi", criterion))
    )


@check(
    id="DM-113",
    kind=RuleKind.ELIGIBILITY,
    domain="DM",
    field="USUBJID",
    severity=Severity.MAJOR,
    sentence="The participant is randomized although PaO2/FiO2 is above the protocol's limit.",
    why="Protocol, inclusion criterion on refractory hypoxia; the limit is the trial definition's.",
    query="{USUBJID} is randomized with PaO2/FiO2 of {pao2_fio2} mmHg. Please check the gas.",
    needs=("LB",),
)
def oxygenation_outside_limits(evidence: Evidence) -> pl.DataFrame:
    """Randomized; PaO2/FiO2 at baseline outside the criterion's limits."""
    criterion = _criterion(evidence, "pao2_fio2")
    if criterion is None:
        return evidence["DM"].clear()
    ratio = (
        evidence.relations["blood_gas"]
        .filter("is_baseline")
        .select(pl.col("subject").alias("_subject"), pl.col("pao2_fio2").round(0).cast(pl.Int64))
    )
    return (
        with_person(evidence, "DM")
        .join(ratio, on="_subject", how="inner", maintain_order="left")
        .filter("randomized", _outside("pao2_fio2", criterion))
    )


@check(
    id="DM-114",
    kind=RuleKind.COMPLETENESS,
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
