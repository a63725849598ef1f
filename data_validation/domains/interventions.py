"""EX, EC and DA (sealed); PR and CM (open as classes only)."""

from collections.abc import Mapping

import polars as pl

from data_validation.facts import (
    SUBJECT,
    Classes,
    Domain,
    Field,
    Kind,
    Severity,
    calendar_day,
    names_a_dose,
    open_field,
    sequence,
)
from data_validation.values import trimmed
from trials import Trial


def _procedures(trial: Trial) -> Mapping[str, str]:
    return {term: item.name for item in trial.open.procedure_classes for term in item.terms}


def _medications(trial: Trial) -> Mapping[str, str]:
    return {term: item.name for item in trial.open.medication_classes for term in item.terms}


# Everything in no class may be about the intervention.
PROCEDURES = Classes("PRCLASS", ("PRDECOD", "PRTRT"), _procedures)
MEDICATIONS = Classes("CMCLASS", ("CMDECOD", "CMTRT"), _medications)


# How an end is said to lie behind the time point or period of reference (CDISC STENRF).
_GOES_ON = ("ONGOING", "AFTER", "DURING/AFTER")


def courses_of_classed_medication(frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Courses of two calendar days and more of a class that the trial names.

    What is given before a dose (a corticosteroid against reactions, heparin for a line, a
    vasopressor during a procedure) is given on one day, so single days would tell who was dosed.
    One without an end may be such a day: only where the record says that it goes on is it a course.
    """
    days = [pl.col(name).str.strip_chars().str.slice(0, 10) for name in ("CMSTDTC", "CMENDTC")]
    start, end = (day.str.to_date("%Y-%m-%d", strict=False) for day in days)
    goes_on = trimmed("CMENDTC").is_null() & pl.any_horizontal(
        trimmed(name).str.to_uppercase().is_in(_GOES_ON) for name in ("CMENRTPT", "CMENRF")
    )
    about_a_dose = names_a_dose("CMTRT", "CMDECOD", "CMINDC", "CMCAT", "CMSCAT")
    lasts = goes_on.fill_null(value=False) | (end > start)
    return MEDICATIONS.opens(frame, trial) & lasts & ~about_a_dose


def _start(domain: str) -> Field:
    return Field(
        f"{domain}STDTC",
        "start_date",
        "Start.",
        Kind.DATE,
        missing=Severity.MAJOR,
        invalid=Severity.MAJOR,
    )


EX = Domain(
    name="EX",
    relation="exposure",
    label="Exposure",
    keys=("USUBJID", "EXTRT", "EXSTDTC"),
    date="start_date",
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("EX"),
        Field("EXTRT", "treatment", "Treatment given.", missing=Severity.MAJOR),
        Field("EXDOSE", "dose", "Dose.", Kind.NUMBER, lower=0, invalid=Severity.MAJOR),
        Field("EXDOSU", "dose_unit", "Unit of the dose."),
        Field("EXDOSFRM", "dose_form", "Form of the dose."),
        Field("EXROUTE", "route", "Route."),
        Field("EXLOT", "lot", "Lot."),
        Field("EXADJ", "adjustment_reason", "Why the dose was changed."),
        Field("VISIT", "visit", "Visit."),
        _start("EX"),
        Field("EXENDTC", "end_date", "End.", Kind.DATE),
    ),
)

EC = Domain(
    name="EC",
    relation="exposure_as_collected",
    label="Exposure as collected",
    keys=("USUBJID", "ECTRT", "ECSTDTC"),
    date="start_date",
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("EC"),
        Field("ECTRT", "treatment", "Treatment.", missing=Severity.MAJOR),
        Field(
            "ECMOOD",
            "mood",
            "Whether the dose was planned or given.",
            Kind.CODE,
            codes=("SCHEDULED", "PERFORMED"),
        ),
        Field("ECOCCUR", "occurred", "Whether it was given.", Kind.CODE, codes=("Y", "N")),
        Field("ECREASOC", "reason", "Why it was given or not."),
        Field("ECDOSE", "dose", "Dose.", Kind.NUMBER, lower=0, invalid=Severity.MAJOR),
        Field("ECDOSU", "dose_unit", "Unit of the dose."),
        Field("ECLOT", "lot", "Lot."),
        Field("ECROUTE", "route", "Route."),
        Field("VISIT", "visit", "Visit."),
        # Empty where a planned dose was not given.
        Field("ECSTDTC", "start_date", "Start.", Kind.DATE, invalid=Severity.MAJOR),
        Field("ECENDTC", "end_date", "End.", Kind.DATE),
    ),
)

DA = Domain(
    name="DA",
    relation="drug_accountability",
    label="Product accountability",
    keys=("USUBJID", "DATESTCD", "DADTC"),
    date="date",
    may_follow_death=True,
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("DA"),
        Field("DAREFID", "lot", "Identifier of the product: lot or vial."),
        Field("DATESTCD", "test_code", "What was counted or measured.", missing=Severity.MAJOR),
        Field("DATEST", "test", "Test, name."),
        Field("DACAT", "category", "Category."),
        Field("DAORRES", "result", "Result.", Kind.NUMBER, invalid=Severity.MINOR),
        Field("DAORRESU", "unit", "Unit of the result."),
        Field("VISIT", "visit", "Visit."),
        Field("DADTC", "date", "Date.", Kind.DATE, missing=Severity.MINOR),
    ),
)

PR = Domain(
    name="PR",
    relation="procedure",
    label="Procedures",
    keys=("USUBJID", "PRCLASS", "PRSTDTC"),
    open_rows=PROCEDURES.opens,
    classes=PROCEDURES,
    date="start_date",
    fields=(
        SUBJECT,
        sequence("PR"),
        open_field(
            "PRCLASS",
            "procedure_class",
            "Class of the procedure, by the trial definition; not part of the extract.",
        ),
        Field("PRTRT", "reported_name", "Procedure, as reported."),
        Field("PRDECOD", "standard_name", "Procedure, standardized."),
        Field("PRCAT", "category", "Category."),
        Field("PRINDC", "indication", "Indication."),
        Field("VISIT", "visit", "Visit."),
        calendar_day("PRSTDTC", "start_date", "Start.", required=Severity.MAJOR),
        calendar_day("PRENDTC", "end_date", "End; empty while it goes on."),
    ),
)

CM = Domain(
    name="CM",
    relation="medication",
    label="Concomitant medication",
    keys=("USUBJID", "CMCLASS", "CMSTDTC"),
    open_rows=courses_of_classed_medication,
    classes=MEDICATIONS,
    date="start_date",
    fields=(
        SUBJECT,
        sequence("CM"),
        open_field(
            "CMCLASS",
            "medication_class",
            "Class of the medication, by the trial definition; not part of the extract.",
        ),
        Field("CMTRT", "reported_name", "Medication, as reported.", missing=Severity.MINOR),
        Field("CMDECOD", "standard_name", "Medication, standardized."),
        Field("CMCAT", "category", "Category."),
        Field("CMSCAT", "subcategory", "Subcategory."),
        Field("CMCLAS", "class_received", "Class, as received."),
        Field("CMINDC", "indication", "Indication."),
        Field("CMDOSE", "dose", "Dose.", Kind.NUMBER, lower=0),
        Field("CMDOSU", "dose_unit", "Unit of the dose."),
        Field("CMROUTE", "route", "Route."),
        calendar_day("CMSTDTC", "start_date", "Start."),
        calendar_day("CMENDTC", "end_date", "End; empty while it goes on."),
        Field("CMENRTPT", "end_against_time_point", "End against a time point of reference."),
        Field("CMENRF", "end_against_period", "End against the period of reference."),
    ),
)
