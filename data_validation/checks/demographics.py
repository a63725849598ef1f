"""Is this the trial's data, and does each subject's course hang together?"""

import polars as pl

from data_validation.checks.common import subjects_with, with_person
from data_validation.domains.participation import RANDOMIZED
from data_validation.facts import Severity
from data_validation.released import arm_code
from data_validation.rules import Evidence, Heading, RuleKind, check
from data_validation.values import trimmed


@check(
    Heading(RuleKind.STRUCTURE, "DM-101", "STUDYID", Severity.CRITICAL),
    sentence="The record is of another study.",
    why="Data of another trial must never be mixed in.",
    query="STUDYID is “{STUDYID}”. Please send the data of the study that was asked for.",
)
def another_study(evidence: Evidence) -> pl.DataFrame:
    """STUDYID present and not the trial's."""
    return evidence["DM"].filter(
        trimmed("STUDYID").str.to_uppercase() != evidence.trial.study.upper()
    )


@check(
    Heading(RuleKind.STRUCTURE, "DM-102", "USUBJID", Severity.MAJOR),
    sentence="The participant is randomized and the date of randomization is not known.",
    why="Day 1 is the date of randomization; without it no study day can be given.",
    query="Please provide the date of randomization of {USUBJID}.",
)
def randomized_without_date(evidence: Evidence) -> pl.DataFrame:
    """Randomized, date missing or partial; where nobody has one, a fact says so once."""
    people = with_person(evidence, "DM").filter("randomized")
    if evidence.people["randomization_date_text"].count() == 0:
        return people.clear()
    return people.filter(pl.col("randomization_date").is_null())


@check(
    Heading(RuleKind.ORDER, "DM-103", "RFICDTC", Severity.MAJOR),
    sentence="Consent is dated after randomization.",
    why="Protocol: nobody is randomized without signed consent.",
    query="Consent is dated {RFICDTC}, randomization {randomization_date}. Please check both.",
)
def consent_after_randomization(evidence: Evidence) -> pl.DataFrame:
    """Consent later than the day of randomization."""
    return with_person(evidence, "DM").filter(pl.col("consent_date") > pl.col("randomization_date"))


@check(
    Heading(RuleKind.AGREEMENT, "DM-104", "DTHDTC", Severity.MAJOR),
    sentence="The participant is marked as dead and the date of death is empty, or the reverse.",
    why="Deaths are counted by flag and placed in time by date; the two must agree.",
    query="Death flag is {DTHFL}, date of death is {DTHDTC}. Please provide what is missing.",
)
def death_flag_or_date_alone(evidence: Evidence) -> pl.DataFrame:
    """One of DTHFL and DTHDTC without the other; not asked where the extract lacks one of them."""
    if {"DTHFL", "DTHDTC"} & set(evidence.tables.absent.get("DM", ())):
        return evidence["DM"].clear()
    return evidence["DM"].filter(trimmed("DTHFL").is_null() != trimmed("DTHDTC").is_null())


@check(
    Heading(RuleKind.ORDER, "DM-106", "DTHDTC", Severity.MAJOR),
    sentence="The death is dated before randomization or, where there was none, screening.",
    why="Nobody takes part after death. The date is not used; the death counts, by the next source "
    "with a date, else on the earliest day possible.",
    query="Date of death is {DTHDTC}, randomization or screening {_since}. Please check both.",
)
def death_before_randomization(evidence: Evidence) -> pl.DataFrame:
    """Death on a day, in a month or in a year before that from which somebody takes part."""
    return with_person(evidence, "DM").filter(pl.col("_died_by") < pl.col("_since"))


@check(
    Heading(RuleKind.AGREEMENT, "DM-107", "ARMCD", Severity.MAJOR),
    sentence="The arm is not one that the trial defines.",
    why="Such a participant would be in no arm of any comparison.",
    query="Please check the planned arm of {USUBJID}.",
    sealed=True,
)
def unknown_arm(evidence: Evidence) -> pl.DataFrame:
    """Randomized, with a planned arm that is neither a code nor a name of the definition."""
    return with_person(evidence, "DM").filter(
        pl.col("randomized"),
        trimmed("ARMCD").is_not_null(),
        arm_code(pl.col("ARMCD"), evidence.trial).is_null(),
    )


