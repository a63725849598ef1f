"""HO, SS and DD: stays in hospital, whether somebody is alive when asked, and how they died."""

from collections.abc import Mapping

import polars as pl

from data_validation.domains.participation import scheduled_visits
from data_validation.facts import (
    SUBJECT,
    Classes,
    Domain,
    Field,
    Severity,
    calendar_day,
    code_list,
    open_field,
    sequence,
)
from data_validation.values import trimmed
from trials import Trial

_PLACES = {
    "HOSPITAL": "HOSPITAL",
    "HOSPITALIZATION": "HOSPITAL",
    "HOSPITAL STAY": "HOSPITAL",
    "ICU": "ICU",
    "INTENSIVE CARE UNIT": "ICU",
}


def _places(_trial: Trial) -> Mapping[str, str]:
    return _PLACES


PLACES = Classes("HOCLASS", ("HODECOD", "HOTERM"), _places)


def contacts_in_follow_up(frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Vital status at visits of the schedule, or at a contact that belongs to no visit."""
    is_status = (trimmed("SSTESTCD").str.to_uppercase() == "SURVSTAT").fill_null(value=False)
    return is_status & (trimmed("VISIT").is_null() | scheduled_visits(frame, trial))


def primary_causes_of_death(_frame: pl.DataFrame, _trial: Trial) -> pl.Expr:
    """That there is a cause of death, and when it was recorded; the cause itself is sealed."""
    return trimmed("DDTESTCD").str.to_uppercase() == "PRCDTH"


HO = Domain(
    name="HO",
    relation="hospital_stay",
    label="Stays in hospital",
    keys=("USUBJID", "HOCLASS", "HOSTDTC"),
    duplicate=Severity.MINOR,
    open_rows=PLACES.opens,
    classes=PLACES,
    date="start_date",
    occurrence_is_an_outcome=True,
    outcomes=("place", "start_date", "end_date", "study_day"),
    fields=(
        SUBJECT,
        sequence("HO"),
        open_field("HOCLASS", "place", "HOSPITAL or ICU; not part of the extract."),
        Field("HOTERM", "reported_term", "Stay, as reported."),
        Field("HODECOD", "standard_term", "Stay, standardized."),
        calendar_day("HOSTDTC", "start_date", "Admission.", required=Severity.MAJOR),
        calendar_day(
            "HOENDTC", "end_date", "Discharge; empty while it lasts.", invalid=Severity.MAJOR
        ),
    ),
)

SS = Domain(
    name="SS",
    relation="vital_status_contact",
    label="Vital status at contacts",
    keys=("USUBJID", "SSTESTCD", "SSDTC"),
    duplicate=Severity.MINOR,
    open_rows=contacts_in_follow_up,
    date="date",
    planned=True,
    may_follow_death=True,
    occurrence_is_an_outcome=True,
    outcomes=("status", "date", "study_day"),
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("SS"),
        open_field(
            "SSTESTCD",
            "test_code",
            "What was asked; SURVSTAT is the vital status.",
            missing=Severity.MINOR,
        ),
        Field("SSTEST", "test", "What was asked, name."),
        Field("SSORRES", "reported_status", "Status, as reported."),
        code_list(
            "SSSTRESC",
            "status",
            "Vital status.",
            ("ALIVE", "DEAD", "UNKNOWN"),
            required=Severity.MAJOR,
        ),
        open_field("VISIT", "visit", "Visit, as the schedule names it."),
        calendar_day("SSDTC", "date", "Contact.", required=Severity.MAJOR),
    ),
)

DD = Domain(
    name="DD",
    relation="death_detail",
    label="Death details",
    keys=("USUBJID", "DDTESTCD", "DDDTC"),
    open_rows=primary_causes_of_death,
    date="date",
    may_follow_death=True,
    occurrence_is_an_outcome=True,
    outcomes=("test_code", "date", "study_day"),
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("DD"),
        open_field(
            "DDTESTCD",
            "test_code",
            "What is recorded; PRCDTH is the primary cause of death.",
            missing=Severity.MINOR,
        ),
        Field("DDTEST", "test", "What is recorded, name."),
        Field("DDORRES", "result", "Cause, as reported.", missing=Severity.MINOR),
        Field("DDSTRESC", "standard_result", "Cause, standardized."),
        Field("DDRESCAT", "result_category", "Category of the cause."),
        Field("DDEVAL", "evaluator", "Who judged."),
        calendar_day("DDDTC", "date", "Record."),
    ),
)
