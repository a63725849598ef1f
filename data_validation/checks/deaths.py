"""One death, one date: DM, DS, AE, DD and SS must tell the same."""

import polars as pl

from data_validation.checks.common import is_yes, subjects_with, with_person
from data_validation.domains.participation import DEATH
from data_validation.facts import Severity
from data_validation.rules import Evidence, Heading, RuleKind, check
from data_validation.values import trimmed

_ONCE = "A death that only one domain records may be missed in a count."
_SAME_DAY = "A death is counted once, on one date; survival is estimated from it."


@check(
    Heading(RuleKind.AGREEMENT, "DM-105", "DTHDTC", Severity.MAJOR),
    sentence="DM records a death and the dispositions do not.",
    why=_ONCE,
    query="{USUBJID} died on {DTHDTC} by demographics; disposition records no death. Please check.",
    needs=("DS",),
)
def death_not_in_disposition(evidence: Evidence) -> pl.DataFrame:
    """Dead in DM; no DS row DEATH."""
    deaths = subjects_with(evidence, "DS", pl.col("DSCLASS") == DEATH)
    return with_person(evidence, "DM").filter(pl.col("died"), ~pl.col("_subject").is_in(deaths))


@check(
    Heading(RuleKind.AGREEMENT, "DM-122", "DTHDTC", Severity.MINOR),
    sentence="DM records a death and no adverse event is fatal.",
    why="A death after randomization comes of an event, and safety is counted by events.",
    query="{USUBJID} died on {DTHDTC} by demographics; no adverse event is fatal. Which event "
    "was it?",
    needs=("AE",),
    # An event under a sealed term is not open, and that it seems to be missing would point at it.
    sealed=True,
)
def death_without_fatal_event(evidence: Evidence) -> pl.DataFrame:
    """Randomized and dead in DM; no AE with outcome FATAL or as serious by death."""
    fatal = subjects_with(evidence, "AE", (pl.col("outcome") == "FATAL") | is_yes("AESDTH"))
    return with_person(evidence, "DM").filter(
        pl.col("died"), pl.col("randomized"), ~pl.col("_subject").is_in(fatal)
    )


@check(
    Heading(RuleKind.AGREEMENT, "DM-123", "DTHDTC", Severity.MINOR),
    sentence="DM records a death and DD does not record its cause.",
    why=_ONCE,
    query="{USUBJID} died on {DTHDTC} by demographics; please provide the cause of death.",
    needs=("DD",),
)
def death_without_cause(evidence: Evidence) -> pl.DataFrame:
    """Randomized and dead in DM; no DD row PRCDTH."""
    recorded = subjects_with(evidence, "DD", trimmed("DDTESTCD").str.to_uppercase() == "PRCDTH")
    return with_person(evidence, "DM").filter(
        pl.col("died"), pl.col("randomized"), ~pl.col("_subject").is_in(recorded)
    )


@check(
    Heading(RuleKind.AGREEMENT, "DS-103", "DSSTDTC", Severity.MAJOR),
    sentence="DS and DM date the death differently, or DM records none.",
    why=_SAME_DAY,
    query="Disposition has a death on {DSSTDTC}; please check the date of death in demographics.",
)
def death_disagrees(evidence: Evidence) -> pl.DataFrame:
    """DS DEATH; DM alive, or dead on another day."""
    same_day = pl.col("start_date") == pl.col("_death_date")
    return with_person(evidence, "DS").filter(
        pl.col("DSCLASS") == DEATH, ~pl.col("died") | ~same_day.fill_null(value=True)
    )


@check(
    Heading(RuleKind.AGREEMENT, "DS-105", "DSDECOD", Severity.MAJOR),
    sentence="The participant has two deaths among the dispositions.",
    why=_SAME_DAY,
    query="{USUBJID} has more than one disposition DEATH, this one on {DSSTDTC}. Which is right?",
)
def two_deaths(evidence: Evidence) -> pl.DataFrame:
    """More than one DS row DEATH of a subject."""
    deaths = evidence["DS"].filter(pl.col("DSCLASS") == DEATH)
    return deaths.filter(pl.len().over(trimmed("USUBJID")) > 1)


@check(
    Heading(RuleKind.AGREEMENT, "AE-104", "AEOUT", Severity.MAJOR),
    sentence="The event is fatal and the participant is not dead in DM.",
    why=_ONCE,
    query="The outcome is {AEOUT}; demographics records no death of {USUBJID}. Please check.",
)
def fatal_but_alive(evidence: Evidence) -> pl.DataFrame:
    """Outcome FATAL of a participant without death in DM."""
    return with_person(evidence, "AE").filter(pl.col("outcome") == "FATAL", ~pl.col("died"))


