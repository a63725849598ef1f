"""EX (sealed) and PR (open as classes only)."""

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
    no_row,
)
from trials import Trial


def classed_procedures(frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Procedures that the trial names in a class; everything else may be about the intervention."""
    classed: pl.Expr = procedure_class(frame, trial).is_not_null()
    return classed


def procedure_class(frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """The trial's class of each procedure, by its standardized or else its reported name."""
    mapping = {
        term: item.name
        for item in trial.open.procedure_classes
        for term in folded_terms(item.terms)
    }
    if not mapping:
        return pl.lit(None, dtype=pl.String)
    name = pl.coalesce("PRDECOD", "PRTRT") if "PRDECOD" in frame.columns else pl.col("PRTRT")
    classes = frame.select(name.alias("name")).select(
        folded("name").replace_strict(mapping, default=None, return_dtype=pl.String)
    )
    return pl.lit(classes.to_series())


EX = Domain(
    name="EX",
    relation="exposure",
    label="Exposure",
    keys=("USUBJID", "EXTRT", "EXSTDTC"),
    open_rows=no_row,
    fields=(
        SUBJECT,
        Field("EXSEQ", "sequence", "Sequence number, as received."),
        Field("EXTRT", "treatment", "Treatment given.", missing=Severity.MAJOR),
        Field("EXDOSE", "dose", "Dose.", Kind.NUMBER, lower=0, invalid=Severity.MAJOR),
        Field("EXDOSU", "dose_unit", "Unit of the dose."),
        Field("EXROUTE", "route", "Route."),
        Field("EXLOT", "lot", "Lot."),
        Field("EXADJ", "adjustment_reason", "Why the dose was changed."),
        Field("VISIT", "visit", "Visit."),
        Field(
            "EXSTDTC",
            "start_date",
            "Start.",
            Kind.DATE,
            missing=Severity.MAJOR,
            invalid=Severity.MAJOR,
        ),
        Field("EXENDTC", "end_date", "End.", Kind.DATE),
    ),
)

PR = Domain(
    name="PR",
    relation="procedure",
    label="Procedures",
    keys=("USUBJID", "PRCLASS", "PRSTDTC"),
    open_rows=classed_procedures,
    fields=(
        SUBJECT,
        Field("PRSEQ", "sequence", "Sequence number, as received."),
        Field(
            "PRCLASS",
            "procedure_class",
            "Class of the procedure, by the trial definition; not part of the extract.",
            exposure=Exposure.OPEN,
        ),
        Field("PRTRT", "reported_name", "Procedure, as reported."),
        Field("PRDECOD", "standard_name", "Procedure, standardized."),
        Field("PRINDC", "indication", "Indication."),
        Field("VISIT", "visit", "Visit."),
        Field(
            "PRSTDTC",
            "start_date",
            "Start.",
            Kind.DATE,
            Exposure.DAY,
            missing=Severity.MAJOR,
            invalid=Severity.MAJOR,
        ),
        Field("PRENDTC", "end_date", "End; empty while it goes on.", Kind.DATE, Exposure.DAY),
    ),
)
