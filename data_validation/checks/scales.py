"""The WHO clinical progression scale against support and death, where the trial names it."""

import polars as pl

from data_validation.checks.common import with_person
from data_validation.facts import Severity
from data_validation.rules import Evidence, Heading, RuleKind, check
from data_validation.values import trimmed

# Marshall et al., Lancet Infect Dis 2020: 7 to 9 intubation and mechanical ventilation, 10 dead.
INVASIVE, DEAD = 7, 10
# Ranks of respiratory support from which on it is invasive.
_INVASIVE_SUPPORT = 3


def _ratings(evidence: Evidence) -> pl.DataFrame:
    """Usable ratings of the 0 to 10 scale, and whether invasive support went on all that day."""
    rated = evidence.measured("RS").filter(pl.col("measure") == "who_progression")
    rated = rated.with_columns(trimmed("USUBJID").alias("_subject")).filter(
        pl.col("value").is_not_null(), pl.col("date").is_not_null()
    )
    support = evidence.relations["procedure"].filter(pl.col("support") >= _INVASIVE_SUPPORT)
    days = (
        rated.select("record_key", "_subject", "date")
        .join(
            support.select("subject", "start_date", "end_date", "end_date_text"),
            left_on="_subject",
            right_on="subject",
        )
        .with_columns(goes_on=pl.col("end_date").is_null() & pl.col("end_date_text").is_null())
    )
    # One episode from the day before, one until the day after: the same, or one support after
    # another.
    from_before = days.filter(
        pl.col("start_date") < pl.col("date"),
        pl.col("goes_on") | (pl.col("end_date") >= pl.col("date")),
    )
    until_after = days.filter(
        pl.col("start_date") <= pl.col("date"),
        pl.col("goes_on") | (pl.col("end_date") > pl.col("date")),
    )
    inside = from_before.join(until_after, on="record_key", how="semi")
    touched = days.filter(
        pl.col("start_date").is_null() | (pl.col("start_date") <= pl.col("date")),
        pl.col("goes_on") | pl.col("end_date").is_null() | (pl.col("end_date") >= pl.col("date")),
    )
    return rated.with_columns(
        pl.col("record_key").is_in(inside["record_key"].implode()).alias("_ventilated"),
        pl.col("record_key").is_in(touched["record_key"].implode()).alias("_perhaps_ventilated"),
    )


@check(
    Heading(RuleKind.AGREEMENT, "RS-121", "RSORRES", Severity.MAJOR),
    sentence="The participant is ventilated invasively, and the WHO scale says less than 7.",
    why="WHO clinical progression scale: 7 and above is intubated and ventilated.",
    query="The WHO scale is {RSORRES} on {RSDTC}, a day of invasive ventilation by the procedures. "
    "Please check both.",
    needs=("PR",),
)
def ventilated_below_seven(evidence: Evidence) -> pl.DataFrame:
    """A rating below 7 on a day that lies within an episode of invasive support."""
    return _ratings(evidence).filter(pl.col("value") < INVASIVE, "_ventilated")


@check(
    Heading(RuleKind.AGREEMENT, "RS-122", "RSORRES", Severity.MAJOR),
    sentence="The WHO scale says 7 to 9, and no invasive ventilation is recorded for that day.",
    why="WHO clinical progression scale: 7 and above is intubated and ventilated.",
    query="The WHO scale is {RSORRES} on {RSDTC}; the procedures have no invasive ventilation on "
    "that day. Please check both.",
    needs=("PR",),
)
def seven_without_ventilation(evidence: Evidence) -> pl.DataFrame:
    """A rating of 7 to 9 on a day that no episode of invasive support touches."""
    return _ratings(evidence).filter(
        pl.col("value").is_between(INVASIVE, DEAD, closed="left"), ~pl.col("_perhaps_ventilated")
    )


@check(
    Heading(RuleKind.AGREEMENT, "RS-123", "RSORRES", Severity.MAJOR),
    sentence="The WHO scale says dead, and the participant did not die by that day.",
    why="WHO clinical progression scale: 10 is dead.",
    query="The WHO scale is 10 on {RSDTC}; demographics has the death of {USUBJID} as "
    "{_death_date}. Please check both.",
)
def dead_by_scale_only(evidence: Evidence) -> pl.DataFrame:
    """A rating of 10 of somebody alive in DM, or before the date of death."""
    rated = evidence.measured("RS").filter(
        pl.col("measure") == "who_progression", pl.col("value") == DEAD
    )
    dead = with_person(evidence, "RS").select("record_key", "died", "_death_date")
    return rated.join(dead, on="record_key", how="inner", maintain_order="left").filter(
        ~pl.col("died") | (pl.col("date") < pl.col("_death_date"))
    )


@check(
    Heading(RuleKind.AGREEMENT, "RS-124", "RSCAT", Severity.MAJOR),
    sentence="The rating is of another version of the scale, or of none; it is not used.",
    why="A scale of 0 to 8 circulates beside that of 0 to 10; the same number means another state.",
    query="{RSTESTCD} is {RSORRES} on the scale “{RSCAT}”. Which version of the scale was used?",
    sealed=True,
)
def other_version(evidence: Evidence) -> pl.DataFrame:
    """A result of a measure with categories, in none of them. Such rows are sealed."""
    listed = [item.name for item in evidence.trial.measures if item.categories]
    return evidence.measured("RS").filter(
        pl.col("measure").is_in(listed), pl.col("result").is_not_null(), ~pl.col("specimen_counts")
    )
