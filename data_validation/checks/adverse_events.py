"""Adverse events: seriousness with its reason, and what follows from an event."""

import polars as pl

from data_validation.checks.common import is_yes, subjects_with, with_person
from data_validation.facts import Severity, folded
from data_validation.rules import Evidence, Heading, RuleKind, check
from data_validation.values import trimmed

CRITERIA = ("AESDTH", "AESLIFE", "AESHOSP", "AESDISAB", "AESCONG", "AESMIE")


def _any_criterion() -> pl.Expr:
    return pl.any_horizontal(is_yes(name) for name in CRITERIA)


@check(
    Heading(RuleKind.AGREEMENT, "AE-102", "AESER", Severity.MAJOR),
    sentence="The event is serious and no seriousness criterion is given.",
    why="ICH E2A: an event is serious for a stated reason.",
    query="The event is serious. Please state the criterion.",
)
def serious_without_criterion(evidence: Evidence) -> pl.DataFrame:
    """AESER = Y, no criterion Y; not asked where the extract has no criterion at all."""
    absent = set(evidence.tables.absent.get("AE", ()))
    if all(name in absent for name in CRITERIA):
        return evidence["AE"].clear()
    return evidence["AE"].filter(is_yes("AESER") & ~_any_criterion())


@check(
    Heading(RuleKind.AGREEMENT, "AE-103", "AESER", Severity.MAJOR),
    sentence="A seriousness criterion is met and the event is not marked serious.",
    why="ICH E2A: an event that meets one criterion is serious.",
    query="A seriousness criterion is given, but AESER is {AESER}. Please correct one of them.",
)
def criterion_but_not_serious(evidence: Evidence) -> pl.DataFrame:
    """A criterion Y, AESER not Y."""
    return evidence["AE"].filter(_any_criterion() & ~is_yes("AESER"))


@check(
    Heading(RuleKind.AGREEMENT, "AE-105", "AESER", Severity.MAJOR),
    sentence="The event is fatal and not marked serious.",
    why="ICH E2A: a fatal event is serious. It is counted as serious whatever AESER says.",
    query="The outcome is {AEOUT}, but AESER is {AESER}. Please correct AESER or the outcome.",
)
def fatal_but_not_serious(evidence: Evidence) -> pl.DataFrame:
    """Outcome FATAL, AESER not Y."""
    return evidence["AE"].filter((pl.col("outcome") == "FATAL") & ~is_yes("AESER"))


@check(
    Heading(RuleKind.ORDER, "AE-108", "AESTDTC", Severity.MINOR),
    sentence="The event starts before the screening.",
    why="Adverse events are collected from consent on; what was there before is medical history.",
    query="The event starts on {AESTDTC}, before the screening on {_screened}. Is it medical "
    "history, or is the date wrong?",
)
def starts_before_screening(evidence: Evidence) -> pl.DataFrame:
    """AESTDTC earlier than the first of consent and collection of demographics."""
    return with_person(evidence, "AE").filter(pl.col("start_date") < pl.col("_screened"))


@check(
    Heading(RuleKind.AGREEMENT, "AE-111", "AEACN", Severity.MAJOR),
    sentence="The treatment was withdrawn for the event, and no disposition says so.",
    why="DS records who stopped treatment and why; the two must agree.",
    query="The event led to the withdrawal of the treatment. Please record the disposition.",
    needs=("DS",),
    sealed=True,
)
def withdrawn_without_disposition(evidence: Evidence) -> pl.DataFrame:
    """AEACN DRUG WITHDRAWN; no disposition ADVERSE EVENT, DEATH or of the treatment."""
    is_reason = folded("DSDECOD").is_in(["adverse event", "death"])
    about_treatment = pl.concat_str("DSDECOD", "DSSCAT", ignore_nulls=True).str.contains(
        "(?i)treat"
    )
    with_reason = subjects_with(evidence, "DS", is_reason.fill_null(value=False) | about_treatment)
    return with_person(evidence, "AE").filter(
        folded("AEACN") == "drug withdrawn", ~pl.col("_subject").is_in(with_reason)
    )


@check(
    Heading(RuleKind.AGREEMENT, "AE-112", "AEOUT", Severity.MINOR),
    sentence="The event is over and has no end date, or has an end date and is not over.",
    why="Its dates give the duration of an event, its outcome whether it has ended.",
    query="The outcome is {AEOUT} and the end date {AEENDTC}. Please correct one of them.",
)
def outcome_contradicts_end(evidence: Evidence) -> pl.DataFrame:
    """RECOVERED without an end, or NOT RECOVERED with one."""
    ends = trimmed("AEENDTC").is_not_null()
    over = pl.col("outcome") == "RECOVERED/RESOLVED"
    lasting = pl.col("outcome").is_in(["NOT RECOVERED/NOT RESOLVED", "RECOVERING/RESOLVING"])
    if "AEENDTC" in evidence.tables.absent.get("AE", ()):
        return evidence["AE"].clear()
    return evidence["AE"].filter((over & ~ends) | (lasting & ends))
