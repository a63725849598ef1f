"""MH, CE and FA: history, and symptoms as participants report them."""

from collections.abc import Mapping

import polars as pl

from data_validation.domains.adverse_events import YES_NO
from data_validation.domains.participation import VISIT, VISIT_NUMBER, scheduled_visits
from data_validation.facts import (
    SUBJECT,
    Classes,
    Domain,
    Exposure,
    Field,
    Kind,
    Severity,
    calendar_day,
    code_list,
    folded,
    folded_terms,
    names_a_dose,
    open_field,
    sequence,
)
from data_validation.values import trimmed
from trials import Trial


def _symptoms(trial: Trial) -> Mapping[str, str]:
    return {name: name for name in trial.open.symptoms}


REPORTED = Classes("CECLASS", ("CEDECOD", "CETERM"), _symptoms)
ASKED_ABOUT = Classes("FACLASS", ("FAOBJ",), _symptoms)


def coded_history(_frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """History under a preferred term that does not name the intervention."""
    named = folded("MHDECOD").is_in(folded_terms(trial.sealed.preferred_terms))
    return trimmed("MHDECOD").is_not_null() & ~named


def listed_symptoms(frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Symptoms that everybody was asked for, and not for a dose.

    What somebody reports unasked may be how a dose felt, whatever the record says of it.
    """
    was_asked = trimmed("CEPRESP").str.to_uppercase() == "Y"
    about_a_dose = names_a_dose("CETERM", "CECAT", "CESCAT")
    return REPORTED.opens(frame, trial) & was_asked.fill_null(value=False) & ~about_a_dose


def findings_about_symptoms(frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Occurrence and severity of symptoms that the trial opens, at visits of the schedule."""
    is_standard = trimmed("FATESTCD").str.to_uppercase().is_in(["OCCUR", "SEV"])
    about_a_dose = names_a_dose("FACAT", "FASCAT")
    scheduled = scheduled_visits(frame, trial)
    return ASKED_ABOUT.opens(frame, trial) & is_standard & scheduled & ~about_a_dose


def _symptom(name: str) -> Field:
    return open_field(name, "symptom", "Symptom, as the trial names it; not part of the extract.")


def _timed(domain: str) -> tuple[Field, ...]:
    return (
        Field(f"{domain}TPT", "time_point", "Planned time point."),
        Field(f"{domain}TPTREF", "time_point_reference", "What the time point counts from."),
    )


MH = Domain(
    name="MH",
    relation="medical_history",
    label="Medical history",
    keys=("USUBJID", "MHDECOD", "MHSTDTC"),
    open_rows=coded_history,
    date="start_date",
    fields=(
        SUBJECT,
        sequence("MH"),
        Field("MHTERM", "reported_term", "Reported term."),
        open_field("MHDECOD", "preferred_term", "MedDRA preferred term."),
        open_field("MHBODSYS", "body_system", "MedDRA system organ class."),
        Field("MHCAT", "category", "Category."),
        Field("MHSCAT", "subcategory", "Subcategory."),
        Field("MHPRESP", "asked_for", "Whether it was asked for."),
        code_list("MHOCCUR", "occurred", "Whether it occurred.", YES_NO),
        calendar_day("MHSTDTC", "start_date", "Start."),
        calendar_day("MHENDTC", "end_date", "End; empty while it goes on."),
        Field("MHDTC", "collection_date", "Collection.", Kind.DATE),
    ),
)

CE = Domain(
    name="CE",
    relation="clinical_event",
    label="Clinical events",
    keys=("USUBJID", "CECLASS", "CESTDTC"),
    open_rows=listed_symptoms,
    classes=REPORTED,
    date="start_date",
    occurrence_is_an_outcome=True,
    outcomes=(
        "symptom",
        "occurred",
        "severity",
        "collection_date",
        "start_date",
        "end_date",
        "study_day",
    ),
    fields=(
        SUBJECT,
        sequence("CE"),
        _symptom("CECLASS"),
        Field("CETERM", "reported_term", "Reported term.", missing=Severity.MINOR),
        Field("CEDECOD", "standard_term", "Standardized term."),
        Field("CECAT", "category", "Category."),
        Field("CESCAT", "subcategory", "Subcategory."),
        Field("CEPRESP", "asked_for", "Whether it was asked for."),
        code_list("CEOCCUR", "occurred", "Whether it occurred.", YES_NO),
        code_list("CESEV", "severity", "Severity.", ("MILD", "MODERATE", "SEVERE")),
        *_timed("CE"),
        calendar_day("CEDTC", "collection_date", "Collection."),
        calendar_day("CESTDTC", "start_date", "Start."),
        calendar_day("CEENDTC", "end_date", "End; empty while it goes on."),
    ),
)

FA = Domain(
    name="FA",
    relation="finding_about",
    label="Findings about events",
    keys=("USUBJID", "FACLASS", "FATESTCD", "VISIT", "FADTC"),
    open_rows=findings_about_symptoms,
    classes=ASKED_ABOUT,
    date="date",
    planned=True,
    outcomes=("result",),
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("FA"),
        _symptom("FACLASS"),
        open_field(
            "FATESTCD",
            "test_code",
            "OCCUR: whether it occurred; SEV: how severe it was.",
            missing=Severity.MINOR,
        ),
        Field("FATEST", "test", "Test, name."),
        Field("FAOBJ", "object", "What the finding is about.", missing=Severity.MINOR),
        Field("FACAT", "category", "Category."),
        Field("FASCAT", "subcategory", "Subcategory."),
        Field("FAORRES", "reported_result", "Result, as reported."),
        Field(
            "FASTRESC",
            "result",
            "Result, standardized.",
            Kind.CODE,
            Exposure.OPEN,
            codes=("Y", "N", "NONE", "MILD", "MODERATE", "SEVERE"),
            # Findings about anything else have results of their own.
            invalid=None,
        ),
        VISIT_NUMBER,
        VISIT,
        *_timed("FA"),
        calendar_day("FADTC", "date", "Collection.", missing=Severity.MINOR),
    ),
)
