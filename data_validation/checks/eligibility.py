"""Eligibility of everyone randomized, as far as limits can be held against the data."""

from typing import Literal

import polars as pl

from data_validation.checks.common import subjects_with, with_person
from data_validation.domains.participation import SCREEN_FAILURE
from data_validation.facts import Severity, folded, folded_terms
from data_validation.rules import Evidence, Heading, RuleKind, check
from data_validation.values import trimmed
from trials import Criterion


def _outside(column: str, criterion: Criterion) -> pl.Expr:
    too_low = pl.col(column) < criterion.lower if criterion.lower is not None else pl.lit(False)
    too_high = pl.col(column) > criterion.upper if criterion.upper is not None else pl.lit(False)
    return too_low | too_high


def _criterion(evidence: Evidence, measure: str) -> Criterion | None:
    criteria = [item for item in evidence.trial.criteria if item.measure == measure]
    return criteria[0] if criteria else None


def _baseline(evidence: Evidence, measure: str) -> pl.DataFrame:
    """`_subject` and the baseline of a vital sign, under the measure's name."""
    return (
        evidence.relations["vital_sign"]
        .filter("is_baseline", pl.col("measure") == measure)
        .select(pl.col("subject").alias("_subject"), pl.col("value").alias(f"_{measure}"))
    )


@check(
    Heading(RuleKind.ELIGIBILITY, "DM-111", "AGE", Severity.MAJOR),
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
    Heading(RuleKind.ELIGIBILITY, "DM-112", "USUBJID", Severity.MAJOR),
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
    Heading(RuleKind.ELIGIBILITY, "DM-113", "USUBJID", Severity.MAJOR),
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
    Heading(RuleKind.COMPLETENESS, "DM-114", "USUBJID", Severity.MINOR),
    sentence="The screening was more than 30 days ago and disposition has no outcome of it.",
    why="The screening flow cannot place the participant, or not with a reason.",
    query="{USUBJID} was screened, and disposition records neither a randomization nor a screen "
    "failure. Which is correct?",
    needs=("DS",),
)
def screening_without_outcome(evidence: Evidence) -> pl.DataFrame:
    """Screened more than 30 days before the cut-off, not randomized; no DS row of a failure."""
    if evidence.cutoff is None:
        return evidence["DM"].clear()
    screened = pl.min_horizontal("consent_date", "collection_date")
    failed = subjects_with(evidence, "DS", pl.col("DSCLASS") == SCREEN_FAILURE)
    return with_person(evidence, "DM").filter(
        ~pl.col("randomized"),
        ~pl.col("_subject").is_in(failed),
        (pl.lit(evidence.cutoff) - screened).dt.total_days() > 30,
        trimmed("USUBJID").is_not_null(),
    )


def _of_exclusions(
    evidence: Evidence, words: Literal["history", "history_to_ask", "medication"]
) -> pl.DataFrame:
    """Folded terms that speak against eligibility, and the criterion of each."""
    pairs = [
        (term, criterion.id)
        for criterion in evidence.trial.criteria
        for term in folded_terms(getattr(criterion, words))
    ]
    schema = {"_term": pl.String, "_criterion": pl.String}
    return pl.DataFrame(pairs, schema=schema, orient="row").unique("_term", maintain_order=True)


def _before_randomization(evidence: Evidence, domain: str, terms: pl.DataFrame) -> pl.DataFrame:
    """Rows of randomized participants under such a term that began by then, as far as is known."""
    rows = with_person(evidence, domain).filter("randomized")
    if domain == "MH":
        rows = rows.filter(pl.col("occurred").ne_missing("N"))
    return (
        rows.with_columns(folded(f"{domain}DECOD").fill_null("").alias("_term"))
        .join(terms, on="_term", how="inner", maintain_order="left")
        .filter(
            pl.col("start_date").is_null() | (pl.col("start_date") <= pl.col("randomization_date"))
        )
    )


@check(
    Heading(RuleKind.ELIGIBILITY, "MH-101", "MHDECOD", Severity.MAJOR),
    sentence="The participant is randomized with a history that the protocol excludes.",
    why="Protocol, exclusion criteria; the terms stand in the trial definition.",
    query="{USUBJID} is randomized with {MHDECOD} in the history ({_criterion}). Please comment, "
    "or report a deviation.",
)
def excluded_history(evidence: Evidence) -> pl.DataFrame:
    """History of a randomized participant under a term of an exclusion criterion."""
    return _before_randomization(evidence, "MH", _of_exclusions(evidence, "history"))


