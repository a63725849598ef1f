"""Dispositions, criteria not met and visits, against randomization and schedule."""

import polars as pl

from data_validation.checks.common import subjects_with, with_person
from data_validation.domains.participation import (
    ENDS,
    RANDOMIZED,
    SCREEN_FAILURE,
    is_of_participation,
    is_of_treatment,
    listed_criteria,
)
from data_validation.facts import Severity, folded, folded_terms
from data_validation.rules import Evidence, Heading, RuleKind, check
from data_validation.values import trimmed


@check(
    Heading(RuleKind.AGREEMENT, "DS-101", "DSSTDTC", Severity.MAJOR),
    sentence="The randomization in DS is not dated as the randomization that counts.",
    why="Day 1 depends on it; the allocation list comes first.",
    query="Randomization is dated {DSSTDTC} here and {randomization_date} in the list. Which one?",
)
def other_date_of_randomization(evidence: Evidence) -> pl.DataFrame:
    """DS RANDOMIZED on another day than the released date."""
    return with_person(evidence, "DS").filter(
        pl.col("DSCLASS") == RANDOMIZED, pl.col("start_date") != pl.col("randomization_date")
    )


@check(
    Heading(RuleKind.AGREEMENT, "DS-102", "DSDECOD", Severity.MAJOR),
    sentence="The participant is both a screen failure and randomized.",
    why="One of the two is wrong, and the screening flow cannot place the participant.",
    query="{USUBJID} is recorded as a screen failure and as randomized. Please check.",
)
def failed_and_randomized(evidence: Evidence) -> pl.DataFrame:
    """Screen failure of a randomized participant."""
    return with_person(evidence, "DS").filter(pl.col("DSCLASS") == SCREEN_FAILURE, "randomized")


@check(
    Heading(RuleKind.ELIGIBILITY, "IE-101", "IETESTCD", Severity.MAJOR),
    sentence="The participant is randomized although a criterion was not met.",
    why="Protocol: only those who meet all criteria are randomized.",
    query="{USUBJID} is randomized although {IETESTCD} was recorded as not met. Please comment.",
)
def randomized_though_ineligible(evidence: Evidence) -> pl.DataFrame:
    """An IE row of a randomized participant."""
    return with_person(evidence, "IE").filter("randomized")


