"""Dosing against the protocol. All of it is sealed: one arm receives nothing."""

import polars as pl

from data_validation.facts import Severity
from data_validation.relations import arm_code
from data_validation.rules import Evidence, RuleKind, check
from data_validation.values import trimmed


def _with_arm(evidence: Evidence) -> pl.DataFrame:
    """EX rows beside the planned arm's code and the date of randomization."""
    people = evidence.people.select(
        pl.col("subject").alias("_subject"),
        arm_code(pl.col("planned_arm_code"), evidence.trial).alias("_arm"),
        "randomization_date",
    )
    return (
        evidence["EX"]
        .with_columns(trimmed("USUBJID").alias("_subject"))
        .join(people, on="_subject", how="inner", maintain_order="left")
    )


@check(
    id="EX-101",
    kind=RuleKind.DOSING,
    domain="EX",
    field="EXTRT",
    severity=Severity.MAJOR,
    sentence="A participant of the control arm received an instillation.",
    why="Protocol: the control arm receives standard therapy only.",
    query="Please confirm the administration on {EXSTDTC}.",
    sealed=True,
)
def dose_in_control(evidence: Evidence) -> pl.DataFrame:
    """Exposure with a dose above zero in an arm marked as control, where dosing is planned."""
    if evidence.trial.dosing is None:
        return evidence["EX"].clear()
    controls = [arm.code for arm in evidence.trial.arms.list if arm.control]
    return _with_arm(evidence).filter(
        pl.col("_arm").is_in(controls), pl.col("dose").is_null() | (pl.col("dose") > 0)
    )


@check(
    id="EX-102",
    kind=RuleKind.DOSING,
    domain="EX",
    field="EXSTDTC",
    severity=Severity.MAJOR,
    sentence="The instillation lies in no planned window.",
    why="Protocol: instillations on planned days of the trial, each with its window.",
    query="The instillation on {EXSTDTC} is outside every planned window. Please comment.",
    sealed=True,
)
def dose_outside_window(evidence: Evidence) -> pl.DataFrame:
    """Day of the dose further than the window from every planned day."""
    dosing = evidence.trial.dosing
    if dosing is None:
        return evidence["EX"].clear()
    shift = 1 if dosing.day_one == "day after assignment" else 0
    day = (pl.col("start_date") - pl.col("randomization_date")).dt.total_days() + 1
    inside = pl.any_horizontal(
        (day - planned - shift).abs() <= dosing.window_days for planned in dosing.days
    )
    return _with_arm(evidence).filter(pl.col("start_date").is_not_null(), ~inside)


@check(
    id="EX-103",
    kind=RuleKind.DOSING,
    domain="EX",
    field="EXSTDTC",
    severity=Severity.MAJOR,
    sentence="The instillation follows the one before too soon, or is one too many.",
    why="Protocol: a planned number of instillations a minimum interval apart.",
    query="Please check the instillation on {EXSTDTC} against the one before.",
    sealed=True,
)
def dose_too_soon(evidence: Evidence) -> pl.DataFrame:
    """Less than the minimum interval after the previous dose, or beyond the planned number."""
    dosing = evidence.trial.dosing
    if dosing is None:
        return evidence["EX"].clear()
    gap = (pl.col("start_date") - pl.col("start_date").shift(1)).dt.total_days()
    return (
        evidence["EX"]
        .filter(pl.col("start_date").is_not_null())
        .sort("USUBJID", "start_date", "record_key")
        .with_columns(
            gap.over("USUBJID").alias("_gap"),
            pl.int_range(1, pl.len() + 1).over("USUBJID").alias("_number"),
        )
        .filter(
            (pl.col("_gap") < dosing.minimum_interval_days) | (pl.col("_number") > dosing.planned)
        )
    )