@check(
    Heading(RuleKind.AGREEMENT, "DM-108", "ARMCD", Severity.MAJOR),
    sentence="The planned arm is not the one of the allocation list.",
    why="Analyses as randomized follow the list; a disagreement needs an answer.",
    query="Please check the planned arm of {USUBJID} against the allocation list.",
    needs=("RANDOMIZATION",),
    sealed=True,
)
def arm_not_as_listed(evidence: Evidence) -> pl.DataFrame:
    """ARMCD of DM and of the allocation list differ."""
    arm = arm_code(pl.col("ARMCD"), evidence.trial)
    listed = evidence["RANDOMIZATION"].select(
        trimmed("USUBJID").alias("_subject"), arm.alias("_listed")
    )
    return (
        with_person(evidence, "DM")
        .join(listed, on="_subject", how="inner", maintain_order="left")
        .filter(trimmed("ARMCD").is_not_null(), arm.ne_missing(pl.col("_listed")))
    )


@check(
    Heading(RuleKind.AGREEMENT, "DM-109", "USUBJID", Severity.MAJOR),
    sentence="The participant is randomized by the list and not among the dispositions.",
    why="The allocation list and the dispositions must name the same participants.",
    query="{USUBJID} is randomized on {randomization_date}; disposition does not say so. Please "
    "check.",
    needs=("DS",),
)
def randomized_by_list_only(evidence: Evidence) -> pl.DataFrame:
    """Randomized, no DS row RANDOMIZED, in an extract that has such rows."""
    is_randomized = pl.col("DSCLASS") == RANDOMIZED
    if evidence["DS"].filter(is_randomized).is_empty():
        return evidence["DM"].clear()
    subjects = subjects_with(evidence, "DS", is_randomized)
    return with_person(evidence, "DM").filter("randomized", ~pl.col("_subject").is_in(subjects))


@check(
    Heading(RuleKind.ELIGIBILITY, "DM-110", "RFICDTC", Severity.MAJOR),
    sentence="The participant is randomized and there is no date of informed consent.",
    why="Protocol, inclusion criterion on consent; ICH E6: nothing is done without it.",
    query="{USUBJID} is randomized and the date of informed consent is empty. Please provide it.",
)
def randomized_without_consent(evidence: Evidence) -> pl.DataFrame:
    """Randomized, RFICDTC empty; not asked where the extract has it of nobody."""
    if evidence["DM"].filter(trimmed("RFICDTC").is_not_null()).is_empty():
        return evidence["DM"].clear()
    return with_person(evidence, "DM").filter("randomized", trimmed("RFICDTC").is_null())


@check(
    Heading(RuleKind.ORDER, "DM-116", "DMDTC", Severity.MINOR),
    sentence="Demographics were collected before consent.",
    why="ICH E6: nothing is collected for the trial before consent.",
    query="Demographics were collected on {DMDTC}, consent is dated {RFICDTC}. Please check both.",
)
def collected_before_consent(evidence: Evidence) -> pl.DataFrame:
    """DMDTC earlier than RFICDTC."""
    return evidence["DM"].filter(pl.col("collection_date") < pl.col("consent_date"))


@check(
    Heading(RuleKind.ORDER, "DM-117", "DMDTC", Severity.MAJOR),
    sentence="The participant is randomized before the screening.",
    why="Protocol: eligibility is established at screening.",
    query="Screening is dated {DMDTC}, randomization {randomization_date}. Please check both.",
)
def randomized_before_screening(evidence: Evidence) -> pl.DataFrame:
    """Demographics collected later than the day of randomization."""
    return with_person(evidence, "DM").filter(
        pl.col("collection_date") > pl.col("randomization_date")
    )
