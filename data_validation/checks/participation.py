"""Dispositions, criteria not met and visits, against randomization and schedule."""

import polars as pl

from data_validation.checks.common import after_cutoff, after_death, with_person
from data_validation.facts import Severity, folded, folded_terms
from data_validation.rules import Evidence, RuleKind, check


@check(
    id="DS-101",
    kind=RuleKind.AGREEMENT,
    domain="DS",
    field="DSSTDTC",
    severity=Severity.MAJOR,
    sentence="The randomization in DS is not dated as the randomization that counts.",
    why="Day 1 depends on it; the allocation list comes first.",
    query="Randomization is dated {DSSTDTC} here and {randomization_date} in the list. Which one?",
)
def other_date_of_randomization(evidence: Evidence) -> pl.DataFrame:
    """DS RANDOMIZED on another day than the released date."""
    return with_person(evidence, "DS").filter(
        folded("DSDECOD") == "randomized", pl.col("start_date") != pl.col("randomization_date")
    )


@check(
    id="DS-102",
    kind=RuleKind.AGREEMENT,
    domain="DS",
    field="DSDECOD",
    severity=Severity.MAJOR,
    sentence="The participant is both a screen failure and randomized.",
    why="One of the two is wrong, and the screening flow cannot place the participant.",
    query="{USUBJID} is recorded as {DSDECOD} and as randomized. Please check.",
)
def failed_and_randomized(evidence: Evidence) -> pl.DataFrame:
    """Screen failure of a randomized participant."""
    return with_person(evidence, "DS").filter(
        folded("DSDECOD").is_in(["screen failure", "screening failure"]), "randomized"
    )


@check(
    id="DS-103",
    kind=RuleKind.AGREEMENT,
    domain="DS",
    field="DSSTDTC",
    severity=Severity.MAJOR,
    sentence="The death in DS is not the death of DM, or DM has none.",
    why="Deaths are counted once, and at one date.",
    query="Disposition has a death on {DSSTDTC}; please check the date of death in demographics.",
)
def death_disagrees(evidence: Evidence) -> pl.DataFrame:
    """DS DEATH; DM alive, or dead on another day."""
    same_day = pl.col("start_date") == pl.col("_death_date")
    return with_person(evidence, "DS").filter(
        folded("DSDECOD") == "death", ~pl.col("died") | ~same_day.fill_null(value=True)
    )


@check(
    id="IE-101",
    kind=RuleKind.ELIGIBILITY,
    domain="IE",
    field="IETESTCD",
    severity=Severity.MAJOR,
    sentence="The participant is randomized although a criterion was not met.",
    why="Protocol: only those who meet all criteria are randomized.",
    query="{USUBJID} is randomized although {IETESTCD} was recorded as not met. Please comment.",
)
def randomized_though_ineligible(evidence: Evidence) -> pl.DataFrame:
    """An IE row of a randomized participant."""
    return with_person(evidence, "IE").filter("randomized")


@check(
    id="SV-101",
    kind=RuleKind.ORDER,
    domain="SV",
    field="SVSTDTC",
    severity=Severity.MINOR,
    sentence="The visit took place outside its window.",
    why="Protocol: visits have windows, counted from randomization as day 1.",
    query="Visit {VISIT} took place on {SVSTDTC}, outside its window. Please confirm the date.",
)
def visit_outside_window(evidence: Evidence) -> pl.DataFrame:
    """Visits of the schedule further from their planned day than the window.

    Windows are counted in calendar days from randomization: a day after day -1 is day 1.
    """
    visits = evidence.trial.schedule
    planned = [item.day - 1 if item.day > 0 else item.day for item in visits]
    schedule = pl.DataFrame(
        {
            "_visit": folded_terms(tuple(item.visit for item in visits)),
            "_planned": planned,
            "_before": [item.window_before for item in visits],
            "_after": [item.window_after for item in visits],
        }
    )
    days = (pl.col("start_date") - pl.col("randomization_date")).dt.total_days()
    return (
        with_person(evidence, "SV")
        .with_columns(folded("VISIT").alias("_visit"))
        .join(schedule, on="_visit", how="inner", maintain_order="left")
        .filter(~(days - pl.col("_planned")).is_between(-pl.col("_before"), pl.col("_after")))
    )


