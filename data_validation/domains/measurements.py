"""Results of tests (LB, VS, RE, RS, CP, EG, QS), open where the trial names them as measures.

One factory for all of them: what differs is whether a specimen or a category belongs to the test.
"""

import polars as pl

from data_validation.domains.participation import VISIT, VISIT_NUMBER, scheduled_visits
from data_validation.facts import (
    SUBJECT,
    Domain,
    Exposure,
    Field,
    Kind,
    RowRule,
    Severity,
    calendar_day,
    folded,
    folded_terms,
    open_field,
    sequence,
)
from data_validation.values import trimmed
from trials import Trial


def measured_at_scheduled_visits(domain: str) -> RowRule:
    """Tests named as a measure, at scheduled visits.

    More tests or more visits would tell who was treated. Where a measure names categories, as a
    scale its version, those of other categories stay sealed.
    """

    def rule(frame: pl.DataFrame, trial: Trial) -> pl.Expr:
        measures = [item for item in trial.measures if item.domain == domain]
        test = trimmed(f"{domain}TESTCD").str.to_uppercase()
        named = test.is_in([item.code.upper() for item in measures if not item.categories])
        for item in measures:
            if item.categories:
                category = folded(f"{domain}CAT").is_in(folded_terms(item.categories))
                named |= (test == item.code.upper()) & category.fill_null(value=False)
        return named & scheduled_visits(frame, trial)

    return rule


def _measurements(
    name: str,
    relation: str,
    label: str,
    *more: Field,
    date: str = "Collection.",
    open_category: bool = False,
    occurrence_is_an_outcome: bool = False,
) -> Domain:
    # A category is open where the row rule has held it against the trial's; else it is free text.
    category = Field(
        f"{name}CAT",
        "category",
        "Category; of a scale, its name and version.",
        exposure=Exposure.OPEN if open_category else Exposure.SEALED,
    )
    return Domain(
        name=name,
        relation=relation,
        label=label,
        keys=("USUBJID", f"{name}TESTCD", "VISIT", f"{name}DTC"),
        open_rows=measured_at_scheduled_visits(name),
        date="date",
        planned=True,
        measured=True,
        of_the_trial=True,
        outcomes=("value", "value_limit"),
        occurrence_is_an_outcome=occurrence_is_an_outcome,
        fields=(
            SUBJECT,
            sequence(name),
            open_field(f"{name}TESTCD", "test_code", "Test, CDISC code.", missing=Severity.MAJOR),
            Field(f"{name}TEST", "test", "Test, name; shown by the measure's label."),
            category,
            Field(f"{name}SCAT", "subcategory", "Subcategory."),
            # Whether it has to be a number depends on the test: checks on measures say.
            Field(
                f"{name}ORRES",
                "result",
                "Result as measured; `<` and `>` mark a detection limit.",
                Kind.NUMBER,
                Exposure.OPEN,
                invalid=None,
            ),
            open_field(f"{name}ORRESU", "unit", "Unit of the result."),
            Field(f"{name}STRESC", "standard_text", "Result, standardized."),
            Field(f"{name}STRESN", "standard_result", "Result in the extract's own units."),
            Field(f"{name}STRESU", "standard_unit", "The extract's own standard unit."),
            Field(f"{name}STAT", "status", "NOT DONE, or empty."),
            Field(f"{name}REASND", "reason_not_done", "Why it was not done."),
            VISIT_NUMBER,
            VISIT,
            Field(
                f"{name}VISBY",
                "visit_by",
                "DATE where the extract has no visit and the date says which it was.",
                exposure=Exposure.OPEN,
                made=True,
            ),
            Field(f"{name}TPT", "time_point", "Planned time point."),
            Field(f"{name}TPTREF", "time_point_reference", "What the time point counts from."),
            calendar_day(f"{name}DTC", "date", date, required=Severity.MAJOR),
            Field(f"{name}BLFL", "baseline_flag", "Baseline flag, as received; recomputed inside."),
            Field(f"{name}DY", "study_day_received", "Study day, as received; recomputed inside."),
            *more,
        ),
    )


def _specimen(name: str) -> tuple[Field, ...]:
    return (
        open_field(f"{name}SPEC", "specimen", "Specimen."),
        Field(f"{name}METHOD", "method", "Method."),
    )


LB = _measurements(
    "LB",
    "laboratory",
    "Laboratory tests and blood gases",
    *_specimen("LB"),
    Field(
        "LBGAS",
        "gas",
        "Whether an arterial blood gas is the value of the day (DAY), the lowest ratio of the day "
        "(WORST) or both (DAY AND WORST).",
        exposure=Exposure.OPEN,
        made=True,
    ),
    Field("LBSAMPLE", "sample", "Which blood gas of the day a PaO2 or FiO2 is of.", made=True),
    Field("LBORNRLO", "normal_low", "Lower limit of normal.", Kind.NUMBER, Exposure.OPEN),
    Field("LBORNRHI", "normal_high", "Upper limit of normal.", Kind.NUMBER, Exposure.OPEN),
    Field("LBSTNRLO", "standard_normal_low", "Lower limit of normal, in the extract's own unit."),
    Field("LBSTNRHI", "standard_normal_high", "Upper limit of normal, in the extract's own unit."),
    Field("LBNRIND", "normal_indicator", "Against the limits of normal, as received."),
)
VS = _measurements(
    "VS",
    "vital_sign",
    "Vital signs",
    Field("VSPOS", "position", "Position of the subject."),
    Field("VSLOC", "location", "Location."),
)
# Settings of a device are there while it is in use, and that is an outcome.
RE = _measurements(
    "RE",
    "respiratory_measurement",
    "Respiratory measurements",
    Field("REMETHOD", "method", "Method: the device in use."),
    occurrence_is_an_outcome=True,
)
RS = _measurements(
    "RS",
    "clinical_scale",
    "Clinical scales",
    Field("RSEVAL", "evaluator", "Who rated."),
    date="Rating.",
    open_category=True,
)
CP = _measurements("CP", "cell_phenotype", "Cell phenotypes", *_specimen("CP"))
EG = _measurements(
    "EG", "ecg", "Electrocardiograms", Field("EGMETHOD", "method", "Method."), date="Recording."
)
QS = _measurements(
    "QS",
    "questionnaire",
    "Questionnaires",
    Field("QSEVAL", "evaluator", "Who answered."),
    date="Answering.",
    open_category=True,
)

MEASUREMENTS = (LB, VS, RE, RS, CP, EG, QS)