@check(
    Heading(RuleKind.ORDER, "SV-101", "SVSTDTC", Severity.MINOR),
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


@check(
    Heading(RuleKind.ORDER, "SV-104", "SVSTDTC", Severity.MAJOR),
    sentence="The visit took place before consent.",
    why="ICH E6: nothing is done for the trial before consent.",
    query="Visit {VISIT} took place on {SVSTDTC}, consent is dated {_consented}. Please check "
    "both.",
)
def visit_before_consent(evidence: Evidence) -> pl.DataFrame:
    """SVSTDTC earlier than RFICDTC."""
    return with_person(evidence, "SV").filter(pl.col("start_date") < pl.col("_consented"))


@check(
    Heading(RuleKind.AGREEMENT, "DS-106", "DSDECOD", Severity.MAJOR),
    sentence="The participant withdrew for an adverse event and has none.",
    why="What ended the participation must be among the events, or safety misses it.",
    query="{USUBJID} left for an adverse event on {DSSTDTC}; no event is recorded. Which was it?",
    needs=("AE",),
    # Why somebody left is sealed.
    sealed=True,
)
def withdrawn_for_no_event(evidence: Evidence) -> pl.DataFrame:
    """DS ADVERSE EVENT of a participant without any event up to that day."""
    first = (
        evidence["AE"]
        .group_by(trimmed("USUBJID").alias("_subject"))
        .agg(pl.col("start_date").min().alias("_first"), pl.lit(value=True).alias("_any"))
    )
    return (
        with_person(evidence, "DS")
        .filter(folded("DSDECOD") == "adverse event")
        .join(first, on="_subject", how="left", maintain_order="left")
        .filter(pl.col("_any").is_null() | (pl.col("_first") > pl.col("start_date")))
    )


@check(
    Heading(RuleKind.AGREEMENT, "DS-107", "DSDECOD", Severity.MAJOR),
    sentence="The disposition says randomized and the allocation list does not.",
    why="The allocation list and the dispositions must name the same participants.",
    query="{USUBJID} is recorded as randomized on {DSSTDTC} and is not on the list. Please check.",
)
def randomized_by_disposition_only(evidence: Evidence) -> pl.DataFrame:
    """DS RANDOMIZED of a participant who is not randomized by what counts."""
    return with_person(evidence, "DS").filter(
        pl.col("DSCLASS") == RANDOMIZED, ~pl.col("randomized")
    )


@check(
    Heading(RuleKind.COMPLETENESS, "DS-108", "DSDECOD", Severity.MINOR),
    sentence="The participant failed screening and no criterion of the protocol is recorded.",
    why="Reasons for not being randomized are counted by criterion.",
    query="{USUBJID} is a screen failure. Which criterion was not met?",
    needs=("IE",),
)
def failed_for_no_criterion(evidence: Evidence) -> pl.DataFrame:
    """Screen failure without a criterion of the trial in IE; not asked where there are none."""
    if not evidence.trial.criteria:
        return evidence["DS"].clear()
    with_criterion = subjects_with(evidence, "IE", listed_criteria(evidence["IE"], evidence.trial))
    return with_person(evidence, "DS").filter(
        pl.col("DSCLASS") == SCREEN_FAILURE,
        ~pl.col("_subject").is_in(with_criterion),
    )


@check(
    Heading(RuleKind.AGREEMENT, "DS-109", "DSSCAT", Severity.MAJOR),
    sentence="The subcategory of a disposition is neither about taking part nor about the "
    "treatment, so that the disposition ends nothing.",
    why="A disposition with the name of a drug as its subcategory ends the drug, not the study; "
    "the trial definition names those about taking part ([participation] subcategories).",
    query="Dispositions of the subcategory {DSSCAT}: do they end taking part in the study?",
    sealed=True,
)
def unknown_subcategory(evidence: Evidence) -> pl.DataFrame:
    """One row a DSSCAT of disposition events that is neither named nor about treatment."""
    is_event = folded("DSCAT").is_null() | (folded("DSCAT") == "disposition event")
    return (
        evidence["DS"]
        .filter(is_event, ~is_of_participation(evidence.trial), ~is_of_treatment())
        .filter(pl.col("DSCLASS").is_null())
        .unique(folded("DSSCAT"), keep="first", maintain_order=True)
    )


@check(
    Heading(RuleKind.AGREEMENT, "DS-110", "DSDECOD", Severity.MINOR),
    sentence="A screen failure is not spelled as CDISC spells it.",
    why="Controlled terminology: SCREEN FAILURE. It is counted as one.",
    query="{DSDECOD} was read as SCREEN FAILURE. Please write it so.",
    sealed=True,
)
def other_screen_failure(evidence: Evidence) -> pl.DataFrame:
    """One row a spelling of screen failure other than CDISC's."""
    return (
        evidence["DS"]
        .filter(
            pl.col("DSCLASS") == SCREEN_FAILURE,
            trimmed("DSDECOD").str.to_uppercase().ne_missing("SCREEN FAILURE"),
        )
        .unique(folded("DSDECOD"), keep="first", maintain_order=True)
    )


@check(
    Heading(RuleKind.ORDER, "DS-111", "DSSTDTC", Severity.MAJOR),
    sentence="The end of participation is dated before randomization or, where there was none, "
    "screening.",
    why="Nobody leaves, completes or dies before taking part. The date is not used; a death counts "
    "by the next source with a date, another end from the last contact.",
    query="Participation ends on {DSSTDTC}, randomization or screening is dated {_since}. Please "
    "check both.",
)
def end_before_randomization(evidence: Evidence) -> pl.DataFrame:
    """Completion, death or leaving before the day from which somebody takes part."""
    return with_person(evidence, "DS").filter(
        pl.col("DSCLASS").is_in(ENDS), pl.col("start_date") < pl.col("_since")
    )


@check(
    Heading(RuleKind.AGREEMENT, "IE-102", "IEORRES", Severity.MINOR),
    sentence="The result says that the criterion is met, so it is no exception.",
    why="SDTM: IE holds criteria not met, so inclusion with N and exclusion with Y.",
    query="{IETESTCD} ({IECAT}) has the result {IEORRES}, which is no exception. Please correct.",
)
def no_exception(evidence: Evidence) -> pl.DataFrame:
    """INCLUSION with Y, or EXCLUSION with N."""
    met = (pl.col("category") == "INCLUSION") & (pl.col("result") == "Y")
    unmet = (pl.col("category") == "EXCLUSION") & (pl.col("result") == "N")
    return evidence["IE"].filter(met | unmet)


@check(
    Heading(RuleKind.AGREEMENT, "HO-101", "HOSTDTC", Severity.MINOR),
    sentence="The stay begins before the previous one at the same place has ended.",
    why="Days in hospital and in intensive care would be counted twice.",
    query="The stay from {HOSTDTC} begins before an earlier one has ended. Please check the dates.",
)
def overlapping_stays(evidence: Evidence) -> pl.DataFrame:
    """A start before the latest end so far of the same subject and place."""
    return (
        evidence["HO"]
        .filter(pl.col("start_date").is_not_null())
        .with_columns(trimmed("USUBJID").alias("_subject"))
        .sort("_subject", "HOCLASS", "start_date", "end_date", "record_key", nulls_last=True)
        .with_columns(
            pl.col("end_date").cum_max().shift(1).over("_subject", "HOCLASS").alias("_until")
        )
        .filter(pl.col("start_date") < pl.col("_until"))
    )
