"""AE: open but for events whose preferred term names the intervention, and how they were judged."""

import polars as pl

from data_validation.facts import (
    SUBJECT,
    Domain,
    Exposure,
    Field,
    Kind,
    Severity,
    folded,
    folded_terms,
    sequence,
)
from trials import Trial

YES_NO = ("Y", "N")


def terms_not_sealed(_frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Events but those under a sealed preferred term, which leave the open store whole."""
    sealed = folded("AEDECOD").is_in(folded_terms(trial.sealed.preferred_terms))
    return ~sealed.fill_null(value=False)


def _criterion(name: str, word: str, text: str) -> Field:
    return Field(
        name, word, f"Serious: {text}.", Kind.CODE, Exposure.OPEN, YES_NO, invalid=Severity.MAJOR
    )


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
        Field(
            "AEDECOD",
            "preferred_term",
            "MedDRA preferred term.",
            exposure=Exposure.OPEN,
            missing=Severity.MAJOR,
        ),
        Field("AEBODSYS", "body_system", "MedDRA system organ class.", exposure=Exposure.OPEN),
        Field("AESOC", "primary_body_system", "MedDRA primary system organ class."),
        Field(
            "AESEV",
            "severity",
            "Severity.",
            Kind.CODE,
            Exposure.OPEN,
            codes=("MILD", "MODERATE", "SEVERE"),
        ),
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
        Field(
            "AESER",
            "serious",
            "Serious event.",
            Kind.CODE,
            Exposure.OPEN,
            YES_NO,
            missing=Severity.MAJOR,
            invalid=Severity.MAJOR,
        ),
        _criterion("AESDTH", "serious_death", "results in death"),
        _criterion("AESLIFE", "serious_life_threatening", "life threatening"),
        _criterion("AESHOSP", "serious_hospitalization", "hospitalization"),
        _criterion("AESDISAB", "serious_disability", "disability"),
        _criterion("AESCONG", "serious_congenital", "congenital anomaly"),
        _criterion("AESMIE", "serious_medically_important", "medically important"),
        Field(
            "AEOUT",
            "outcome",
            "Outcome.",
            Kind.CODE,
            Exposure.OPEN,
            codes=(
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
        Field(
            "AESTDTC",
            "start_date",
            "Start.",
            Kind.DATE,
            Exposure.DAY,
            missing=Severity.MAJOR,
            invalid=Severity.MAJOR,
        ),
        Field("AEENDTC", "end_date", "End; empty while it goes on.", Kind.DATE, Exposure.DAY),
    ),
)
