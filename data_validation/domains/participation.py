"""DS, IE, SV and DV: what became of a subject, criteria not met, visits held, deviations."""

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
    code_list,
    folded,
    folded_terms,
    names_a_dose,
    open_field,
    sequence,
)
from data_validation.values import trimmed
from trials import Trial


def listed_dispositions(_frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Dispositions that the trial opens; those about study treatment stay sealed."""
    return folded("DSDECOD").is_in(folded_terms(trial.open.dispositions))


def listed_criteria(_frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Criteria that the trial defines."""
    criterion = trimmed("IETESTCD").str.to_uppercase()
    return criterion.is_in([item.id.upper() for item in trial.criteria])


def scheduled_visits(_frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Visits of the schedule common to all arms."""
    return folded("VISIT").is_in(folded_terms(tuple(visit.visit for visit in trial.schedule)))


VISIT = open_field("VISIT", "visit", "Visit, as the schedule names it.")
VISIT_NUMBER = Field(
    "VISITNUM", "visit_number_received", "Position of the visit, as received; recomputed inside."
)

DS = Domain(
    name="DS",
    relation="disposition",
    label="Disposition",
    keys=("USUBJID", "DSDECOD", "DSSTDTC"),
    open_rows=listed_dispositions,
    date="start_date",
    may_follow_death=True,
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("DS"),
        Field("DSTERM", "reported_term", "Reported term."),
        open_field("DSDECOD", "disposition", "Standardized disposition.", missing=Severity.MAJOR),
        code_list(
            "DSCAT",
            "category",
            "Category.",
            ("PROTOCOL MILESTONE", "DISPOSITION EVENT", "OTHER EVENT"),
        ),
        Field("DSSCAT", "subcategory", "Subcategory."),
        Field("EPOCH", "epoch", "Epoch."),
        Field("DSDTC", "collection_date", "Collection.", Kind.DATE),
        calendar_day("DSSTDTC", "start_date", "Start of the disposition.", required=Severity.MAJOR),
    ),
)

IE = Domain(
    name="IE",
    relation="criterion_exception",
    label="Inclusion and exclusion criteria not met",
    keys=("USUBJID", "IETESTCD"),
    duplicate=Severity.MINOR,
    open_rows=listed_criteria,
    date="date",
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("IE"),
        open_field(
            "IETESTCD", "criterion", "Criterion, as the trial names it.", missing=Severity.MAJOR
        ),
        Field("IETEST", "criterion_text", "Criterion, wording."),
        code_list("IECAT", "category", "Inclusion or exclusion.", ("INCLUSION", "EXCLUSION")),
        code_list(
            "IEORRES",
            "result",
            "N: inclusion criterion not met; Y: exclusion criterion met.",
            ("Y", "N"),
            invalid=Severity.MAJOR,
        ),
        Field("IESTRESC", "standard_result", "Standardized result."),
        calendar_day("IEDTC", "date", "Assessment."),
    ),
)

SV = Domain(
    name="SV",
    relation="visit",
    label="Visits",
    keys=("USUBJID", "VISIT"),
    duplicate=Severity.MINOR,
    open_rows=scheduled_visits,
    date="start_date",
    planned=True,
    of_the_trial=True,
    fields=(
        SUBJECT,
        VISIT_NUMBER,
        open_field("VISIT", "visit", "Visit.", missing=Severity.MINOR),
        calendar_day("SVSTDTC", "start_date", "Start of the visit."),
        calendar_day("SVENDTC", "end_date", "End of the visit."),
        Field("SVUPDES", "unplanned_description", "Why the visit was unplanned."),
        Field("EPOCH", "epoch", "Epoch."),
    ),
)


def _deviation_classes(trial: Trial) -> Mapping[str, str]:
    return {name: name for name in trial.open.deviations}


DEVIATION_CLASSES = Classes("DVCLASS", ("DVCAT", "DVDECOD"), _deviation_classes)


def listed_deviations(frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Deviations of a category that the trial opens, unless their words are about a dose."""
    about_a_dose = names_a_dose("DVCAT", "DVSCAT", "DVDECOD", "DVTERM")
    return DEVIATION_CLASSES.opens(frame, trial) & ~about_a_dose


DV = Domain(
    name="DV",
    relation="deviation",
    label="Protocol deviations",
    keys=("USUBJID", "DVCLASS", "DVSTDTC"),
    open_rows=listed_deviations,
    classes=DEVIATION_CLASSES,
    date="start_date",
    may_follow_death=True,
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("DV"),
        open_field(
            "DVCLASS",
            "category",
            "Category of the deviation, by the trial definition; not part of the extract.",
        ),
        Field("DVTERM", "reported_term", "Deviation, as reported."),
        Field("DVDECOD", "standard_term", "Deviation, standardized."),
        Field("DVCAT", "received_category", "Category, as received.", missing=Severity.MINOR),
        Field("DVSCAT", "subcategory", "Subcategory."),
        Field("EPOCH", "epoch", "Epoch."),
        calendar_day("DVSTDTC", "start_date", "Start.", missing=Severity.MINOR),
        Field("DVENDTC", "end_date", "End.", Kind.DATE),
    ),
)
