"""Dosing against the protocol. All of it is sealed: one arm receives nothing."""

import polars as pl

from data_validation.checks.common import taking_part
from data_validation.facts import Severity
from data_validation.released import arm_code
from data_validation.rules import Evidence, Heading, RuleKind, check
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
    Heading(RuleKind.DOSING, "EX-101", "EXTRT", Severity.MAJOR),
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
    Heading(RuleKind.DOSING, "EX-102", "EXSTDTC", Severity.MAJOR),
    sentence="The instillation is outside every planned window.",
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
    Heading(RuleKind.DOSING, "EX-103", "EXSTDTC", Severity.MAJOR),
    sentence="The instillation follows the previous one too soon, or exceeds the planned number.",
    why="Protocol: a planned number of instillations a minimum interval apart.",
    query="Please check the instillation on {EXSTDTC} against the previous one.",
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


def _given() -> pl.Expr:
    return pl.col("dose") > 0


@check(
    Heading(RuleKind.DOSING, "EX-104", "EXSTDTC", Severity.MAJOR),
    sentence="The instillation is dated before randomization.",
    why="Protocol: nobody is treated before being assigned.",
    query="The instillation is dated {EXSTDTC}, randomization {randomization_date}. Please check.",
    sealed=True,
)
def dose_before_randomization(evidence: Evidence) -> pl.DataFrame:
    """EXSTDTC earlier than day 1, where dosing is planned."""
    if evidence.trial.dosing is None:
        return evidence["EX"].clear()
    return _with_arm(evidence).filter(pl.col("start_date") < pl.col("randomization_date"))


@check(
    Heading(RuleKind.DOSING, "EX-105", "EXDOSE", Severity.MAJOR),
    sentence="The dose is less than planned, and no reason is recorded.",
    why="Protocol: a full dose each time. The reason for a partial dose belongs in the report.",
    query="The dose on {EXSTDTC} is {EXDOSE} {EXDOSU}; planned is {_planned}. Please confirm, and "
    "say why.",
    sealed=True,
)
def partial_dose(evidence: Evidence) -> pl.DataFrame:
    """A dose above zero and below the planned share, without a reason in EXADJ.

    Asked where the trial names the dose.
    """
    dosing = evidence.trial.dosing
    if dosing is None or dosing.dose is None:
        return evidence["EX"].clear()
    return (
        evidence["EX"]
        .filter(
            _given(),
            pl.col("dose") < dosing.dose * (1 - dosing.dose_tolerance),
            trimmed("EXADJ").is_null(),
        )
        .with_columns(pl.lit(f"{dosing.dose:g} {dosing.dose_unit}".strip()).alias("_planned"))
    )


@check(
    Heading(RuleKind.DOSING, "EX-106", "EXDOSE", Severity.MAJOR),
    sentence="The dose is not recorded, or more than planned.",
    why="Protocol: a planned number of cells each time; harm cannot be related to dose without it.",
    query="The dose on {EXSTDTC} is {EXDOSE} {EXDOSU}. Please check the number of cells.",
    sealed=True,
)
def implausible_dose(evidence: Evidence) -> pl.DataFrame:
    """No dose, or one above the planned share; asked where dosing is planned."""
    dosing = evidence.trial.dosing
    if dosing is None:
        return evidence["EX"].clear()
    condition = pl.col("dose").is_null()
    if dosing.dose is not None:
        condition |= pl.col("dose") > dosing.dose * (1 + dosing.dose_tolerance)
    return evidence["EX"].filter(condition)


@check(
    Heading(RuleKind.DOSING, "EX-107", "EXLOT", Severity.MAJOR),
    sentence="The lot of the cells is not recorded.",
    why="Only the lot number traces a faulty lot to its recipients.",
    query="Please provide the lot that was given on {EXSTDTC}.",
    sealed=True,
)
def lot_missing(evidence: Evidence) -> pl.DataFrame:
    """A dose was given and EXLOT is empty; not asked where the extract has no lots."""
    if "EXLOT" in evidence.tables.absent.get("EX", ()) or evidence.trial.dosing is None:
        return evidence["EX"].clear()
    return evidence["EX"].filter(_given(), trimmed("EXLOT").is_null())


