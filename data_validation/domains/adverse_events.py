"""AE: open but for events whose preferred term names the intervention, and how they were judged."""

import polars as pl

from data_validation.facts import (
    SUBJECT,
    Domain,
    Exposure,
    Field,
    Kind,
    Severity,
    calendar_day,
    code_list,
    folded,
    folded_terms,
    open_field,
    sequence,
)
from trials import Trial

YES_NO = ("Y", "N")


def terms_not_sealed(_frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Events but those under a sealed preferred term, which leave the open store whole."""
    sealed = folded("AEDECOD").is_in(folded_terms(trial.sealed.preferred_terms))
    return ~sealed.fill_null(value=False)


def _criterion(name: str, word: str, text: str) -> Field:
    return code_list(name, word, f"Serious: {text}.", YES_NO, invalid=Severity.MAJOR)


AE = Domain(
    name="AE",
    relation="adverse_event",
    label="Adverse events",
    keys=("USUBJID", "AEDECOD", "AESTDTC"),
    duplicate=Severity.MINOR,
    open_rows=terms_not_sealed,
    date="start_date",
    occurrence_is_an_outcome=True,
    outcomes=(
        "preferred_term",
        "body_system",
        "severity",
        "grade",
        "serious",
        "serious_death",
        "serious_life_threatening",
        "serious_hospitalization",
        "serious_disability",
        "serious_congenital",
        "serious_medically_important",
        "outcome",
        "start_date",
        "end_date",
        "study_day",
    ),
    fields=(
        SUBJECT,
        sequence("AE"),
        Field("AETERM", "reported_term", "Reported term."),
        open_field("AEDECOD", "preferred_term", "MedDRA preferred term.", missing=Severity.MAJOR),
        open_field("AEBODSYS", "body_system", "MedDRA system organ class."),
        Field("AESOC", "primary_body_system", "MedDRA primary system organ class."),
        code_list("AESEV", "severity", "Severity.", ("MILD", "MODERATE", "SEVERE")),
        Field(
            "AETOXGR",
            "grade",
            "CTCAE grade.",
            Kind.INTEGER,
            Exposure.OPEN,
            lower=1,
            upper=5,
            invalid=Severity.MAJOR,
        ),
        code_list("AESER", "serious", "Serious event.", YES_NO, required=Severity.MAJOR),
        _criterion("AESDTH", "serious_death", "results in death"),
        _criterion("AESLIFE", "serious_life_threatening", "life threatening"),
        _criterion("AESHOSP", "serious_hospitalization", "hospitalization"),
        _criterion("AESDISAB", "serious_disability", "disability"),
        _criterion("AESCONG", "serious_congenital", "congenital anomaly"),
        _criterion("AESMIE", "serious_medically_important", "medically important"),
        code_list(
            "AEOUT",
            "outcome",
            "Outcome.",
            (
                "RECOVERED/RESOLVED",
                "RECOVERED/RESOLVED WITH SEQUELAE",
                "RECOVERING/RESOLVING",
                "NOT RECOVERED/NOT RESOLVED",
                "FATAL",
                "UNKNOWN",
            ),
        ),
        Field("AEREL", "relatedness", "Relation to the treatment."),
        Field("AEACN", "action_taken", "Action taken with the treatment."),
        calendar_day("AESTDTC", "start_date", "Start.", required=Severity.MAJOR),
        calendar_day("AEENDTC", "end_date", "End; empty while it goes on."),
    ),
)
