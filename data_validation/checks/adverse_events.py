"""Adverse events: dates in order, seriousness with its reason, deaths that agree."""

import polars as pl

from data_validation.checks.common import after_cutoff, after_death, with_person
from data_validation.facts import Severity
from data_validation.rules import Evidence, RuleKind, check
from data_validation.values import trimmed

CRITERIA = ("AESDTH", "AESLIFE", "AESHOSP", "AESDISAB", "AESCONG", "AESMIE")


def _is_yes(name: str) -> pl.Expr:
    return (trimmed(name).str.to_uppercase() == "Y").fill_null(value=False)


def _any_criterion() -> pl.Expr:
    return pl.any_horizontal(_is_yes(name) for name in CRITERIA)


@check(
    id="AE-102",
    kind=RuleKind.AGREEMENT,
    domain="AE",
    field="AESER",
    severity=Severity.MAJOR,
    sentence="The event is serious and no seriousness criterion is given.",
    why="ICH E2A: an event is serious for a stated reason.",
    query="The event is serious. Please say by which criterion.",
)
def serious_without_criterion(evidence: Evidence) -> pl.DataFrame:
    """AESER = Y, no criterion Y; not asked where the extract has no criterion at all."""
    absent = set(evidence.tables.absent.get("AE", ()))
    if all(name in absent for name in CRITERIA):
        return evidence["AE"].clear()
    return evidence["AE"].filter(_is_yes("AESER") & ~_any_criterion())


@check(
    id="AE-103",
    kind=RuleKind.AGREEMENT,
    domain="AE",
    field="AESER",
    severity=Severity.MAJOR,
    sentence="A seriousness criterion is met and the event is not marked serious.",
    why="ICH E2A: an event that meets one criterion is serious.",
    query="A seriousness criterion is given, but AESER is {AESER}. Please correct one of them.",
)
def criterion_but_not_serious(evidence: Evidence) -> pl.DataFrame:
    """A criterion Y, AESER not Y."""
    return evidence["AE"].filter(_any_criterion() & ~_is_yes("AESER"))


@check(
    id="AE-104",
    kind=RuleKind.AGREEMENT,
    domain="AE",
    field="AEOUT",
    severity=Severity.MAJOR,
    sentence="The event is fatal and the participant is not dead in DM.",
    why="A death known to one domain only may be missed in another count.",
    query="The outcome is {AEOUT}; demographics has no death of {USUBJID}. Please check.",
)
def fatal_but_alive(evidence: Evidence) -> pl.DataFrame:
    """Outcome FATAL of a participant without death in DM."""
    return with_person(evidence, "AE").filter(pl.col("outcome") == "FATAL", ~pl.col("died"))


@check(
    id="AE-105",
    kind=RuleKind.AGREEMENT,
    domain="AE",
    field="AESER",
    severity=Severity.MAJOR,
    sentence="The event is fatal and not marked serious.",
    why="ICH E2A: a fatal event is serious. It is counted as serious whatever AESER says.",
    query="The outcome is {AEOUT}, but AESER is {AESER}. Please correct AESER or the outcome.",
)
def fatal_but_not_serious(evidence: Evidence) -> pl.DataFrame:
    """Outcome FATAL, AESER not Y."""
    return evidence["AE"].filter((pl.col("outcome") == "FATAL") & ~_is_yes("AESER"))