@check(
    Heading(RuleKind.DOSING, "DM-121", "USUBJID", Severity.MAJOR),
    sentence="Instillations are due and not recorded, neither as given nor as missed.",
    why="Protocol: a planned number of instillations in the treated arm.",
    query="{_recorded} of {_planned} instillations of {USUBJID} are recorded. Please record the "
    "others, or why they were missed.",
    needs=("EX",),
    sealed=True,
)
def dose_missed(evidence: Evidence) -> pl.DataFrame:
    """Treated arms: fewer doses, or reasons for none, than are due by cut-off and end."""
    dosing = evidence.trial.dosing
    if dosing is None or evidence.cutoff is None:
        return evidence["DM"].clear()
    shift = 1 if dosing.day_one == "day after assignment" else 0
    closed = [day - 1 + shift + dosing.window_days for day in dosing.days]
    until = pl.min_horizontal(pl.lit(evidence.cutoff), pl.col("_death_date"), pl.col("_ended"))
    days = (until - pl.col("randomization_date")).dt.total_days()
    due = pl.sum_horizontal((days > day).cast(pl.Int64) for day in closed)
    treated = [arm.code for arm in evidence.trial.arms.list if not arm.control]
    recorded = _given() | ((pl.col("dose") == 0) & trimmed("EXADJ").is_not_null())
    given = evidence["EX"].filter(recorded).group_by(trimmed("USUBJID").alias("_subject")).len()
    return (
        taking_part(evidence)
        .join(given, on="_subject", how="left", maintain_order="left")
        .with_columns(
            pl.col("len").fill_null(0).alias("_recorded"),
            due.alias("_due"),
            pl.lit(dosing.planned).alias("_planned"),
        )
        .filter(
            arm_code(pl.col("ARMCD"), evidence.trial).is_in(treated),
            pl.col("_recorded") < pl.col("_due"),
        )
    )


@check(
    Heading(RuleKind.DOSING, "DA-101", "DAORRES", Severity.MAJOR),
    sentence="The viability of the cells is below what may be given.",
    why="Protocol and release specification: dead cells do not act, and can harm.",
    query="The viability of lot {DAREFID} is {DAORRES} {DAORRESU}. Please confirm.",
    sealed=True,
)
def low_viability(evidence: Evidence) -> pl.DataFrame:
    """A viability below the trial's minimum, in percent."""
    dosing = evidence.trial.dosing
    if dosing is None or dosing.viability_minimum is None or dosing.viability_test is None:
        return evidence["DA"].clear()
    return evidence["DA"].filter(
        trimmed("DATESTCD").str.to_uppercase() == dosing.viability_test.upper(),
        pl.col("result") < dosing.viability_minimum,
    )


@check(
    Heading(RuleKind.DOSING, "EC-101", "ECOCCUR", Severity.MAJOR),
    sentence="EC records a dose as given that EX lacks, or as not given that EX has.",
    why="EX is derived from EC; the two must agree.",
    query="ECOCCUR is {ECOCCUR} on {ECSTDTC}; the exposure of that day contradicts it. Please "
    "check.",
    needs=("EX",),
    sealed=True,
)
def collected_contradicts_exposure(evidence: Evidence) -> pl.DataFrame:
    """ECOCCUR Y without a dose of that day in EX, or N with one."""
    doses = evidence["EX"].filter(_given(), pl.col("start_date").is_not_null())
    days = doses.select(
        trimmed("USUBJID").alias("_subject"), "start_date", pl.lit(value=True).alias("_in_ex")
    )
    return (
        evidence["EC"]
        .with_columns(trimmed("USUBJID").alias("_subject"))
        .filter(pl.col("start_date").is_not_null(), pl.col("mood").ne_missing("SCHEDULED"))
        .join(days.unique(), on=["_subject", "start_date"], how="left", maintain_order="left")
        .filter(
            ((pl.col("occurred") == "Y") & pl.col("_in_ex").is_null())
            | ((pl.col("occurred") == "N") & pl.col("_in_ex").is_not_null())
        )
    )


@check(
    Heading(RuleKind.DOSING, "EC-102", "ECREASOC", Severity.MINOR),
    sentence="A dose was not given and no reason is recorded.",
    why="Missed doses are reported with their reason.",
    query="A dose was not given (visit {VISIT}). Please say why.",
    sealed=True,
)
def missed_without_reason(evidence: Evidence) -> pl.DataFrame:
    """ECOCCUR N and ECREASOC empty; not asked where the extract has no reasons."""
    if "ECREASOC" in evidence.tables.absent.get("EC", ()):
        return evidence["EC"].clear()
    return evidence["EC"].filter(pl.col("occurred") == "N", trimmed("ECREASOC").is_null())


@check(
    Heading(RuleKind.DOSING, "EX-108", "EXDOSE", Severity.NOTE),
    sentence="The dose was missed or given in part, and the reason is recorded.",
    why="No query; it matters when effects and reactions are interpreted.",
    query="None: the dose is {EXDOSE} {EXDOSU}, because of: {EXADJ}.",
    sealed=True,
)
def dose_reduced_for_a_reason(evidence: Evidence) -> pl.DataFrame:
    """A dose of zero or below the planned share, with a reason in EXADJ."""
    dosing = evidence.trial.dosing
    if dosing is None:
        return evidence["EX"].clear()
    less = pl.col("dose") == 0
    if dosing.dose is not None:
        less |= pl.col("dose") < dosing.dose * (1 - dosing.dose_tolerance)
    return evidence["EX"].filter(less, trimmed("EXADJ").is_not_null())