@check(
    Heading(RuleKind.AGREEMENT, "AE-109", "AEENDTC", Severity.MAJOR),
    sentence="The fatal event does not end on the day of death.",
    why=_SAME_DAY,
    query="The fatal event ends on {AEENDTC}; demographics has the death on {_death_date}. Please "
    "check both dates.",
)
def fatal_event_ends_on_another_day(evidence: Evidence) -> pl.DataFrame:
    """Outcome FATAL, AEENDTC and DTHDTC complete and different."""
    return with_person(evidence, "AE").filter(
        pl.col("outcome") == "FATAL", pl.col("end_date") != pl.col("_death_date")
    )


@check(
    Heading(RuleKind.AGREEMENT, "AE-110", "AEOUT", Severity.MAJOR),
    sentence="The event resulted in death and its outcome is not fatal.",
    why="Outcome and seriousness criterion state the same fact twice.",
    query="The event resulted in death, and its outcome is {AEOUT}. Please correct one of them.",
)
def deadly_but_not_fatal(evidence: Evidence) -> pl.DataFrame:
    """AESDTH = Y, outcome other than FATAL."""
    return evidence["AE"].filter(is_yes("AESDTH"), pl.col("outcome").ne_missing("FATAL"))


@check(
    Heading(RuleKind.AGREEMENT, "DD-101", "DDTESTCD", Severity.MAJOR),
    sentence="DD has details of a death and DM records none.",
    why=_ONCE,
    query="Details of the death of {USUBJID} are recorded; demographics records no death. Which "
    "is correct?",
)
def details_of_no_death(evidence: Evidence) -> pl.DataFrame:
    """A row of DD for a participant without death in DM."""
    return with_person(evidence, "DD").filter(~pl.col("died"))


@check(
    Heading(RuleKind.ORDER, "DD-102", "DDDTC", Severity.MAJOR),
    sentence="The details of the death are dated before it.",
    why=_SAME_DAY,
    query="Details of the death are dated {DDDTC}; the death {_death_date}. Please check both.",
)
def details_before_death(evidence: Evidence) -> pl.DataFrame:
    """DDDTC earlier than DTHDTC."""
    return with_person(evidence, "DD").filter(pl.col("date") < pl.col("_death_date"))


@check(
    Heading(RuleKind.AGREEMENT, "DD-103", "DDTESTCD", Severity.MAJOR),
    sentence="The participant has two primary causes of death.",
    why="One death has one primary cause; two rows are often two deaths of different dates.",
    query="{USUBJID} has more than one primary cause of death, this one of {DDDTC}. Which counts?",
)
def two_causes_of_death(evidence: Evidence) -> pl.DataFrame:
    """More than one DD row PRCDTH of a subject."""
    causes = evidence["DD"].filter(trimmed("DDTESTCD").str.to_uppercase() == "PRCDTH")
    return causes.filter(pl.len().over(trimmed("USUBJID")) > 1)


@check(
    Heading(RuleKind.AGREEMENT, "SS-101", "SSSTRESC", Severity.MAJOR),
    sentence="The participant was found dead at a contact and is not dead in DM.",
    why=_ONCE,
    query="At the contact on {SSDTC} {USUBJID} was dead; demographics records no death. Please "
    "check.",
)
def dead_at_contact_only(evidence: Evidence) -> pl.DataFrame:
    """Vital status DEAD of a participant without death in DM."""
    return with_person(evidence, "SS").filter(pl.col("status") == "DEAD", ~pl.col("died"))


@check(
    Heading(RuleKind.AGREEMENT, "SS-102", "SSSTRESC", Severity.MAJOR),
    sentence="The participant was alive at a contact after the date of death, or dead before it.",
    why=_SAME_DAY,
    query="At the contact on {SSDTC} {USUBJID} was {SSSTRESC}; the death is dated {_death_date}. "
    "Please check both dates.",
)
def contact_contradicts_death(evidence: Evidence) -> pl.DataFrame:
    """ALIVE after the death, or DEAD before it."""
    alive = (pl.col("status") == "ALIVE") & (pl.col("date") > pl.col("_death_date"))
    dead = (pl.col("status") == "DEAD") & (pl.col("date") < pl.col("_death_date"))
    return with_person(evidence, "SS").filter(alive | dead)