@check(
    Heading(RuleKind.ELIGIBILITY, "MH-102", "MHDECOD", Severity.NOTE),
    sentence="The participant is randomized with a history that may be excluded by its stage.",
    why="Protocol, exclusion criteria by stage (NYHA, kidney disease, Child-Pugh) or by time.",
    query="{USUBJID} has {MHDECOD} in the history ({_criterion}). Which stage was it, and when?",
)
def history_to_ask_about(evidence: Evidence) -> pl.DataFrame:
    """History of a randomized participant under a term that excludes by stage only."""
    return _before_randomization(evidence, "MH", _of_exclusions(evidence, "history_to_ask"))


@check(
    Heading(RuleKind.ELIGIBILITY, "CM-101", "CMDECOD", Severity.MAJOR),
    sentence="The participant is randomized with a medication that the protocol excludes.",
    why="Protocol, exclusion criterion on immunosuppression. Standard care of the disease, such as "
    "glucocorticoids, is never meant; the trial definition lists it.",
    query="{USUBJID} took {CMDECOD} from {CMSTDTC} on ({_criterion}). Please comment, or report a "
    "deviation.",
    sealed=True,
)
def excluded_medication(evidence: Evidence) -> pl.DataFrame:
    """Medication before randomization under a term of an exclusion criterion."""
    return _before_randomization(evidence, "CM", _of_exclusions(evidence, "medication"))


@check(
    Heading(RuleKind.ELIGIBILITY, "LB-121", "LBORRES", Severity.NOTE),
    sentence="The value before randomization is at a level that is excluded if it is chronic.",
    why="KDIGO: chronic kidney disease is a low eGFR for 90 days; a single one is often acute.",
    query="{LBTESTCD} of {USUBJID} was {LBORRES} {LBORRESU} before randomization. Was it known "
    "before?",
)
def chronic_if_old(evidence: Evidence) -> pl.DataFrame:
    """The last value by the day of randomization below a limit of a chronic criterion, alone."""
    rows = _below_chronic_limit(evidence)
    last = pl.col("date") == pl.col("date").max().over("_subject", "measure")
    return rows.filter(~pl.col("_chronic"), last)


@check(
    Heading(RuleKind.ELIGIBILITY, "LB-122", "LBORRES", Severity.MAJOR),
    sentence="The participant is randomized although the value was too low for 90 days and more.",
    why="Protocol, exclusion of chronic kidney disease; KDIGO: low for 90 days.",
    query="{LBTESTCD} of {USUBJID} was {LBORRES} {LBORRESU} on {LBDTC}, and low 90 days before. "
    "Please comment, or report a deviation.",
)
def chronic(evidence: Evidence) -> pl.DataFrame:
    """A value below the limit with another one that many days before it."""
    return _below_chronic_limit(evidence).filter("_chronic")


def _below_chronic_limit(evidence: Evidence) -> pl.DataFrame:
    """Values of randomized participants, by that day, below the limit of a chronic criterion."""
    return evidence.once("below chronic limit", lambda: _find_below_chronic_limit(evidence))


def _find_below_chronic_limit(evidence: Evidence) -> pl.DataFrame:
    limits = [item.chronic for item in evidence.trial.criteria if item.chronic is not None]
    person = evidence.people.select(
        pl.col("subject").alias("_subject"), "randomized", "randomization_date"
    )
    rows = (
        evidence.measured("LB")
        .filter(pl.col("measure").is_in([item.measure for item in limits]))
        .with_columns(trimmed("USUBJID").alias("_subject"))
        .join(person, on="_subject", how="inner", maintain_order="left")
        .filter("randomized", pl.col("date") <= pl.col("randomization_date"))
    )
    below = [
        (pl.col("measure") == item.measure) & (pl.col("value") < item.below) for item in limits
    ]
    if not below:
        return rows.clear().with_columns(pl.lit(value=False).alias("_chronic"))
    days = (pl.col("date") - pl.col("date").min().over("_subject", "measure")).dt.total_days()
    least = {item.measure: item.days for item in limits}
    return rows.filter(pl.any_horizontal(below)).with_columns(
        (days >= pl.col("measure").replace_strict(least, return_dtype=pl.Int64)).alias("_chronic")
    )
